#include "executor/reader/rdkafka_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"

enum {
	/* Nothing for so long after the queue ran dry: librdkafka 2.0.2 may be
	   asleep for a second because the queue was full a moment ago. */
	WAKE_AFTER_MS = 2,
	WAKE_CALL_MS = 1,
};

static int topic_find(struct tr_stream *s, const char *name,
	rd_kafka_topic_t **out, struct tr_error *err)
{
	for (size_t i = 0; i < s->n_topics; i++) {
		if (strcmp(rd_kafka_topic_name(s->topics[i]), name) == 0) {
			*out = s->topics[i];
			return 0;
		}
	}
	if (s->n_topics == TR_READER_TOPICS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"a worker reads at most %u topics",
			TR_READER_TOPICS_MAX);

	rd_kafka_topic_t *topic = rd_kafka_topic_new(s->rk, name, NULL);
	if (topic == NULL)
		return tr_error_set(err, TR_EINVAL, "topic '%s': %s", name,
			rd_kafka_err2str(rd_kafka_last_error()));
	s->topics =
		tr_xrealloc(s->topics, (s->n_topics + 1) * sizeof(*s->topics));
	s->topics[s->n_topics++] = topic;
	*out = topic;
	return 0;
}

void tr_stream_fini(struct tr_stream *s)
{
	tr_stream_close(s);
	for (size_t i = 0; i < s->n_topics; i++)
		rd_kafka_topic_destroy(s->topics[i]);
	free(s->topics);
	s->topics = NULL;
	s->n_topics = 0;
}

int tr_stream_open(struct tr_stream *s, const char *name, int32_t partition,
	int64_t from, struct tr_error *err)
{
	rd_kafka_topic_t *topic = NULL;
	int rc = topic_find(s, name, &topic, err);

	tr_assert(!tr_stream_is_open(s));
	if (rc != 0)
		return rc;
	rd_kafka_queue_t *queue = rd_kafka_queue_new(s->rk);
	if (rd_kafka_consume_start_queue(topic, partition, from, queue) != 0) {
		rd_kafka_queue_destroy(queue);
		return tr_error_set(err, TR_EKAFKA,
			"cannot read topic '%s' partition %" PRId32 ": %s",
			name, partition,
			rd_kafka_err2str(rd_kafka_last_error()));
	}
	s->queue = queue;
	s->topic = topic;
	s->partition = partition;
	s->may_sleep = false;
	return 0;
}

void tr_stream_close(struct tr_stream *s)
{
	if (!tr_stream_is_open(s))
		return;
	s->out_hi = s->n;
	tr_stream_release(s);
	rd_kafka_consume_stop(s->topic, s->partition);
	rd_kafka_queue_destroy(s->queue);
	s->queue = NULL;
}

const char *tr_stream_topic(const struct tr_stream *s)
{
	return rd_kafka_topic_name(s->topic);
}

void tr_stream_release(struct tr_stream *s)
{
	for (; s->out_lo < s->out_hi; s->out_lo++)
		rd_kafka_message_destroy(s->msgs[s->out_lo]);
}

/* ---- filling ---- */

static bool filled_with(struct tr_stream *s, size_t n)
{
	s->n = n;
	s->out_lo = s->out_hi = 0;
	return n > 0;
}

static bool fill_now(struct tr_stream *s)
{
	ssize_t n = rd_kafka_consume_batch_queue(
		s->queue, 0, s->msgs, TR_READER_BATCH_RECORDS);

	return filled_with(s, n > 0 ? (size_t)n : 0);
}

/* The batch call would wait for a full batch; this one waits for any. */
static bool fill_within(struct tr_stream *s, uint32_t timeout_ms)
{
	rd_kafka_message_t *first =
		rd_kafka_consume_queue(s->queue, (int)timeout_ms);

	if (first == NULL)
		return false;
	ssize_t n = rd_kafka_consume_batch_queue(
		s->queue, 0, &s->msgs[1], TR_READER_BATCH_RECORDS - 1);
	s->msgs[0] = first;
	return filled_with(s, 1 + (n > 0 ? (size_t)n : 0));
}

/*
 * A call that reaches the broker's thread wakes it. It need not be answered;
 * if it is, the log start is news.
 */
static void wake(struct tr_stream *s, int64_t *log_start)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *part = rd_kafka_topic_partition_list_add(
		list, tr_stream_topic(s), s->partition);

	part->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (rd_kafka_offsets_for_times(s->rk, list, WAKE_CALL_MS) == 0 &&
		part->err == 0 && part->offset >= 0)
		*log_start = part->offset;
	rd_kafka_topic_partition_list_destroy(list);
}

/* Waits a moment, then makes sure that librdkafka is awake. */
static bool fill_or_wake(
	struct tr_stream *s, uint32_t *timeout_ms, int64_t *log_start)
{
	uint32_t first =
		*timeout_ms < WAKE_AFTER_MS ? *timeout_ms : WAKE_AFTER_MS;

	if (fill_within(s, first))
		return true;
	*timeout_ms -= first;
	s->may_sleep = false;
	wake(s, log_start);
	return false;
}

bool tr_stream_fill(
	struct tr_stream *s, uint32_t timeout_ms, int64_t *log_start)
{
	tr_assert(s->out_lo == s->n);
	bool filled = fill_now(s);
	if (!filled && s->may_sleep)
		filled = fill_or_wake(s, &timeout_ms, log_start);
	if (!filled && timeout_ms > 0)
		filled = fill_within(s, timeout_ms);
	if (filled)
		s->may_sleep = true;
	return filled;
}
