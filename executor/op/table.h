/*
 * The hash table in which operators combine: encoded key to one value.
 *
 * Open addressing, 32 bytes a slot. Keys of up to 16 bytes stand in the slot,
 * padded with zeros, and compare as two integers; longer ones stand in an
 * arena with their hash in the slot. A slot's value is a number in place or
 * a cell in the arena. Memory comes from the task's budget.
 *
 * Calling sequence: put a key, look at `fresh`, set or change the value; at
 * the end walk the slots (table->slots[0 … cap), those with len > 0), whose
 * order means nothing: sort what leaves.
 *
 * Thread: the owner's.
 * Lifetime: a slot pointer until the next put that may grow the table. After
 * tr_table_reserve(t, n), n puts do not grow it.
 */
#ifndef TR_EXECUTOR_OP_TABLE_H
#define TR_EXECUTOR_OP_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/data/slice.h"
#include "executor/op/arena.h"
#include "executor/op/elem.h"
#include "executor/op/shortkey.h"

enum {
	TR_TABLE_INLINE_KEY = TR_SHORTKEY_MAX /* bytes */
};

/* Bytes of a value: at most cap of them, len in use. */
struct tr_cell {
	uint32_t cap;
	uint32_t len;
	uint8_t bytes[];
};

struct tr_slot {
	uint64_t k0;   /* key bytes 0-7, or the key's address */
	uint64_t k1;   /* key bytes 8-15, or the key's hash */
	uint32_t len;  /* of the key; 0: a free slot */
	uint16_t type; /* of the value: enum tr_val_type */
	uint16_t mark; /* the owner's; 0 in a fresh slot */
	union {
		int64_t i;
		double d;
		struct tr_cell *cell;
	};
};

struct tr_table {
	struct tr_slot *slots;
	uint64_t mask;  /* cap - 1; cap is a power of two */
	uint64_t n;     /* in use */
	uint64_t limit; /* of n, before the table grows */
	struct tr_arena arena;
	struct tr_budget *budget;
};

/* Takes no memory before the first reserve or put. */
void tr_table_init(struct tr_table *t, struct tr_budget *budget);
void tr_table_fini(struct tr_table *t);

/* Makes sure that n more puts find room. TR_ENOMEM. */
int tr_table_reserve(struct tr_table *t, uint64_t n) TR_MUST_USE;

static inline uint64_t tr_table_cap(const struct tr_table *t)
{
	return t->slots ? t->mask + 1 : 0;
}

/* Two multiplications' worth of mixing; constants from sqrt(2), sqrt(3). */
static inline uint64_t tr_table_hash_short(struct tr_shortkey k)
{
	uint64_t h = (k.k0 ^ UINT64_C(0x6a09e667f3bcc909)) *
		     UINT64_C(0x9e3779b97f4a7c15);
	h ^= (k.k1 ^ (h >> 32)) * UINT64_C(0xbb67ae8584caa73b);
	return h ^ (h >> 29);
}

/*
 * The slot of a key of 0 < len <= TR_TABLE_INLINE_KEY bytes. The table has
 * room for one more. A fresh slot's value is the int 0.
 */
static inline struct tr_slot *tr_table_put_short(
	struct tr_table *t, struct tr_shortkey k, uint32_t len, bool *fresh)
{
	uint64_t at = tr_table_hash_short(k) & t->mask;
	for (;; at = (at + 1) & t->mask) {
		struct tr_slot *s = &t->slots[at];
		if (s->k0 == k.k0 && s->k1 == k.k1 && s->len == len) {
			*fresh = false;
			return s;
		}
		if (s->len == 0) {
			*s = (struct tr_slot){ .k0 = k.k0,
				.k1 = k.k1,
				.len = len,
				.type = TR_VAL_INT };
			t->n++;
			*fresh = true;
			return s;
		}
	}
}

/*
 * The slot of any key, n > 0 bytes, which are copied when it is fresh. NULL
 * when memory is used up.
 */
struct tr_slot *tr_table_put(
	struct tr_table *t, struct tr_slice key, bool *fresh);

/*
 * The slot's key; `room` takes the bytes of one that stands in the slot.
 */
static inline struct tr_slice tr_slot_key(
	const struct tr_slot *s, uint8_t room[TR_TABLE_INLINE_KEY])
{
	if (s->len > TR_TABLE_INLINE_KEY)
		return tr_slice_of(
			(const void *)(uintptr_t)s->k0, (size_t)s->len);
	memcpy(room, &s->k0, 8);
	memcpy(room + 8, &s->k1, 8);
	return tr_slice_of(room, s->len);
}

/* A view of the slot's value. */
static inline struct tr_val tr_slot_get(const struct tr_slot *s)
{
	struct tr_val v = { .type = s->type };
	if (s->type >= TR_VAL_BYTES) {
		v.len = s->cell->len;
		v.p = s->cell->bytes;
	} else {
		v.i = s->i;
	}
	return v;
}

/*
 * Stores a value; bytes are copied, or stay when they are the slot's own.
 * TR_ENOMEM leaves the old value.
 */
int tr_slot_set(struct tr_table *t, struct tr_slot *s,
	const struct tr_val *v) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_TABLE_H */
