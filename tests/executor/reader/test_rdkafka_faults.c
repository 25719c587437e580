/*
 * What the librdkafka reader makes of trouble: passing trouble is waited out
 * and costs no record and no order, anything else ends the attempt with its
 * own error.
 */
#include "tests/support/test.h"

#include <string.h>

#include "common/base/check.h"
#include "tests/executor/reader/plain_log.h"
#include "tests/executor/reader/rdkafka_open.h"
#include "tests/executor/reader/seen.h"
#include "tests/support/mock_cluster.h"

enum {
	FETCH = 1, /* Kafka's API key */
	COUNT = 2000,
	STALL_MS = 1500,
	PATIENT_MS = 20000,
};

static struct tr_mock_cluster mock;

static void topic_create(
	const char *topic, int partitions, const char *const *configs)
{
	(void)configs;
	assert_int_equal(
		rd_kafka_mock_topic_create(mock.cluster, topic, partitions, 1),
		0);
	rd_kafka_mock_partition_set_leader(mock.cluster, topic, 0, 1);
}

static struct tr_conformance conformance = {
	.topic_create = topic_create,
};

static struct tr_reader *open_reader(uint32_t stall_ms)
{
	return tr_rdkafka_test_open(
		mock.bootstrap, TR_READ_COMMITTED, stall_ms);
}

static void test_reader__waits_out_what_passes(void **state)
{
	static const rd_kafka_resp_err_t passing[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
		RD_KAFKA_RESP_ERR__TRANSPORT,
		/* The log holds the offset when the reader asks. */
		RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
	};
	struct tr_plain_log log;

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 100, NULL);
	for (size_t i = 0; i < TR_ARRAY_LEN(passing); i++) {
		struct tr_reader *r = open_reader(PATIENT_MS);
		struct tr_seen seen;
		rd_kafka_mock_push_request_errors(
			mock.cluster, FETCH, 2, passing[i], passing[i]);
		tr_seen_read(&seen, r, log.topic, 0, 0, COUNT);
		tr_plain_log_check(&seen, 0, COUNT);
		tr_seen_fini(&seen);
		tr_reader_close(r);
	}
}

/* A broker that goes on saying so is believed in the end. */
static void test_reader__doubts_out_of_range_for_a_while_only(void **state)
{
	const rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
	struct tr_reader *r = open_reader(PATIENT_MS);
	struct tr_plain_log log;
	struct tr_seen seen;

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 100, NULL);
	rd_kafka_mock_push_request_errors(
		mock.cluster, FETCH, 8, e, e, e, e, e, e, e, e);
	tr_seen_read(&seen, r, log.topic, 0, 0, COUNT);
	assert_int_equal(seen.rc, TR_ETRUNCATED);
	assert_int_equal(seen.n, 0);
	rd_kafka_mock_clear_request_errors(mock.cluster, FETCH);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__ends_with_the_fault_as_its_error(void **state)
{
	static const struct {
		rd_kafka_resp_err_t fault;
		int code;
	} cases[] = {
		{ RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, TR_EAUTH },
		{ RD_KAFKA_RESP_ERR_INVALID_MSG, TR_ECORRUPT },
		{ RD_KAFKA_RESP_ERR_UNKNOWN, TR_EKAFKA },
		{ RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, TR_EKAFKA },
	};
	struct tr_plain_log log;

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 100, NULL);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_reader *r = open_reader(PATIENT_MS);
		struct tr_seen seen;
		rd_kafka_mock_push_request_errors(
			mock.cluster, FETCH, 1, cases[i].fault);
		tr_seen_read(&seen, r, log.topic, 0, 0, COUNT);
		if (seen.rc != cases[i].code)
			fail_msg("%s gave %d",
				rd_kafka_err2name(cases[i].fault), seen.rc);
		assert_non_null(strstr(seen.err.text, log.topic));
		assert_int_equal(seen.n, 0);
		tr_seen_fini(&seen);

		/* The next attempt is not tainted. */
		tr_seen_read(&seen, r, log.topic, 0, 0, COUNT);
		tr_plain_log_check(&seen, 0, COUNT);
		tr_seen_fini(&seen);
		tr_reader_close(r);
	}
}

static void test_reader__follows_the_leader(void **state)
{
	struct tr_reader *r = open_reader(PATIENT_MS);
	struct tr_plain_log log;
	struct tr_seen seen = { .n = 0 };

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 50, NULL);
	struct tr_range range = { log.topic, 0, 0, COUNT };
	assert_int_equal(tr_reader_start(r, &range, &seen.err), 0);
	while (seen.n == 0)
		assert_true(tr_seen_next(&seen, r, 100) >= 0);
	rd_kafka_mock_partition_set_leader(mock.cluster, log.topic, 0, 2);
	int rc;
	while ((rc = tr_seen_next(&seen, r, 100)) != TR_READ_END)
		assert_true(rc >= 0);
	tr_plain_log_check(&seen, 0, COUNT);
	tr_seen_fini(&seen);
	tr_reader_stop(r);
	tr_reader_close(r);
}

static void test_reader__gives_up_without_progress(void **state)
{
	struct tr_reader *r = open_reader(STALL_MS);
	struct tr_plain_log log;
	struct tr_seen seen;

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 100, NULL);
	tr_seen_read(&seen, r, log.topic, 0, 0, 10);
	tr_plain_log_check(&seen, 0, 10);
	tr_seen_fini(&seen);
	tr_reader_cool(r);

	/* Every fetch fails, the offsets are still told. */
	for (int i = 0; i < 200; i++)
		rd_kafka_mock_push_request_errors(mock.cluster, FETCH, 1,
			RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
	tr_seen_read(&seen, r, log.topic, 0, 10, 20);
	rd_kafka_mock_clear_request_errors(mock.cluster, FETCH);
	assert_int_equal(seen.rc, TR_ESTALLED);
	assert_non_null(strstr(seen.err.text, "no progress beyond 10"));
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__survives_a_broker_restart(void **state)
{
	struct tr_reader *r = open_reader(PATIENT_MS);
	struct tr_plain_log log;
	struct tr_seen seen = { .n = 0 };
	int rc;

	(void)state;
	tr_plain_log_write(&log, &conformance, COUNT, 50, NULL);
	struct tr_range range = { log.topic, 0, 0, COUNT };
	assert_int_equal(tr_reader_start(r, &range, &seen.err), 0);
	while (seen.n == 0)
		assert_true(tr_seen_next(&seen, r, 100) >= 0);
	rd_kafka_mock_broker_set_down(mock.cluster, 1);
	assert_true(tr_seen_next(&seen, r, 100) >= 0);
	rd_kafka_mock_broker_set_up(mock.cluster, 1);
	while ((rc = tr_seen_next(&seen, r, 100)) != TR_READ_END)
		assert_true(rc >= 0);
	tr_plain_log_check(&seen, 0, COUNT);
	tr_seen_fini(&seen);
	tr_reader_stop(r);
	tr_reader_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader__waits_out_what_passes),
		cmocka_unit_test(
			test_reader__doubts_out_of_range_for_a_while_only),
		cmocka_unit_test(test_reader__ends_with_the_fault_as_its_error),
		cmocka_unit_test(test_reader__follows_the_leader),
		cmocka_unit_test(test_reader__gives_up_without_progress),
		cmocka_unit_test(test_reader__survives_a_broker_restart),
	};

	tr_mock_cluster_start(&mock, 2);
	conformance.brokers = mock.bootstrap;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	tr_mock_cluster_stop(&mock);
	return rc;
}
