/*
 * Options as a table: one row per option drives parsing of files and command
 * lines, defaults, checks, and the text of --help and of sample files.
 *
 *   static const struct tr_option rows[] = {
 *     { "driver", "lease", TR_OPTION_DURATION,
 *       offsetof(struct conf, lease_ms), .def = "3s", .min = 300, … },
 *   };
 *   tr_options_init(&table, &conf, &err);     every default is set
 *   tr_options_read_file(&table, &conf, path, &err);
 *   tr_options_set(&table, &conf, "driver.lease=1s", &err);
 *   tr_options_check(&table, &conf, path, &err);   nothing required is missing
 *   tr_options_free(&table, &conf);
 *
 * The struct that a table fills has, at each row's offset, the type that
 * enum tr_option_type names. Strings are the struct's own; NULL is "not set".
 *
 * Errors name file, line and option: "driver.conf:12: unknown option 'lese' in
 * [driver], did you mean 'lease'?".
 *
 * Thread: any, but the file parser (inih) keeps its settings in globals: read
 * files from one thread.
 */
#ifndef TR_COMMON_CONFIG_OPTION_H
#define TR_COMMON_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"

enum tr_option_type {
	TR_OPTION_TEXT,     /* char * */
	TR_OPTION_PATH,     /* char *; relative to the file that says it */
	TR_OPTION_SECRET,   /* char *: file:PATH or env:NAME, see secret.h */
	TR_OPTION_BOOL,     /* bool */
	TR_OPTION_UINT,     /* uint32_t */
	TR_OPTION_DURATION, /* uint32_t, ms */
	TR_OPTION_SIZE,     /* uint64_t, bytes */
	TR_OPTION_LEVEL,    /* enum tr_log_level */
	/* struct tr_option_list: every name of the section that has no row of
	   its own, kept as "name=value". The row's name is for help only. */
	TR_OPTION_LIST,
};

struct tr_option_list {
	char **items;
	size_t n;
};

struct tr_option {
	const char *section;
	const char *name;
	enum tr_option_type type;
	size_t offset;
	const char *def; /* as written in a file; NULL: not set */
	const char *help;
	uint64_t min, max; /* UINT, DURATION, SIZE; max 0: none */
	bool required;
};

struct tr_option_table {
	const struct tr_option *rows;
	size_t n;
	const char *section; /* of command-line settings that name none */
};

/* Zeroes what the rows describe, then sets all defaults. */
void tr_options_init(const struct tr_option_table *t, void *conf);
void tr_options_free(const struct tr_option_table *t, void *conf);

/*
 * TR_ENOTFOUND: no such file. TR_EINVAL: the first thing that is wrong in it.
 * On errors conf holds what was set before; free it.
 */
int tr_options_read_file(const struct tr_option_table *t, void *conf,
	const char *path, struct tr_error *err) TR_MUST_USE;

/*
 * One setting of a command line: "section.name=value" or "name=value". Paths
 * in it are relative to the current folder.
 */
int tr_options_set(const struct tr_option_table *t, void *conf,
	const char *setting, struct tr_error *err) TR_MUST_USE;

/* That every required option is set; `path` is for the message. */
int tr_options_check(const struct tr_option_table *t, const void *conf,
	const char *path, struct tr_error *err) TR_MUST_USE;

/* All options as a commented file that can be filled in. */
void tr_options_print(const struct tr_option_table *t, FILE *out);

#endif /* TR_COMMON_CONFIG_OPTION_H */
