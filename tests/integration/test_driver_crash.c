/*
 * The driver killed at every failpoint between plan and commit, and started
 * again: a client that waits gets its result, the right one, once.
 *
 * While the driver is away the topic grows. So the ranges tell whether the
 * plan is the one that was durable before the crash: then they end where the
 * log ended when the job was submitted. A plan that was not durable is made
 * anew and ends where the log ends after the restart. Nothing in between.
 */
#include "tests/integration/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 20000,
	GROWTH = 400,
	PARTITIONS = 4,
	LEASE_MS = 600,
};

enum plan {
	OLD,    /* durable before the crash */
	NEW,    /* not yet */
	EITHER, /* depends on what the n-th hit was for */
};

struct crash {
	const char *point; /* as in TRANCHE_FAILPOINT */
	enum plan plan;
};

static const struct crash crashes[] = {
	{ "plan.before_store=kill", NEW },
	{ "kv.removing=kill", NEW }, /* what a job before left, if anything */
	{ "plan.before_write=kill", NEW },
	{ "plan.after_write=kill", OLD },
	{ "dispatch.each=kill", OLD },
	{ "dispatch.each=kill@4", OLD },
	{ "drv.after_reply=kill", OLD },
	{ "drv.after_reply=kill@4", OLD },
	{ "drv.after_reply=kill@5", OLD },
	{ "run.after_append=kill", OLD },
	{ "commit.before=kill", OLD },
	{ "commit.before=kill@2", OLD },
	{ "commit.after=kill", OLD },
	{ "commit.after=kill@2", OLD },
	{ "lmdb.before_commit=kill@2", EITHER },
	{ "lmdb.after_commit=kill@2", EITHER },
	{ "lmdb.before_commit=kill@4", EITHER },
	{ "lmdb.after_commit=kill@4", EITHER },
	{ "lmdb.before_commit=kill@6", EITHER },
	{ "lmdb.after_commit=kill@6", EITHER },
};

static struct cluster c;
static struct lines lines;
static struct cli job;
static char script[PROCESS_PATH_MAX];
static char log_entry[PROCESS_PATH_MAX];

static int setup(void **state)
{
	char path[PROCESS_PATH_MAX];

	(void)state;
	lines_init(&lines, "crash", PARTITIONS, N_LINES);
	cluster_start(&c,
		&(struct cluster_opts){ .executors = 2, .lease_ms = LEASE_MS });
	cluster_write(&c, "builtin.lua", lines_builtin, script);
	snprintf(log_entry, sizeof(log_entry), "TRANCHE_FAILPOINT_LOG=%.200s",
		cluster_path(&c, "failpoints.log", path));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	return 0;
}

/* With a failpoint, or without (NULL). */
static void restart(const char *point)
{
	char entry[PROCESS_PATH_MAX];

	cluster_driver_kill(&c);
	cluster_env_set(&c.driver_env, NULL);
	cluster_env_set(&c.driver_env, log_entry);
	if (point != NULL) {
		snprintf(entry, sizeof(entry), "TRANCHE_FAILPOINT=%s", point);
		cluster_env_set(&c.driver_env, entry);
	}
	cluster_driver_start(&c);
}

static void submit(const char *name)
{
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, NULL);
}

/* Where all ranges of a partition together end; they begin at 0 and tile. */
static void read_ends(const struct shown *s, int64_t end[PARTITIONS])
{
	struct shown_range r;

	memset(end, 0, PARTITIONS * sizeof(*end));
	for (size_t i = 0; i < shown_tasks(s); i++) {
		if (!shown_range(s, i, &r))
			continue;
		assert_int_equal(r.from, end[r.partition]);
		end[r.partition] = r.until;
	}
}

static bool ends_at(const int64_t end[PARTITIONS], const struct tr_gen *g)
{
	for (int p = 0; p < PARTITIONS; p++)
		if ((uint64_t)end[p] != g->lines / PARTITIONS)
			return false;
	return true;
}

static void check_once(const char *name)
{
	struct cli r;
	size_t i, n = 0;
	json_t *one;

	cli_ok(&c, &r, "job", "list", "--json", NULL);
	json_t *all = cli_json(&r);
	json_array_foreach(json_object_get(all, "jobs"), i, one)
	{
		const char *is =
			json_string_value(json_object_get(one, "name"));
		n += is != NULL && strcmp(is, name) == 0;
	}
	assert_int_equal(n, 1);
	json_decref(all);
	cli_free(&r);
}

static void crash_at(const struct crash *crash, unsigned i)
{
	struct tr_gen before = lines.gen;
	int64_t end[PARTITIONS];
	struct shown s;
	char name[32];

	snprintf(name, sizeof(name), "crash%u", i);
	print_message("%s\n", crash->point);
	restart(crash->point);
	submit(name);
	cluster_driver_gone(&c);
	assert_int_equal(c.driver.status, PROCESS_SIGNALLED + 9);
	lines_add(&lines, GROWTH);
	restart(NULL);
	if (cli_wait(&job, CLI_JOB_MS) != 0)
		fail_msg("%s: exit %d: %s", crash->point, job.status, job.err);
	cli_free(&job);
	assert_true(shown_get(&c, &s, name));
	read_ends(&s, end);
	bool old = ends_at(end, &before);
	assert_true(old || ends_at(end, &lines.gen));
	if (crash->plan != EITHER)
		assert_int_equal(old, crash->plan == OLD);
	lines_check_table(&c, name, "counts", old ? &before : &lines.gen);
	shown_free(&s);
	check_once(name);
}

static void test_driver__goes_on_after_a_crash_anywhere(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TR_ARRAY_LEN(crashes); i++)
		crash_at(&crashes[i], i);
}

/* ---- every failpoint there is ---- */

static bool is_in_table(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < TR_ARRAY_LEN(crashes); i++)
		if (strncmp(crashes[i].point, name, n) == 0 &&
			crashes[i].point[n] == '=')
			return true;
	return false;
}

/* A point that is in the code and not in the table has been forgotten. */
static void test_driver__has_no_other_failpoints(void **state)
{
	FILE *in = popen("grep -rhoE 'TR_FP\\(\"[a-z._]+\"\\)' " TR_SOURCES
			 "/driver " TR_SOURCES "/common/kv",
		"r");
	char line[128], name[64];
	size_t n = 0;

	(void)state;
	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL) {
		assert_int_equal(
			sscanf(line, "TR_FP(\"%63[a-z._]\")", name), 1);
		if (!is_in_table(name))
			fail_msg("no crash is tried at '%s'", name);
		n++;
	}
	pclose(in);
	assert_true(n >= 8);
}

static void test_driver__was_at_every_failpoint(void **state)
{
	char path[PROCESS_PATH_MAX], name[64];
	char *log = file_text(cluster_path(&c, "failpoints.log", path));

	(void)state;
	assert_non_null(log);
	for (size_t i = 0; i < TR_ARRAY_LEN(crashes); i++) {
		size_t n = strcspn(crashes[i].point, "=");
		snprintf(
			name, sizeof(name), "%.*s\n", (int)n, crashes[i].point);
		if (strstr(log, name) == NULL)
			fail_msg("'%s' was never reached", crashes[i].point);
	}
	free(log);
}

/* ---- late in a job ---- */

static bool is_at_nine_tenths(const struct shown *s, void *arg)
{
	(void)arg;
	uint64_t total = shown_number(s, "ranges_total");

	return total > 0 && shown_number(s, "ranges_done") * 10 >= total * 9;
}

/* Records of the ranges that count as read by an attempt of that term. */
static uint64_t read_in_term(const struct shown *s, uint64_t term)
{
	struct shown_range range;
	uint64_t n = 0;
	size_t i;
	json_t *one;

	for (size_t k = 0; k < shown_tasks(s); k++) {
		const json_t *attempts =
			json_object_get(shown_task(s, k), "attempts");
		bool in_term = false;
		if (!shown_range(s, k, &range))
			continue;
		json_array_foreach(attempts, i, one)
		{
			in_term |= (uint64_t)json_integer_value(
					   json_object_get(one, "attempt")) >>
					   32 ==
				   term;
		}
		n += in_term ? (uint64_t)(range.until - range.from) : 0;
	}
	return n;
}

/*
 * Killed when nine tenths of the ranges are done: what finished stays so, and
 * what runs goes on. What attempts of the new term read is at most 15 % of the
 * input, although that holds all that nobody had read before.
 */
static void test_driver__late_in_a_job_reads_little_again(void **state)
{
	struct tr_gen gen = lines.gen;
	struct shown s;

	(void)state;
	restart(NULL);
	cluster_wait_executors(&c, 2);
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "late", "--max-range", "200",
		"--max-rate", "12000", NULL);
	shown_wait(&c, &s, "late", is_at_nine_tenths, NULL);
	assert_string_equal(shown_state(&s), "running");
	shown_free(&s);
	cluster_driver_kill(&c);
	restart(NULL);
	assert_int_equal(cli_wait(&job, CLI_JOB_MS), 0);
	cli_free(&job);
	assert_true(shown_get(&c, &s, "late"));
	assert_int_equal(shown_number(&s, "records"), gen.lines);
	uint64_t term = shown_number(&s, "term");
	uint64_t again = read_in_term(&s, term);
	print_message("%" PRIu64 " of %" PRIu64 " records in term %" PRIu64
		      "\n",
		again, gen.lines, term);
	assert_true(again * 100 <= gen.lines * 15);
	shown_free(&s);
	lines_check_table(&c, "late", "counts", &gen);
}

/* Stopped properly and started again, it goes on as after a crash. */
static void test_driver__stopped_with_sigterm_goes_on(void **state)
{
	struct tr_gen gen = lines.gen;
	struct shown s;

	(void)state;
	cluster_wait_executors(&c, 2);
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "sigterm", "--max-rate", "12000", NULL);
	shown_wait(&c, &s, "sigterm", shown_is_mid_task, NULL);
	shown_free(&s);
	assert_int_equal(process_end(&c.driver, SOON_MS), 0);
	lines_add(&lines, GROWTH);
	restart(NULL);
	assert_int_equal(cli_wait(&job, CLI_JOB_MS), 0);
	cli_free(&job);
	lines_check_table(&c, "sigterm", "counts", &gen);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_driver__goes_on_after_a_crash_anywhere),
	cmocka_unit_test(test_driver__has_no_other_failpoints),
	cmocka_unit_test(test_driver__was_at_every_failpoint),
	cmocka_unit_test(test_driver__late_in_a_job_reads_little_again),
	cmocka_unit_test(test_driver__stopped_with_sigterm_goes_on));
