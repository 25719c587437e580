/*
 * The plan a script built (api.lua checked it) as a JobPlan message.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_PLAN_H
#define TR_EXECUTOR_LUA_PLAN_H

#include "common/wire/msg.h"

struct tr_lua_program;

/*
 * The operators of the table on top of the stack, under the given name of the
 * job. Free with tr_msg_free.
 */
Tranche__V1__JobPlan *tr_lua_plan_take(
	struct tr_lua_program *p, const char *name);

/* "map" for OP_MAP: the method that makes such an operator. Static. */
const char *tr_lua_kind_name(Tranche__V1__OperatorKind kind);

#endif /* TR_EXECUTOR_LUA_PLAN_H */
