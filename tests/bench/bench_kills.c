/*
 * kill -9 of an executor in the middle of its tasks, again and again: how long
 * until they run on another one.
 *
 *	bench_kills [KILLS]
 *
 * Four executors with four slots each and a job of eight tasks, slowed down so
 * that none ends. The one with the most tasks is killed and, once they run
 * elsewhere, started again. Three times are taken, of the last of its tasks
 * each:
 *	launched  the driver's start of the new attempt (job show)
 *	running   a worker elsewhere has the task at hand
 *(executor/worker/page.h) reading   and has taken records from Kafka
 *
 * The broker is TRANCHE_TEST_BROKER, or one of its own. Prints lines
 * `figure NAME p50=MS p99=MS max=MS`.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock/clock.h"
#include "executor/worker/page.h"
#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	EXECUTORS = 4,
	SLOTS = 4,
	CHILDREN_MAX = 16,
	TASKS = 8,
	KILLS_MAX = 10000,
	LINES = 160000,
	LOOK_EVERY_US = 500,
	TIME_OUT_US = 20000000,
	KILLS_PER_JOB = 10, /* a task lost too often fails its job */
};

/* Of the whole job: no task comes to its end while executors are killed. */
#define RATE "2000"

struct figures {
	const char *name;
	double ms[KILLS_MAX];
};

static unsigned kills = 100;
static unsigned done;
static struct figures launched = { .name = "launched" };
static struct figures running = { .name = "running" };
static struct figures reading = { .name = "reading" };

static struct lines lines;
static struct cluster c;
static struct cli job;
static char job_name[32];

/* ---- what workers do, from their pages ---- */

struct look {
	uint64_t after;  /* attempts above it are counted */
	unsigned begun;  /* of those, in the hands of a worker */
	unsigned taking; /* of those, with records in an operator */
	uint64_t newest; /* attempt of all */
};

/* Between fork and exec it is a copy of its executor, all pages included. */
static bool is_worker(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *in = fopen(path, "re");
	if (in == NULL)
		return false;
	bool is = fgets(name, sizeof(name), in) != NULL &&
		  strcmp(name, "tranche-worker\n") == 0;
	fclose(in);
	return is;
}

/* Where a worker has its page mapped; 0: nowhere yet, or it is gone. */
static unsigned long page_address(pid_t pid)
{
	char path[64], line[512];
	unsigned long at = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *in = fopen(path, "re");
	if (in == NULL)
		return 0;
	while (at == 0 && fgets(line, sizeof(line), in) != NULL)
		if (strstr(line, "tranche-page") != NULL)
			at = strtoul(line, NULL, 16);
	fclose(in);
	return at;
}

/* The same, asked once for each worker: looking must not cost much. */
static unsigned long known_address(pid_t pid)
{
	static struct {
		pid_t pid;
		unsigned long at;
	} known[64];
	size_t i = (size_t)pid % (sizeof(known) / sizeof(*known));
	if (known[i].pid != pid || known[i].at == 0) {
		known[i].pid = pid;
		known[i].at = is_worker(pid) ? page_address(pid) : 0;
	}
	return known[i].at;
}

static bool read_page(pid_t pid, struct tr_page *page)
{
	unsigned long at = known_address(pid);
	struct iovec to = { .iov_base = page, .iov_len = sizeof(*page) };
	struct iovec from = { .iov_base = (void *)at,
		.iov_len = sizeof(*page) };
	return at != 0 && process_vm_readv(pid, &to, 1, &from, 1, 0) ==
				  (ssize_t)sizeof(*page);
}

static void look_at_worker(pid_t pid, struct look *l)
{
	struct tr_page page;
	struct tr_page_view v;
	if (!read_page(pid, &page))
		return;
	tr_page_read(&page, &v);
	if (v.attempt > l->newest)
		l->newest = v.attempt;
	if (v.attempt <= l->after)
		return;
	l->begun++;
	l->taking += v.state == TR_PAGE_RUNNING || v.records > 0;
}

/* At all executors but one. */
static struct look look(unsigned but, uint64_t after)
{
	struct look l = { .after = after };
	for (unsigned i = 0; i < EXECUTORS; i++) {
		pid_t pids[CHILDREN_MAX];
		size_t n = i == but ? 0
				    : process_children(&c.executors[i], pids,
					      CHILDREN_MAX);
		for (size_t k = 0; k < n; k++)
			look_at_worker(pids[k], &l);
	}
	return l;
}

/* ---- what the driver says ---- */

struct running {
	unsigned on[EXECUTORS];
	unsigned all;
	int64_t last_started_ms; /* of attempts after `after` */
	unsigned started;
};

static int64_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s != NULL ? s : "";
}

static void count_attempt(const json_t *a, int64_t after, struct running *r)
{
	unsigned at = cluster_executor_named(text(a, "executor"));
	if (strcmp(text(a, "outcome"), "running") != 0 || at >= EXECUTORS)
		return;
	r->on[at]++;
	r->all++;
	int64_t started_ms = number(a, "started_ms");
	if (number(a, "attempt") <= after)
		return;
	r->started++;
	if (started_ms > r->last_started_ms)
		r->last_started_ms = started_ms;
}

static bool get_running(uint64_t after, struct running *r)
{
	struct shown s;
	const json_t *a;
	size_t k;
	memset(r, 0, sizeof(*r));
	if (!shown_get(&c, &s, job_name))
		return false;
	for (size_t i = 0; i < shown_tasks(&s); i++)
		json_array_foreach(
			json_object_get(shown_task(&s, i), "attempts"), k, a)
			count_attempt(a, (int64_t)after, r);
	shown_free(&s);
	return true;
}

static bool all_run(void *arg)
{
	return look(EXECUTORS, 0).taking >= TASKS && get_running(0, arg) &&
	       ((struct running *)arg)->all == TASKS;
}

/* ---- one kill ---- */

static unsigned busiest(const struct running *r)
{
	unsigned best = done % EXECUTORS;
	for (unsigned i = 0; i < EXECUTORS; i++)
		if (r->on[i] > r->on[best])
			best = i;
	return best;
}

static double ms_since(uint64_t us)
{
	return (double)(tr_clock_mono_us() - us) / 1000;
}

static void kill_one(void)
{
	struct running before, after;
	if (!wait_until(all_run, &before, SOON_MS))
		fail_msg("%u tasks run, not %u", before.all, TASKS);
	unsigned victim = busiest(&before), n = before.on[victim];
	uint64_t newest = look(EXECUTORS, 0).newest;
	struct look l = { 0 };

	int64_t wall_ms = tr_clock_wall_ms();
	uint64_t start = tr_clock_mono_us();
	process_signal(&c.executors[victim], SIGKILL);
	running.ms[done] = 0;
	while (l.taking < n) {
		l = look(victim, newest);
		if (l.begun >= n && running.ms[done] <= 0)
			running.ms[done] = ms_since(start);
		if (ms_since(start) * 1000 > TIME_OUT_US)
			fail_msg("kill %u: %u of %u tasks run elsewhere", done,
				l.begun, n);
		usleep(LOOK_EVERY_US); /* lint: waits for the condition */
	}
	reading.ms[done] = ms_since(start);
	assert_true(get_running(newest, &after));
	assert_int_equal(after.started, n);
	launched.ms[done] = (double)(after.last_started_ms - wall_ms);
	done++;
	process_kill(&c.executors[victim]);
	cluster_executor_start(&c, victim);
	cluster_wait_executors(&c, EXECUTORS);
}

/* ---- all of them ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_figures(struct figures *f)
{
	qsort(f->ms, done, sizeof(*f->ms), ascending);
	printf("figure %s p50=%.1f p99=%.1f max=%.1f\n", f->name,
		f->ms[(done - 1) / 2], f->ms[(done * 99 + 99) / 100 - 1],
		f->ms[done - 1]);
}

static void start_job(void)
{
	char script[PROCESS_PATH_MAX];
	snprintf(job_name, sizeof(job_name), "kills-%u", done);
	cluster_write(&c, "job.lua", lines_lua, script);
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", job_name, "--max-rate", RATE,
		"--max-range", "1000000", NULL);
}

static void end_job(void)
{
	struct cli r;
	cli_ok(&c, &r, "job", "cancel", job_name, NULL);
	cli_free(&r);
	cli_wait(&job, SOON_MS);
	cli_free(&job);
}

static void bench_kills(void **state)
{
	(void)state;
	lines_init(&lines, "kills", TASKS, LINES);
	cluster_start(&c, &(struct cluster_opts){
				  .executors = EXECUTORS, .slots = SLOTS });
	while (done < kills) {
		start_job();
		do
			kill_one();
		while (done < kills && done % KILLS_PER_JOB != 0);
		end_job();
	}
	print_figures(&launched);
	print_figures(&running);
	print_figures(&reading);
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
		bench_kills, stop_all) };
	if (argc > 1)
		kills = (unsigned)strtoul(argv[1], NULL, 10);
	if (kills < 1 || kills > KILLS_MAX) {
		fprintf(stderr, "usage: bench_kills [KILLS]\n");
		return 2;
	}
	int rc = integration_setup(true);
	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name("kills", benches, NULL, NULL);
	return integration_teardown(true, rc);
}
