/* The librdkafka reader against the mock cluster: what any broker shows. */
#include "tests/executor/reader/conformance.h"

#include "executor/reader/rdkafka_reader.h"
#include "tests/executor/reader/rdkafka_open.h"
#include "tests/support/mock_cluster.h"

static struct tr_mock_cluster mock;

static void topic_create(
	const char *topic, int partitions, const char *const *configs)
{
	assert_null(configs);
	assert_int_equal(
		rd_kafka_mock_topic_create(mock.cluster, topic, partitions, 1),
		0);
}

static struct tr_conformance conformance = {
	.open = tr_rdkafka_test_open,
	.topic_create = topic_create,
};

static int setup(void **state)
{
	*state = &conformance;
	return 0;
}

int main(void)
{
	tr_mock_cluster_start(&mock, 1);
	conformance.brokers = mock.bootstrap;
	int rc = tr_conformance_run("rdkafka_mock", tr_conformance_basic,
		tr_conformance_basic_n, setup);
	tr_mock_cluster_stop(&mock);
	return rc;
}
