/*
 * Slots and the workers in them: a worker serves one job, runs one attempt at
 * a time and stays warm for the next.
 *
 *	EMPTY --> IDLE <--> BUSY
 *	  ^---------+---------+     stopped, or its process is gone
 *
 * A BUSY slot may be without worker for a moment: when the process ended while
 * the attempt was still fetching its blocks.
 *
 * Thread: the core's owner.
 */
#ifndef TR_EXECUTOR_CORE_SLOTS_H
#define TR_EXECUTOR_CORE_SLOTS_H

#include "executor/core/executor.h"

enum tr_slot_state {
	TR_SLOT_EMPTY,
	TR_SLOT_IDLE,
	TR_SLOT_BUSY,
};

struct tr_slot {
	enum tr_slot_state state;
	struct tr_job_id job; /* of the worker; BUSY: of the attempt */
	struct tr_worker_id worker;
	struct tr_attempt_id attempt; /* BUSY */
	uint64_t idle_since_ms;
};

struct tr_slots {
	struct tr_slot *slots;
	uint32_t n;
	uint64_t last_worker;
};

void tr_slots_init(struct tr_slots *s, uint32_t n);
void tr_slots_fini(struct tr_slots *s);

/*
 * The best slot for the job: an idle worker of it, an empty slot, the worker of
 * another job that has been idle longest. NULL: all are busy.
 */
struct tr_slot *tr_slots_pick(const struct tr_slots *s, struct tr_job_id job);

struct tr_slot *tr_slots_by_worker(
	const struct tr_slots *s, struct tr_worker_id worker);

struct tr_worker_id tr_slots_new_worker(struct tr_slots *s);

static inline uint32_t tr_slot_index(
	const struct tr_slots *s, const struct tr_slot *slot)
{
	return (uint32_t)(slot - s->slots);
}

#endif /* TR_EXECUTOR_CORE_SLOTS_H */
