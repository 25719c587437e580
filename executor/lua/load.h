/*
 * From an artefact to a program that can run: the state, the chunks of this
 * folder, the script, its plan, and the loops of its operators.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_LOAD_H
#define TR_EXECUTOR_LUA_LOAD_H

#include <stdint.h>

#include "common/base/err.h"
#include "executor/op/program.h"

struct tr_lua_program;

/*
 * Runs the script of opts in p, which has its state and nothing else yet, and
 * sets p->base.plan. Errors as tr_lua_program_new.
 */
int tr_lua_load(struct tr_lua_program *p, const struct tr_program_opts *opts,
	struct tr_user_error *where, struct tr_error *err) TR_MUST_USE;

/* Makes call and loop of an operator. TR_ENOMEM. */
int tr_lua_bind(struct tr_lua_program *p, uint32_t op,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_EXECUTOR_LUA_LOAD_H */
