/*
 * The N elements that take and print pick, as encoded data: the first that
 * come, or the largest by value, ties by the smaller key.
 *
 * The largest stand in a heap with the least of them at its root, so that an
 * element that is not among them costs one comparison.
 *
 *	tr_picks_init(&t, limit, largest, &budget)
 *	tr_picks_add(&t, key, value)  …
 *	tr_picks_sort(&t)             t.picks[0 … n): as they came, or largest
 *first tr_picks_fini(&t)
 *
 * Thread: the owner's.
 */
#ifndef TR_EXECUTOR_OP_PICKS_H
#define TR_EXECUTOR_OP_PICKS_H

#include "common/base/buf.h"
#include "common/data/slice.h"
#include "executor/op/arena.h"

struct tr_pick {
	uint8_t *bytes; /* key, then value */
	uint32_t key_n;
	uint32_t value_n;
	uint32_t cap;
};

struct tr_picks {
	struct tr_pick *picks;
	uint64_t n;
	uint64_t cap;
	uint64_t limit;
	bool largest;
	struct tr_budget *budget;
};

void tr_picks_init(struct tr_picks *t, uint64_t limit, bool largest,
	struct tr_budget *budget);
void tr_picks_fini(struct tr_picks *t);

/* Whether nothing that may come can be picked. */
static inline bool tr_picks_is_full(const struct tr_picks *t)
{
	return t->n == t->limit && (t->limit == 0 || !t->largest);
}

/* Copies what it keeps. TR_ENOMEM. */
int tr_picks_add(struct tr_picks *t, struct tr_slice key,
	struct tr_slice value) TR_MUST_USE;

/* No add after it. */
void tr_picks_sort(struct tr_picks *t);

static inline struct tr_slice tr_pick_key(const struct tr_pick *e)
{
	return tr_slice_of(e->bytes, e->key_n);
}

static inline struct tr_slice tr_pick_value(const struct tr_pick *e)
{
	return tr_slice_of(e->bytes + e->key_n, e->value_n);
}

#endif /* TR_EXECUTOR_OP_PICKS_H */
