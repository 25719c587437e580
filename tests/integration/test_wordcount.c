/*
 * The word count on real Kafka over two executors, against the generator's
 * own counts.
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
	LINES = 200000,
	PARTITIONS = 4,
	TOP = 10,
};

static struct cluster c;
static struct lines lines;

static int setup(void **state)
{
	(void)state;
	lines_init(&lines, "wordcount", PARTITIONS, LINES);
	cluster_start(&c, &(struct cluster_opts){ .executors = 2 });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_stop(&c);
	return 0;
}

/* ---- the rows that print { top = 10 } must show ---- */

struct ranked {
	char word[TR_GEN_WORD_MAX];
	uint64_t count;
};

static int by_rank(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return strcmp(a->word, b->word);
}

static void rank_words(const struct tr_gen *g, struct ranked all[TR_GEN_WORDS])
{
	for (unsigned i = 0; i < TR_GEN_WORDS; i++) {
		tr_gen_word(i, all[i].word);
		all[i].count = g->counts[i];
	}
	qsort(all, TR_GEN_WORDS, sizeof(*all), by_rank);
}

static void check_top(const char *text)
{
	static struct ranked all[TR_GEN_WORDS];
	char wanted[TOP * (TR_GEN_WORD_MAX + 24)];
	size_t n = 0;

	rank_words(&lines.gen, all);
	for (unsigned i = 0; i < TOP; i++)
		n += (size_t)snprintf(wanted + n, sizeof(wanted) - n,
			"%s\t%" PRIu64 "\n", all[i].word, all[i].count);
	if (strstr(text, wanted) == NULL)
		fail_msg("wanted:\n%sprinted:\n%s", wanted, text);
	assert_null(strstr(text, all[TOP].word));
}

static void test_wordcount__in_lua_equals_the_generators(void **state)
{
	char script[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	cluster_write(&c, "wordcount.lua", lines_lua, script);
	cli_ok(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "lua", NULL);
	check_top(r.out);
	cli_free(&r);
	lines_check_table(&c, "lua", "counts", &lines.gen);
}

static void test_wordcount__without_lua_equals_the_generators(void **state)
{
	char script[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	cluster_write(&c, "builtin.lua", lines_builtin, script);
	cli_ok(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "builtin", NULL);
	cli_free(&r);
	lines_check_table(&c, "builtin", "counts", &lines.gen);
}

/* Both executors have had tasks, and no record went through twice. */
static void test_wordcount__receipts_tile_the_partitions(void **state)
{
	int64_t next[PARTITIONS] = { 0 };
	struct shown_attempt a;
	bool used[2] = { false, false };
	uint64_t records = 0;
	struct shown_range range;
	struct shown s;

	(void)state;
	assert_true(shown_get(&c, &s, "builtin"));
	for (size_t i = 0; i < shown_tasks(&s); i++) {
		const json_t *task = shown_task(&s, i);
		const json_t *receipt = json_object_get(task, "receipt");
		if (!shown_range(&s, i, &range))
			continue;
		assert_string_equal(range.topic, lines.topic);
		assert_true(range.partition < PARTITIONS);
		assert_int_equal(range.from, next[range.partition]);
		next[range.partition] = range.until;
		assert_int_equal(json_integer_value(
					 json_object_get(receipt, "position")),
			range.until);
		assert_int_equal(json_integer_value(json_object_get(
					 receipt, "records_in")),
			range.until - range.from);
		records += (uint64_t)(range.until - range.from);
		assert_true(shown_attempt(&s, 0,
			(unsigned)json_integer_value(
				json_object_get(task, "lane")),
			1, &a));
		assert_string_equal(a.outcome, "done");
		used[a.executor] = true;
	}
	for (int p = 0; p < PARTITIONS; p++)
		assert_int_equal(next[p], LINES / PARTITIONS);
	assert_int_equal(records, LINES);
	assert_true(used[0] && used[1]);
	shown_free(&s);
}

static void test_wordcount__count_prints_a_number(void **state)
{
	char script[PROCESS_PATH_MAX], wanted[32];
	struct cli r;

	(void)state;
	cluster_write(&c, "count.lua",
		"tranche.source { topic = tranche.arg('topic') }"
		":count():print()\n",
		script);
	cli_ok(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", NULL);
	snprintf(wanted, sizeof(wanted), "%d\n", LINES);
	assert_non_null(strstr(r.out, wanted));
	cli_free(&r);
}

/* ---- ugly input ---- */

/* The words, by hand: runs of white space part them, nothing else does. */
static const char *const ugly[] = {
	"",
	" ",
	"  two  spaces  ",
	"tab\tand\nnewline\r\nand\vmore\f",
	"two\xc3\xa9 \xff\xfe raw",
	"no\302\240break",
	"two",
	"a\x01z a\x01z",
};

static const struct table_row ugly_words[] = {
	{ "two", 2 },
	{ "spaces", 1 },
	{ "tab", 1 },
	{ "and", 2 },
	{ "newline", 1 },
	{ "more", 1 },
	{ "two\xc3\xa9", 1 },
	{ "$bytes://4=", 1 },
	{ "raw", 1 },
	{ "no\302\240break", 1 },
	{ "a\x01z", 2 },
};

static void test_wordcount__of_ugly_input_is_the_same_in_lua(void **state)
{
	static const char *const scripts[] = { lines_lua, lines_builtin };
	char script[PROCESS_PATH_MAX], name[16], topic[TR_BROKER_TOPIC_MAX];
	char argument[TR_BROKER_TOPIC_MAX + 8];
	struct tr_feed *f = tr_feed_open(tr_broker_address(), NULL);
	struct cli r;

	(void)state;
	tr_broker_topic_create(tr_broker_topic_name(topic, "ugly"), 1, NULL);
	snprintf(argument, sizeof(argument), "topic=%s", topic);
	for (size_t i = 0; i < TR_ARRAY_LEN(ugly); i++)
		tr_feed_put_text(f, topic, 0, ugly[i]);
	tr_feed_flush(f);
	tr_feed_close(f);
	for (unsigned i = 0; i < TR_ARRAY_LEN(scripts); i++) {
		snprintf(name, sizeof(name), "ugly%u", i);
		cluster_write(&c, "ugly.lua", scripts[i], script);
		cli_ok(&c, &r, "submit", script, argument, "--offsets",
			"start:end", "--name", name, NULL);
		cli_free(&r);
		table_check(&c, name, "counts", ugly_words,
			TR_ARRAY_LEN(ugly_words));
	}
}

/* ---- reading what is there ---- */

static void test_wordcount__rows_can_be_had_by_key(void **state)
{
	char word[TR_GEN_WORD_MAX], count[24];
	struct cli r;

	(void)state;
	tr_gen_word(7, word);
	cli_ok(&c, &r, "table", "get", "builtin", "counts", word, NULL);
	snprintf(count, sizeof(count), "%" PRIu64, lines.gen.counts[7]);
	assert_non_null(strstr(r.out, count));
	cli_free(&r);
	assert_int_equal(cli_run(&c, &r, "table", "get", "builtin", "counts",
				 "zz", NULL),
		1);
	cli_free(&r);
	assert_int_equal(
		cli_run(&c, &r, "table", "get", "builtin", "nope", "zz", NULL),
		1);
	assert_non_null(strstr(r.err, "nope"));
	cli_free(&r);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_wordcount__in_lua_equals_the_generators),
	cmocka_unit_test(test_wordcount__without_lua_equals_the_generators),
	cmocka_unit_test(test_wordcount__receipts_tile_the_partitions),
	cmocka_unit_test(test_wordcount__count_prints_a_number),
	cmocka_unit_test(test_wordcount__of_ugly_input_is_the_same_in_lua),
	cmocka_unit_test(test_wordcount__rows_can_be_had_by_key));
