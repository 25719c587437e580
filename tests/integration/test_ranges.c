/*
 * Exactly the visible records of a range, through the whole system: what lies
 * at which offset is known from how the log was written.
 */
#include "tests/integration/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock/clock.h"
#include "tests/integration/lines.h"
#include "tests/integration/shown.h"
#include "tests/integration/table.h"
#include "tests/support/feed.h"

enum {
	OFFSETS_MAX = 600,
	BATCH = 30, /* records of one batch */
	REFUSED_MS = 10000,
};

/* A table of the offsets that a job saw, each with its record's value. */
static const char seen_lua[] =
	"tranche.source { topic = tranche.arg('topic') }\n"
	"  :map(function(r) return r.offset, r.value end)\n"
	"  :store('seen')\n";

static struct cluster c;
static char script[PROCESS_PATH_MAX];

static int setup(void **state)
{
	(void)state;
	cluster_start(&c, &(struct cluster_opts){ .executors = 2,
				  .executor_settings = "window = 4M\n" });
	cluster_write(&c, "seen.lua", seen_lua, script);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_stop(&c);
	return 0;
}

/* ---- logs of which each record says at which offset it is ---- */

struct log {
	char topic[TR_BROKER_TOPIC_MAX];
	char argument[TR_BROKER_TOPIC_MAX + 8];
	struct tr_feed *feed;
	bool visible[OFFSETS_MAX];
	int64_t end;
};

static void log_init(struct log *l, const char *prefix,
	const char *const *configs, bool transactional)
{
	char id[TR_BROKER_TOPIC_MAX + 32];
	const char *props[] = { id, NULL };

	memset(l, 0, sizeof(*l));
	tr_broker_topic_name(l->topic, prefix);
	tr_broker_topic_create(l->topic, 1, configs);
	snprintf(l->argument, sizeof(l->argument), "topic=%s", l->topic);
	snprintf(id, sizeof(id), "transactional.id=%s", l->topic);
	l->feed =
		tr_feed_open(tr_broker_address(), transactional ? props : NULL);
}

static void log_fini(struct log *l)
{
	tr_feed_close(l->feed);
}

static void log_put(struct log *l, int n, bool visible)
{
	char value[32];

	for (int i = 0; i < n; i++) {
		assert_true(l->end < OFFSETS_MAX);
		snprintf(value, sizeof(value), "value-%" PRId64, l->end);
		tr_feed_put_text(l->feed, l->topic, 0, value);
		l->visible[l->end++] = visible;
		if (i % BATCH == BATCH - 1)
			tr_feed_flush(l->feed);
	}
	tr_feed_flush(l->feed);
}

/* A transaction and its marker. */
static void log_transaction(struct log *l, int n, bool commit)
{
	tr_feed_begin(l->feed);
	log_put(l, n, commit);
	if (commit)
		tr_feed_commit(l->feed);
	else
		tr_feed_abort(l->feed);
	l->end++;
}

/* ---- jobs over them ---- */

static unsigned n_jobs;

/* Runs over topic:0:from-until; the table is the job's. */
static void run_range(const struct log *l, int64_t from, int64_t until,
	const char *option, char job[32])
{
	char offsets[TR_BROKER_TOPIC_MAX + 64];
	struct cli r;

	snprintf(job, 32, "range%u", n_jobs++);
	snprintf(offsets, sizeof(offsets), "%s:0:%" PRId64 "-%" PRId64,
		l->topic, from, until);
	cli_ok(&c, &r, "submit", script, l->argument, "--offsets", offsets,
		"--name", job, option, NULL);
	cli_free(&r);
}

static void check_seen(const struct log *l, const char *job, int64_t from,
	int64_t until, bool all)
{
	json_t *rows = table_rows(&c, job, "seen");
	char key[24], value[32];
	size_t n = 0;

	for (int64_t i = from; i < until; i++) {
		snprintf(key, sizeof(key), "%" PRId64, i);
		const char *got = json_string_value(json_object_get(rows, key));
		if (!l->visible[i] && !(all && got != NULL)) {
			if (got != NULL)
				fail_msg("%s: offset %s is seen", job, key);
			continue;
		}
		snprintf(value, sizeof(value), "value-%" PRId64, i);
		if (got == NULL)
			fail_msg("%s: offset %s is not seen", job, key);
		assert_string_equal(got, value);
		n++;
	}
	assert_int_equal(json_object_size(rows), n);
	json_decref(rows);
}

static void test_ranges__may_begin_and_end_anywhere(void **state)
{
	static const struct {
		int64_t from, until;
	} cases[] = {
		{ 0, 163 },                 /* all, the tail is a marker */
		{ 0, 101 },                 /* ends after a marker */
		{ 7, 95 },                  /* begins and ends inside batches */
		{ 45, 125 },                /* ends in aborted records */
		{ 125, 155 },               /* begins in aborted records */
		{ 110, 140 },               /* nothing but aborted records */
		{ 100, 101 },               /* nothing but a marker */
		{ 151, 152 }, { 162, 163 }, /* a tail that is only a marker */
		{ 163, 163 },               /* empty */
	};
	struct log l;
	char job[32];

	(void)state;
	log_init(&l, "anywhere", NULL, true);
	log_transaction(&l, 100, true);
	log_transaction(&l, 50, false);
	log_transaction(&l, 10, true);
	assert_int_equal(l.end, 163);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		run_range(&l, cases[i].from, cases[i].until, NULL, job);
		check_seen(&l, job, cases[i].from, cases[i].until, false);
	}
	log_fini(&l);
}

static void test_ranges__end_before_an_open_transaction(void **state)
{
	struct log l;
	struct cli r;

	(void)state;
	log_init(&l, "open", NULL, true);
	log_transaction(&l, 40, true);
	int64_t stable = l.end;
	tr_feed_begin(l.feed);
	log_put(&l, 20, true);
	cli_ok(&c, &r, "submit", script, l.argument, "--offsets", "start:end",
		"--name", "open", NULL);
	cli_free(&r);
	check_seen(&l, "open", 0, stable, false);
	cli_ok(&c, &r, "submit", script, l.argument, "--offsets", "start:end",
		"--name", "open-all", "--isolation", "read_uncommitted", NULL);
	cli_free(&r);
	check_seen(&l, "open-all", 0, l.end, true);
	tr_feed_commit(l.feed);
	log_fini(&l);
}

/* ---- compaction ---- */

enum {
	KEYS = 10,
	COMPACTED = 500,
	FILLERS = 5,
};

static void put_keyed(struct log *l, int n)
{
	char key[32], value[32];

	for (int i = 0; i < n; i++, l->end++) {
		snprintf(key, sizeof(key), "k%" PRId64,
			l->end < COMPACTED ? l->end % KEYS : l->end);
		snprintf(value, sizeof(value), "value-%" PRId64, l->end);
		tr_feed_put(l->feed, l->topic, 0,
			&(struct tr_feed_record){ .key = tr_slice_of_text(key),
				.value = tr_slice_of_text(value) });
		/* What the cleaner must leave. */
		l->visible[l->end] = l->end >= COMPACTED - KEYS;
	}
	tr_feed_flush(l->feed);
}

/* The cleaner takes closed segments, and only a later record closes one. */
static bool is_cleaned(void *arg)
{
	struct log *l = arg;
	char job[32];

	run_range(l, 0, COMPACTED + FILLERS, NULL, job);
	json_t *rows = table_rows(&c, job, "seen");
	bool cleaned = json_object_size(rows) < COMPACTED;
	json_decref(rows);
	return cleaned;
}

static bool is_later(void *arg)
{
	return tr_clock_mono_ms() >= *(uint64_t *)arg;
}

static void test_ranges__have_the_holes_of_a_compacted_log(void **state)
{
	static const char *const configs[] = { "cleanup.policy=compact",
		"min.cleanable.dirty.ratio=0.01", "segment.bytes=1048576",
		"segment.ms=1000", "min.compaction.lag.ms=0", NULL };
	struct log l;
	char job[32];

	(void)state;
	log_init(&l, "holes", configs, false);
	put_keyed(&l, COMPACTED);
	for (int i = 0; i < FILLERS; i++) {
		uint64_t later = tr_clock_mono_ms() + 300;
		assert_true(wait_until(is_later, &later, 1000));
		put_keyed(&l, 1);
	}
	assert_true(wait_until(is_cleaned, &l, 2 * SOON_MS));
	run_range(&l, 0, COMPACTED + FILLERS, NULL, job);
	check_seen(&l, job, 0, COMPACTED + FILLERS, true);
	/* Begins and ends in holes; nothing may be there but what was. */
	run_range(&l, 3, 100, NULL, job);
	check_seen(&l, job, 3, 100, true);
	log_fini(&l);
}

/* ---- the log's borders ---- */

static void test_ranges__of_an_empty_topic_are_empty(void **state)
{
	struct log l;
	struct cli r;

	(void)state;
	log_init(&l, "empty", NULL, false);
	cli_ok(&c, &r, "submit", script, l.argument, "--offsets", "start:end",
		"--name", "empty", NULL);
	cli_free(&r);
	check_seen(&l, "empty", 0, 0, false);
	char count[PROCESS_PATH_MAX];
	cluster_write(&c, "count.lua",
		"tranche.source { topic = tranche.arg('topic') }"
		":count():print()\n",
		count);
	cli_ok(&c, &r, "submit", count, l.argument, "--offsets", "start:end",
		NULL);
	assert_string_equal(r.out, "0\n");
	cli_free(&r);
	log_fini(&l);
}

static void test_ranges__beyond_the_log_are_refused_or_clamped(void **state)
{
	char offsets[TR_BROKER_TOPIC_MAX + 64], job[32];
	struct log l;
	struct cli r;

	(void)state;
	log_init(&l, "beyond", NULL, false);
	log_put(&l, 60, true);
	tr_broker_records_delete(l.topic, 0, 20);
	snprintf(offsets, sizeof(offsets), "%s:0:10-90", l.topic);
	assert_int_equal(cli_run(&c, &r, "submit", script, l.argument,
				 "--offsets", offsets, NULL),
		1);
	assert_non_null(strstr(r.err, l.topic));
	assert_non_null(strstr(r.err, "20"));
	assert_true(r.took_ms < REFUSED_MS);
	cli_free(&r);
	run_range(&l, 10, 90, "--clamp", job);
	check_seen(&l, job, 20, 60, false);
	log_fini(&l);
}

/* Refused within ten seconds, with exit 1 and these words. */
static void check_refused(const char *topic, const char *offsets,
	const char *broker, const char *words)
{
	char argument[TR_BROKER_TOPIC_MAX + 8];
	const char *args[] = { "submit", script, argument, "--offsets", offsets,
		"--name", "refused", "-b",
		broker != NULL ? broker : tr_broker_address(), NULL };
	struct cli r;

	snprintf(argument, sizeof(argument), "topic=%s", topic);
	cli_start_list(&c, &r, NULL, args);
	if (cli_wait(&r, CLI_JOB_MS) != 1)
		fail_msg("exit %d: %s%s", r.status, r.out, r.err);
	if (strstr(r.err, words) == NULL)
		fail_msg("'%s' is not in: %s", words, r.err);
	assert_true(r.took_ms < REFUSED_MS);
	cli_free(&r);
}

static void test_ranges__of_what_is_not_there_are_refused(void **state)
{
	char offsets[TR_BROKER_TOPIC_MAX + 64];
	struct log l;

	(void)state;
	log_init(&l, "one-partition", NULL, false);
	log_put(&l, 10, true);
	check_refused("no.such.topic", "start:end", NULL, "no.such.topic");
	snprintf(offsets, sizeof(offsets), "%s:7:0-5", l.topic);
	check_refused(l.topic, offsets, NULL, "7");
	/* Nobody listens on port 1. */
	check_refused(l.topic, "start:end", "127.0.0.1:1", "127.0.0.1:1");
	log_fini(&l);
}

/* ---- deletion under a running job ---- */

static void test_ranges__deleted_under_a_job_fail_it(void **state)
{
	/* Several times what an executor reads ahead. */
	enum {
		N_LINES = 150000
	};
	struct lines lines;
	struct shown s;
	struct cli r;

	(void)state;
	lines_init(&lines, "deleted", 1, N_LINES);
	cli_start(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "deleted", "--max-rate", "30000",
		"--max-range", "1000000", NULL);
	shown_wait(&c, &s, "deleted", shown_is_mid_task, NULL);
	shown_free(&s);
	tr_broker_records_delete(lines.topic, 0, N_LINES - 100);
	assert_int_equal(cli_wait(&r, CLI_JOB_MS), 1);
	assert_non_null(strstr(r.err, lines.topic));
	cli_free(&r);
	assert_true(shown_get(&c, &s, "deleted"));
	assert_string_equal(shown_state(&s), "failed");
	assert_string_equal(shown_error(&s, "code"), "input-gone");
	assert_non_null(strstr(shown_error(&s, "text"), lines.topic));
	shown_free(&s);
	/* Nothing was stored. */
	assert_int_equal(cli_run(&c, &r, "table", "scan", "deleted", "seen",
				 "--json", NULL),
		1);
	cli_free(&r);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_ranges__may_begin_and_end_anywhere),
	cmocka_unit_test(test_ranges__end_before_an_open_transaction),
	cmocka_unit_test(test_ranges__have_the_holes_of_a_compacted_log),
	cmocka_unit_test(test_ranges__of_an_empty_topic_are_empty),
	cmocka_unit_test(test_ranges__beyond_the_log_are_refused_or_clamped),
	cmocka_unit_test(test_ranges__of_what_is_not_there_are_refused),
	cmocka_unit_test(test_ranges__deleted_under_a_job_fail_it));
