#include "executor/lua/heap.h"

#include <lauxlib.h>

#include "common/base/check.h"

/*
 * Wraps the allocator that luaL_newstate chose instead of replacing it: that
 * one is made for many small objects and faster at them than malloc.
 */
static void *capped_alloc(void *arg, void *p, size_t old, size_t new)
{
	struct tr_lua_heap *h = arg;
	if (new > old &&new - old > h->max - h->used)
		return NULL;
	void *q = h->inner(h->inner_arg, p, old, new);
	if (q != NULL || new == 0)
		h->used = h->used + new - old;
	return q;
}

lua_State *tr_lua_heap_open(struct tr_lua_heap *h, size_t max)
{
	lua_State *L = luaL_newstate();
	if (L == NULL)
		return NULL;
	h->inner = lua_getallocf(L, &h->inner_arg);
	h->max = max;
	/* The bare state is counted, so that freeing it cannot underflow. */
	h->used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 +
		  (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
	tr_assert(h->used < h->max);
	lua_setallocf(L, capped_alloc, h);
	return L;
}

void tr_lua_heap_close(struct tr_lua_heap *h, lua_State *L)
{
	/* lua_close frees the allocator itself only where it knows it. */
	lua_setallocf(L, h->inner, h->inner_arg);
	lua_close(L);
}

bool tr_lua_heap_charge(struct tr_lua_heap *h, size_t bytes)
{
	if (bytes > h->max - h->used)
		return false;
	h->used += bytes;
	return true;
}

void tr_lua_heap_discharge(struct tr_lua_heap *h, size_t bytes)
{
	h->used -= bytes;
}
