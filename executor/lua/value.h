/*
 * Lists and maps between Lua tables and their datum encoding
 * (common/data/datum.h), and the headers of a record as a table.
 *
 * A table whose keys are 1 … n is a list; one with other numbers or with
 * strings for keys is a map; both at once is an error, unless tranche.map()
 * said that it is a map. Inside, tranche.null stands for null. A decoded map
 * is marked as tranche.map() does, so that it goes back as a map.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_VALUE_H
#define TR_EXECUTOR_LUA_VALUE_H

#include <lua.h>

struct tr_lua_program;

/*
 * Puts the functions decode, encode and headers into the table on top of the
 * stack: decode() → the table in the program's slot; encode(t) → encoding,
 * whether it is a map; headers() → those of the
 * record at hand, or nothing.
 */
void tr_lua_register_values(struct tr_lua_program *p);

#endif /* TR_EXECUTOR_LUA_VALUE_H */
