/*
 * Asking brokers for offsets: the first, the end, or the one at a time, of many
 * partitions at once.
 *
 * One ListOffsets request goes to each leader, whatever the number of
 * partitions. Under read_committed the end is the last stable offset: that is
 * what a range may reach up to. Right after a commit it may still lag behind
 * the commit's reply for a moment.
 *
 * librdkafka 2.0.2 answers NOT_LEADER for good after a leader moved, and fills
 * in nothing when one leader is down; both are cured by refreshing its metadata
 * and asking again, which is done here until the deadline.
 * rd_kafka_query_watermark_offsets() is not used: it ignores its time-out.
 *
 * Thread: the handle's owner; blocks up to the deadline.
 */
#ifndef TR_COMMON_KAFKA_OFFSETS_H
#define TR_COMMON_KAFKA_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "common/base/err.h"
#include "common/kafka/watch.h"

enum tr_offset_spec {
	TR_OFFSET_EARLIEST, /* log start */
	TR_OFFSET_LATEST,   /* end of what the isolation level shows */
	TR_OFFSET_AT_TIME,  /* first record at or after the time */
};

struct tr_offset_query {
	const char *topic; /* borrowed */
	int32_t partition;
	enum tr_offset_spec spec;
	int64_t time_ms; /* TR_OFFSET_AT_TIME: since 1970 UTC */

	int64_t offset;   /* answer; the end when no record is that young */
	bool beyond_last; /* answer; no record at or after the time */
};

/*
 * Fills in all answers, or fails as a whole and names the partition:
 * TR_ENOTFOUND (no such topic or partition), TR_EUNREACH, TR_EAUTH, TR_EKAFKA,
 * TR_ETIMEOUT. The same partition may be asked about several times.
 */
int tr_kafka_offsets_find(rd_kafka_t *rk, struct tr_kafka_watch *watch,
	struct tr_offset_query *queries, size_t n, uint32_t timeout_ms,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KAFKA_OFFSETS_H */
