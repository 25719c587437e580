/*
 * A bump allocator for bytes that are all given up together, and the memory
 * budget that such allocators share.
 *
 * An arena hands out bytes from chunks; reset takes everything back and keeps
 * one chunk, so that a batch after batch of the same size allocates nothing.
 * All arenas and tables of a task take their memory from one budget: what a
 * task needs is known at any time, and too much is an error with a name
 * instead of a process that the kernel ends.
 *
 * Thread: the owner's.
 * Errors: alloc returns NULL when budget or system refuse.
 */
#ifndef TR_EXECUTOR_OP_ARENA_H
#define TR_EXECUTOR_OP_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"

struct tr_budget {
	uint64_t used; /* bytes */
	uint64_t max;
};

static inline bool tr_budget_take(struct tr_budget *b, uint64_t n)
{
	if (n > b->max - b->used)
		return false;
	b->used += n;
	return true;
}

static inline void tr_budget_give(struct tr_budget *b, uint64_t n)
{
	tr_assert(n <= b->used);
	b->used -= n;
}

struct tr_arena_chunk {
	struct tr_arena_chunk *next;
	size_t size; /* bytes behind this header */
};

struct tr_arena {
	uint8_t *at; /* free bytes of the newest chunk */
	uint8_t *end;
	struct tr_arena_chunk *chunks; /* newest first */
	struct tr_budget *budget;
	size_t chunk_bytes; /* of an ordinary chunk */
	size_t used;        /* handed out since the last reset */
};

void tr_arena_init(
	struct tr_arena *a, struct tr_budget *budget, size_t chunk_bytes);
void tr_arena_fini(struct tr_arena *a);

/* Everything handed out ends here. Keeps one ordinary chunk. */
void tr_arena_reset(struct tr_arena *a);

void *tr_arena_alloc_slow(struct tr_arena *a, size_t n);

/* n bytes, aligned to 8; never NULL for n == 0. */
static inline void *tr_arena_alloc(struct tr_arena *a, size_t n)
{
	n = n > 0 ? (n + 7) & ~(size_t)7 : 8;
	if (n > (size_t)(a->end - a->at))
		return tr_arena_alloc_slow(a, n);
	void *p = a->at;
	a->at += n;
	a->used += n;
	return p;
}

#endif /* TR_EXECUTOR_OP_ARENA_H */
