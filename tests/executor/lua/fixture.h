/*
 * A Lua program under test: a script from a string, elements from literals,
 * and what came out as text, one line per element.
 *
 *	struct script s;
 *	script_init(&s);
 *	assert_int_equal(script_load(&s, "…", "topic=lines", NULL), 0);
 *	assert_int_equal(script_apply(&s, 1, elems, n), 0);
 *	assert_string_equal(s.out, "'a' 1\n");
 *	script_fini(&s);
 */
#ifndef TR_TESTS_EXECUTOR_LUA_FIXTURE_H
#define TR_TESTS_EXECUTOR_LUA_FIXTURE_H

#include "executor/lua/lua.h"

enum {
	SCRIPT_TEXT_MAX = 1 << 16
};

struct script {
	struct tr_emitter emitter;
	struct tr_program *p;
	struct tr_error err;
	struct tr_user_error where;
	uint64_t memory_bytes; /* set before load; default 64 MiB */
	uint64_t seed;
	int64_t batch_time_ms;
	char out[SCRIPT_TEXT_MAX]; /* of script_apply and script_reduce */
	char log[SCRIPT_TEXT_MAX]; /* "op:text" lines, with " @offset" */
	size_t pushed;
	size_t fail_push_at; /* the n-th push fails; 0: none does */
};

void script_init(struct script *s);
void script_fini(struct script *s);

/* Arguments are "name=value" up to NULL. Result of tr_lua_program_new. */
int script_load(struct script *s, const char *text, ...);

/* Replaces s->out. Result of apply. */
int script_apply(
	struct script *s, uint32_t op, const struct tr_elem *elems, uint32_t n);

/* Folds the values into one accumulator; s->out is what it is in the end. */
int script_reduce(struct script *s, uint32_t op, struct tr_val first,
	const struct tr_val *values, uint32_t n);

/* The map function of a script that says how: "return …" of r, to s->out. */
int script_map(struct script *s, const char *body, struct tr_val value);

/* Literals. */
#define V_NULL      ((struct tr_val){ .type = TR_VAL_NULL })
#define V_BOOL(b)   ((struct tr_val){ .type = TR_VAL_BOOL, .i = (b) })
#define V_INT(n)    ((struct tr_val){ .type = TR_VAL_INT, .i = (n) })
#define V_DOUBLE(x) ((struct tr_val){ .type = TR_VAL_DOUBLE, .d = (x) })
#define V_TEXT(s)   v_bytes((s), sizeof(s) - 1)

struct tr_val v_bytes(const char *s, size_t n);

/* The datum of JSON as a list or map; freed by script_fini. */
struct tr_val v_json(struct script *s, const char *json);

#endif /* TR_TESTS_EXECUTOR_LUA_FIXTURE_H */
