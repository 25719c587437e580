/*
 * What C and Lua share while an operator runs. The declarations are repeated
 * in ffi.lua for LuaJIT's FFI, which checks their sizes when it is loaded.
 *
 * A call belongs to one operator and lives as long as the program. C sets the
 * inputs and `index`, the loop (loops.lua) works on from there, leaves its
 * outputs in outs[0, n_outs) and `index` at the first element it did not get
 * to. Bytes of outputs belong to Lua strings that live until the loop runs
 * again.
 */
#ifndef TR_EXECUTOR_LUA_CALL_H
#define TR_EXECUTOR_LUA_CALL_H

#include <stdint.h>

#include "executor/lua/lua.h"
#include "executor/op/elem.h"

struct tr_lua_program;

struct tr_lua_out {
	struct tr_val key;
	struct tr_val value;
	uint32_t from;     /* index of the element it was made of */
	uint32_t keep_key; /* that element's key is its key */
};

struct tr_lua_call {
	const struct tr_elem *elems;
	const struct tr_val *keys;   /* reduce: for messages */
	struct tr_val *const *accs;  /* reduce */
	const struct tr_val *values; /* reduce */
	uint32_t n;
	uint32_t index;
	struct tr_lua_out *outs;
	uint32_t n_outs;
	uint32_t outs_cap;
	double anchored;  /* bytes of strings that outs point at */
	uint32_t running; /* the loop is on the stack */
	uint32_t op;
	struct tr_lua_position *at;
	struct tr_lua_program *program;
};

#endif /* TR_EXECUTOR_LUA_CALL_H */
