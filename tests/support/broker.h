/*
 * A real Apache Kafka broker for an integration test.
 *
 * Either the one that the environment names (TRANCHE_TEST_BROKER, and
 * TRANCHE_TEST_BROKER_SASL for its SASL/PLAIN listener, user "alice", password
 * "wonder"), shared by many tests, so that topics need names of their own; or
 * one that lives as long as the test program, started by
 * tests/support/kafka-broker. It ends with the test, however that ends.
 *
 * A test program ends with TR_BROKER_TEST_MAIN(cmocka_unit_test(…), …). Without
 * Java or the jars it is skipped, with the reason, unless
 * TRANCHE_TEST_REQUIRE_KAFKA is set. Other calls fail the running test when
 * the broker refuses.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_SUPPORT_BROKER_H
#define TR_TESTS_SUPPORT_BROKER_H

#include <stddef.h>
#include <stdint.h>

#define TR_BROKER_USER     "alice"
#define TR_BROKER_PASSWORD "wonder"

enum {
	TR_BROKER_SKIPPED = 77, /* exit status, known to ctest */
	TR_BROKER_TOPIC_MAX = 128
};

/* 0, TR_BROKER_SKIPPED, or 1 after saying why. Not within a test. */
int tr_broker_setup(void);

/* The same with a broker of its own, at an address of this machine. */
int tr_broker_setup_on(const char *host);
void tr_broker_teardown(void);

/* "address:port" of the plain listener, and of the one with SASL/PLAIN. */
const char *tr_broker_address(void);
const char *tr_broker_sasl_address(void);

/* Folder of its partitions' logs, or NULL when they are out of reach. */
const char *tr_broker_data(void);

/* A name that no other test uses. Returns name. */
const char *tr_broker_topic_name(
	char name[TR_BROKER_TOPIC_MAX], const char *prefix);

/* `configs` are "name=value", ended by NULL; may be NULL. */
void tr_broker_topic_create(
	const char *topic, int partitions, const char *const *configs);
void tr_broker_topic_delete(const char *topic);

/* Moves the log start of a partition to `before`. */
void tr_broker_records_delete(
	const char *topic, int32_t partition, int64_t before);

/*
 * Offsets as the broker has them, asked with a client that shares nothing with
 * the code under test: -2 the first, -1 the end for readers of everything.
 */
int64_t tr_broker_offset(const char *topic, int32_t partition, int64_t spec);

#define TR_BROKER_TEST_MAIN(...)                                               \
	int main(void)                                                         \
	{                                                                      \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };             \
		int rc = tr_broker_setup();                                    \
		if (rc != 0)                                                   \
			return rc;                                             \
		rc = cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL); \
		tr_broker_teardown();                                          \
		return rc;                                                     \
	}                                                                      \
	struct tr_broker_test_main_semicolon

#endif /* TR_TESTS_SUPPORT_BROKER_H */
