#include "executor/op/arena.h"

#include <stdlib.h>

static struct tr_arena_chunk *chunk_new(struct tr_arena *a, size_t size)
{
	if (!tr_budget_take(a->budget, size))
		return NULL;
	struct tr_arena_chunk *c = malloc(sizeof(*c) + size);
	if (!c) {
		tr_budget_give(a->budget, size);
		return NULL;
	}
	*c = (struct tr_arena_chunk){ .size = size };
	return c;
}

static void chunk_free(struct tr_arena *a, struct tr_arena_chunk *c)
{
	tr_budget_give(a->budget, c->size);
	free(c);
}

void tr_arena_init(
	struct tr_arena *a, struct tr_budget *budget, size_t chunk_bytes)
{
	*a = (struct tr_arena){ .budget = budget, .chunk_bytes = chunk_bytes };
}

void tr_arena_fini(struct tr_arena *a)
{
	while (a->chunks) {
		struct tr_arena_chunk *next = a->chunks->next;
		chunk_free(a, a->chunks);
		a->chunks = next;
	}
	a->at = a->end = NULL;
	a->used = 0;
}

static void open_chunk(struct tr_arena *a, struct tr_arena_chunk *c)
{
	a->at = (uint8_t *)(c + 1);
	a->end = a->at + c->size;
}

void tr_arena_reset(struct tr_arena *a)
{
	struct tr_arena_chunk *keep = NULL;
	while (a->chunks) {
		struct tr_arena_chunk *c = a->chunks;
		a->chunks = c->next;
		if (!keep && c->size == a->chunk_bytes)
			keep = c;
		else
			chunk_free(a, c);
	}
	a->used = 0;
	a->at = a->end = NULL;
	if (!keep)
		return;
	keep->next = NULL;
	a->chunks = keep;
	open_chunk(a, keep);
}

void *tr_arena_alloc_slow(struct tr_arena *a, size_t n)
{
	size_t size = n > a->chunk_bytes ? n : a->chunk_bytes;
	struct tr_arena_chunk *c = chunk_new(a, size);
	if (!c)
		return NULL;
	/* A large piece gets a chunk of its own; the open one stays open. */
	if (n > a->chunk_bytes && a->chunks) {
		c->next = a->chunks->next;
		a->chunks->next = c;
		a->used += n;
		return c + 1;
	}
	c->next = a->chunks;
	a->chunks = c;
	open_chunk(a, c);
	a->used += n;
	void *p = a->at;
	a->at += n;
	return p;
}
