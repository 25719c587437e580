/*
 * What every range reader must do, as tests against the interface alone.
 *
 * A reader's test program says how to open it and which broker to use, and
 * runs the cases as the state of a cmocka group:
 *
 *     tr_conformance_basic  on any broker, the mock cluster included
 *     tr_conformance_real   needs transactions, compaction, DeleteRecords and
 *                           so on: a real broker (tests/support/broker.h)
 *
 * What is expected follows from what the test itself wrote: record `i` of a
 * plain log is at offset `i` with the value "value-<i>".
 */
#ifndef TR_TESTS_EXECUTOR_READER_CONFORMANCE_H
#define TR_TESTS_EXECUTOR_READER_CONFORMANCE_H

#include "tests/support/test.h"

#include "common/kafka/conf.h"
#include "executor/reader/reader.h"

struct tr_conformance {
	const char *brokers;
	struct tr_reader *(*open)(const char *brokers,
		enum tr_kafka_isolation isolation, uint32_t stall_ms);
	void (*topic_create)(
		const char *topic, int partitions, const char *const *configs);
};

extern const struct CMUnitTest tr_conformance_basic[];
extern const size_t tr_conformance_basic_n;
extern const struct CMUnitTest tr_conformance_real[];
extern const size_t tr_conformance_real_n;

/* cmocka's runner as it is behind its macro, for a table with a length. */
static inline int tr_conformance_run(const char *name,
	const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup)
{
	return _cmocka_run_group_tests(name, tests, n, setup, NULL);
}

#endif /* TR_TESTS_EXECUTOR_READER_CONFORMANCE_H */
