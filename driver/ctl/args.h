/*
 * The command line of one verb, parsed by its entry.
 *
 *   rc = tr_args_parse(&args, verb, argc, argv, &err);
 *   … tr_args_get(&args, "name") … args.operands[0] …
 *   tr_args_fini(&args);
 *
 * Options and operands may come in any order; "--" ends the options; an option
 * may be given several times where its user asks for all of them, else the
 * last one counts. Asking for an option that the verb's entry does not have is
 * a bug.
 *
 * Thread: one at a time (getopt). Values borrow argv.
 */
#ifndef TR_DRIVER_CTL_ARGS_H
#define TR_DRIVER_CTL_ARGS_H

#include <stdint.h>
#include <stdio.h>

#include "driver/ctl/verb.h"

struct tr_given {
	const struct tr_ctl_option *option;
	const char *value; /* NULL for flags */
};

struct tr_args {
	const struct tr_verb *verb;
	struct tr_given *given;
	size_t n_given;
	char **operands;
	size_t n_operands;
};

/*
 * argv[0] is skipped and argv reordered. TR_EINVAL with what is wrong;
 * --help is not looked for here.
 */
int tr_args_parse(struct tr_args *a, const struct tr_verb *verb, int argc,
	char **argv, struct tr_error *err) TR_MUST_USE;
void tr_args_fini(struct tr_args *a);

/* Whether the verb has such an option at all. */
bool tr_args_knows(const struct tr_args *a, const char *name);

bool tr_args_has(const struct tr_args *a, const char *name);

/* The last value given, or NULL. */
const char *tr_args_get(const struct tr_args *a, const char *name);

/* The i-th value given, or NULL: no more. */
const char *tr_args_nth(const struct tr_args *a, const char *name, size_t i);

/*
 * Typed values: *out stays as it is when the option was not given. TR_EINVAL
 * names the option.
 */
int tr_args_uint(const struct tr_args *a, const char *name, uint64_t max,
	uint64_t *out, struct tr_error *err) TR_MUST_USE;
int tr_args_size(const struct tr_args *a, const char *name, uint64_t *out,
	struct tr_error *err) TR_MUST_USE;
int tr_args_duration(const struct tr_args *a, const char *name, uint64_t max,
	uint64_t *ms, struct tr_error *err) TR_MUST_USE;

/* ---- help ---- */

void tr_args_print_help(const struct tr_verb *verb, FILE *out);

/* All verbs, a line each. */
void tr_args_print_overview(FILE *out);

/*
 * The verb that argv[1] (and argv[2], for verbs of two words) names; *used
 * says how many words that took. TR_EINVAL with "did you mean", or, when the
 * first word begins several verbs, with these.
 */
int tr_args_find_verb(int argc, char **argv, const struct tr_verb **verb,
	int *used, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_ARGS_H */
