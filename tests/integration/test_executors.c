/*
 * Executors that are killed, stopped, come back, join and leave, each time in
 * the middle of a task, and the right result afterwards.
 */
#include "tests/integration/cluster.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 60000,
	PARTITIONS = 4,
	LEASE_MS = 1000,
	CHILDREN_MAX = 16,
};

/* Long enough to be met in the middle: about two seconds. */
#define RATE "30000"

static struct lines lines;
static struct cluster c;
static struct cli job;

static int make_lines(void **state)
{
	(void)state;
	lines_init(&lines, "executors", PARTITIONS, N_LINES);
	return 0;
}

static int start_two(void **state)
{
	(void)state;
	cluster_start(&c, &(struct cluster_opts){ .executors = 2,
				  .lease_ms = LEASE_MS,
				  .driver_settings = "log_level = debug\n" });
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	return 0;
}

static void submit(const char *name, const char *script_text)
{
	char script[PROCESS_PATH_MAX];

	cluster_write(&c, "job.lua", script_text, script);
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, "--max-rate", RATE, NULL);
}

/* It has ended well, with the right counts. */
static void check_job(const char *name)
{
	if (cli_wait(&job, CLI_JOB_MS) != 0)
		fail_msg("exit %d: %s", job.status, job.err);
	cli_free(&job);
	lines_check_table(&c, name, "counts", &lines.gen);
}

/* Attempt 1 is as `outcome` says, and another executor has done the task. */
static void check_moved(const char *name, const struct shown_attempt *first,
	const char *outcome)
{
	struct shown_attempt a;
	struct shown s;

	assert_true(shown_get(&c, &s, name));
	assert_true(shown_attempt(&s, first->stage, first->lane, 1, &a));
	assert_string_equal(a.outcome, outcome);
	assert_int_equal(a.executor, first->executor);
	assert_true(shown_attempt(&s, first->stage, first->lane, 2, &a));
	assert_string_equal(a.outcome, "done");
	assert_int_not_equal(a.executor, first->executor);
	shown_free(&s);
}

static void wait_mid_task(const char *name, struct shown_attempt *a)
{
	struct shown s;

	shown_wait(&c, &s, name, shown_is_mid_task, a);
	assert_int_equal(a->number, 1);
	shown_free(&s);
}

static void test_executor__killed_mid_task_costs_a_retry(void **state)
{
	struct shown_attempt first;

	(void)state;
	submit("killed", lines_lua);
	wait_mid_task("killed", &first);
	cluster_executor_kill(&c, first.executor);
	check_job("killed");
	check_moved("killed", &first, "lost");
}

static void test_executor__stopped_past_its_lease_is_lost_and_returns(
	void **state)
{
	struct shown_attempt first;

	(void)state;
	submit("stopped", lines_lua);
	wait_mid_task("stopped", &first);
	process_signal(&c.executors[first.executor], SIGSTOP);
	check_job("stopped");
	check_moved("stopped", &first, "lost");
	process_signal(&c.executors[first.executor], SIGCONT);
	cluster_wait_executors(&c, 2);
}

/*
 * It is woken while others do its work: what it still holds is taken back where
 * it is wanted, and counts once.
 */
static void test_executor__woken_mid_job_does_no_harm(void **state)
{
	char log[PROCESS_PATH_MAX];
	struct shown_attempt first;
	struct shown s;

	(void)state;
	submit("woken", lines_builtin);
	wait_mid_task("woken", &first);
	process_signal(&c.executors[first.executor], SIGSTOP);
	cluster_wait_executors(&c, 1);
	process_signal(&c.executors[first.executor], SIGCONT);
	check_job("woken");
	assert_true(file_has(
		cluster_path(&c, "driver.log", log), "evt=executor-lost"));
	assert_true(shown_get(&c, &s, "woken"));
	assert_int_equal(shown_number(&s, "nondeterministic"), 0);
	shown_free(&s);
	cluster_wait_executors(&c, 2);
}

static void test_executor__all_lost_and_one_returned(void **state)
{
	struct shown_attempt first, a;
	struct shown s;

	(void)state;
	submit("all-lost", lines_lua);
	wait_mid_task("all-lost", &first);
	cluster_executor_kill(&c, 0);
	cluster_executor_kill(&c, 1);
	cluster_wait_executors(&c, 0);
	assert_true(shown_get(&c, &s, "all-lost"));
	assert_string_equal(shown_state(&s), "running");
	assert_int_equal(shown_count(&s, "running"), 0);
	shown_free(&s);
	cluster_executor_start(&c, 1);
	check_job("all-lost");
	assert_true(shown_get(&c, &s, "all-lost"));
	assert_true(shown_attempt(&s, 0, first.lane, 2, &a));
	assert_string_equal(a.outcome, "done");
	assert_int_equal(a.executor, 1);
	shown_free(&s);
}

static void test_executor__of_a_killed_worker_retries(void **state)
{
	pid_t workers[CHILDREN_MAX];
	struct shown_attempt first, a;
	struct shown s;

	(void)state;
	submit("worker", lines_lua);
	wait_mid_task("worker", &first);
	size_t n = process_children(
		&c.executors[first.executor], workers, CHILDREN_MAX);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++)
		kill(workers[i], SIGKILL);
	check_job("worker");
	assert_true(shown_get(&c, &s, "worker"));
	assert_true(shown_attempt(&s, 0, first.lane, 1, &a));
	assert_string_equal(a.outcome, "failed");
	assert_true(shown_attempt(&s, 0, first.lane, 2, &a));
	assert_string_equal(a.outcome, "done");
	shown_free(&s);
	cluster_wait_executors(&c, 2);
}

/* ---- blocks ---- */

/* Reduce tasks take their time: each key is some milliseconds of work. */
static const char slow_reduce[] =
	"tranche.source { topic = tranche.arg('topic') }\n"
	"  :split():count_by_value()\n"
	"  :map_values(function(v)\n"
	"      local x = 0\n"
	"      for i = 1, 1000000 do x = (x + i * i) % 7 end\n"
	"      return x >= 0 and v or nil\n"
	"    end)\n"
	"  :store('counts')\n";

static bool is_reducing(const struct shown *s, void *arg)
{
	return shown_find(s, 1, "running", arg);
}

/* A map task that was done on it is done again elsewhere. */
static bool was_recomputed(const struct shown *s, unsigned executor)
{
	struct shown_attempt first, second;

	for (unsigned lane = 0; shown_attempt(s, 0, lane, 1, &first); lane++)
		if (first.executor == executor &&
			shown_attempt(s, 0, lane, 2, &second) &&
			second.executor != executor &&
			strcmp(second.outcome, "done") == 0)
			return true;
	return false;
}

static void test_executor__lost_with_its_blocks_has_them_computed_again(
	void **state)
{
	struct shown_attempt reducing;
	struct shown s;

	(void)state;
	submit("blocks", slow_reduce);
	shown_wait(&c, &s, "blocks", is_reducing, &reducing);
	shown_free(&s);
	cluster_executor_kill(&c, reducing.executor);
	check_job("blocks");
	assert_true(shown_get(&c, &s, "blocks"));
	assert_true(was_recomputed(&s, reducing.executor));
	shown_free(&s);
}

/* ---- joining and leaving ---- */

static void test_executor__that_joins_gets_work(void **state)
{
	struct shown_attempt first, a;
	struct shown s;
	bool used = false;

	(void)state;
	cluster_executor_kill(&c, 1);
	cluster_wait_executors(&c, 1);
	char script[PROCESS_PATH_MAX];
	cluster_write(&c, "job.lua", lines_builtin, script);
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "joins", "--max-rate", RATE,
		"--max-range", "3000", NULL);
	wait_mid_task("joins", &first);
	assert_int_equal(first.executor, 0);
	cluster_executor_start(&c, 2);
	check_job("joins");
	assert_true(shown_get(&c, &s, "joins"));
	for (unsigned lane = 0; shown_attempt(&s, 0, lane, 1, &a); lane++)
		used |= a.executor == 2;
	assert_true(used);
	shown_free(&s);
}

static void test_executor__told_to_stop_finishes_its_tasks(void **state)
{
	struct shown_attempt first;
	struct shown s;

	(void)state;
	submit("drains", lines_lua);
	wait_mid_task("drains", &first);
	assert_int_equal(process_end(&c.executors[first.executor], SOON_MS), 0);
	check_job("drains");
	assert_true(shown_get(&c, &s, "drains"));
	assert_int_equal(shown_count(&s, "lost"), 0);
	assert_int_equal(shown_count(&s, "failed"), 0);
	shown_free(&s);
	cluster_wait_executors(&c, 1);
}

static void test_executor__drained_by_command_gets_nothing_new(void **state)
{
	struct shown s;
	struct cli r;

	(void)state;
	cli_ok(&c, &r, "executor", "drain", "e0", NULL);
	cli_free(&r);
	cluster_wait_executors(&c, 1);
	submit("elsewhere", lines_builtin);
	check_job("elsewhere");
	assert_true(shown_get(&c, &s, "elsewhere"));
	for (size_t i = 0; i < shown_tasks(&s); i++) {
		const json_t *attempts =
			json_object_get(shown_task(&s, i), "attempts");
		assert_string_equal(
			json_string_value(json_object_get(
				json_array_get(attempts, 0), "executor")),
			"e1");
	}
	shown_free(&s);
}

/* ---- several jobs ---- */

/* When tasks of a job's first stage were started, by the driver's clock. */
struct starts {
	int64_t first, last;
};

static int64_t start_of(const struct shown *s, size_t i)
{
	const json_t *task = shown_task(s, i);
	if (json_integer_value(json_object_get(task, "stage")) != 0)
		return -1;
	return json_integer_value(json_object_get(
		json_array_get(json_object_get(task, "attempts"), 0),
		"started_ms"));
}

static struct starts starts_of(const struct shown *s)
{
	struct starts at = { .first = INT64_MAX, .last = 0 };
	for (size_t i = 0; i < shown_tasks(s); i++) {
		int64_t ms = start_of(s, i);
		if (ms >= 0 && ms < at.first)
			at.first = ms;
		if (ms > at.last)
			at.last = ms;
	}
	return at;
}

static unsigned starts_within(
	const struct shown *s, int64_t from_ms, int64_t until_ms)
{
	unsigned n = 0;
	for (size_t i = 0; i < shown_tasks(s); i++) {
		int64_t ms = start_of(s, i);
		n += ms >= from_ms && ms < until_ms;
	}
	return n;
}

/*
 * Of two jobs that want all slots, the one of weight 8 gets all but the one
 * slot that keeps the other going: over the time in which both still had ranges
 * to start, it started clearly more of them.
 */
static void test_jobs__share_the_slots_by_weight(void **state)
{
	char script[PROCESS_PATH_MAX];
	struct cli light, heavy;
	struct shown l, h;

	(void)state;
	cluster_write(&c, "share.lua", lines_lua, script);
	cli_start(&c, &light, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "light", "--max-range", "250",
		"--weight", "1", NULL);
	cli_start(&c, &heavy, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "heavy", "--max-range", "250",
		"--weight", "8", NULL);
	assert_int_equal(cli_wait(&light, CLI_JOB_MS), 0);
	assert_int_equal(cli_wait(&heavy, CLI_JOB_MS), 0);
	cli_free(&light);
	cli_free(&heavy);
	assert_true(shown_get(&c, &l, "light"));
	assert_true(shown_get(&c, &h, "heavy"));
	struct starts a = starts_of(&l), b = starts_of(&h);
	int64_t from = a.first > b.first ? a.first : b.first;
	int64_t until = a.last < b.last ? a.last : b.last;
	unsigned of_light = starts_within(&l, from, until);
	unsigned of_heavy = starts_within(&h, from, until);
	if (2 * of_heavy < 3 * of_light)
		fail_msg("started together: %u of weight 8, %u of weight 1",
			of_heavy, of_light);
	assert_true(of_heavy > 0);
	shown_free(&l);
	shown_free(&h);
	lines_check_table(&c, "light", "counts", &lines.gen);
	lines_check_table(&c, "heavy", "counts", &lines.gen);
}

#define WITH_TWO(test)                                                         \
	cmocka_unit_test_setup_teardown(test, start_two, stop_all)

INTEGRATION_MAIN(make_lines, NULL,
	WITH_TWO(test_executor__killed_mid_task_costs_a_retry),
	WITH_TWO(test_executor__stopped_past_its_lease_is_lost_and_returns),
	WITH_TWO(test_executor__woken_mid_job_does_no_harm),
	WITH_TWO(test_executor__all_lost_and_one_returned),
	WITH_TWO(test_executor__of_a_killed_worker_retries),
	WITH_TWO(test_executor__lost_with_its_blocks_has_them_computed_again),
	WITH_TWO(test_executor__that_joins_gets_work),
	WITH_TWO(test_executor__told_to_stop_finishes_its_tasks),
	WITH_TWO(test_executor__drained_by_command_gets_nothing_new),
	WITH_TWO(test_jobs__share_the_slots_by_weight));
