/*
 * tranche-executor: options, configuration, then executor/edge.
 */
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/config/cmdline.h"
#include "executor/edge/daemon.h"

static const char usage[] =
	"usage: tranche-executor -c FILE [-n] [-d] [--set NAME=VALUE]...\n"
	"\n"
	"Runs the tasks that a driver gives it, in worker processes.\n"
	"\n"
	"  -c, --config FILE     configuration file\n"
	"  -n, --check           check configuration and files, then exit\n"
	"  -d, --debug           log debug events\n"
	"  -s, --set NAME=VALUE  set an option over the file; sections other\n"
	"                        than [executor] as SECTION.NAME=VALUE\n"
	"      --insecure        allow plain tcp:// beyond this machine\n"
	"      --print-config    print all options with their defaults\n"
	"  -V, --version\n"
	"  -h, --help            this text, and every option of the file\n"
	"\n"
	"SIGTERM drains: running tasks finish, blocks stay until they are not\n"
	"needed or drain_timeout is over. A second SIGTERM ends it at once.\n"
	"\n"
	"example: tranche-executor -c /etc/tranche/executor.conf\n";

static const struct tr_cmdline cmdline = { .program = "tranche-executor",
	.version = TR_VERSION_TEXT,
	.usage = usage,
	.of = TR_CONFIG_EXECUTOR,
	.insecure = "executor.insecure=yes" };

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
	struct tr_cmdline_options o = { 0 };
	struct tr_executor_conf conf;
	struct tr_error err;
	int status = tr_cmdline_parse(&cmdline, argc, argv, &o);
	if (status != TR_CMDLINE_GO_ON)
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
