/* The planner's questions against a real broker. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/clock/clock.h"
#include "common/kafka/meta.h"
#include "tests/support/broker.h"
#include "tests/support/feed.h"

static struct tr_kafka_meta *open_with(const char *brokers,
	const char *const *props, size_t n_props,
	enum tr_kafka_isolation isolation)
{
	struct tr_kafka_conf conf = { .brokers = brokers,
		.props = props,
		.n_props = n_props,
		.isolation = isolation };
	struct tr_kafka_meta *m;
	struct tr_error err;

	if (tr_kafka_meta_open(&m, &conf, &err) != 0)
		fail_msg("%s", err.text);
	return m;
}

static struct tr_kafka_meta *open_meta(enum tr_kafka_isolation isolation)
{
	return open_with(tr_broker_address(), NULL, 0, isolation);
}

static int64_t ask(struct tr_kafka_meta *m, const char *topic,
	enum tr_offset_spec spec, int64_t time_ms, bool *beyond_last)
{
	struct tr_offset_query q = {
		.topic = topic,
		.spec = spec,
		.time_ms = time_ms,
	};
	struct tr_error err;

	if (tr_kafka_meta_offsets(m, &q, 1, &err) != 0)
		fail_msg("%s", err.text);
	*beyond_last = q.beyond_last;
	return q.offset;
}

static void test_meta__names_an_unknown_topic(void **state)
{
	struct tr_kafka_meta *m = open_meta(TR_READ_COMMITTED);
	struct tr_error err;
	uint32_t n;

	(void)state;
	assert_int_equal(
		tr_kafka_topic_partitions(m, "no-such-topic", &n, &err),
		TR_ENOTFOUND);
	assert_string_equal(err.text, "unknown topic 'no-such-topic'");
	assert_int_equal(tr_kafka_topic_partitions(m, "bad name!", &n, &err),
		TR_ENOTFOUND);
	tr_kafka_meta_close(m);
}

static void test_meta__finds_offsets_by_time(void **state)
{
	static const struct {
		int64_t time_ms, offset;
		bool beyond_last;
	} cases[] = {
		{ 0, 0, false },
		{ 1000000, 0, false },
		{ 1000001, 1, false },
		{ 1005000, 5, false },
		{ 1009000, 9, false },
		{ 1009001, 10, true },
	};
	/* Records of 1970 would not stay for long. */
	static const char *const configs[] = { "retention.ms=-1", NULL };
	struct tr_kafka_meta *m = open_meta(TR_READ_COMMITTED);
	struct tr_feed *f = tr_feed_open(tr_broker_address(), NULL);
	char topic[TR_BROKER_TOPIC_MAX];
	bool beyond_last;

	(void)state;
	tr_broker_topic_create(
		tr_broker_topic_name(topic, "timed"), 1, configs);
	for (int i = 0; i < 10; i++)
		tr_feed_put(f, topic, 0,
			&(struct tr_feed_record){
				.timestamp_ms = 1000000 + i * 1000 });
	tr_feed_flush(f);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		assert_int_equal(ask(m, topic, TR_OFFSET_AT_TIME,
					 cases[i].time_ms, &beyond_last),
			cases[i].offset);
		assert_int_equal(beyond_last, cases[i].beyond_last);
	}
	tr_broker_records_delete(topic, 0, 4);
	assert_int_equal(ask(m, topic, TR_OFFSET_EARLIEST, 0, &beyond_last), 4);
	assert_int_equal(ask(m, topic, TR_OFFSET_LATEST, 0, &beyond_last), 10);
	tr_feed_close(f);
	tr_kafka_meta_close(m);
}

static void test_meta__ends_at_the_last_stable_offset(void **state)
{
	struct tr_kafka_meta *committed = open_meta(TR_READ_COMMITTED);
	struct tr_kafka_meta *all = open_meta(TR_READ_UNCOMMITTED);
	char topic[TR_BROKER_TOPIC_MAX], id[TR_BROKER_TOPIC_MAX + 32];
	const char *props[] = { id, NULL };
	bool beyond_last;

	(void)state;
	tr_broker_topic_create(tr_broker_topic_name(topic, "stable"), 1, NULL);
	snprintf(id, sizeof(id), "transactional.id=%s", topic);
	struct tr_feed *f = tr_feed_open(tr_broker_address(), props);
	tr_feed_begin(f);
	for (int i = 0; i < 5; i++)
		tr_feed_put_text(f, topic, 0, "x");
	tr_feed_flush(f);
	assert_int_equal(
		ask(committed, topic, TR_OFFSET_LATEST, 0, &beyond_last), 0);
	assert_int_equal(ask(all, topic, TR_OFFSET_LATEST, 0, &beyond_last), 5);
	tr_feed_commit(f);
	tr_feed_close(f);
	tr_kafka_meta_close(committed);
	tr_kafka_meta_close(all);
}

static void test_meta__reads_a_topics_settings(void **state)
{
	static const char *const configs[] = { "cleanup.policy=compact,delete",
		"max.message.bytes=2000000", NULL };
	struct tr_kafka_meta *m = open_meta(TR_READ_COMMITTED);
	struct tr_topic_config config;
	char topic[TR_BROKER_TOPIC_MAX];

	(void)state;
	tr_broker_topic_create(
		tr_broker_topic_name(topic, "settings"), 1, configs);
	assert_int_equal(tr_kafka_topic_config(m, topic, &config, NULL), 0);
	assert_true(config.known);
	assert_true(config.compacted);
	assert_true(config.deleted);
	assert_int_equal(config.max_message_bytes, 2000000);

	tr_broker_topic_create(
		tr_broker_topic_name(topic, "settings"), 1, NULL);
	assert_int_equal(tr_kafka_topic_config(m, topic, &config, NULL), 0);
	assert_true(config.known);
	assert_false(config.compacted);
	assert_true(config.deleted);
	tr_kafka_meta_close(m);
}

/* ---- login ---- */

static void ask_with_password(
	const char *password, int *rc, uint32_t *n, struct tr_error *err)
{
	static const char *const props[] = {
		"security.protocol=SASL_PLAINTEXT",
		"sasl.mechanism=PLAIN",
		("sasl.username=" TR_BROKER_USER),
		"sasl.password=env:TR_TEST_PASSWORD",
	};
	char topic[TR_BROKER_TOPIC_MAX];

	if (tr_broker_sasl_address()[0] == '\0') {
		print_message("the shared broker has no SASL listener\n");
		skip();
	}
	tr_broker_topic_create(tr_broker_topic_name(topic, "login"), 3, NULL);
	setenv("TR_TEST_PASSWORD", password, 1);
	struct tr_kafka_meta *m = open_with(tr_broker_sasl_address(), props,
		TR_ARRAY_LEN(props), TR_READ_COMMITTED);
	*rc = tr_kafka_topic_partitions(m, topic, n, err);
	tr_kafka_meta_close(m);
	unsetenv("TR_TEST_PASSWORD");
}

static void test_meta__logs_in(void **state)
{
	struct tr_error err;
	uint32_t n = 0;
	int rc;

	(void)state;
	ask_with_password(TR_BROKER_PASSWORD, &rc, &n, &err);
	if (rc != 0)
		fail_msg("%s", err.text);
	assert_int_equal(n, 3);
}

static void test_meta__says_that_the_login_is_refused(void **state)
{
	uint64_t begin = tr_clock_mono_ms();
	struct tr_error err;
	uint32_t n = 0;
	int rc;

	(void)state;
	ask_with_password("not-the-password", &rc, &n, &err);
	if (rc != TR_EAUTH)
		fail_msg("%d: %s", rc, err.text);
	assert_true(tr_clock_mono_ms() - begin < 10000);
	assert_non_null(strstr(err.text, tr_broker_sasl_address()));
	assert_non_null(strstr(err.text, "uthentication"));
	assert_null(strstr(err.text, "not-the-password"));
}

TR_BROKER_TEST_MAIN(cmocka_unit_test(test_meta__names_an_unknown_topic),
	cmocka_unit_test(test_meta__finds_offsets_by_time),
	cmocka_unit_test(test_meta__ends_at_the_last_stable_offset),
	cmocka_unit_test(test_meta__reads_a_topics_settings),
	cmocka_unit_test(test_meta__logs_in),
	cmocka_unit_test(test_meta__says_that_the_login_is_refused));
