/*
 * A job as `tranche job show --json` tells it: its state, and every attempt of
 * every task with the executor it ran on.
 *
 *   struct shown s;
 *   shown_wait(&c, &s, "name", shown_is_mid_task, NULL);
 *   … shown_attempt(&s, 0, 3, 1, &a) …
 *   shown_free(&s);
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_SHOWN_H
#define TR_TESTS_INTEGRATION_SHOWN_H

#include "tests/integration/cli.h"
#include "tests/support/gen.h"

struct shown {
	json_t *all;
};

struct shown_attempt {
	unsigned stage, lane;
	unsigned number;     /* 1, 2, 3 … of the lane */
	unsigned executor;   /* index in the cluster */
	const char *outcome; /* of struct shown */
	uint64_t records;    /* read */
};

struct shown_range {
	const char *topic; /* of struct shown */
	int partition;
	int64_t from, until;
};

/* False when there is no such job, or no driver to ask. */
bool shown_get(struct cluster *c, struct shown *s, const char *job);
void shown_free(struct shown *s);

/* Looks again and again until is(s, arg); fails the test after SOON_MS. */
void shown_wait(struct cluster *c, struct shown *s, const char *job,
	bool (*is)(const struct shown *s, void *arg), void *arg);

/* "planning", "running", "done", "failed", … */
const char *shown_state(const struct shown *s);
bool shown_is_in(const struct shown *s, void *state); /* for shown_wait */
uint64_t shown_number(const struct shown *s, const char *field); /* status */

/* Text of the job's error: "" when there is none; likewise its place. */
const char *shown_error(const struct shown *s, const char *field);

size_t shown_tasks(const struct shown *s);

/* The i-th task of all, in order of stage and lane. */
const json_t *shown_task(const struct shown *s, size_t i);
bool shown_range(const struct shown *s, size_t i, struct shown_range *r);

/* The first attempt with that outcome, in that stage; false: there is none. */
bool shown_find(const struct shown *s, unsigned stage, const char *outcome,
	struct shown_attempt *a);

/* Attempt `number` of a lane; false: there is none. */
bool shown_attempt(const struct shown *s, unsigned stage, unsigned lane,
	unsigned number, struct shown_attempt *a);

/* How many attempts have that outcome; NULL: all. */
size_t shown_count(const struct shown *s, const char *outcome);

/*
 * For shown_wait: an attempt of stage 0 is running and has read something.
 * `arg` is NULL or the struct shown_attempt to fill in.
 */
bool shown_is_mid_task(const struct shown *s, void *arg);

#endif /* TR_TESTS_INTEGRATION_SHOWN_H */
