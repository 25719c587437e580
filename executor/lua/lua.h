/*
 * Lua scripts as job programs (executor/op/program.h), on LuaJIT.
 *
 * A script builds the plan while it is loaded; its functions are kept under
 * the ids of the operators they were given to. docs/job-api.md is what users
 * read; the runtime part is written in Lua and built in (*.lua of this folder).
 *
 * It owns one lua_State with a heap ceiling and an environment in which code
 * can only compute: no files, no clock, no chance but the batch's frozen ones,
 * tables walked in order of their keys, globals read-only once loaded. So the
 * same records and arguments give the same results wherever and however often
 * they run. A program is made for one attempt and freed after it, whatever
 * came of the attempt.
 *
 *	tr_lua_program_new(&opts, &p, &where, &err)
 *	tr_lua_program_set_position(p, position) optional
 *	p->plan, p->ops->apply(p, …), p->ops->reduce(p, …)
 *	p->ops->free(p)
 *
 * apply of one operator may run inside the emitter of another (they never
 * share an operator). Loading runs user code, so it needs the same watch from
 * outside as the operators do.
 *
 * Thread: the caller's only one.
 * Errors: TR_EUSER with err one line without the place and `where` the place;
 * after one from apply or reduce the program is only good for free. Tracebacks
 * and print() go to opts->log, with op UINT32_MAX while the script is loaded.
 */
#ifndef TR_EXECUTOR_LUA_LUA_H
#define TR_EXECUTOR_LUA_LUA_H

#include <stdint.h>

#include "executor/op/program.h"

/*
 * Where user code is; written before each element it is given, so that who
 * watches over shared memory can name the record of a loop that never ends.
 * Repeated in ffi.lua.
 */
struct tr_lua_position {
	volatile uint32_t op;    /* UINT32_MAX: in none */
	volatile uint32_t index; /* in the batch */
	volatile int64_t offset; /* of the element's record, -1: unknown */
};

/*
 * Loads the artefact and runs it once. opts are copied but for what log_arg
 * points to. `where` is set with TR_EUSER. TR_EINVAL: an argument the script
 * does not know or cannot use (text says which). memory_bytes 0 is no
 * ceiling.
 */
int tr_lua_program_new(const struct tr_program_opts *opts,
	struct tr_program **out, struct tr_user_error *where,
	struct tr_error *err) TR_MUST_USE;

/* Borrowed until free or another call; NULL: the program's own. */
void tr_lua_program_set_position(
	struct tr_program *p, struct tr_lua_position *position);

#endif /* TR_EXECUTOR_LUA_LUA_H */
