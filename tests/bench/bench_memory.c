/*
 * Memory of a cluster's processes, as RssAnon + RssShmem: what they alone hold,
 * without the program text that all of them share.
 *
 *	TRANCHE_TEST_BROKER=HOST:PORT bench_memory TOPIC [WINDOW]
 *
 * A driver and an executor with two slots are looked at before their first job,
 * while a word count and one in Lua run (the largest value seen, looked for
 * every few milliseconds), and after them. WINDOW is the executor's setting for
 * records read ahead, e.g. 64M; the reader may take about as much besides the
 * worker's own needs.
 *
 * The broker is TRANCHE_TEST_BROKER, or one of its own. Prints lines
 * `figure WHO WHEN MB`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/lines.h"

enum {
	ARGUMENT_MAX = 256,
	LOOK_MS = 5,
	WORKERS_MAX = 16,
};

static const char *topic;
static const char *window = "64M";
static struct cluster c;
static struct cli job;

/* In kB; 0 when the process is gone. */
static unsigned long private_kb(pid_t pid)
{
	char path[64], line[128];
	unsigned long all = 0, kb;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *in = fopen(path, "re");
	if (in == NULL)
		return 0;
	while (fgets(line, sizeof(line), in) != NULL)
		if (sscanf(line, "RssAnon: %lu", &kb) == 1 ||
			sscanf(line, "RssShmem: %lu", &kb) == 1)
			all += kb;
	fclose(in);
	return all;
}

/* Of the largest one. */
static unsigned long worker_kb(void)
{
	pid_t pids[WORKERS_MAX];
	unsigned long most = 0;
	size_t n = process_children(&c.executors[0], pids, WORKERS_MAX);
	for (size_t i = 0; i < n; i++) {
		unsigned long kb = private_kb(pids[i]);
		if (kb > most)
			most = kb;
	}
	return most;
}

static void print_mb(const char *who, const char *when, unsigned long kb)
{
	printf("figure %s %s %.1f\n", who, when, (double)kb / 1024);
}

static void print_daemons(const char *when)
{
	print_mb("driver", when, private_kb(c.driver.pid));
	print_mb("executor", when, private_kb(c.executors[0].pid));
}

/* What there was at most while a job ran. */
struct peak {
	unsigned long driver, executor, worker;
};

static void keep(unsigned long *most, unsigned long kb)
{
	if (kb > *most)
		*most = kb;
}

static void run_job(const char *script, const char *argument, struct peak *p)
{
	memset(p, 0, sizeof(*p));
	cli_start(&c, &job, "submit", script, argument, "--offsets",
		"start:end", NULL);
	while (process_wait(&job.p, LOOK_MS) == PROCESS_RUNNING) {
		keep(&p->driver, private_kb(c.driver.pid));
		keep(&p->executor, private_kb(c.executors[0].pid));
		keep(&p->worker, worker_kb());
	}
	if (cli_wait(&job, SOON_MS) != 0)
		fail_msg("exit %d: %s", job.status, job.err);
	cli_free(&job);
}

static void bench_job(const char *name, const char *text, const char *argument)
{
	char script[PROCESS_PATH_MAX];
	struct peak p;
	cluster_write(&c, "job.lua", text, script);
	run_job(script, argument, &p);
	print_mb("driver", name, p.driver);
	print_mb("executor", name, p.executor);
	print_mb("worker", name, p.worker);
}

static void bench_memory(void **state)
{
	char settings[64], argument[ARGUMENT_MAX];
	(void)state;
	snprintf(settings, sizeof(settings), "window = %s\n", window);
	snprintf(argument, sizeof(argument), "topic=%s", topic);
	cluster_start(&c, &(struct cluster_opts){ .executors = 1,
				  .executor_settings = settings });
	print_daemons("fresh");
	bench_job("builtin", lines_builtin, argument);
	bench_job("lua", lines_lua, argument);
	print_daemons("rest");
}

static int stop_all(void **state)
{
	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest benches[] = { cmocka_unit_test_teardown(
		bench_memory, stop_all) };
	if (argc < 2) {
		fprintf(stderr, "usage: bench_memory TOPIC [WINDOW]\n");
		return 2;
	}
	topic = argv[1];
	if (argc > 2)
		window = argv[2];
	int rc = integration_setup(true);
	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name("memory", benches, NULL, NULL);
	return integration_teardown(true, rc);
}
