/* Operators over batches: results, conversions, and errors with their place. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "executor/reader/reader.h"
#include "tests/executor/lua/fixture.h"
#include "tests/support/test.h"

#define TWO53 (INT64_C(1) << 53)

static void load(struct script *s, const char *method, const char *fn)
{
	char text[2048];
	snprintf(text, sizeof(text), "tranche.source{topic='t'}:%s(%s):print()",
		method, fn);
	script_init(s);
	if (script_load(s, text, NULL) != 0)
		fail_msg("%s: %s", s->where.where, s->err.text);
}

/* Applies method(fn) to the elements; the lines that come out. */
static void check_apply(const char *method, const char *fn,
	const struct tr_elem *elems, uint32_t n, const char *expected)
{
	struct script s;
	load(&s, method, fn);
	if (script_apply(&s, 1, elems, n) != 0)
		fail_msg("%s: %s: %s", fn, s.where.where, s.err.text);
	assert_string_equal(s.out, expected);
	script_fini(&s);
}

static const struct tr_origin ORIGINS[] = {
	{ .topic = "t", .partition = 3, .offset = 7, .timestamp = 1000 },
	{ .topic = "t",
		.partition = 3,
		.offset = (INT64_C(1) << 40) + 1,
		.timestamp = -1 },
};

static const struct tr_elem *three(void)
{
	static struct tr_elem elems[3];
	elems[0] =
		(struct tr_elem){ V_TEXT("k"), V_TEXT("one two"), &ORIGINS[0] };
	elems[1] = (struct tr_elem){ V_NULL, V_NULL, &ORIGINS[1] };
	elems[2] = (struct tr_elem){ V_INT(5), V_TEXT("three"), NULL };
	return elems;
}

static void test_apply__map_replaces_value_or_both(void **state)
{
	(void)state;
	check_apply("map", "function(r) return type(r.value) end", three(), 3,
		"'k' 'string' @7\nnull 'nil' @1099511627777\n5 'string'\n");
	check_apply("map", "function(r) return r.value, r.key end", three(), 3,
		"'one two' 'k' @7\nnull null @1099511627777\n'three' 5\n");
	check_apply("map",
		"function(r) return r.topic, (r.partition or 0) + "
		"(r.offset or 0) end",
		three(), 3,
		"'t' 10 @7\n't' 1099511627780 @1099511627777\n"
		"null 0\n");
	check_apply("map",
		"function(r) return tostring(r.timestamp) .. "
		"tostring(r.headers) end",
		three(), 3,
		"'k' '1000nil' @7\nnull 'nilnil' @1099511627777\n"
		"5 'nilnil'\n");
}

static void test_apply__others_do_what_they_say(void **state)
{
	(void)state;
	check_apply("filter", "function(r) return r.value end", three(), 3,
		"'k' 'one two' @7\n5 'three'\n");
	check_apply("filter", "function(r) end", three(), 3, "");
	check_apply("map_values",
		"function(v, r) return (v or '-') .. tostring(r.key) end",
		three(), 3,
		"'k' 'one twok' @7\nnull '-nil' @1099511627777\n"
		"5 'three5'\n");
	check_apply("key_by", "function(r) return r.value and #r.value end",
		three(), 3,
		"7 'one two' @7\nnull null @1099511627777\n"
		"5 'three'\n");
	check_apply("flat_map",
		"function(r, emit) for w in (r.value or ''):gmatch('%S+') do "
		"emit(w, #w) emit(w) emit(nil, w) emit(w, nil) end end",
		three(), 3,
		"'one' 3 @7\nnull 'one' @7\nnull 'one' @7\n'one' null @7\n"
		"'two' 3 @7\nnull 'two' @7\nnull 'two' @7\n'two' null @7\n"
		"'three' 5\nnull 'three'\nnull 'three'\n'three' null\n");
}

static void test_apply__one_record_can_make_many(void **state)
{
	(void)state;
	struct script s;
	load(&s, "flat_map",
		"function(r, emit) for i = 1, 3000 do emit(('x'):rep(i), i) "
		"end end");
	assert_int_equal(script_apply(&s, 1, three(), 3), 0);
	assert_int_equal(s.pushed, 9000);
	assert_memory_equal(s.out, "'x' 1 @7\n'xx' 2 @7\n'xxx' 3 @7\n", 28);
	script_fini(&s);
}

static void test_apply__large_outputs_go_on_in_parts(void **state)
{
	(void)state;
	struct script s;
	struct tr_elem elems[100];
	for (int i = 0; i < 100; i++)
		elems[i] = (struct tr_elem){ V_INT(i), V_INT(i), NULL };
	script_init(&s);
	s.memory_bytes = TR_MIB(24);
	/* 100 MB in all, through a heap of 24 MiB. */
	assert_int_equal(script_load(&s,
				 "tranche.source{topic='t'}:map(function(r) "
				 "return r.value .. ('x'):rep(1e6) end)"
				 ":map_values(function(v) "
				 "return #v end):print()",
				 NULL),
		0);
	assert_int_equal(script_apply(&s, 1, elems, 100), 0);
	assert_int_equal(s.pushed, 100);
	script_fini(&s);
}

static void test_apply__converts_what_lua_returns(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		const char *value; /* NULL: refused with */
		const char *error;
	} cases[] = {
		{ "return 1", "1", NULL },
		{ "return -0", "0", NULL },
		{ "return 1.5", "1.5d", NULL },
		{ "return 2^53", "9007199254740992", NULL },
		{ "return -2^53", "-9007199254740992", NULL },
		{ "return 2^53 + 2", "9007199254740994d", NULL },
		{ "return 2^60", "1.152921504606847e+18d", NULL },
		{ "return 1/0", "infd", NULL },
		{ "return -1/0", "-infd", NULL },
		{ "return (0/0) ~= (0/0)", "true", NULL },
		{ "return 9007199254740993LL", "9007199254740993", NULL },
		{ "return -9223372036854775807LL - 1LL", "-9223372036854775808",
			NULL },
		{ "return 9223372036854775807ULL", "9223372036854775807",
			NULL },
		{ "return 9223372036854775808ULL", NULL,
			"9223372036854775808ULL is no int64" },
		{ "return 1i", NULL, "0+1i is no int64" },
		{ "return true", "true", NULL },
		{ "return false", "false", NULL },
		{ "return nil", "null", NULL },
		{ "return tranche.null", "null", NULL },
		{ "return ''", "''", NULL },
		{ "return {}", "[]", NULL },
		{ "return tranche.map{}", "{}", NULL },
		{ "return {1, 'two', {3.5}, true, tranche.null}",
			"[1,\"two\",[3.5],true,null]", NULL },
		{ "return {b = 1, a = {x = tranche.map{}}}",
			"{\"a\":{\"x\":{}},\"b\":1}", NULL },
		{ "return tranche.map{'x', 'y'}",
			"{\"$map\":[[1,\"x\"],[2,\"y\"]]}", NULL },
		{ "return {[1] = 'x', [3] = 'y'}",
			"{\"$map\":[[1,\"x\"],[3,\"y\"]]}", NULL },
		{ "return {'x', nil, 'y'}", "{\"$map\":[[1,\"x\"],[3,\"y\"]]}",
			NULL },
		{ "local t = {1, 2, 3} t[2] = nil return t",
			"{\"$map\":[[1,1],[3,3]]}", NULL },
		{ "return tranche.map{1, a = 2}",
			"{\"$map\":[[1,1],[\"a\",2]]}", NULL },
		{ "return {9007199254740993LL}", "[9007199254740993]", NULL },
		{ "return {1, a = 2}", NULL,
			"a table with numbers and other keys is neither a list "
			"nor a map: see tranche.map" },
		{ "return {print}", NULL,
			"a list or map cannot contain a function" },
		{ "return {a = 1i}", NULL,
			"a number in a list or map is no int64" },
		{ "return {[{}] = 1}", NULL,
			"a key of a map is a string, number or boolean" },
		{ "local t = {} t[1] = t return t", NULL,
			"a list or map is over the limit of 8 MiB or 32 levels "
			"(or contains itself)" },
		{ "return {('x'):rep(9e6)}", NULL,
			"a list or map is over the limit of 8 MiB or 32 levels "
			"(or contains itself)" },
		{ "return ('x'):rep(9e6)", NULL,
			"a value of 9000000 bytes is over the limit of "
			"8388608" },
		{ "return ('x'):rep(2e6), 1", NULL,
			"a key of 2000000 bytes is over the limit of 1048576" },
		{ "return print", NULL, "a function cannot be a value" },
		{ "return r", NULL,
			"a record or dataset is no value: return r.value" },
		{ "return", NULL,
			"the function of map returned nothing: return nil for "
			"null" },
		{ "return 1, 2, 3", NULL,
			"the function of map returned 3 results: it is a "
			"value, or a key and a value" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct script s;
		char expected[256];
		script_init(&s);
		int rc = script_map(&s, cases[i].body, V_NULL);
		if (cases[i].value) {
			if (rc != 0)
				fail_msg("%s: %s", cases[i].body, s.err.text);
			snprintf(expected, sizeof(expected), "'k' %s\n",
				cases[i].value);
			assert_string_equal(s.out, expected);
		} else {
			assert_string_equal(s.err.text, cases[i].error);
			/* The function is left: its own line is the place. */
			assert_string_equal(s.where.where, "job.lua:1");
			assert_int_equal(rc, TR_EUSER);
			assert_int_equal(s.where.index, 0);
		}
		script_fini(&s);
	}
}

static void test_apply__converts_what_data_contain(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	const struct {
		struct tr_val value;
		const char *body;
		const char *out;
	} cases[] = {
		{ V_INT(TWO53), "return type(r.value)", "'number'" },
		{ V_INT(-TWO53), "return type(r.value)", "'number'" },
		{ V_INT(TWO53 + 1), "return type(r.value)", "'cdata'" },
		{ V_INT(TWO53 + 1), "return tostring(r.value)",
			"'9007199254740993'" },
		{ V_INT(TWO53 + 1), "return r.value", "9007199254740993" },
		{ V_INT(INT64_MAX), "return r.value", "9223372036854775807" },
		{ V_INT(INT64_MIN), "return r.value", "-9223372036854775808" },
		{ V_INT(TWO53 + 1), "return r.value - 1LL",
			"9007199254740992" },
		{ V_DOUBLE(0.1), "return r.value", "0.10000000000000001d" },
		{ V_DOUBLE((double)INFINITY), "return r.value", "infd" },
		{ V_DOUBLE((double)NAN), "return r.value ~= r.value", "true" },
		{ V_BOOL(0), "return r.value == false", "true" },
		{ V_TEXT("a\0b"), "return #r.value", "3" },
		{ V_TEXT(""), "return r.value == ''", "true" },
		{ v_json(&s, "[1,[],{},null,\"a\\u0000b\",true,1.5]"),
			"return r.value",
			"[1,[],{},null,\"a\\u0000b\",true,1.5]" },
		{ v_json(&s, "[1,2,3]"), "return #r.value + r.value[3]", "6" },
		{ v_json(&s, "{\"a\":{\"b\":[7]},\"c\":null}"),
			"return r.value.a.b[1] .. tostring(r.value.c)",
			"'7null'" },
		{ v_json(&s, "{\"$map\":[[1,\"x\"],[2,\"y\"]]}"),
			"return r.value", "{\"$map\":[[1,\"x\"],[2,\"y\"]]}" },
		{ v_json(&s, "[9007199254740993,-9223372036854775808]"),
			"return r.value",
			"[9007199254740993,-9223372036854775808]" },
		{ v_json(&s, "{\"x\":1}"), "r.value.y = 2 return r.value",
			"{\"x\":1,\"y\":2}" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		char expected[256];
		if (script_map(&s, cases[i].body, cases[i].value) != 0)
			fail_msg("%s: %s", cases[i].body, s.err.text);
		snprintf(expected, sizeof(expected), "'k' %s\n", cases[i].out);
		assert_string_equal(s.out, expected);
	}
	script_fini(&s);
}

static void test_apply__gives_headers(void **state)
{
	(void)state;
	const struct tr_header_view headers[] = {
		{ tr_slice_of_text("id"), tr_slice_of_text("7") },
		{ tr_slice_of_text("empty"), TR_SLICE_ABSENT },
		{ tr_slice_of_text("id"), tr_slice_of_text("8") },
	};
	struct tr_record_view record = { .headers = headers, .n_headers = 3 };
	struct tr_origin origin = ORIGINS[0];
	origin.record = &record;
	struct tr_elem e = { V_NULL, V_NULL, &origin };
	check_apply("map",
		"function(r) local h = r.headers return #h .. h.id .. "
		"h[1].value .. h[2].name .. tostring(h[2].value) end",
		&e, 1, "null '387emptynil' @7\n");
}

static void test_apply__reduces_in_order(void **state)
{
	(void)state;
	struct script s;
	const struct tr_val texts[] = { V_TEXT("b"), V_TEXT("c"), V_TEXT("d") };
	const struct tr_val ints[] = { V_INT(INT64_MAX - 1), V_INT(1) };
	load(&s, "reduce_by_key", "function(a, b) return a .. b end");
	assert_int_equal(script_reduce(&s, 1, V_TEXT("a"), texts, 3), 0);
	assert_string_equal(s.out, "'abcd'");
	script_fini(&s);
	load(&s, "reduce_by_key", "function(a, b) return a + b end");
	assert_int_equal(script_reduce(&s, 1, V_INT(0), ints, 2), 0);
	assert_string_equal(s.out, "9223372036854775807");
	script_fini(&s);
	load(&s, "reduce_by_key", "function(a, b) a[#a + 1] = b return a end");
	assert_int_equal(script_reduce(&s, 1, v_json(&s, "[0]"), texts, 3), 0);
	assert_string_equal(s.out, "[0,\"b\",\"c\",\"d\"]");
	script_fini(&s);
	load(&s, "reduce_by_key", "function(a, b) return a + b end");
	assert_int_equal(script_reduce(&s, 1, V_INT(1), texts, 3), TR_EUSER);
	assert_string_equal(s.err.text,
		"attempt to perform arithmetic on local 'b' (a string value) "
		"(key the key)");
	assert_string_equal(s.where.where, "job.lua:1");
	assert_int_equal(s.where.index, 0);
	script_fini(&s);
}

/* A thousand results of 64 KiB, one of which is kept, in a heap of 24 MiB. */
static void test_apply__reduce_lets_go_of_what_was(void **state)
{
	(void)state;
	struct script s;
	struct tr_val values[1000];
	char *block = tr_xmalloc(TR_KIB(64));
	memset(block, 'x', TR_KIB(64));
	for (size_t i = 0; i < TR_ARRAY_LEN(values); i++)
		values[i] = v_bytes(block, TR_KIB(64));
	script_init(&s);
	s.memory_bytes = TR_MIB(24);
	assert_int_equal(script_load(&s,
				 "tranche.source{topic='t'}:reduce_by_key("
				 "function(a, b) return b:sub(1, -2) .. "
				 "#a % 10 end):map_values(function(v) "
				 "return #v end):print()",
				 NULL),
		0);
	if (script_reduce(&s, 1, V_TEXT("a"), values, 1000) != 0)
		fail_msg("%s: %s", s.where.where, s.err.text);
	script_fini(&s);
	tr_xfree(block);
}

/* The function fails at the third of three elements. */
static void check_error(const char *fn, const char *where, const char *text)
{
	struct script s;
	char script[2048];
	const struct tr_elem *e = three();
	snprintf(script, sizeof(script),
		"local function check(x)\n  assert(x ~= 'three', 'no three')\n"
		"end\n"
		"tranche.source{topic='t'}:map(%s):print()",
		fn);
	script_init(&s);
	assert_int_equal(script_load(&s, script, NULL), 0);
	int rc = script_apply(&s, 1, e, 3);
	assert_string_equal(s.err.text, text);
	assert_string_equal(s.where.where, where);
	assert_int_equal(rc, TR_EUSER);
	assert_int_equal(s.where.index, 2);
	script_fini(&s);
}

static void test_apply__errors_name_line_and_element(void **state)
{
	(void)state;
	check_error("function(r)\n check(r.value) return 1 end", "job.lua:2",
		"no three");
	check_error("function(r)\n\n return r.value == 'three' and "
		    "(nil).x or 1 end",
		"job.lua:6", "attempt to index a nil value");
	check_error("function(r) return r.value ~= 'three' and 1\n"
		    "  or r.valeu end",
		"job.lua:5",
		"a record has no field 'valeu' (did you mean 'value'?)");
	check_error("function(r) if r.value == 'three' then\n"
		    "  r.value = 1 end return 1 end",
		"job.lua:5",
		"'value' of a record cannot be set: return what shall be "
		"instead");
	check_error("function(r) if r.value == 'three' then\n"
		    "  error({code = 5}) end return 1 end",
		"job.lua:5", "the error is a table, not a text");
	check_error("function(r) local ok, e = pcall(check, r.value)\n"
		    "  if not ok then error(e, 0) end return 1 end",
		"job.lua:2", "no three");
	check_error("function(r) local f = coroutine.wrap(check)\n"
		    "  f(r.value) return 1 end",
		"job.lua:2", "no three");
	check_error("function(r)\n local function f() return 1 + f() end "
		    "return r.value == 'three' and f() or 1 end",
		"job.lua:5", "stack overflow");
}

static void test_apply__an_error_logs_the_stack(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	assert_int_equal(script_load(&s,
				 "local function inner() error('boom') end\n"
				 "local function outer() inner() return 1 end\n"
				 "tranche.source{topic='t'}:map(function(r)\n"
				 "  local x = outer() return x end):print()",
				 NULL),
		0);
	assert_int_equal(script_apply(&s, 1, three(), 3), TR_EUSER);
	assert_string_equal(s.log, "1:error: job.lua:1: boom @7\n"
				   "1:  at job.lua:1 in inner @7\n"
				   "1:  at job.lua:2 in outer @7\n"
				   "1:  at job.lua:4 in fn @7\n");
	script_fini(&s);
}

static void test_apply__a_long_name_is_cut_in_the_stack(void **state)
{
	(void)state;
	char name[301], text[1024], wanted[300];
	struct script s;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		"local function %s() error('boom') end\n"
		"tranche.source{topic='t'}:map(function(r)\n"
		"  local x = %s() return x end):print()",
		name, name);
	snprintf(wanted, sizeof(wanted), "1:  at job.lua:1 in %.237s @7\n",
		name);
	script_init(&s);
	assert_int_equal(script_load(&s, text, NULL), 0);
	assert_int_equal(script_apply(&s, 1, three(), 3), TR_EUSER);
	if (strstr(s.log, wanted) == NULL)
		fail_msg("%s", s.log);
	script_fini(&s);
}

static void test_apply__prints_with_operator_and_record(void **state)
{
	(void)state;
	struct script s;
	load(&s, "map",
		"function(r) print('v', r.value, {}, print, 5LL) "
		"log(r.offset) return 1 end");
	assert_int_equal(script_apply(&s, 1, three(), 3), 0);
	assert_string_equal(s.log,
		"1:v\tone two\ttable\tfunction\t5 @7\n1:7 @7\n"
		"1:v\tnil\ttable\tfunction\t5 @1099511627777\n"
		"1:1099511627777 @1099511627777\n"
		"1:v\tthree\ttable\tfunction\t5\n1:nil\n");
	script_fini(&s);
	load(&s, "map", "function(r) print(('x'):rep(10000)) return 1 end");
	assert_int_equal(script_apply(&s, 1, three(), 1), 0);
	assert_int_equal(strlen(s.log), 2 + TR_LOG_LINE_MAX + 4);
	script_fini(&s);
}

static void test_apply__ends_when_the_next_stage_fails(void **state)
{
	(void)state;
	struct script s;
	load(&s, "map", "function(r) return 1 end");
	s.fail_push_at = 2;
	assert_int_equal(script_apply(&s, 1, three(), 3), TR_EFULL);
	assert_string_equal(s.err.text, "push 2");
	assert_int_equal(s.pushed, 2);
	script_fini(&s);
}

/* Pushes into operator 2 of the same program, as a chain of operators does. */
struct chain {
	struct tr_emitter emitter;
	struct script *s;
};

static int push_on(struct tr_emitter *e, const struct tr_elem *elem)
{
	struct script *s = ((struct chain *)e)->s;
	struct tr_elem one = *elem;
	struct tr_elem_batch in = { .elems = &one, .n = 1 };
	return s->p->ops->apply(s->p, 2, s->p->plan->operators[2]->kind, &in,
		&s->emitter, &s->where, &s->err);
}

static void test_apply__operators_can_feed_each_other(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	int rc = script_load(&s,
		"tranche.source{topic='t'}:flat_map(function(r, emit)\n"
		"for i = 1, 3 do emit('k' .. i, ('v'):rep(i)) end end)\n"
		":map(function(r) return r.key .. r.value end):print()",
		NULL);
	assert_int_equal(rc, 0);
	struct chain chain = { { push_on }, &s };
	struct tr_elem e = { V_NULL, V_NULL, NULL };
	struct tr_elem_batch in = { .elems = &e, .n = 1 };
	rc = s.p->ops->apply(s.p, 1, s.p->plan->operators[1]->kind, &in,
		&chain.emitter, &s.where, &s.err);
	assert_int_equal(rc, 0);
	assert_string_equal(s.out, "'k1' 'k1v'\n'k2' 'k2vv'\n'k3' 'k3vvv'\n");
	script_fini(&s);
}

static void test_apply__kept_objects_are_refused(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	int rc = script_load(&s,
		"local kept, keep\n"
		"tranche.source{topic='t'}\n"
		":flat_map(function(r, emit) kept, keep = r, emit end)\n"
		":map(function(r) return kept.value end)\n"
		":map(function(r) keep(1) return 1 end):print()",
		NULL);
	assert_int_equal(rc, 0);
	assert_int_equal(script_apply(&s, 1, three(), 1), 0);
	assert_int_equal(script_apply(&s, 2, three(), 1), TR_EUSER);
	assert_string_equal(s.err.text,
		"a record was kept beyond the call it was made for");
	assert_string_equal(s.where.where, "job.lua:4");
	assert_int_equal(script_apply(&s, 3, three(), 1), TR_EUSER);
	assert_string_equal(
		s.err.text, "emit() was kept beyond the call it was made for");
	script_fini(&s);
}

static void test_apply__says_where_it_is(void **state)
{
	(void)state;
	struct script s;
	struct tr_lua_position at = { .op = 5, .index = 6, .offset = 7 };
	load(&s, "filter",
		"function(r) if r.value == nil then error('here') end end");
	tr_lua_program_set_position(s.p, &at);
	assert_int_equal(at.op, UINT32_MAX);
	assert_int_equal(script_apply(&s, 1, three(), 1), 0);
	assert_int_equal(at.op, UINT32_MAX);
	assert_int_equal(at.index, 0);
	assert_int_equal(at.offset, 7);
	assert_int_equal(script_apply(&s, 1, three(), 3), TR_EUSER);
	assert_int_equal(at.index, 1);
	assert_int_equal(at.offset, (INT64_C(1) << 40) + 1);
	script_fini(&s);
}

TR_TEST_MAIN(cmocka_unit_test(test_apply__map_replaces_value_or_both),
	cmocka_unit_test(test_apply__others_do_what_they_say),
	cmocka_unit_test(test_apply__one_record_can_make_many),
	cmocka_unit_test(test_apply__large_outputs_go_on_in_parts),
	cmocka_unit_test(test_apply__converts_what_lua_returns),
	cmocka_unit_test(test_apply__converts_what_data_contain),
	cmocka_unit_test(test_apply__gives_headers),
	cmocka_unit_test(test_apply__reduces_in_order),
	cmocka_unit_test(test_apply__reduce_lets_go_of_what_was),
	cmocka_unit_test(test_apply__errors_name_line_and_element),
	cmocka_unit_test(test_apply__an_error_logs_the_stack),
	cmocka_unit_test(test_apply__a_long_name_is_cut_in_the_stack),
	cmocka_unit_test(test_apply__prints_with_operator_and_record),
	cmocka_unit_test(test_apply__ends_when_the_next_stage_fails),
	cmocka_unit_test(test_apply__operators_can_feed_each_other),
	cmocka_unit_test(test_apply__kept_objects_are_refused),
	cmocka_unit_test(test_apply__says_where_it_is));
