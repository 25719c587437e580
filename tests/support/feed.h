/*
 * The tests' producer: exact records to exact partitions, in batches whose
 * borders the test decides, with or without transactions.
 *
 * Every call fails the running test when Kafka refuses. Records put since the
 * last flush go out as one batch per partition, up to 8 MB.
 *
 * Thread: one.
 */
#ifndef TR_TESTS_SUPPORT_FEED_H
#define TR_TESTS_SUPPORT_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "common/data/digest.h"
#include "common/data/slice.h"

struct tr_feed;

struct tr_feed_record {
	struct tr_slice key;   /* absent: null */
	struct tr_slice value; /* absent: null */
	int64_t timestamp_ms;  /* 0: now */
	const struct tr_header_view *headers;
	size_t n_headers;
};

/* `props` are librdkafka's, "name=value", ended by NULL; may be NULL. */
struct tr_feed *tr_feed_open(const char *brokers, const char *const *props);
void tr_feed_close(struct tr_feed *f);

void tr_feed_put(struct tr_feed *f, const char *topic, int32_t partition,
	const struct tr_feed_record *record);

/* A record with a text for its value, and no key. */
void tr_feed_put_text(struct tr_feed *f, const char *topic, int32_t partition,
	const char *value);

/* Sends what was put and waits for all acknowledgements. */
void tr_feed_flush(struct tr_feed *f);

/* Needs "transactional.id=…" among the properties. */
void tr_feed_begin(struct tr_feed *f);
void tr_feed_commit(struct tr_feed *f);
void tr_feed_abort(struct tr_feed *f);

#endif /* TR_TESTS_SUPPORT_FEED_H */
