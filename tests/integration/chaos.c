/*
 * Random faults under continuous jobs. Three executors and a driver; one job
 * after another; in between executors, workers and the driver are killed or
 * stopped for a while. Every job must end well, with the generator's counts.
 *
 *   TRANCHE_CHAOS_SECONDS   how long (default 30)
 *   TRANCHE_CHAOS_SEED      which faults, in which order (default: the day)
 *
 * The seed fixes the faults and the pauses between them, not what the machine
 * makes of them. tests/campaign chaos runs it for longer.
 */
#include "tests/integration/cluster.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/rng.h"
#include "common/clock/clock.h"
#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 40000,
	PARTITIONS = 4,
	EXECUTORS = 3,
	LEASE_MS = 800,
	PAUSE_MS_MIN = 100,
	PAUSE_MS_MAX = 900,
	STOPPED_MS_MAX = 2000,
	AWAY_MS_MAX = 1500,
	/* A task that kills three workers is held to blame, and rightly. */
	WORKER_KILLS_PER_JOB = 2,
	CHILDREN_MAX = 16,
	SECONDS = 30,
};

static struct cluster c;
static struct lines lines;
static struct cli job;
static struct tr_rng rng;
static unsigned worker_kills;
static unsigned n_faults;

/* When each executor goes on, or is started again; 0: it is well. */
static uint64_t wakes_ms[EXECUTORS];
static uint64_t returns_ms[EXECUTORS];

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static int setup(void **state)
{
	(void)state;
	lines_init(&lines, "chaos", PARTITIONS, N_LINES);
	cluster_start(&c, &(struct cluster_opts){ .executors = EXECUTORS,
				  .lease_ms = LEASE_MS });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	return 0;
}

/* ---- faults ---- */

static bool is_well(unsigned i)
{
	return wakes_ms[i] == 0 && returns_ms[i] == 0;
}

static void kill_executor(unsigned i, uint64_t now)
{
	print_message("  kill e%u\n", i);
	cluster_executor_kill(&c, i);
	returns_ms[i] = now + tr_rng_below(&rng, AWAY_MS_MAX);
}

static void stop_executor(unsigned i, uint64_t now)
{
	uint64_t ms = tr_rng_below(&rng, STOPPED_MS_MAX);

	print_message("  stop e%u for %" PRIu64 " ms\n", i, ms);
	process_signal(&c.executors[i], SIGSTOP);
	wakes_ms[i] = now + ms;
}

static void kill_worker(unsigned i)
{
	pid_t workers[CHILDREN_MAX];
	size_t n = process_children(&c.executors[i], workers, CHILDREN_MAX);

	if (n == 0 || worker_kills == WORKER_KILLS_PER_JOB)
		return;
	print_message("  kill a worker of e%u\n", i);
	kill(workers[tr_rng_below(&rng, n)], SIGKILL);
	worker_kills++;
}

static void kill_driver(void)
{
	print_message("  kill the driver\n");
	cluster_driver_kill(&c);
	cluster_driver_start(&c);
}

static void one_fault(uint64_t now)
{
	unsigned i = (unsigned)tr_rng_below(&rng, EXECUTORS);

	n_faults++;
	switch (tr_rng_below(&rng, 6)) {
	case 0:
		kill_driver();
		break;
	case 1:
	case 2:
		if (is_well(i))
			kill_executor(i, now);
		break;
	case 3:
	case 4:
		if (is_well(i))
			stop_executor(i, now);
		break;
	default:
		if (is_well(i))
			kill_worker(i);
		break;
	}
}

static void heal(uint64_t now)
{
	for (unsigned i = 0; i < EXECUTORS; i++) {
		if (wakes_ms[i] != 0 && wakes_ms[i] <= now) {
			process_signal(&c.executors[i], SIGCONT);
			wakes_ms[i] = 0;
		}
		if (returns_ms[i] != 0 && returns_ms[i] <= now) {
			cluster_executor_start(&c, i);
			returns_ms[i] = 0;
		}
	}
}

/* ---- jobs ---- */

struct turn {
	uint64_t fault_ms; /* when the next one is due */
	uint64_t end_ms;   /* of all faults */
};

/* Faults while the job runs; true when it has ended. */
static bool has_ended(void *arg)
{
	struct turn *t = arg;
	uint64_t now = tr_clock_mono_ms();

	heal(now);
	if (now >= t->fault_ms && now < t->end_ms) {
		one_fault(now);
		t->fault_ms = now + PAUSE_MS_MIN +
			      tr_rng_below(&rng, PAUSE_MS_MAX - PAUSE_MS_MIN);
	}
	return !process_is_running(&job.p);
}

static bool is_there(const struct shown *s, void *arg)
{
	(void)arg;
	return s->all != NULL;
}

static void run_job(unsigned n, struct turn *t)
{
	char name[32], script[PROCESS_PATH_MAX];
	struct shown s;

	snprintf(name, sizeof(name), "job%u", n);
	print_message("%s\n", name);
	cluster_write(&c, "job.lua", n % 2 ? lines_lua : lines_builtin, script);
	worker_kills = 0;
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, "--max-rate", "25000",
		"--max-range", "4000", NULL);
	/* A command waits for a driver only once it has reached it. */
	shown_wait(&c, &s, name, is_there, NULL);
	shown_free(&s);
	if (!wait_until(has_ended, t, 2 * CLI_JOB_MS))
		fail_msg("%s has not ended", name);
	if (cli_wait(&job, 0) != 0)
		fail_msg("%s: exit %d: %s", name, job.status, job.err);
	cli_free(&job);
	lines_check_table(&c, name, "counts", &lines.gen);
}

static void test_chaos__leaves_every_job_right(void **state)
{
	uint64_t seconds = number_of("TRANCHE_CHAOS_SECONDS", SECONDS);
	uint64_t seed = number_of(
		"TRANCHE_CHAOS_SEED", (uint64_t)tr_clock_wall_ms() / 86400000);
	struct turn t = { .end_ms = tr_clock_mono_ms() + seconds * 1000 };
	unsigned n = 0;

	(void)state;
	print_message("seed %" PRIu64 ", %" PRIu64 " s; replay: tests/campaign "
		      "chaos --seed %" PRIu64 " --seconds %" PRIu64 "\n",
		seed, seconds, seed, seconds);
	tr_rng_init(&rng, seed);
	while (tr_clock_mono_ms() < t.end_ms)
		run_job(n++, &t);
	print_message("%u jobs, %u faults\n", n, n_faults);
	assert_true(n_faults > 0);
}

INTEGRATION_MAIN(
	setup, teardown, cmocka_unit_test(test_chaos__leaves_every_job_right));
