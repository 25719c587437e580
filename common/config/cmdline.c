#include "common/config/cmdline.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'n' },
	{ "debug", no_argument, NULL, 'd' },
	{ "insecure", no_argument, NULL, 'I' },
	{ "print-config", no_argument, NULL, 'P' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int bad_usage(const struct tr_cmdline *c, const char *why)
{
	if (why)
		fprintf(stderr, "%s: %s\n", c->program, why);
	fprintf(stderr, "try: %s --help\n", c->program);
	return TR_EXIT_USAGE;
}

static int add_set(const struct tr_cmdline *c, struct tr_cmdline_options *o,
	const char *set)
{
	if (o->n_sets == TR_CMDLINE_SETS_MAX)
		return bad_usage(c, "too many --set");
	o->sets[o->n_sets++] = set;
	return TR_CMDLINE_GO_ON;
}

static int print_version(const struct tr_cmdline *c)
{
	printf("%s %s\n", c->program, c->version);
	return EXIT_SUCCESS;
}

static int print_config(const struct tr_cmdline *c)
{
	tr_config_print(c->of, stdout);
	return EXIT_SUCCESS;
}

static int print_help(const struct tr_cmdline *c)
{
	printf("%s\nThe configuration file, with defaults:\n\n", c->usage);
	return print_config(c);
}

static int take(
	const struct tr_cmdline *c, struct tr_cmdline_options *o, int option)
{
	switch (option) {
	case 'c':
		o->config = optarg;
		break;
	case 's':
		return add_set(c, o, optarg);
	case 'n':
		o->check = true;
		break;
	case 'd':
		o->debug = true;
		break;
	case 'I':
		return add_set(c, o, c->insecure);
	case 'P':
		return print_config(c);
	case 'V':
		return print_version(c);
	case 'h':
		return print_help(c);
	default:
		return bad_usage(c, NULL);
	}
	return TR_CMDLINE_GO_ON;
}

int tr_cmdline_parse(const struct tr_cmdline *c, int argc, char **argv,
	struct tr_cmdline_options *o)
{
	int option, rc = TR_CMDLINE_GO_ON;
	while (rc == TR_CMDLINE_GO_ON &&
		(option = getopt_long(argc, argv, "c:s:ndVh", longs, NULL)) !=
			-1)
		rc = take(c, o, option);
	if (rc == TR_CMDLINE_GO_ON && optind < argc)
		return bad_usage(c, "it takes options only");
	if (rc == TR_CMDLINE_GO_ON && !o->config && o->n_sets == 0)
		return bad_usage(c, "no configuration: give -c FILE");
	return rc;
}
