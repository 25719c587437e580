/* tranche-driver: options, configuration, and into the loop. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/config/config.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

enum {
	EXIT_USAGE = 2,
	SETS_MAX = 64
};

static const char usage[] =
	"usage: tranche-driver -c FILE [options]\n"
	"\n"
	"The control process of a Tranche cluster: plans jobs, gives tasks to\n"
	"executors, keeps results and offsets.\n"
	"\n"
	"  -c, --config FILE       configuration, see --print-config\n"
	"  -s, --set NAME=VALUE    a setting over the file's, e.g.\n"
	"                          -s driver.lease=1s; may be repeated\n"
	"  -n, --check             check the configuration and exit\n"
	"  -d, --debug             log debug lines\n"
	"      --insecure          allow plain tcp:// beyond this machine\n"
	"      --print-config      print all options with their defaults\n"
	"  -V, --version           print the version\n"
	"  -h, --help              print this\n"
	"\n"
	"Runs in the foreground and logs to stderr. SIGTERM stops it; started\n"
	"again on the same data folder it goes on where it was.\n"
	"\n"
	"example: tranche-driver -c /etc/tranche/driver.conf\n";

struct options {
	const char *config;
	const char *sets[SETS_MAX];
	size_t n_sets;
	bool check;
	bool debug;
};

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

static int bad_usage(const char *why)
{
	fprintf(stderr, "tranche-driver: %s\n", why);
	fputs("try: tranche-driver --help\n", stderr);
	return EXIT_USAGE;
}

static int add_set(struct options *o, const char *set)
{
	if (o->n_sets == SETS_MAX)
		return bad_usage("too many --set");
	o->sets[o->n_sets++] = set;
	return -1;
}

/* -1: go on; else the exit code. */
static int parse(struct options *o, int argc, char **argv)
{
	int c, rc = -1;
	while (rc < 0 &&
		(c = getopt_long(argc, argv, "c:s:ndVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 's':
			rc = add_set(o, optarg);
			break;
		case 'n':
			o->check = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'I':
			rc = add_set(o, "driver.insecure=yes");
			break;
		case 'P':
			tr_config_print(TR_CONFIG_DRIVER, stdout);
			return 0;
		case 'V':
			puts("tranche-driver " TR_VERSION_TEXT);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("try: tranche-driver --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (rc < 0 && optind < argc)
		return bad_usage("it takes options only");
	if (rc < 0 && !o->config && o->n_sets == 0)
		return bad_usage("no configuration: give -c FILE");
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct tr_driver_conf conf;
	struct tr_error err;
	int rc = parse(&o, argc, argv);
	if (rc >= 0)
		return rc;
	if (tr_driver_conf_load(&conf, o.config, o.sets, o.n_sets, &err) != 0) {
		fprintf(stderr, "tranche-driver: %s\n", err.text);
		return EXIT_USAGE;
	}
	tr_log_set_level(o.debug ? TR_LOG_DEBUG : conf.log_level);
	rc = o.check ? tr_driver_check(&conf, &err)
		     : tr_driver_run(&conf, &err);
	if (rc != 0)
		fprintf(stderr, "tranche-driver: %s\n", err.text);
	tr_driver_conf_free(&conf);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
