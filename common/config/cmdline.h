/*
 * The command line of a daemon: the same options for driver and executor.
 *
 *   -c, --config FILE   -s, --set NAME=VALUE   -n, --check   -d, --debug
 *   --insecure   --print-config   -V, --version   -h, --help
 *
 * Prints what it is asked to print, and what is wrong.
 *
 * Thread: the main thread, at start.
 */
#ifndef TR_COMMON_CONFIG_CMDLINE_H
#define TR_COMMON_CONFIG_CMDLINE_H

#include "common/config/config.h"

enum {
	TR_CMDLINE_SETS_MAX = 64,
	TR_CMDLINE_GO_ON = -1,
	TR_EXIT_USAGE = 2,
};

struct tr_cmdline {
	const char *program; /* "tranche-driver" */
	const char *version;
	const char *usage; /* the text of --help */
	enum tr_config_of of;
	/* What --insecure sets; its section is the program's own. */
	const char *insecure; /* "driver.insecure=yes" */
};

struct tr_cmdline_options {
	const char *config; /* borrowed from argv, like sets */
	const char *sets[TR_CMDLINE_SETS_MAX];
	size_t n_sets;
	bool check;
	bool debug;
};

/* TR_CMDLINE_GO_ON, or the process's exit status. */
int tr_cmdline_parse(const struct tr_cmdline *c, int argc, char **argv,
	struct tr_cmdline_options *o) TR_MUST_USE;

#endif /* TR_COMMON_CONFIG_CMDLINE_H */
