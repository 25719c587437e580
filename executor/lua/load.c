#include "executor/lua/load.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "executor/lua/chunks.h"
#include "executor/lua/native.h"
#include "executor/lua/plan.h"
#include "executor/lua/state.h"
#include "executor/lua/value.h"

/* What a protected C function is given. */
struct job {
	struct tr_lua_program *p;
	const struct tr_program_opts *opts;
	uint32_t op;
	const char *name;
};

/*
 * Runs fn(job) with nothing but memory to go wrong in it. Everything that
 * allocates in the state and is not the script's own does so in here: outside
 * of a protected call LuaJIT ends the process when memory is short.
 */
static int run_protected(
	lua_CFunction fn, struct job *job, struct tr_error *err)
{
	lua_State *L = job->p->L;
	if (lua_cpcall(L, fn, job) == 0)
		return 0;
	const char *text = lua_tostring(L, -1);
	tr_error_set(err, TR_ENOMEM, "%s: %s",
		job->opts ? "cannot load the "
			    "Lua runtime"
			  : "cannot set an operator up",
		text ? text : "unknown error");
	lua_settop(L, 0);
	return TR_ENOMEM;
}

/* -------------------------------------------------------------- booting */

static void open_library(lua_State *L, lua_CFunction open, const char *name)
{
	lua_pushcfunction(L, open);
	lua_pushstring(L, name);
	lua_call(L, 1, 0);
}

/* No os, io or package: nothing a script could get hold of them through. */
static void open_libraries(lua_State *L)
{
	open_library(L, luaopen_base, "");
	open_library(L, luaopen_table, LUA_TABLIBNAME);
	open_library(L, luaopen_string, LUA_STRLIBNAME);
	open_library(L, luaopen_math, LUA_MATHLIBNAME);
	open_library(L, luaopen_bit, LUA_BITLIBNAME);
	open_library(L, luaopen_debug, LUA_DBLIBNAME);
	open_library(L, luaopen_jit, LUA_JITLIBNAME);
}

static void set_number(lua_State *L, const char *name, uint64_t n)
{
	lua_pushnumber(L, (lua_Number)n);
	lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_sizes(lua_State *L)
{
	lua_newtable(L);
	set_number(L, "struct tr_val", sizeof(struct tr_val));
	set_number(L, "struct tr_origin", sizeof(struct tr_origin));
	set_number(L, "struct tr_elem", sizeof(struct tr_elem));
	set_number(L, "struct tr_lua_position", sizeof(struct tr_lua_position));
	set_number(L, "struct tr_lua_out", sizeof(struct tr_lua_out));
	set_number(L, "struct tr_lua_call", sizeof(struct tr_lua_call));
	set_number(L, "struct tr_lua_words", sizeof(struct tr_lua_words));
	set_number(L, "struct tr_lua_native", sizeof(struct tr_lua_native));
	lua_setfield(L, -2, "sizes");
}

static void set_limits(lua_State *L)
{
	lua_newtable(L);
	set_number(L, "key", TR_KEY_MAX);
	set_number(L, "value", TR_VALUE_MAX);
	set_number(L, "topic", TR_TOPIC_NAME_MAX);
	set_number(L, "name", TR_TABLE_NAME_MAX);
	set_number(L, "operators", TR_OPERATORS_MAX);
	set_number(L, "rows", TR_PRINT_ROWS_MAX);
	set_number(L, "exact", UINT64_C(1) << 53);
	set_number(L, "outs", TR_LUA_OUTS);
	set_number(L, "anchored", TR_LUA_ANCHORED_MAX);
	lua_setfield(L, -2, "limits");
}

static void set_arguments(lua_State *L, const struct tr_program_opts *opts)
{
	lua_newtable(L);
	for (size_t i = 0; i < opts->n_arguments; i++)
		set_text(
			L, opts->arguments[i]->name, opts->arguments[i]->value);
	lua_setfield(L, -2, "arguments");
}

static void set_script(struct tr_lua_program *p, const struct job *job)
{
	lua_State *L = p->L;
	lua_pushfstring(L, "@%s", job->name);
	lua_setfield(L, -2, "source");
	set_text(L, "name", p->failure.script);
	set_arguments(L, job->opts);
	lua_pushnumber(L, (lua_Number)job->opts->batch_time_ms);
	lua_setfield(L, -2, "batch_time");
}

static void load_chunk(lua_State *L, const struct tr_lua_chunk *chunk)
{
	char name[64];
	snprintf(name, sizeof(name), "=tranche:%s", chunk->name);
	if (luaL_loadbuffer(L, chunk->text, chunk->len, name) != 0)
		lua_error(L);
}

/* The strings of the word cache (words.h): an array from the start. */
static void set_word_cache(lua_State *L)
{
	lua_createtable(L, TR_LUA_WORDS_SLOTS, 0);
	lua_setfield(L, -2, "word_cache");
}

/* What the chunks need and scripts must not see. */
static void set_private(struct tr_lua_program *p)
{
	lua_State *L = p->L;
	lua_pushcfunction(L, luaopen_ffi);
	lua_call(L, 0, 1);
	lua_setfield(L, -2, "ffi");
	lua_getglobal(L, LUA_JITLIBNAME);
	lua_setfield(L, -2, "jit");
	lua_getglobal(L, LUA_DBLIBNAME);
	lua_getfield(L, -1, "getinfo");
	lua_setfield(L, -3, "getinfo");
	lua_getfield(L, -1, "getmetatable");
	lua_setfield(L, -3, "getmetatable");
	lua_pop(L, 1);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_pushlightuserdata(L, &p->native);
	lua_setfield(L, -2, "native_pointer");
}

static int boot(lua_State *L)
{
	struct job *job = lua_touserdata(L, 1);
	struct tr_lua_program *p = job->p;
	tr_lua_push_handler(p);
	p->handler = luaL_ref(L, LUA_REGISTRYINDEX);
	open_libraries(L);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	p->host = luaL_ref(L, LUA_REGISTRYINDEX);
	set_private(p);
	set_sizes(L);
	set_limits(L);
	set_word_cache(L);
	set_script(p, job);
	tr_lua_register_values(p);
	for (size_t i = 0; i + 1 < tr_lua_n_chunks; i++) {
		load_chunk(L, &tr_lua_chunks[i]);
		lua_pushvalue(L, -2);
		lua_call(L, 1, 0);
	}
	return 0;
}

/* --------------------------------------------------------------- script */

static void push_host(struct tr_lua_program *p, const char *name)
{
	lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->host);
	lua_getfield(p->L, -1, name);
	lua_remove(p->L, -2);
}

/* Leaves the compiled script on the stack, in its environment. */
static int compile(struct tr_lua_program *p, const struct job *job,
	struct tr_user_error *where, struct tr_error *err)
{
	lua_State *L = p->L;
	struct tr_slice text = job->opts->artefact;
	char chunk[TR_LUA_CHUNK_NAME_MAX + 1];
	snprintf(chunk, sizeof(chunk), "@%s", job->name);
	snprintf(where->where, sizeof(where->where), "%s", p->failure.script);
	if (text.n > 0 && text.p[0] == LUA_SIGNATURE[0])
		return tr_error_set(err, TR_EUSER,
			"is Lua byte code: give the source instead");
	if (luaL_loadbuffer(L, (const char *)text.p, text.n, chunk) != 0) {
		const char *message = lua_tostring(L, -1);
		tr_error_set(err, TR_EUSER, "%s",
			tr_lua_split_place(&p->failure, message, where->where,
				sizeof(where->where)));
		lua_pop(L, 1);
		return TR_EUSER;
	}
	push_host(p, "env");
	lua_setfenv(L, -2);
	return 0;
}

/*
 * host.finish: an error is one of the arguments; what it returns is one of the
 * script as a whole, and its place.
 */
static int finish(struct tr_lua_program *p, struct tr_user_error *where,
	struct tr_error *err)
{
	lua_State *L = p->L;
	push_host(p, "finish");
	int rc = tr_lua_protected_call(p, 0, 2, p->failure.script, where, err);
	if (rc != 0) {
		err->code = TR_EINVAL;
		return TR_EINVAL;
	}
	const char *text = lua_tostring(L, -2), *place = lua_tostring(L, -1);
	if (text != NULL) {
		snprintf(where->where, sizeof(where->where), "%s", place);
		rc = tr_error_set(err, TR_EUSER, "%s", text);
	}
	lua_pop(L, 2);
	return rc;
}

/* "wordcount" of "jobs/wordcount.lua". */
static void job_name(char *out, size_t size, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	size_t n = strlen(base);
	if (n > 4 && strcmp(base + n - 4, ".lua") == 0)
		n -= 4;
	snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), base);
}

static int take_plan(lua_State *L)
{
	struct job *job = lua_touserdata(L, 1);
	char name[TR_NAME_MAX];
	job_name(name, sizeof(name), job->name);
	push_host(job->p, "operators");
	job->p->base.plan = tr_lua_plan_take(job->p, name);
	return 0;
}

/* The end of a path that is too long to stand in a position. */
static const char *short_name(const char *name)
{
	size_t n = strlen(name), most = TR_LUA_CHUNK_NAME_MAX - 1;
	return n > most ? name + n - most : name;
}

int tr_lua_load(struct tr_lua_program *p, const struct tr_program_opts *opts,
	struct tr_user_error *where, struct tr_error *err)
{
	struct job job = {
		.p = p, .opts = opts, .name = short_name(opts->name)
	};
	snprintf(p->failure.script, sizeof(p->failure.script), "%s", job.name);
	where->index = UINT32_MAX;
	int rc = run_protected(boot, &job, err);
	if (rc == 0)
		rc = compile(p, &job, where, err);
	if (rc == 0)
		rc = tr_lua_protected_call(
			p, 0, 0, p->failure.script, where, err);
	if (rc == 0)
		rc = finish(p, where, err);
	if (rc == 0)
		rc = run_protected(take_plan, &job, err);
	return rc;
}

/* ---------------------------------------------------------------- loops */

static int bind_loop(lua_State *L)
{
	struct job *job = lua_touserdata(L, 1);
	struct tr_lua_program *p = job->p;
	Tranche__V1__Operator *op = p->base.plan->operators[job->op];
	load_chunk(L, &tr_lua_chunks[tr_lua_n_chunks - 1]);
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->host);
	lua_pushstring(L, tr_lua_kind_name(op->kind));
	push_host(p, "functions");
	lua_rawgeti(L, -1, (int)op->id);
	lua_remove(L, -2);
	lua_pushlightuserdata(L, p->calls[job->op]);
	lua_call(L, 4, 1);
	p->loops[job->op] = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

int tr_lua_bind(struct tr_lua_program *p, uint32_t op, struct tr_error *err)
{
	struct tr_lua_call *call = tr_xcalloc(1, sizeof(*call));
	call->op = op;
	call->program = p;
	call->outs_cap = TR_LUA_OUTS;
	call->outs = tr_xcalloc(call->outs_cap, sizeof(call->outs[0]));
	p->calls[op] = call;
	struct job job = { .p = p, .op = op };
	return run_protected(bind_loop, &job, err);
}
