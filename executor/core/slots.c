#include "executor/core/slots.h"

#include "common/base/xalloc.h"

void tr_slots_init(struct tr_slots *s, uint32_t n)
{
	*s = (struct tr_slots){
		.slots = tr_xcalloc(n, sizeof(*s->slots)),
		.n = n,
	};
}

void tr_slots_fini(struct tr_slots *s)
{
	tr_xfree(s->slots);
	*s = (struct tr_slots){ 0 };
}

enum {
	FIT_NONE,
	FIT_OTHER_JOB,
	FIT_EMPTY,
	FIT_WARM,
};

static int fit(const struct tr_slot *slot, struct tr_job_id job)
{
	switch (slot->state) {
	case TR_SLOT_EMPTY:
		return FIT_EMPTY;
	case TR_SLOT_IDLE:
		return slot->job.v == job.v ? FIT_WARM : FIT_OTHER_JOB;
	case TR_SLOT_BUSY:
		break;
	}
	return FIT_NONE;
}

struct tr_slot *tr_slots_pick(const struct tr_slots *s, struct tr_job_id job)
{
	struct tr_slot *best = NULL;
	int best_fit = FIT_NONE;
	for (uint32_t i = 0; i < s->n; i++) {
		struct tr_slot *slot = &s->slots[i];
		int f = fit(slot, job);
		bool longer = f == FIT_OTHER_JOB && f == best_fit &&
			      slot->idle_since_ms < best->idle_since_ms;
		if (f > best_fit || longer) {
			best = slot;
			best_fit = f;
		}
	}
	return best;
}

struct tr_slot *tr_slots_by_worker(
	const struct tr_slots *s, struct tr_worker_id worker)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->slots[i].worker.v == worker.v && worker.v != 0)
			return &s->slots[i];
	return NULL;
}

struct tr_worker_id tr_slots_new_worker(struct tr_slots *s)
{
	return (struct tr_worker_id){ ++s->last_worker };
}
