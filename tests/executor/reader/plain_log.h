/*
 * Logs whose record at offset i has the value "value-<i>" and no key.
 */
#ifndef TR_TESTS_EXECUTOR_READER_PLAIN_LOG_H
#define TR_TESTS_EXECUTOR_READER_PLAIN_LOG_H

#include "tests/executor/reader/conformance.h"
#include "tests/executor/reader/seen.h"
#include "tests/support/feed.h"

enum {
	TR_PLAIN_TOPIC_MAX = 128
};

struct tr_plain_log {
	char topic[TR_PLAIN_TOPIC_MAX];
};

/* A new topic with a name of its own. */
void tr_plain_topic(char topic[TR_PLAIN_TOPIC_MAX],
	const struct tr_conformance *c, int partitions);

/* Offsets [from, until) in batches of `batch` records. */
void tr_plain_log_fill(struct tr_feed *f, const char *topic, int32_t partition,
	int64_t from, int64_t until, int64_t batch);

/* A new topic of one partition with n records; `prop` may be NULL. */
void tr_plain_log_write(struct tr_plain_log *log,
	const struct tr_conformance *c, int64_t n, int64_t batch,
	const char *prop);

/* The range was complete and exactly these offsets came, in order. */
void tr_plain_log_check(
	const struct tr_seen *seen, int64_t from, int64_t until);

/* Record i of what was seen is the plain record of that offset. */
void tr_plain_record_check(const struct tr_seen_record *record, int64_t offset);

#endif /* TR_TESTS_EXECUTOR_READER_PLAIN_LOG_H */
