/*
 * The range reader over librdkafka, for any broker and any security setting
 * that library speaks.
 *
 * Owns one consumer handle for its whole life: no group, no commits, no
 * subscription; each range is one rd_kafka_consume_start_queue(). It never
 * pauses, resumes or seeks, which librdkafka 2.0.2 answers with one-second
 * stalls and, in places, with lost records.
 *
 * Memory: librdkafka reads ahead up to the window (struct tr_kafka_conf), which
 * is divided by 4.5 because a small record costs that many times its size
 * there; one batch handed out comes on top.
 */
#ifndef TR_EXECUTOR_READER_RDKAFKA_READER_H
#define TR_EXECUTOR_READER_RDKAFKA_READER_H

#include "common/kafka/conf.h"
#include "executor/reader/reader.h"

struct tr_rdkafka_reader_opts {
	struct tr_kafka_conf kafka; /* copied where needed */
	uint32_t stall_ms;          /* 0 means TR_READER_STALL_MS */
};

/* TR_EINVAL or TR_ENOTFOUND for bad properties. Connects to nothing yet. */
int tr_rdkafka_reader_open(struct tr_reader **out,
	const struct tr_rdkafka_reader_opts *opts,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_EXECUTOR_READER_RDKAFKA_READER_H */
