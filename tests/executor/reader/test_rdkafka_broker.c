/* The librdkafka reader against a real broker. */
#include "tests/executor/reader/conformance.h"

#include "tests/executor/reader/rdkafka_open.h"
#include "tests/support/broker.h"

static struct tr_conformance conformance = {
	.open = tr_rdkafka_test_open,
	.topic_create = tr_broker_topic_create,
};

static int setup(void **state)
{
	*state = &conformance;
	return 0;
}

int main(void)
{
	int rc = tr_broker_setup();

	if (rc != 0)
		return rc;
	conformance.brokers = tr_broker_address();
	rc = tr_conformance_run("rdkafka_broker_basic", tr_conformance_basic,
		tr_conformance_basic_n, setup);
	rc |= tr_conformance_run("rdkafka_broker_real", tr_conformance_real,
		tr_conformance_real_n, setup);
	tr_broker_teardown();
	return rc;
}
