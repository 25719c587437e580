/*
 * The Lua files of this folder, built in (embed.cmake writes the definition).
 *
 * Thread: constants.
 */
#ifndef TR_EXECUTOR_LUA_CHUNKS_H
#define TR_EXECUTOR_LUA_CHUNKS_H

#include <stddef.h>

struct tr_lua_chunk {
	const char *name; /* of the file, without ".lua" */
	const char *text;
	size_t len;
};

/* In the order of loading; the last, loops, is loaded once per operator. */
extern const struct tr_lua_chunk tr_lua_chunks[];
extern const size_t tr_lua_n_chunks;

#endif /* TR_EXECUTOR_LUA_CHUNKS_H */
