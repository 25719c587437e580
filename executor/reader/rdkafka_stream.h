/*
 * The consumption of one partition at a time into a queue of its own, and the
 * messages taken from that queue.
 *
 * Owns the topic handles, the queue, and a table of up to
 * TR_READER_BATCH_RECORDS messages in three parts: handed out, waiting, free.
 * tr_stream_peek shows the first that waits, tr_stream_pass hands it out,
 * tr_stream_release destroys all that are handed out; tr_stream_fill takes new
 * ones when none is left. A stream stays open between ranges, and librdkafka
 * reads ahead meanwhile.
 *
 * Thread: the reader's. Only fill waits.
 */
#ifndef TR_EXECUTOR_READER_RDKAFKA_STREAM_H
#define TR_EXECUTOR_READER_RDKAFKA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/base/bounds.h"
#include "common/base/check.h"
#include "common/base/err.h"

struct tr_stream {
	rd_kafka_t *rk;
	rd_kafka_topic_t **topics; /* kept for the handle's life */
	size_t n_topics;

	rd_kafka_queue_t *queue; /* NULL: closed */
	rd_kafka_topic_t *topic;
	int32_t partition;
	bool may_sleep; /* librdkafka, in the middle of this partition */

	rd_kafka_message_t *msgs[TR_READER_BATCH_RECORDS];
	size_t n;
	size_t out_lo; /* [out_lo, out_hi) are handed out, */
	size_t out_hi; /* [out_hi, n) wait */
};

/* A zeroed one with `rk` set is closed and valid. fini leaves such a one. */
void tr_stream_fini(struct tr_stream *s);

/* Begins at offset `from`. TR_EINVAL, TR_ELIMIT or TR_EKAFKA. */
int tr_stream_open(struct tr_stream *s, const char *topic, int32_t partition,
	int64_t from, struct tr_error *err) TR_MUST_USE;

/* Drops what waits and what was read ahead. Accepts a closed one. */
void tr_stream_close(struct tr_stream *s);

static inline bool tr_stream_is_open(const struct tr_stream *s)
{
	return s->queue != NULL;
}

/* Of an open one. Borrowed. */
const char *tr_stream_topic(const struct tr_stream *s);

/*
 * Takes new messages; none may wait. False when nothing came within the time.
 * Where librdkafka had to be woken, its broker may have told the log start:
 * *log_start is set then, and untouched otherwise.
 */
bool tr_stream_fill(
	struct tr_stream *s, uint32_t timeout_ms, int64_t *log_start);

/* The first message that waits, a record or an event, or NULL. */
static inline const rd_kafka_message_t *tr_stream_peek(
	const struct tr_stream *s)
{
	return s->out_hi < s->n ? s->msgs[s->out_hi] : NULL;
}

/* Hands it out. */
static inline void tr_stream_pass(struct tr_stream *s)
{
	s->out_hi++;
}

static inline bool tr_stream_is_out(const struct tr_stream *s)
{
	return s->out_lo < s->out_hi;
}

/* Takes back what was handed out. */
void tr_stream_release(struct tr_stream *s);

#endif /* TR_EXECUTOR_READER_RDKAFKA_STREAM_H */
