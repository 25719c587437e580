#include "executor/lua/failure.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "executor/lua/native.h"
#include "executor/lua/state.h"

/* What follows "script:line: ", or NULL. */
static const char *after_place(
	const struct tr_lua_failure *f, const char *message)
{
	size_t n = strlen(f->script);
	if (strncmp(message, f->script, n) != 0 || message[n] != ':')
		return NULL;
	const char *colon = message + n + 1;
	colon += strspn(colon, "0123456789");
	return strncmp(colon, ": ", 2) == 0 ? colon + 2 : NULL;
}

const char *tr_lua_split_place(const struct tr_lua_failure *f,
	const char *message, char *where, size_t where_size)
{
	const char *rest;
	while ((rest = after_place(f, message)) != NULL) {
		snprintf(where, where_size, "%.*s", (int)(rest - 2 - message),
			message);
		message = rest;
	}
	return message;
}

static bool is_script(const struct tr_lua_failure *f, const lua_Debug *ar)
{
	return strcmp(ar->short_src, f->script) == 0;
}

/* The innermost line of the script on the stack, if there is one. */
static void find_place(struct tr_lua_failure *f, lua_State *L)
{
	lua_Debug ar;
	for (int level = 1; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sl", &ar);
		if (!is_script(f, &ar) || ar.currentline < 0)
			continue;
		snprintf(f->where, sizeof(f->where), "%s:%d", ar.short_src,
			ar.currentline);
		return;
	}
}

/* The script's part of the stack as log lines, innermost first. */
static void log_trace(struct tr_lua_program *p, lua_State *L)
{
	lua_Debug ar;
	int lines = 0;
	for (int level = 1; lua_getstack(L, level, &ar); level++) {
		lua_getinfo(L, "Sln", &ar);
		if (!is_script(&p->failure, &ar) ||
			++lines > TR_LUA_TRACE_LINES_MAX)
			continue;
		char line[256];
		int n = snprintf(line, sizeof(line), "  at %s:%d%s%s",
			ar.short_src, ar.currentline, ar.name ? " in " : "",
			ar.name ? ar.name : "");
		/* A name can be of any length. */
		tr_lua_log(p, line,
			(uint32_t)(n < (int)sizeof(line)
					   ? n
					   : (int)sizeof(line) - 1));
	}
}

static void message_text(lua_State *L, int at, char *text, size_t size)
{
	size_t n = 0;
	const char *s = lua_isstring(L, at) ? lua_tolstring(L, at, &n) : NULL;
	if (s == NULL)
		snprintf(text, size, "the error is a %s, not a text",
			lua_typename(L, lua_type(L, at)));
	else
		snprintf(text, size, "%s", s);
	/* One line: what is shown must not look like several errors. */
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}

static int handle(lua_State *L)
{
	struct tr_lua_program *p = lua_touserdata(L, lua_upvalueindex(1));
	struct tr_lua_failure *f = &p->failure;
	char whole[sizeof(f->text)];
	message_text(L, 1, whole, sizeof(whole));
	f->where[0] = '\0';
	const char *text =
		tr_lua_split_place(f, whole, f->where, sizeof(f->where));
	snprintf(f->text, sizeof(f->text), "%s", text);
	if (f->where[0] == '\0')
		find_place(f, L);
	f->caught = true;
	char line[sizeof(f->text)];
	int n = snprintf(line, sizeof(line), "error: %s", whole);
	tr_lua_log(p, line,
		(uint32_t)(n < (int)sizeof(line) ? n : (int)sizeof(line) - 1));
	log_trace(p, L);
	return 1;
}

void tr_lua_push_handler(struct tr_lua_program *p)
{
	lua_pushlightuserdata(p->L, p);
	lua_pushcclosure(p->L, handle, 1);
}

int tr_lua_protected_call(struct tr_lua_program *p, int args, int results,
	const char *fallback, struct tr_user_error *where, struct tr_error *err)
{
	lua_State *L = p->L;
	struct tr_lua_failure *f = &p->failure;
	int handler = lua_gettop(L) - args; /* where the function is */
	lua_rawgeti(L, LUA_REGISTRYINDEX, p->handler);
	lua_insert(L, handler);
	f->caught = false;
	int status = lua_pcall(L, args, results, handler);
	lua_remove(L, handler);
	if (status == 0)
		return 0;
	char text[sizeof(f->text)];
	message_text(L, -1, text, sizeof(text));
	lua_pop(L, 1);
	bool placed = f->caught && status != LUA_ERRMEM;
	snprintf(where->where, sizeof(where->where), "%s",
		placed && f->where[0] ? f->where : fallback);
	if (strcmp(text, "not enough memory") == 0)
		return tr_error_set(err, TR_EUSER,
			"not enough memory: its limit is %zu MiB",
			p->heap.max >> 20);
	return tr_error_set(err, TR_EUSER, "%s", placed ? f->text : text);
}
