/*
 * From an error in user code to one line and a place: the message handler of
 * every protected call, and the translation of what the call returned.
 *
 * The place is the script's own line: the position that error() put before the
 * message if it is one of the script's, else the innermost line of the script
 * on the stack, so that errors raised by the built-in functions show where
 * they were called. Where no handler ran (out of memory), it is the place of
 * the operator's function.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_FAILURE_H
#define TR_EXECUTOR_LUA_FAILURE_H

#include <stdbool.h>

#include <lua.h>

#include "common/base/err.h"
#include "executor/op/program.h"

enum {
	TR_LUA_CHUNK_NAME_MAX = 60, /* LUA_IDSIZE */
	TR_LUA_TRACE_LINES_MAX = 20,
};

struct tr_lua_program;

struct tr_lua_failure {
	char script[TR_LUA_CHUNK_NAME_MAX]; /* as it stands in positions */
	char text[TR_ERROR_TEXT_MAX];
	char where[sizeof(((struct tr_user_error *)0)->where)];
	bool caught; /* the handler ran; text and where are set */
};

/* Pushes the handler. */
void tr_lua_push_handler(struct tr_lua_program *p);

/*
 * lua_pcall with the handler; pops the arguments and, on failure, the error.
 * 0 or TR_EUSER with err and where->where set. `fallback` is the place where
 * none is known better.
 */
int tr_lua_protected_call(struct tr_lua_program *p, int args, int results,
	const char *fallback, struct tr_user_error *where,
	struct tr_error *err) TR_MUST_USE;

/*
 * Takes "script:line: " off the front of a message and sets where to it. An
 * error that was passed on may have several: the last is where it began.
 */
const char *tr_lua_split_place(const struct tr_lua_failure *f,
	const char *message, char *where, size_t where_size);

#endif /* TR_EXECUTOR_LUA_FAILURE_H */
