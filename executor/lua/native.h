/*
 * C functions that Lua code calls through the FFI, so that compiled code stays
 * compiled. They do not call back into Lua.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_NATIVE_H
#define TR_EXECUTOR_LUA_NATIVE_H

#include <stdint.h>

#include "executor/lua/call.h"
#include "executor/lua/words.h"

/* Repeated in ffi.lua. */
struct tr_lua_native {
	/* words.h */
	uint32_t (*find)(struct tr_lua_words *w, const uint8_t *set,
		const char *s, uint32_t n, uint32_t at);

	/* Room for more outputs: 1, or 0 when memory is short. */
	int (*grow)(struct tr_lua_call *call);

	/*
	 * Uniform in [0, 1). Each element has its own sequence, drawn from the
	 * batch's seed, the operator, and the element's origin and content, so
	 * that it is the same however the input was cut into batches.
	 */
	double (*random)(struct tr_lua_program *p);
	void (*seed)(struct tr_lua_program *p, double seed);

	void (*log)(struct tr_lua_program *p, const char *text, uint32_t n);

	struct tr_val *slot;
	struct tr_lua_words *words;
	struct tr_lua_program *program;
};

void tr_lua_native_init(struct tr_lua_native *n, struct tr_lua_program *p);

/* One line to the program's log, cut at TR_LOG_LINE_MAX. */
void tr_lua_log(struct tr_lua_program *p, const char *text, uint32_t n);

#endif /* TR_EXECUTOR_LUA_NATIVE_H */
