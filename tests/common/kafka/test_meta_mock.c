/* The planner's questions against the mock cluster, with faults. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/kafka/meta.h"
#include "tests/support/feed.h"
#include "tests/support/mock_cluster.h"

enum {
	LIST_OFFSETS = 2, /* Kafka's API keys */
	METADATA = 3,
};

static struct tr_mock_cluster mock;

static struct tr_kafka_meta *open_meta(const char *brokers)
{
	struct tr_kafka_conf conf = { .brokers = brokers };
	struct tr_kafka_meta *m;
	struct tr_error err;

	if (tr_kafka_meta_open(&m, &conf, &err) != 0)
		fail_msg("%s", err.text);
	return m;
}

static void create(const char *topic, int partitions)
{
	assert_int_equal(
		rd_kafka_mock_topic_create(mock.cluster, topic, partitions, 1),
		0);
}

/* Partition p gets p records. */
static void fill(const char *topic, int partitions)
{
	struct tr_feed *f = tr_feed_open(mock.bootstrap, NULL);

	for (int p = 0; p < partitions; p++) {
		for (int i = 0; i < p; i++)
			tr_feed_put_text(f, topic, p, "x");
	}
	tr_feed_flush(f);
	tr_feed_close(f);
}

static void test_meta__counts_partitions(void **state)
{
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	uint32_t n = 0;

	(void)state;
	create("counted", 7);
	assert_int_equal(tr_kafka_topic_partitions(m, "counted", &n, NULL), 0);
	assert_int_equal(n, 7);
	tr_kafka_meta_close(m);
}

static void test_meta__names_an_unknown_topic(void **state)
{
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	struct tr_error err;
	uint32_t n = 99;

	(void)state;
	create("missing", 1);
	rd_kafka_mock_topic_set_error(mock.cluster, "missing",
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_int_equal(tr_kafka_topic_partitions(m, "missing", &n, &err),
		TR_ENOTFOUND);
	assert_string_equal(err.text, "unknown topic 'missing'");
	assert_int_equal(n, 99);
	assert_int_equal(tr_kafka_topic_partitions(m, "", &n, &err), TR_EINVAL);
	tr_kafka_meta_close(m);
}

static void test_meta__asks_for_many_offsets_at_once(void **state)
{
	enum {
		PARTITIONS = 20
	};
	struct tr_offset_query q[3 * PARTITIONS];
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);

	(void)state;
	create("many", PARTITIONS);
	fill("many", PARTITIONS);
	/* The same partition three times, in an order of no use to anybody. */
	for (int i = 0; i < 3 * PARTITIONS; i++) {
		q[i] = (struct tr_offset_query){
			.topic = "many",
			.partition = (i * 7) % PARTITIONS,
			.spec = (enum tr_offset_spec)(i / PARTITIONS),
			.time_ms = 1,
		};
	}
	assert_int_equal(tr_kafka_meta_offsets(m, q, TR_ARRAY_LEN(q), NULL), 0);
	for (int i = 0; i < 3 * PARTITIONS; i++) {
		bool first = q[i].spec == TR_OFFSET_EARLIEST;
		assert_int_equal(q[i].offset, first ? 0 : q[i].partition);
		/* The mock cluster has no record at or after any time. */
		assert_int_equal(
			q[i].beyond_last, q[i].spec == TR_OFFSET_AT_TIME);
	}
	tr_kafka_meta_close(m);
}

static void test_meta__is_quick_with_many_partitions(void **state)
{
	enum {
		PARTITIONS = 10000
	};
	struct tr_offset_query *q = tr_xcalloc(2 * PARTITIONS, sizeof(*q));
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	uint32_t n = 0;

	(void)state;
	create("wide", PARTITIONS);
	assert_int_equal(tr_kafka_topic_partitions(m, "wide", &n, NULL), 0);
	assert_int_equal(n, PARTITIONS);
	for (int i = 0; i < 2 * PARTITIONS; i++) {
		q[i] = (struct tr_offset_query){
			.topic = "wide",
			.partition = i / 2,
			.spec = i % 2 ? TR_OFFSET_LATEST : TR_OFFSET_EARLIEST,
			.offset = -7,
		};
	}
	uint64_t begin = tr_clock_mono_ms();
	assert_int_equal(tr_kafka_meta_offsets(m, q, 2 * PARTITIONS, NULL), 0);
	uint64_t took = tr_clock_mono_ms() - begin;
	print_message("20,000 offsets took %d ms\n", (int)took);
	/* A hundred times what it takes: quadratic work would show. */
	assert_true(took < 8000);
	for (int i = 0; i < 2 * PARTITIONS; i++)
		assert_int_equal(q[i].offset, 0);
	tr_kafka_meta_close(m);
	free(q);
}

static void test_meta__names_an_unknown_partition(void **state)
{
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	struct tr_offset_query q[] = {
		{ .topic = "three", .partition = 0, .spec = TR_OFFSET_LATEST },
		{ .topic = "three", .partition = 3, .spec = TR_OFFSET_LATEST },
	};
	struct tr_error err;

	(void)state;
	create("three", 3);
	assert_int_equal(tr_kafka_meta_offsets(m, q, 2, &err), TR_ENOTFOUND);
	assert_string_equal(err.text, "topic 'three' has no partition 3");
	tr_kafka_meta_close(m);
}

static void test_meta__asks_again_when_leaders_move(void **state)
{
	static const rd_kafka_resp_err_t passing[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR__TRANSPORT,
	};
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);

	(void)state;
	create("moving", 4);
	fill("moving", 4);
	for (size_t i = 0; i < TR_ARRAY_LEN(passing); i++) {
		struct tr_offset_query q = { .topic = "moving",
			.partition = 3,
			.spec = TR_OFFSET_LATEST };
		rd_kafka_mock_push_request_errors(mock.cluster, LIST_OFFSETS, 3,
			passing[i], passing[i], passing[i]);
		assert_int_equal(tr_kafka_meta_offsets(m, &q, 1, NULL), 0);
		assert_int_equal(q.offset, 3);
	}
	for (int leader = 1; leader <= 2; leader++) {
		struct tr_offset_query q = { .topic = "moving",
			.partition = 2,
			.spec = TR_OFFSET_LATEST };
		rd_kafka_mock_partition_set_leader(
			mock.cluster, "moving", 2, leader);
		assert_int_equal(tr_kafka_meta_offsets(m, &q, 1, NULL), 0);
		assert_int_equal(q.offset, 2);
	}
	tr_kafka_meta_close(m);
}

static void test_meta__says_what_is_forbidden(void **state)
{
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	struct tr_error err;
	uint32_t n;

	(void)state;
	create("forbidden", 1);
	rd_kafka_mock_topic_set_error(mock.cluster, "forbidden",
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(
		tr_kafka_topic_partitions(m, "forbidden", &n, &err), TR_EAUTH);
	assert_string_equal(err.text, "no permission to read 'forbidden'");
	tr_kafka_meta_close(m);
}

static void test_meta__names_a_broker_that_is_not_there(void **state)
{
	static const struct {
		const char *brokers, *why;
	} cases[] = {
		{ "127.0.0.1:1", "Connection refused" },
		{ "no-such-host.invalid:9092", "resolve" },
	};

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_kafka_meta *m = open_meta(cases[i].brokers);
		uint64_t begin = tr_clock_mono_ms();
		struct tr_error err;
		uint32_t n;
		int rc = tr_kafka_topic_partitions(m, "any", &n, &err);
		if (rc != TR_EUNREACH)
			fail_msg("%d: %s", rc, err.text);
		assert_true(tr_clock_mono_ms() - begin < 10000);
		assert_non_null(strstr(err.text, cases[i].brokers));
		assert_non_null(strstr(err.text, cases[i].why));
		tr_kafka_meta_close(m);
	}
}

static void test_meta__does_not_know_settings_here(void **state)
{
	struct tr_kafka_meta *m = open_meta(mock.bootstrap);
	struct tr_topic_config config = { .known = true };
	uint32_t n;

	(void)state;
	create("plain", 1);
	assert_int_equal(tr_kafka_topic_partitions(m, "plain", &n, NULL), 0);
	assert_int_equal(tr_kafka_topic_config(m, "plain", &config, NULL), 0);
	assert_false(config.known);
	tr_kafka_meta_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meta__counts_partitions),
		cmocka_unit_test(test_meta__names_an_unknown_topic),
		cmocka_unit_test(test_meta__asks_for_many_offsets_at_once),
		cmocka_unit_test(test_meta__is_quick_with_many_partitions),
		cmocka_unit_test(test_meta__names_an_unknown_partition),
		cmocka_unit_test(test_meta__asks_again_when_leaders_move),
		cmocka_unit_test(test_meta__says_what_is_forbidden),
		cmocka_unit_test(test_meta__names_a_broker_that_is_not_there),
		cmocka_unit_test(test_meta__does_not_know_settings_here),
	};

	tr_mock_cluster_start(&mock, 2);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	tr_mock_cluster_stop(&mock);
	return rc;
}
