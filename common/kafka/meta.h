/*
 * The planner's view of Kafka: topics, their partitions, offsets and settings.
 *
 * Owns one librdkafka handle that reads no records. Open it once, ask as often
 * as needed; the handle reconnects by itself. Every call ends within its
 * deadline (TR_KAFKA_META_DEADLINE_MS) and says what is wrong with the cluster,
 * the login or the name.
 *
 * Thread: one at a time; every call but close blocks.
 */
#ifndef TR_COMMON_KAFKA_META_H
#define TR_COMMON_KAFKA_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/kafka/conf.h"
#include "common/kafka/offsets.h"

struct tr_kafka_meta;

/* What a planner wants to know of a topic's settings. */
struct tr_topic_config {
	bool known;     /* false: the broker does not tell; the rest is zero */
	bool compacted; /* a range read again may hold fewer records */
	bool deleted;   /* cleanup.policy has "delete" */
	uint64_t max_message_bytes;
};

/* Connects to nothing yet; TR_EINVAL or TR_ENOTFOUND for bad properties. */
int tr_kafka_meta_open(struct tr_kafka_meta **out,
	const struct tr_kafka_conf *conf, struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. */
void tr_kafka_meta_close(struct tr_kafka_meta *m);

/*
 * Number of partitions, numbered from 0. TR_ENOTFOUND ("unknown topic 'x'"),
 * TR_EAUTH, TR_EUNREACH, TR_EKAFKA, TR_ETIMEOUT.
 */
int tr_kafka_topic_partitions(struct tr_kafka_meta *m, const char *topic,
	uint32_t *n, struct tr_error *err) TR_MUST_USE;

/* As tr_kafka_offsets_find, with this handle and deadline. */
int tr_kafka_meta_offsets(struct tr_kafka_meta *m,
	struct tr_offset_query *queries, size_t n,
	struct tr_error *err) TR_MUST_USE;

/*
 * Brokers that do not answer (too old, no permission, the embedded broker)
 * give known = false and success.
 */
int tr_kafka_topic_config(struct tr_kafka_meta *m, const char *topic,
	struct tr_topic_config *config, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KAFKA_META_H */
