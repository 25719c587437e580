/*
 * Threads for work that blocks: planning (Kafka, the plan worker) and reading
 * tables. The loop hands over whole pieces of work and gets them back, done,
 * as mail.
 *
 *   work->run  on a pool thread; touches only what the work owns
 *   work->done on the loop, once run has returned
 *   work->free in the end, on the loop; also for work that was never run
 *
 * Thread: submit, stop and free from the loop.
 */
#ifndef TR_DRIVER_EDGE_POOL_H
#define TR_DRIVER_EDGE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
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

/*
 * Takes no more work and waits for what is running, at most `ms`. False: some
 * of it did not end. Then its threads, and all that work and state borrow, are
 * left as they are until the process exits, and the pool is not to be freed.
 */
bool tr_pool_stop(struct tr_pool *p, uint32_t ms) TR_MUST_USE;

/* Ends when running work has ended; work that waits is freed. Accepts NULL. */
void tr_pool_free(struct tr_pool *p);

/* TR_EAGAIN: the queue is full and w remains the caller's. */
int tr_pool_submit(struct tr_pool *p, struct tr_work *w) TR_MUST_USE;

#endif /* TR_DRIVER_EDGE_POOL_H */
