/*
 * tranche-executor: options, configuration, then executor/edge.
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "executor/edge/daemon.h"

enum {
	EXIT_USAGE = 2,
	SETS_MAX = 64
};

static const char usage[] =
	"usage: tranche-executor -c FILE [-n] [-d] [--set NAME=VALUE]...\n"
	"\n"
	"Runs the tasks that a driver gives it, in worker processes.\n"
	"\n"
	"  -c, --config FILE     configuration file\n"
	"  -n, --check           check configuration and files, then exit\n"
	"  -d, --debug           log debug events\n"
	"      --set NAME=VALUE  set an option over the file; sections other\n"
	"                        than [executor] as SECTION.NAME=VALUE\n"
	"      --print-config    print all options with their defaults\n"
	"  -V, --version\n"
	"  -h, --help            this text, and every option of the file\n"
	"\n"
	"SIGTERM drains: running tasks finish, blocks stay until they are not\n"
	"needed or drain_timeout is over. A second SIGTERM ends it at once.\n"
	"\n"
	"example: tranche-executor -c /etc/tranche/executor.conf\n";

struct options {
	const char *config;
	const char *sets[SETS_MAX];
	size_t n_sets;
	bool check;
	bool debug;
};

static int print_help(void)
{
	printf("%s\nThe configuration file, with defaults:\n\n", usage);
	tr_config_print(TR_CONFIG_EXECUTOR, stdout);
	return EXIT_SUCCESS;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' },
		{ "debug", no_argument, NULL, 'd' },
		{ "set", required_argument, NULL, 's' },
		{ "print-config", no_argument, NULL, 'P' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "c:ndVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case 's':
			if (o->n_sets == SETS_MAX)
				return EXIT_USAGE;
			o->sets[o->n_sets++] = optarg;
			break;
		case 'V':
			puts("tranche-executor " TR_VERSION_TEXT);
			return EXIT_SUCCESS;
		case 'P':
			tr_config_print(TR_CONFIG_EXECUTOR, stdout);
			return EXIT_SUCCESS;
		case 'h':
			return print_help();
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc || (!o->config && o->n_sets == 0)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* Before the first thread: all of them inherit the mask. */
static void block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * The network library's threads would each get an arena of their own, and
 * large buffers would stay: a daemon at rest is to be small.
 */
static void limit_memory(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

/*
 * Each slot costs up to three descriptors and each other executor two, which
 * is more than the usual soft limit. What runs in workers has no use for many,
 * but the hard limit is the administrator's word and stays.
 */
static void raise_descriptors(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	rlim_t want = TR_EXECUTOR_FILES;
	if (want > files.rlim_max)
		want = files.rlim_max;
	if (files.rlim_cur < want) {
		files.rlim_cur = want;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int fail(const struct tr_error *err)
{
	fprintf(stderr, "tranche-executor: %s\n", err->text);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct tr_executor_conf conf;
	struct tr_error err;
	int status = parse(argc, argv, &o);
	if (status >= 0)
		return status;
	limit_memory();
	raise_descriptors();
	block_signals();
	if (tr_executor_conf_load(&conf, o.config, o.sets, o.n_sets, &err) != 0)
		return fail(&err);
	tr_log_set_level(o.debug ? TR_LOG_DEBUG : conf.log_level);
	int rc = o.check ? tr_daemon_check(&conf, &err)
			 : tr_daemon_run(&conf, &err);
	if (rc == 0 && o.check)
		printf("configuration of executor '%s' is good\n",
			conf.name ? conf.name : "(host name)");
	tr_executor_conf_free(&conf);
	return rc == 0 ? EXIT_SUCCESS : fail(&err);
}
