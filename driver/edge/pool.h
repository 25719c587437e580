/*
 * Threads for work that blocks: planning (Kafka, the plan worker) and reading
 * tables. The loop hands over whole pieces of work and gets them back, done,
 * as mail.
 *
 *   work->run  on a pool thread; touches only what the work owns
 *   work->done on the loop, once run has returned
 *   work->free in the end, on the loop; also for work that was never run
 *
 * Thread: submit and free from the loop; free waits for work that is running.
 */
#ifndef TR_DRIVER_EDGE_POOL_H
#define TR_DRIVER_EDGE_POOL_H

#include <stddef.h>

#include "common/mailbox/mailbox.h"

struct tr_work {
	struct tr_mail mail; /* type tr_work_type */
	void (*run)(struct tr_work *w, void *thread_state);
	void (*done)(struct tr_work *w);
	void (*free)(struct tr_work *w);
};

extern const struct tr_mail_type tr_work_type;

struct tr_pool_opts {
	const char *name; /* of its threads */
	size_t threads;
	size_t queue_max; /* pieces of work that may wait */
	/* Per thread, made and freed on it; may be NULL. */
	void *(*state_new)(void *arg);
	void (*state_free)(void *state);
	void *arg;
};

struct tr_pool;

/* Work comes back through `mailbox`, which outlives the pool. */
struct tr_pool *tr_pool_new(
	const struct tr_pool_opts *opts, struct tr_mailbox *mailbox);

/* Ends when running work has ended; work that waits is freed. Accepts NULL. */
void tr_pool_free(struct tr_pool *p);

/* TR_EAGAIN: the queue is full and w remains the caller's. */
int tr_pool_submit(struct tr_pool *p, struct tr_work *w) TR_MUST_USE;

#endif /* TR_DRIVER_EDGE_POOL_H */
