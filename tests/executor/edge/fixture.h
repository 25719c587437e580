/*
 * What every case has: a driver, folders for two executors, and the gate that
 * workers wait at when they are told to.
 */
#ifndef TR_TESTS_EXECUTOR_EDGE_FIXTURE_H
#define TR_TESTS_EXECUTOR_EDGE_FIXTURE_H

#include "tests/executor/edge/fake_driver.h"

extern struct fake f;
extern struct process a, b;
extern char gate[96];

int setup(void **state);
int teardown(void **state);

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* Starts it, waits until it has registered, and describes the job. */
struct fake_member *start(struct process *p, const char *const *sets);

void open_gate(void);

/* Waits for the attempt's report. */
const Tranche__V1__TaskReport *report(uint64_t attempt);

/* Shows that everything sent before has been looked at: a later task ends. */
void settle(const struct fake_member *m, uint64_t attempt);

/* Closes the driver's side; executor "a" comes back. */
struct fake_member *reconnect(struct fake_member *m);

void wait_for_count(const uint64_t *count, uint64_t want);

/* Dials the block listener as a peer would, and says Hello. */
struct tr_conn_id dial_blocks(const char *url, const char *token);
struct tr_conn_id dial_blocks_of(
	const char *url, const char *token, const char *cluster);

#endif /* TR_TESTS_EXECUTOR_EDGE_FIXTURE_H */
