/*
 * The verbs of the tranche command: one file each, one constant entry each.
 *
 * An entry says everything about its verb: parsing, help, completion and the
 * manual's test are all driven by it, so that they cannot disagree. tr_verbs
 * lists them in the order of the help.
 *
 * A verb's run() does the work. Its result goes to stdout, everything else to
 * stderr. It returns what the process exits with; when that is not 0, a text in
 * *err is what main prints: one line, what and where and what to do.
 *
 * Thread: the process's main one.
 */
#ifndef TR_DRIVER_CTL_VERB_H
#define TR_DRIVER_CTL_VERB_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/config/config.h"

enum tr_exit {
	TR_EXIT_OK = 0,
	TR_EXIT_FAILED = 1,
	TR_EXIT_USAGE = 2,
	TR_EXIT_INTERRUPTED = 130, /* as shells report SIGINT */
};

struct tr_ctl_option {
	const char *name;  /* without dashes; NULL ends a group */
	char letter;       /* 0: none */
	const char *value; /* what the help calls its value; NULL: a flag */
	const char *help;
};

enum {
	TR_VERB_GROUPS_MAX = 4
};

struct tr_ctl;

struct tr_verb {
	const char *name;     /* "job list" */
	const char *operands; /* for the usage line */
	const char *summary;  /* one line, lower case */
	const char *text;     /* what else there is to know; may be NULL */
	const char *examples; /* whole lines */
	size_t operands_min;
	size_t operands_max;
	/* Groups of options, the verb's own first; NULL ends them. */
	const struct tr_ctl_option *groups[TR_VERB_GROUPS_MAX];
	enum tr_exit (*run)(struct tr_ctl *ctl, struct tr_error *err);
};

extern const struct tr_verb *const tr_verbs[];
extern const size_t tr_verbs_n;

/* Groups that verbs share. */
extern const struct tr_ctl_option tr_options_help[];   /* every verb */
extern const struct tr_ctl_option tr_options_driver[]; /* talks to a driver */

#endif /* TR_DRIVER_CTL_VERB_H */
