/* How the tests open the librdkafka reader: with the smallest window. */
#ifndef TR_TESTS_EXECUTOR_READER_RDKAFKA_OPEN_H
#define TR_TESTS_EXECUTOR_READER_RDKAFKA_OPEN_H

#include "tests/support/test.h"

#include "common/base/bounds.h"
#include "executor/reader/rdkafka_reader.h"

static inline struct tr_reader *tr_rdkafka_test_open(const char *brokers,
	enum tr_kafka_isolation isolation, uint32_t stall_ms)
{
	struct tr_rdkafka_reader_opts opts = {
		.kafka = { .brokers = brokers,
			.isolation = isolation,
			.window = TR_READER_WINDOW_MIN },
		.stall_ms = stall_ms,
	};
	struct tr_reader *r;
	struct tr_error err;

	if (tr_rdkafka_reader_open(&r, &opts, &err) != 0)
		fail_msg("%s", err.text);
	return r;
}

#endif /* TR_TESTS_EXECUTOR_READER_RDKAFKA_OPEN_H */
