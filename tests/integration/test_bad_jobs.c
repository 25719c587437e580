/*
 * Jobs that cannot end well: each fails with one line that says what, where in
 * the script and at which record, and a job beside it does not notice.
 */
#include "tests/integration/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"
#include "tests/integration/table.h"
#include "tests/support/feed.h"

enum {
	N_LINES = 40000,
	KEY_LIMIT = 1 << 20,
	VALUE_LIMIT = 8 << 20,
};

static struct cluster c;
static struct lines lines;
static struct cli beside;                   /* runs while all the others fail */
static char small[TR_BROKER_TOPIC_MAX + 8]; /* "topic=…" of five records */

static int setup(void **state)
{
	char script[PROCESS_PATH_MAX];
	struct tr_feed *f;
	char value[32];

	(void)state;
	lines_init(&lines, "beside", 2, N_LINES);
	memcpy(small, "topic=", 6);
	tr_broker_topic_name(small + 6, "small");
	tr_broker_topic_create(small + 6, 1, NULL);
	f = tr_feed_open(tr_broker_address(), NULL);
	for (int i = 0; i < 5; i++) {
		snprintf(value, sizeof(value), "record %d", i);
		tr_feed_put_text(f, small + 6, 0, value);
	}
	tr_feed_flush(f);
	tr_feed_close(f);
	cluster_start(&c, &(struct cluster_opts){ .executors = 2, .slots = 3 });
	cluster_write(&c, "beside.lua", lines_lua, script);
	cli_start(&c, &beside, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "beside", "--max-rate", "5000", NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cli_free(&beside);
	cluster_stop(&c);
	return 0;
}

/* Runs a script over the five records and returns its exit status. */
static int run(struct cli *r, const char *name, const char *text,
	const char *option, const char *value)
{
	char script[PROCESS_PATH_MAX];

	cluster_write(&c, "bad.lua", text, script);
	return cli_run(&c, r, "submit", script, small, "--offsets", "start:end",
		"--name", name, option, value, NULL);
}

#define SOURCE "local src = tranche.source { topic = tranche.arg('topic') }\n"

struct bad {
	const char *name;
	const char *script;
	const char *option, *value; /* of submit, may be NULL */
	const char *says[3];        /* all in the command's one line */
};

static const struct bad bad[] = {
	{ "syntax", SOURCE "src:map(function(r) return end end\n", NULL, NULL,
		{ "bad.lua:2", "end" } },
	{ "no-source", "print('nothing')\n", NULL, NULL, { "bad.lua" } },
	{ "run-time",
		SOURCE "src:map(function(r)\n"
		       "  if r.offset == 3 then error('no threes') end\n"
		       "  return r.offset, 1\n"
		       "end):store('t')\n",
		NULL, NULL, { "bad.lua:3", "no threes", "-0@3" } },
	{ "nil-index",
		SOURCE "src:map(function(r)\n"
		       "  return r.value.x.y, 1\n"
		       "end):store('t')\n",
		NULL, NULL, { "bad.lua:3", "-0@0" } },
	{ "global",
		SOURCE "src:map(function(r)\n"
		       "  total = 1\n"
		       "  return r.offset, 1\n"
		       "end):store('t')\n",
		NULL, NULL, { "bad.lua:3", "total", "-0@0" } },
	{ "endless",
		SOURCE "src:map(function(r)\n"
		       "  while r.offset == 2 do end\n"
		       "  return r.offset, 1\n"
		       "end):store('t')\n",
		"--timeout", "300ms", { "bad.lua:2", "progress", "-0@2" } },
	{ "memory",
		SOURCE "local kept = {}\n"
		       "src:map(function(r)\n"
		       "  for i = 1, 1e8 do kept[i] = { i } end\n"
		       "  return r.offset, 1\n"
		       "end):store('t')\n",
		"--memory", "32M", { "bad.lua", "memory", "-0@0" } },
	{ "null-key", SOURCE "src:store('t')\n", NULL, NULL,
		{ "bad.lua:2", "key", "-0@0" } },
};

static void check_one(const struct bad *b)
{
	struct shown s;
	struct cli r;

	print_message("%s\n", b->name);
	if (run(&r, b->name, b->script, b->option, b->value) != 1)
		fail_msg("%s: exit %d: %s", b->name, r.status, r.err);
	for (size_t i = 0; i < TR_ARRAY_LEN(b->says); i++)
		if (b->says[i] != NULL && strstr(r.err, b->says[i]) == NULL)
			fail_msg("%s: '%s' is not in: %s", b->name, b->says[i],
				r.err);
	cli_free(&r);
	assert_true(shown_get(&c, &s, b->name));
	assert_string_equal(shown_state(&s), "failed");
	shown_free(&s);
}

static void test_bad_job__says_what_where_and_at_which_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(bad); i++)
		check_one(&bad[i]);
}

static void test_bad_job__leaves_the_others_alone(void **state)
{
	struct shown s;

	(void)state;
	assert_int_equal(cli_wait(&beside, CLI_JOB_MS), 0);
	lines_check_table(&c, "beside", "counts", &lines.gen);
	assert_true(shown_get(&c, &s, "beside"));
	assert_int_equal(shown_count(&s, "failed"), 0);
	shown_free(&s);
	cluster_wait_executors(&c, 2);
}

/* What a script logs can be read, each line with its record. */
static void test_job__logs_with_the_record(void **state)
{
	struct cli r;

	(void)state;
	assert_int_equal(
		run(&r, "logs",
			SOURCE "src:map(function(r)\n"
			       "  if r.offset == 4 then log('met', 4) end\n"
			       "  return r.offset, 1\n"
			       "end):store('t')\n",
			NULL, NULL),
		0);
	cli_free(&r);
	cli_ok(&c, &r, "job", "logs", "logs", NULL);
	assert_non_null(strstr(r.out, "met"));
	assert_non_null(strstr(r.out, "-0@4"));
	assert_null(strstr(r.out, "-0@3"));
	cli_free(&r);
}

/* ---- sizes ---- */

/* A topic with one record of this key and value. */
static void make_record(char argument[TR_BROKER_TOPIC_MAX + 8], size_t key,
	struct tr_slice value)
{
	static const char *const configs[] = { "max.message.bytes=8388608",
		NULL };
	struct tr_feed *f = tr_feed_open(tr_broker_address(), NULL);
	char *text = malloc(key + 1);

	assert_non_null(text);
	memset(text, 'k', key + 1);
	memcpy(argument, "topic=", 6);
	tr_broker_topic_name(argument + 6, "sizes");
	tr_broker_topic_create(argument + 6, 1, configs);
	tr_feed_put(f, argument + 6, 0,
		&(struct tr_feed_record){
			.key = tr_slice_of(text, key), .value = value });
	tr_feed_flush(f);
	tr_feed_close(f);
	free(text);
}

static int run_sizes(
	struct cli *r, const char *name, const char *argument, const char *text)
{
	char script[PROCESS_PATH_MAX];

	cluster_write(&c, "sizes.lua", text, script);
	return cli_run(&c, r, "submit", script, argument, "--offsets",
		"start:end", "--name", name, NULL);
}

static void test_sizes__key_of_a_mebibyte_is_stored(void **state)
{
	char argument[TR_BROKER_TOPIC_MAX + 8];
	struct cli r;

	(void)state;
	make_record(argument, KEY_LIMIT, tr_slice_of_text("v"));
	if (run_sizes(&r, "big-key", argument,
		    SOURCE "src:key_by(function(r) return r.key end)"
			   ":store('t')\n") != 0)
		fail_msg("%s", r.err);
	cli_free(&r);
	cli_ok(&c, &r, "table", "scan", "big-key", "t", "--json", NULL);
	const char *key = strstr(r.out, "kkk");
	assert_non_null(key);
	assert_int_equal(strspn(key, "k"), KEY_LIMIT);
	cli_free(&r);
}

static void test_sizes__beyond_the_limits_are_named(void **state)
{
	char argument[TR_BROKER_TOPIC_MAX + 8], limit[24];
	struct cli r;

	(void)state;
	make_record(argument, KEY_LIMIT + 1, tr_slice_of_text("v"));
	assert_int_equal(run_sizes(&r, "key-over", argument,
				 SOURCE "src:key_by(function(r) return r.key "
					"end):store('t')\n"),
		1);
	snprintf(limit, sizeof(limit), "%d", KEY_LIMIT);
	assert_non_null(strstr(r.err, limit));
	assert_non_null(strstr(r.err, "offset 0"));
	cli_free(&r);
	make_record(argument, 1, tr_slice_of_text("v"));
	assert_int_equal(run_sizes(&r, "value-over", argument,
				 SOURCE "src:map(function(r)\n"
					"  return 1, ('x'):rep(8388609)\n"
					"end):store('t')\n"),
		1);
	assert_true(strstr(r.err, "8388608") != NULL ||
		    strstr(r.err, "8 MiB") != NULL);
	assert_non_null(strstr(r.err, "-0@0"));
	cli_free(&r);
}

/* A null value is a value: a compacted topic's tombstones can be stored. */
static void test_sizes__null_value_is_stored(void **state)
{
	char argument[TR_BROKER_TOPIC_MAX + 8];
	struct cli r;

	(void)state;
	make_record(argument, 3, TR_SLICE_ABSENT);
	assert_int_equal(run_sizes(&r, "null-value", argument,
				 SOURCE "src:key_by(function(r) return r.key "
					"end):store('t')\n"),
		0);
	cli_free(&r);
	cli_ok(&c, &r, "table", "get", "null-value", "t", "kkk", "--json",
		NULL);
	assert_non_null(strstr(r.out, "null"));
	cli_free(&r);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_bad_job__says_what_where_and_at_which_record),
	cmocka_unit_test(test_bad_job__leaves_the_others_alone),
	cmocka_unit_test(test_job__logs_with_the_record),
	cmocka_unit_test(test_sizes__key_of_a_mebibyte_is_stored),
	cmocka_unit_test(test_sizes__beyond_the_limits_are_named),
	cmocka_unit_test(test_sizes__null_value_is_stored));
