/*
 * LuaJIT's own allocator with a ceiling: an allocation that would pass it
 * fails, which LuaJIT turns into the error "not enough memory". Memory that
 * the C side spends on a script's behalf is charged to the same account.
 *
 * Thread: the state's.
 */
#ifndef TR_EXECUTOR_LUA_HEAP_H
#define TR_EXECUTOR_LUA_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include <lua.h>

struct tr_lua_heap {
	lua_Alloc inner;
	void *inner_arg;
	size_t used; /* bytes since open */
	size_t max;  /* bytes; SIZE_MAX: no ceiling */
};

/* A new state on the heap, which must stay where it is; NULL: no memory. */
lua_State *tr_lua_heap_open(struct tr_lua_heap *h, size_t max);
void tr_lua_heap_close(struct tr_lua_heap *h, lua_State *L);

/* False when the bytes do not fit any more; nothing is charged then. */
bool tr_lua_heap_charge(struct tr_lua_heap *h, size_t bytes);
void tr_lua_heap_discharge(struct tr_lua_heap *h, size_t bytes);

#endif /* TR_EXECUTOR_LUA_HEAP_H */
