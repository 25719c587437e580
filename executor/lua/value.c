#include "executor/lua/value.h"

#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

#include "common/data/cursor.h"
#include "common/data/datum.h"
#include "executor/lua/state.h"
#include "executor/reader/reader.h"

enum {
	TYPE_CDATA = 10 /* what lua_type says of LuaJIT's int64 */
};

static struct tr_lua_program *program_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

/* L may be a coroutine of the script, so it is not always the program's. */
static void push_host(struct tr_lua_program *p, lua_State *L, const char *name)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->host);
	lua_getfield(L, -1, name);
	lua_remove(L, -2);
}

/* Leaves the program's scratch memory reusable; does not return. */
static _Noreturn void refuse(
	struct tr_lua_program *p, lua_State *L, const char *text)
{
	if (p->builder.out != NULL)
		tr_builder_abort(&p->builder);
	lua_pushstring(L, text);
	lua_error(L);
	abort();
}

static _Noreturn void refuse_code(
	struct tr_lua_program *p, lua_State *L, int code)
{
	switch (code) {
	case TR_EEXIST:
		refuse(p, L, "a map has one key twice");
	case TR_ELIMIT:
		refuse(p, L,
			"a list or map is over the limit of 8 MiB or 32 levels "
			"(or contains itself)");
	default:
		refuse(p, L, "not enough memory");
	}
}

/* ------------------------------------------------------------- decoding */

static void push_datum(
	struct tr_lua_program *p, lua_State *L, struct tr_slice d);

/* tranche.map's metatable onto the table on top. */
static void mark_map(struct tr_lua_program *p, lua_State *L)
{
	push_host(p, L, "map_meta");
	lua_setmetatable(L, -2);
}

static void push_list(struct tr_lua_program *p, lua_State *L, struct tr_slice d)
{
	struct tr_cursor c;
	struct tr_slice item;
	int rc;
	lua_newtable(L);
	tr_cursor_init(&c, d, &p->scratch);
	for (int i = 1; (rc = tr_cursor_next(&c, &item)) > 0; i++) {
		push_datum(p, L, item);
		lua_rawseti(L, -2, i);
	}
	if (rc < 0)
		refuse_code(p, L, rc);
}

static void push_map(struct tr_lua_program *p, lua_State *L, struct tr_slice d)
{
	struct tr_cursor c;
	struct tr_slice key, value;
	int rc;
	lua_newtable(L);
	tr_cursor_init(&c, d, &p->scratch);
	while ((rc = tr_cursor_next_entry(&c, &key, &value)) > 0) {
		enum tr_datum_type type = tr_datum_type(key);
		if (type == TR_DATUM_NULL || type == TR_DATUM_LIST ||
			type == TR_DATUM_MAP)
			refuse(p, L,
				"a map in the data has a key that is no "
				"string, number or boolean");
		push_datum(p, L, key);
		push_datum(p, L, value);
		lua_rawset(L, -3);
	}
	if (rc < 0)
		refuse_code(p, L, rc);
	mark_map(p, L);
}

static void push_int(struct tr_lua_program *p, lua_State *L, int64_t i)
{
	if (i >= -TR_NUMBER_EXACT_MAX && i <= TR_NUMBER_EXACT_MAX) {
		lua_pushnumber(L, (lua_Number)i);
		return;
	}
	p->slot.i = i;
	push_host(p, L, "slot_to_cdata");
	lua_call(L, 0, 1);
}

static void push_number(
	struct tr_lua_program *p, lua_State *L, struct tr_slice d)
{
	struct tr_number n;
	bool is_number = tr_number_decode(d, &n);
	tr_assert(is_number);
	if (n.is_int)
		push_int(p, L, n.i);
	else
		lua_pushnumber(L, n.d);
}

static void push_datum(
	struct tr_lua_program *p, lua_State *L, struct tr_slice d)
{
	luaL_checkstack(L, 8, "nested too deep");
	switch (tr_datum_type(d)) {
	case TR_DATUM_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	case TR_DATUM_BOOL:
		lua_pushboolean(L, d.p[0] == TR_TAG_TRUE);
		break;
	case TR_DATUM_INT:
	case TR_DATUM_DOUBLE:
		push_number(p, L, d);
		break;
	case TR_DATUM_BYTES:
		lua_pushlstring(L, (const char *)d.p + 1, d.n - 1);
		break;
	case TR_DATUM_LIST:
		push_list(p, L, d);
		break;
	case TR_DATUM_MAP:
		push_map(p, L, d);
		break;
	}
}

static int decode(lua_State *L)
{
	struct tr_lua_program *p = program_of(L);
	push_datum(p, L, tr_slice_of(p->slot.p, p->slot.len));
	return 1;
}

/* ------------------------------------------------------------- encoding */

static void put_item(struct tr_lua_program *p, lua_State *L, int at);

static void check(struct tr_lua_program *p, lua_State *L, int rc)
{
	if (rc != 0)
		refuse_code(p, L, rc);
}

static bool is_integral(lua_Number n)
{
	return n >= -(double)TR_NUMBER_EXACT_MAX &&
	       n <= (double)TR_NUMBER_EXACT_MAX && n == floor(n);
}

static bool is_marked_map(struct tr_lua_program *p, lua_State *L, int at)
{
	if (!lua_getmetatable(L, at))
		return false;
	push_host(p, L, "map_meta");
	bool same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

/*
 * Whether the table is a map: what tranche.map said, or its keys say. An
 * empty table is a list.
 */
static bool is_map(struct tr_lua_program *p, lua_State *L, int at)
{
	if (is_marked_map(p, L, at))
		return true;
	size_t in_sequence = 0, numbers = 0, others = 0;
	lua_Number last = 0;
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TNUMBER) {
			others++;
			continue;
		}
		lua_Number k = lua_tonumber(L, -2);
		numbers++;
		in_sequence += k >= 1 && k == floor(k);
		last = k > last ? k : last;
	}
	if (numbers > 0 && others > 0)
		refuse(p, L,
			"a table with numbers and other keys is neither a list "
			"nor a map: see tranche.map");
	/* Not by lua_objlen: of a list with holes it may be any border. */
	return others > 0 || in_sequence < numbers || last > (double)numbers;
}

static void put_list(struct tr_lua_program *p, lua_State *L, int at)
{
	int n = (int)lua_objlen(L, at);
	check(p, L, tr_builder_begin_list(&p->builder));
	for (int i = 1; i <= n; i++) {
		lua_rawgeti(L, at, i);
		put_item(p, L, lua_gettop(L));
		lua_pop(L, 1);
	}
	check(p, L, tr_builder_end(&p->builder));
}

static void put_map(struct tr_lua_program *p, lua_State *L, int at)
{
	check(p, L, tr_builder_begin_map(&p->builder));
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
		int type = lua_type(L, -2);
		if (type == LUA_TTABLE || type == LUA_TLIGHTUSERDATA)
			refuse(p, L,
				"a key of a map is a string, number or "
				"boolean");
		put_item(p, L, lua_gettop(L) - 1);
		put_item(p, L, lua_gettop(L));
	}
	check(p, L, tr_builder_end(&p->builder));
}

static void put_table(struct tr_lua_program *p, lua_State *L, int at)
{
	luaL_checkstack(L, 8, "nested too deep");
	if (is_map(p, L, at))
		put_map(p, L, at);
	else
		put_list(p, L, at);
}

static void put_number(struct tr_lua_program *p, lua_State *L, lua_Number n)
{
	struct tr_builder *b = &p->builder;
	check(p, L,
		is_integral(n) ? tr_builder_put_int(b, (int64_t)n)
			       : tr_builder_put_double(b, n));
}

static void put_cdata(struct tr_lua_program *p, lua_State *L, int at)
{
	push_host(p, L, "cdata_to_slot");
	lua_pushvalue(L, at);
	lua_call(L, 1, 1);
	if (!lua_toboolean(L, -1))
		refuse(p, L, "a number in a list or map is no int64");
	lua_pop(L, 1);
	check(p, L, tr_builder_put_int(&p->builder, p->slot.i));
}

static void put_string(struct tr_lua_program *p, lua_State *L, int at)
{
	size_t n;
	const char *s = lua_tolstring(L, at, &n);
	check(p, L, tr_builder_put_bytes(&p->builder, s, n));
}

static void put_item(struct tr_lua_program *p, lua_State *L, int at)
{
	switch (lua_type(L, at)) {
	case LUA_TLIGHTUSERDATA: /* tranche.null */
		check(p, L, tr_builder_put_null(&p->builder));
		break;
	case LUA_TBOOLEAN:
		check(p, L,
			tr_builder_put_bool(&p->builder, lua_toboolean(L, at)));
		break;
	case LUA_TNUMBER:
		put_number(p, L, lua_tonumber(L, at));
		break;
	case LUA_TSTRING:
		put_string(p, L, at);
		break;
	case LUA_TTABLE:
		put_table(p, L, at);
		break;
	case TYPE_CDATA:
		put_cdata(p, L, at);
		break;
	default:
		refuse(p, L, "a list or map cannot contain a function");
	}
}

static int encode(lua_State *L)
{
	struct tr_lua_program *p = program_of(L);
	struct tr_buf *out = &p->encoded;
	tr_buf_reset(out);
	tr_builder_start(&p->builder, out);
	put_table(p, L, 1);
	check(p, L, tr_builder_finish(&p->builder));
	lua_pushlstring(L, (const char *)out->data, out->len);
	lua_pushboolean(L, out->data[0] == TR_TAG_MAP);
	return 2;
}

/* -------------------------------------------------------------- headers */

static void push_slice(lua_State *L, struct tr_slice s)
{
	if (s.p == NULL)
		lua_pushnil(L);
	else
		lua_pushlstring(L, (const char *)s.p, s.n);
}

/* The i-th header as { name =, value = }, and its value under its name. */
static void put_header(
	lua_State *L, int table, int i, const struct tr_header_view *h)
{
	lua_createtable(L, 0, 2);
	push_slice(L, h->name);
	lua_setfield(L, -2, "name");
	push_slice(L, h->value);
	lua_setfield(L, -2, "value");
	lua_rawseti(L, table, i);
	push_slice(L, h->name);
	push_slice(L, h->value);
	lua_rawset(L, table);
}

static int headers(lua_State *L)
{
	struct tr_lua_program *p = program_of(L);
	const struct tr_lua_call *c = p->current;
	const struct tr_record_view *record = c->elems[c->index].origin->record;
	if (record == NULL)
		return 0;
	lua_createtable(L, (int)record->n_headers, (int)record->n_headers);
	for (uint32_t i = 0; i < record->n_headers; i++) {
		put_header(L, lua_gettop(L), (int)i + 1, &record->headers[i]);
	}
	return 1;
}

void tr_lua_register_values(struct tr_lua_program *p)
{
	static const struct {
		const char *name;
		lua_CFunction fn;
	} functions[] = {
		{ "decode", decode },
		{ "encode", encode },
		{ "headers", headers },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(functions); i++) {
		lua_pushlightuserdata(p->L, p);
		lua_pushcclosure(p->L, functions[i].fn, 1);
		lua_setfield(p->L, -2, functions[i].name);
	}
}
