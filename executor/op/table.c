#include "executor/op/table.h"

#include <stdlib.h>

#include "common/base/err.h"
#include "common/data/lane.h"

enum {
	FIRST_SLOTS = 1024,
	ARENA_CHUNK = 64 << 10,
	CELL_MIN = 24
};

void tr_table_init(struct tr_table *t, struct tr_budget *budget)
{
	*t = (struct tr_table){ .budget = budget };
	tr_arena_init(&t->arena, budget, ARENA_CHUNK);
}

static uint64_t table_bytes(const struct tr_table *t)
{
	return tr_table_cap(t) * sizeof(*t->slots);
}

void tr_table_fini(struct tr_table *t)
{
	tr_budget_give(t->budget, table_bytes(t));
	free(t->slots);
	tr_arena_fini(&t->arena);
	*t = (struct tr_table){ .budget = t->budget };
}

static uint64_t slot_hash(const struct tr_slot *s)
{
	struct tr_shortkey k = { s->k0, s->k1 };
	return s->len > TR_TABLE_INLINE_KEY ? s->k1 : tr_table_hash_short(k);
}

static int resize(struct tr_table *t, uint64_t cap)
{
	if (!tr_budget_take(t->budget, cap * sizeof(*t->slots)))
		return TR_ENOMEM;
	struct tr_slot *slots = calloc(cap, sizeof(*slots));
	if (!slots) {
		tr_budget_give(t->budget, cap * sizeof(*t->slots));
		return TR_ENOMEM;
	}
	for (uint64_t i = 0; i < tr_table_cap(t); i++) {
		const struct tr_slot *s = &t->slots[i];
		if (s->len == 0)
			continue;
		uint64_t at = slot_hash(s) & (cap - 1);
		while (slots[at].len != 0)
			at = (at + 1) & (cap - 1);
		slots[at] = *s;
	}
	tr_budget_give(t->budget, table_bytes(t));
	free(t->slots);
	t->slots = slots;
	t->mask = cap - 1;
	t->limit = cap / 2;
	return 0;
}

int tr_table_reserve(struct tr_table *t, uint64_t n)
{
	if (t->n + n <= t->limit)
		return 0;
	uint64_t cap = t->slots ? tr_table_cap(t) : FIRST_SLOTS;
	while (t->n + n > cap / 2)
		cap *= 2;
	if (resize(t, cap) == 0)
		return 0;
	/* No memory for a larger one: a fuller one is slower, not wrong. */
	uint64_t full = tr_table_cap(t) / 8 * 7;
	if (t->n + n > full)
		return TR_ENOMEM;
	t->limit = full;
	return 0;
}

static struct tr_slot *put_long(
	struct tr_table *t, struct tr_slice key, bool *fresh)
{
	uint64_t hash = tr_lane_hash(key);
	uint64_t at = hash & t->mask;
	for (; t->slots[at].len != 0; at = (at + 1) & t->mask) {
		struct tr_slot *s = &t->slots[at];
		if (s->k1 == hash && s->len == key.n &&
			memcmp((const void *)(uintptr_t)s->k0, key.p, key.n) ==
				0) {
			*fresh = false;
			return s;
		}
	}
	uint8_t *copy = tr_arena_alloc(&t->arena, key.n);
	if (!copy)
		return NULL;
	memcpy(copy, key.p, key.n);
	t->slots[at] = (struct tr_slot){
		.k0 = (uint64_t)(uintptr_t)copy,
		.k1 = hash,
		.len = (uint32_t)key.n,
		.type = TR_VAL_INT,
	};
	t->n++;
	*fresh = true;
	return &t->slots[at];
}

struct tr_slot *tr_table_put(
	struct tr_table *t, struct tr_slice key, bool *fresh)
{
	if (t->n >= t->limit && tr_table_reserve(t, 1) != 0)
		return NULL;
	if (key.n > TR_TABLE_INLINE_KEY)
		return put_long(t, key, fresh);
	return tr_table_put_short(
		t, tr_shortkey_of(key.p, key.n), (uint32_t)key.n, fresh);
}

/*
 * Room doubles, so that what replaced values leave behind in the arena stays
 * below the size of the last one.
 */
static struct tr_cell *cell_for(
	struct tr_table *t, struct tr_slot *s, uint32_t len)
{
	if (s->type >= TR_VAL_BYTES && s->cell->cap >= len)
		return s->cell;
	size_t cap = CELL_MIN;
	while (cap < len)
		cap *= 2;
	struct tr_cell *c = tr_arena_alloc(&t->arena, sizeof(*c) + cap);
	if (c)
		c->cap = (uint32_t)cap;
	return c;
}

int tr_slot_set(struct tr_table *t, struct tr_slot *s, const struct tr_val *v)
{
	if (v->type < TR_VAL_BYTES) {
		s->type = (uint16_t)v->type;
		s->i = v->i;
		return 0;
	}
	if (s->type >= TR_VAL_BYTES && v->p == s->cell->bytes) {
		s->type = (uint16_t)v->type;
		return 0;
	}
	struct tr_cell *c = cell_for(t, s, v->len);
	if (!c)
		return TR_ENOMEM;
	/* The value may be a part of what the cell holds. */
	if (v->len > 0)
		memmove(c->bytes, v->p, v->len);
	c->len = v->len;
	s->cell = c;
	s->type = (uint16_t)v->type;
	return 0;
}
