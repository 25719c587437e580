/*
 * `tranche submit` to a cluster that is up, exec to exit, the second and later
 * jobs of it: one executor with two slots, split():count_by_value().
 *
 *	TRANCHE_TEST_BROKER=HOST:PORT bench_submit TOPIC [REPEATS]
 *
 * Prints `figure submit p50=S min=S max=S`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/clock/clock.h"
#include "tests/integration/lines.h"

enum {
	ARGUMENT_MAX = 256,
	REPEATS_MAX = 1000,
};

static const char *topic;
static unsigned repeats = 20;
static struct cluster c;

/* Seconds from exec to exit. */
static double submit(const char *script, const char *argument)
{
	struct cli r;
	siginfo_t end;
	uint64_t start = tr_clock_mono_us();
	cli_start(&c, &r, "submit", script, argument, "--offsets", "start:end",
		NULL);
	assert_int_equal(
		waitid(P_PID, (id_t)r.p.pid, &end, WEXITED | WNOWAIT), 0);
	double took = (double)(tr_clock_mono_us() - start) / 1e6;
	if (cli_wait(&r, SOON_MS) != 0)
		fail_msg("exit %d: %s", r.status, r.err);
	cli_free(&r);
	return took;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void bench_submit(void **state)
{
	static double took[REPEATS_MAX];
	char script[PROCESS_PATH_MAX], argument[ARGUMENT_MAX];
	(void)state;
	snprintf(argument, sizeof(argument), "topic=%s", topic);
	cluster_start(&c, &(struct cluster_opts){ .executors = 1 });
	cluster_write(&c, "job.lua", lines_builtin, script);
	submit(script, argument);
	for (unsigned i = 0; i < repeats; i++)
		took[i] = submit(script, argument);
	qsort(took, repeats, sizeof(*took), ascending);
	printf("figure submit p50=%.3f min=%.3f max=%.3f\n",
		took[(repeats - 1) / 2], took[0], took[repeats - 1]);
}

static int stop_all(void **state)
{
	(void)state;
	cluster_stop(&c);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest benches[] = { cmocka_unit_test_teardown(
		bench_submit, stop_all) };
	if (argc > 1)
		topic = argv[1];
	if (argc > 2)
		repeats = (unsigned)strtoul(argv[2], NULL, 10);
	if (!topic || repeats < 1 || repeats > REPEATS_MAX) {
		fprintf(stderr, "usage: bench_submit TOPIC [REPEATS]\n");
		return 2;
	}
	int rc = integration_setup(true);
	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name("submit", benches, NULL, NULL);
	return integration_teardown(true, rc);
}
