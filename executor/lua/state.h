/*
 * The insides of a Lua program, shared by the files of this folder.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_STATE_H
#define TR_EXECUTOR_LUA_STATE_H

#include <lua.h>

#include "common/base/buf.h"
#include "common/base/rng.h"
#include "common/data/builder.h"
#include "executor/lua/call.h"
#include "executor/lua/failure.h"
#include "executor/lua/heap.h"
#include "executor/lua/lua.h"
#include "executor/lua/native.h"
#include "executor/op/program.h"

enum {
	/* One part of a batch: enough to make a call cheap, and no more. */
	TR_LUA_OUTS = 1024,
	TR_LUA_ANCHORED_MAX = 1 << 20, /* bytes */
};

struct tr_lua_program {
	struct tr_program base;
	lua_State *L;
	struct tr_lua_heap heap;
	size_t collect_at; /* bytes in use from which on make_room acts */
	struct tr_lua_failure failure; /* of the protected call under way */

	tr_program_log_fn *log;
	void *log_arg;
	struct tr_lua_position *at;
	struct tr_lua_position own_at; /* where the caller gave none */

	/* By operator; NULL until it first runs. */
	struct tr_lua_call **calls;
	int *loops;                  /* registry references, likewise */
	struct tr_lua_call *current; /* on the stack; NULL while loading */

	uint64_t seed;
	uint64_t runs;      /* counts protected calls of loops */
	struct tr_rng rng;  /* of the element drawn_run, drawn_index */
	uint64_t drawn_run; /* 0: of the script's loading */
	uint32_t drawn_index;

	struct tr_val slot; /* one value on its way between C and Lua */
	struct tr_builder builder;
	struct tr_buf encoded;
	struct tr_buf scratch;
	struct tr_lua_native native;
	struct tr_lua_words *words;
	int handler; /* registry reference of the message handler */
	int host;    /* registry reference of the table the chunks share */
};

#endif /* TR_EXECUTOR_LUA_STATE_H */
