/*
 * A range reader: hands out exactly the visible records of one range, in
 * order, or a typed error; never a silent subset.
 *
 * A range is [from, until) of one partition. Offsets in it need not be
 * contiguous: compaction, transaction markers and aborted records leave holes,
 * also at its ends. A range is complete when the reader's *position* has
 * reached `until`, not when some number of records came.
 *
 * Records are handed out as batches of views: pointers into buffers that the
 * reader owns and takes back as a whole. Calling sequence:
 *
 *     tr_reader_start(r, &range, &err)
 *     while ((rc = tr_reader_next(r, 100, &batch, &err)) >= 0)
 *         TR_READ_BATCH: use batch.records[0 … n), tr_reader_release(r, &batch)
 *         TR_READ_IDLE:  nothing came within the time; look at other things
 *         TR_READ_END:   break
 *     tr_reader_receipt(r, &receipt)
 *     tr_reader_stop(r)
 *
 * One range at a time, any number one after the other. A range that starts
 * where the last complete one of that partition ended continues it: what was
 * read ahead is kept and nothing is fetched twice. tr_reader_cool() gives that
 * memory and the background fetching up; call it when idle.
 *
 * Thread: one. start blocks for a question to the broker, at most
 * TR_KAFKA_ASK_MS; next up to its time-out, and like start where the broker
 * must be asked about a hole or an error.
 */
#ifndef TR_EXECUTOR_READER_READER_H
#define TR_EXECUTOR_READER_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/digest.h"
#include "common/data/slice.h"

enum tr_timestamp_type {
	TR_TIMESTAMP_NONE,
	TR_TIMESTAMP_CREATE, /* the producer's clock: arbitrary, not monotone */
	TR_TIMESTAMP_APPEND, /* the broker's clock */
};

/* A null key or value has p == NULL; an empty one has not. */
struct tr_record_view {
	int64_t offset;
	int64_t timestamp_ms; /* -1 with TR_TIMESTAMP_NONE */
	struct tr_slice key;
	struct tr_slice value;
	const struct tr_header_view *headers; /* in their order */
	uint32_t n_headers;
	enum tr_timestamp_type timestamp_type;
};

struct tr_batch_view {
	const struct tr_record_view *records;
	size_t n;         /* at least 1 */
	int64_t position; /* all visible records below it were handed out */
};

struct tr_range {
	const char *topic; /* borrowed until stop */
	int32_t partition;
	int64_t from;  /* inclusive */
	int64_t until; /* exclusive, >= from */
};

/* What a reader can say about a range it has read, wholly or in part. */
struct tr_read_receipt {
	uint64_t records;
	uint64_t bytes;       /* keys, values and headers */
	int64_t first_offset; /* -1 when no record was read */
	int64_t last_offset;
	int64_t position;
	bool complete;            /* TR_READ_END was returned */
	struct tr_digest digest;  /* of the records' content, in order */
	int64_t log_start_before; /* as known at start */
	int64_t log_start_after; /* as last asked; asked when a hole needs it */
	uint64_t duplicates;     /* delivered again by the broker, dropped */
	const char *library;     /* the reader's, "librdkafka 2.0.2" */
};

enum tr_read {
	TR_READ_IDLE = 0,
	TR_READ_BATCH = 1,
	TR_READ_END = 2,
};

struct tr_reader;

struct tr_reader_ops {
	int (*start)(struct tr_reader *r, const struct tr_range *range,
		struct tr_error *err);
	int (*next)(struct tr_reader *r, uint32_t timeout_ms,
		struct tr_batch_view *batch, struct tr_error *err);
	void (*release)(struct tr_reader *r, struct tr_batch_view *batch);
	void (*receipt)(const struct tr_reader *r, struct tr_read_receipt *out);
	void (*stop)(struct tr_reader *r);
	void (*cool)(struct tr_reader *r);
	void (*close)(struct tr_reader *r);
};

/* Embedded first in each reader's own struct. */
struct tr_reader {
	const struct tr_reader_ops *ops;
};

/*
 * Begins a range. TR_ENOTFOUND (topic or partition), TR_EINPUT_GONE (starts
 * below the log start), TR_EUNREACH, TR_EAUTH, TR_EKAFKA, TR_ETIMEOUT; after an
 * error the reader is stopped. An empty range (from == until) is legal and ends
 * at once.
 */
static inline int tr_reader_start(
	struct tr_reader *r, const struct tr_range *range, struct tr_error *err)
{
	return r->ops->start(r, range, err);
}

/*
 * An enum tr_read, or an error that ends the attempt: TR_EINPUT_GONE,
 * TR_ETRUNCATED, TR_ESTALLED, TR_EUNREACH, TR_ECORRUPT, TR_EAUTH, TR_ENOTFOUND,
 * TR_EKAFKA, TR_ELIMIT (a key over TR_KEY_MAX or a value over TR_VALUE_MAX).
 * The batch handed out before must have been released. After TR_READ_END it
 * returns that again; after an error only stop may follow.
 */
static inline int tr_reader_next(struct tr_reader *r, uint32_t timeout_ms,
	struct tr_batch_view *batch, struct tr_error *err)
{
	return r->ops->next(r, timeout_ms, batch, err);
}

/* Views of the batch and everything taken from them end here. */
static inline void tr_reader_release(
	struct tr_reader *r, struct tr_batch_view *batch)
{
	r->ops->release(r, batch);
}

/* Of the range that is started, up to the last batch handed out. */
static inline void tr_reader_receipt(
	const struct tr_reader *r, struct tr_read_receipt *out)
{
	r->ops->receipt(r, out);
}

/* Ends the range, complete or not. No batch may be out. Does not block. */
static inline void tr_reader_stop(struct tr_reader *r)
{
	r->ops->stop(r);
}

/* Drops what a stopped range left for its continuation. */
static inline void tr_reader_cool(struct tr_reader *r)
{
	r->ops->cool(r);
}

/* Accepts NULL. */
static inline void tr_reader_close(struct tr_reader *r)
{
	if (r != NULL)
		r->ops->close(r);
}

#endif /* TR_EXECUTOR_READER_READER_H */
