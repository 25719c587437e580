/*
 * Holds a task to a number of records per second: how much may be done now,
 * and how long to wait before more.
 *
 * Time not used is lost but for a tenth of a second, so that a pause is not
 * followed by a burst.
 *
 * Thread: the owner's. Pure: the caller brings the clock.
 */
#ifndef TR_EXECUTOR_WORKER_RATE_H
#define TR_EXECUTOR_WORKER_RATE_H

#include <stdint.h>

struct tr_rate {
	uint64_t per_s;  /* 0: no limit */
	uint64_t due_us; /* when all that was taken will have been allowed */
};

void tr_rate_init(struct tr_rate *r, uint64_t per_s, uint64_t now_us);

/* Of `wanted` records, how many to do in one go: at least one. */
uint64_t tr_rate_piece(const struct tr_rate *r, uint64_t wanted);

/* `done` records were taken; returns how long to wait, in microseconds. */
uint64_t tr_rate_take(struct tr_rate *r, uint64_t done, uint64_t now_us);

#endif /* TR_EXECUTOR_WORKER_RATE_H */
