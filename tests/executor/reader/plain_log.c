#include "tests/executor/reader/plain_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void tr_plain_topic(char topic[TR_PLAIN_TOPIC_MAX],
	const struct tr_conformance *c, int partitions)
{
	static unsigned n;

	snprintf(
		topic, TR_PLAIN_TOPIC_MAX, "plain.%ld.%u", (long)getpid(), n++);
	c->topic_create(topic, partitions, NULL);
}

void tr_plain_log_fill(struct tr_feed *f, const char *topic, int32_t partition,
	int64_t from, int64_t until, int64_t batch)
{
	for (int64_t i = from; i < until; i++) {
		char value[32];
		snprintf(value, sizeof(value), "value-%" PRId64, i);
		tr_feed_put_text(f, topic, partition, value);
		if ((i + 1 - from) % batch == 0)
			tr_feed_flush(f);
	}
	tr_feed_flush(f);
}

void tr_plain_log_write(struct tr_plain_log *log,
	const struct tr_conformance *c, int64_t n, int64_t batch,
	const char *prop)
{
	const char *props[] = { prop, NULL };
	struct tr_feed *f = tr_feed_open(c->brokers, props);

	tr_plain_topic(log->topic, c, 1);
	tr_plain_log_fill(f, log->topic, 0, 0, n, batch);
	tr_feed_close(f);
}

void tr_plain_record_check(const struct tr_seen_record *record, int64_t offset)
{
	char value[32];

	snprintf(value, sizeof(value), "value-%" PRId64, offset);
	assert_int_equal(record->offset, offset);
	assert_false(record->value_absent);
	assert_string_equal(record->value, value);
}

void tr_plain_log_check(const struct tr_seen *seen, int64_t from, int64_t until)
{
	if (seen->rc != 0)
		fail_msg("%s", seen->err.text);
	assert_int_equal(seen->n, until - from);
	for (size_t i = 0; i < seen->n; i++)
		tr_plain_record_check(&seen->records[i], from + (int64_t)i);
}
