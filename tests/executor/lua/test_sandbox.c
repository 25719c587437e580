/* What scripts cannot do, and what is the same in every run. */
#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "tests/executor/lua/fixture.h"
#include "tests/support/test.h"

/* A function body run on one record: what it returns, or why it fails. */
struct attempt {
	const char *body;
	const char *value; /* NULL: fails with error */
	const char *error; /* a part of it */
};

static void check_attempt(const struct attempt *a)
{
	struct script s;
	char expected[512];
	script_init(&s);
	int rc = script_map(&s, a->body, V_TEXT("v"));
	if (a->value) {
		if (rc != 0)
			fail_msg("%s: %s", a->body, s.err.text);
		snprintf(expected, sizeof(expected), "'k' %s\n", a->value);
		assert_string_equal(s.out, expected);
	} else if (rc == 0) {
		fail_msg("%s: gave %s", a->body, s.out);
	} else if (strstr(s.err.text, a->error) == NULL) {
		fail_msg("%s: %s", a->body, s.err.text);
	}
	script_fini(&s);
}

static void check_attempts(const struct attempt *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_attempt(&a[i]);
}

static void test_sandbox__has_no_way_out(void **state)
{
	(void)state;
	static const char *const absent[] = { "os", "io", "ffi", "package",
		"require", "module", "debug", "jit", "load", "loadstring",
		"loadfile", "dofile", "collectgarbage", "gcinfo", "getfenv",
		"setfenv", "newproxy", "string.dump", "(''):dump",
		"table.foreach", "math.mod", "arg", "_G.os", "_G._G.ffi",
		"coroutine.isyieldable" };
	for (size_t i = 0; i < TR_ARRAY_LEN(absent); i++) {
		char body[128];
		snprintf(body, sizeof(body), "return type((%s))", absent[i]);
		if (strchr(absent[i], ':'))
			snprintf(body, sizeof(body), "return type(('').dump)");
		check_attempt(&(struct attempt){ body, "'nil'", NULL });
	}
}

static void test_sandbox__hides_its_insides(void **state)
{
	(void)state;
	static const struct attempt attempts[] = {
		{ "return getmetatable('') == nil", "true", NULL },
		{ "return tostring(getmetatable(r))", "'false'", NULL },
		{ "return tostring(getmetatable(_G))", "'false'", NULL },
		{ "return tostring(getmetatable(string))", "'false'", NULL },
		{ "return tostring(getmetatable(tranche))", "'false'", NULL },
		{ "return tostring(getmetatable(5LL))", "'nil'", NULL },
		{ "return rawget(_G, 'print') == nil", "true", NULL },
		{ "return rawget(string, 'sub') == nil", "true", NULL },
		{ "return next(string) == nil and next(_G) == nil", "true",
			NULL },
		{ "setmetatable(_G, {}) return 1", NULL, "protected" },
		{ "setmetatable(string, nil) return 1", NULL, "protected" },
		{ "setmetatable(r, {}) return 1", NULL, "protected" },
		{ "setmetatable(('x'):gmatch('%S+'), {}) return 1", NULL,
			"protected" },
		{ "string.sub = nil return 1", NULL,
			"'string.sub' cannot be set: libraries are read-only" },
		{ "table.x = 1 return 1", NULL, "read-only" },
		{ "rawset(string, 'sub', print) return 1", NULL, "read-only" },
		{ "rawset(_G, 'x', 1) return 1", NULL, "read-only" },
		{ "rawset(r, 'value', 1) return 1", NULL, "read-only" },
		{ "rawset(tranche, 'now', 1) return 1", NULL, "read-only" },
		{ "tranche.batch_time = 1 return 1", NULL, "read-only" },
		{ "return (5LL).x", NULL, "" },
		{ "local x = 5LL x[0] = 1 return 1", NULL, "" },
		{ "return xpcall(error, function() return string.dump end) "
		  "and 1 or 2",
			"2", NULL },
		{ "local f = coroutine.wrap(function() return _G end) "
		  "return tostring(f().os)",
			"'nil'", NULL },
		{ "local co = coroutine.create(function() x = 1 end) "
		  "local ok, e = coroutine.resume(co) return e",
			"'global 'x' written inside an operator: globals are "
			"read-only once the script is loaded, use a local'",
			NULL },
		{ "local it = ('a b'):gmatch('%S+') it[3] = -5 "
		  "return tostring(it())",
			"'nil'", NULL },
		{ "local it = ('a b'):gmatch('%S+') it[3] = 1e18 "
		  "return tostring(it())",
			"'nil'", NULL },
		{ "local it = ('a b'):gmatch('%S+') it[2] = 99 return it()",
			NULL, "spoilt" },
		{ "local it = ('a b'):gmatch('%S+') it[1] = {} return it()",
			NULL, "" },
		{ "return tranche.source{topic='x'}", NULL,
			"'source' inside an operator: the plan is built once, "
			"while the script is loaded" },
		{ "return tranche.arg('x', 1)", NULL,
			"tranche.arg inside an operator: ask for 'x' once, "
			"outside" },
	};
	check_attempts(attempts, TR_ARRAY_LEN(attempts));
}

static void test_sandbox__freezes_globals(void **state)
{
	(void)state;
	struct script s;
	struct tr_elem e = { V_NULL, V_INT(3), NULL };
	script_init(&s);
	int rc = script_load(&s,
		"factor = 2\n"
		"function double(x) return x * factor end\n"
		"local a = tranche.source{topic='t'}\n"
		"a:map(function(r) return double(r.value) end):print()\n"
		"a:map(function(r)\n"
		"  factor = 3\n"
		"  return 1 end):print()\n"
		"a:map(function(r)\n"
		"  local x = 1\n"
		"  function helper() end return 1 end):print()\n",
		NULL);
	assert_int_equal(rc, 0);
	assert_int_equal(script_apply(&s, 1, &e, 1), 0);
	assert_string_equal(s.out, "null 6\n");
	assert_int_equal(script_apply(&s, 3, &e, 1), TR_EUSER);
	assert_string_equal(s.where.where, "job.lua:6");
	assert_string_equal(s.err.text,
		"global 'factor' written inside an operator: globals are "
		"read-only once the script is loaded, use a local");
	assert_int_equal(script_apply(&s, 5, &e, 1), TR_EUSER);
	assert_string_equal(s.where.where, "job.lua:10");
	script_fini(&s);
}

static void test_sandbox__shows_no_addresses(void **state)
{
	(void)state;
	static const struct attempt attempts[] = {
		{ "return tostring({}) .. tostring(print) .. tostring(r)",
			"'tablefunctionrecord'", NULL },
		{ "return tostring(coroutine.create(print))", "'thread'",
			NULL },
		{ "return tostring(setmetatable({}, {__tostring = "
		  "function() return 'mine' end}))",
			"'mine'", NULL },
		{ "return tostring(setmetatable({}, {__tostring = "
		  "function() return {} end}))",
			NULL, "'tostring' must return a string" },
		{ "return ('%s|%5s|%d|%%|%q'):format({}, print, 7, 'x')",
			"'table|function|7|%|\"x\"'", NULL },
		{ "return ('%s %s'):format(nil, true)", "'nil true'", NULL },
		{ "return ('%d %s'):format(5, 5LL)", "'5 5'", NULL },
		{ "return ('%5.2f|%-4s|%x'):format(1.005, 'ab', 255)",
			"' 1.00|ab  |ff'", NULL },
		{ "return ('%p'):format('x')", NULL, "address" },
		{ "return ('%-20p'):format({})", NULL, "address" },
		{ "return ('%% p'):format()", "'% p'", NULL },
		/* Nor in the text of an error that is caught. */
		{ "return select(2, pcall(function() return r[{}] end))",
			"'a record has no field 'table''", NULL },
		{ "return select(2, pcall(function() r[print] = 1 end))",
			"''function' of a record cannot be set: return what "
			"shall be instead'",
			NULL },
		{ "return select(2, pcall(function() math[{}] = 1 end))",
			"''math.table' cannot be set: libraries are "
			"read-only'",
			NULL },
		{ "return select(2, pcall(rawset, math, {}, 1))",
			"''table' cannot be set: the table is read-only'",
			NULL },
		{ "return select(2, pcall(function() return tranche[{}] end))",
			"'there is no tranche.table'", NULL },
	};
	check_attempts(attempts, TR_ARRAY_LEN(attempts));
}

static void test_sandbox__walks_tables_in_order(void **state)
{
	(void)state;
	static const struct attempt attempts[] = {
		{ "local t, o = {}, {} for i = 1, 20 do "
		  "t['k' .. (i * 7 % 20 + 10)] = i end "
		  "for k in pairs(t) do o[#o + 1] = k end "
		  "return table.concat(o, ' ')",
			"'k10 k11 k12 k13 k14 k15 k16 k17 k18 k19 k20 k21 k22 "
			"k23 k24 k25 k26 k27 k28 k29'",
			NULL },
		{ "local t, o = {b = 1, [true] = 2, [-1.5] = 3, [10] = 4, a = "
		  "5, [false] = 6}, {} "
		  "for k, v in pairs(t) do o[#o + 1] = tostring(k) .. v end "
		  "return table.concat(o, ' ')",
			"'false6 true2 -1.53 104 a5 b1'", NULL },
		{ "local t, o = {b = 1, a = 2, [1] = 3}, {} "
		  "local k, v = next(t) while k do o[#o + 1] = k .. v "
		  "k, v = next(t, k) end return table.concat(o, ' ')",
			"'13 a2 b1'", NULL },
		{ "local t, o = {1, nil, 3}, '' for k, v in pairs(t) do "
		  "o = o .. k .. v end return o",
			"'1133'", NULL },
		{ "local t, o = {a=1, b=2, c=3}, '' for k in pairs(t) do "
		  "o = o .. k t.b = nil end return o",
			"'ac'", NULL },
		{ "local t, n = {1, 2, 3}, 0 for k, v in pairs(t) do "
		  "n = n + k * v end return n",
			"14", NULL },
		{ "for k in pairs({}) do return k end return 'none'", "'none'",
			NULL },
		{ "return tostring(next({}))", "'nil'", NULL },
		{ "local a, b = {x=1}, {y=1} return next(a) .. next(b) .. "
		  "tostring(next(a, 'x'))",
			"'xynil'", NULL },
		{ "return next({}, 'x')", NULL, "invalid key to 'next'" },
		{ "for k in pairs({[{}] = 1}) do end return 1", NULL,
			"keys that are a table have no order to walk in" },
		{ "for k in pairs(nil) do end return 1", NULL,
			"bad argument #1 to 'pairs' (table expected, got "
			"nil)" },
		{ "setmetatable({}, {__mode = 'k'}) return 1", NULL,
			"weak tables are not there" },
	};
	check_attempts(attempts, TR_ARRAY_LEN(attempts));
}

static void test_sandbox__time_is_the_batchs(void **state)
{
	(void)state;
	static const struct attempt attempts[] = {
		{ "return tranche.now()", "1700000000000", NULL },
		{ "return tranche.batch_time", "1700000000000", NULL },
	};
	check_attempts(attempts, TR_ARRAY_LEN(attempts));
}

/* Random numbers of 100 elements cut into batches of `step`. */
static void draw(struct script *s, uint32_t step, uint64_t seed, char *out)
{
	struct tr_origin origins[100];
	struct tr_elem elems[100];
	for (int i = 0; i < 100; i++) {
		origins[i] = (struct tr_origin){ .topic = "t", .offset = i };
		elems[i] = (struct tr_elem){ V_NULL, V_INT(i % 3),
			i % 2 ? &origins[i] : NULL };
	}
	script_init(s);
	s->seed = seed;
	int rc = script_load(s,
		"tranche.source{topic='t'}:map(function(r)\n"
		"return math.random(1e6), math.random() end):print()",
		NULL);
	assert_int_equal(rc, 0);
	out[0] = '\0';
	for (uint32_t i = 0; i < 100; i += step) {
		uint32_t n = 100 - i < step ? 100 - i : step;
		assert_int_equal(script_apply(s, 1, elems + i, n), 0);
		size_t used = strlen(out);
		snprintf(out + used, SCRIPT_TEXT_MAX - used, "%s", s->out);
	}
	script_fini(s);
}

static void test_sandbox__chance_does_not_depend_on_batches(void **state)
{
	(void)state;
	static struct script s;
	static char whole[SCRIPT_TEXT_MAX], parts[SCRIPT_TEXT_MAX];
	draw(&s, 100, 1, whole);
	draw(&s, 7, 1, parts);
	assert_string_equal(whole, parts);
	draw(&s, 1, 1, parts);
	assert_string_equal(whole, parts);
	draw(&s, 100, 2, parts);
	assert_string_not_equal(whole, parts);
}

static void test_sandbox__random_numbers_are_where_they_should(void **state)
{
	(void)state;
	static const struct attempt attempts[] = {
		{ "local lo, hi, sum = 1e9, -1e9, 0 for i = 1, 10000 do "
		  "local x = math.random(3, 12) lo = math.min(lo, x) "
		  "hi = math.max(hi, x) sum = sum + x end "
		  "return lo .. ' ' .. hi .. ' ' .. tostring(sum > 73000 and "
		  "sum < 77000)",
			"'3 12 true'", NULL },
		{ "for i = 1, 1000 do local x = math.random() "
		  "if x < 0 or x >= 1 then return x end end return 'ok'",
			"'ok'", NULL },
		{ "local a, b = math.random(), math.random() return a ~= b",
			"true", NULL },
		{ "math.randomseed(5) local a = math.random() "
		  "math.randomseed(5) return a == math.random()",
			"true", NULL },
		{ "return math.random(0)", NULL, "interval is empty" },
		{ "return math.random(5, 1)", NULL, "interval is empty" },
		{ "return math.random('a', 'b')", NULL, "interval is empty" },
	};
	check_attempts(attempts, TR_ARRAY_LEN(attempts));
}

static void test_sandbox__memory_has_a_ceiling(void **state)
{
	(void)state;
	static const char *const bombs[] = {
		"return (('x'):rep(1e9))",
		"local t = {} for i = 1, 1e9 do t[i] = {} end return 1",
		"local s = 'x' while true do s = s .. s end",
		"local s = ('x'):rep(1e6) return (s:gsub('x', s))",
		"return table.concat({('x'):rep(3e7), ('y'):rep(3e7)})",
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(bombs); i++) {
		struct script s;
		script_init(&s);
		s.memory_bytes = TR_MIB(32);
		assert_int_equal(script_map(&s, bombs[i], V_NULL), TR_EUSER);
		assert_string_equal(
			s.err.text, "not enough memory: its limit is 32 MiB");
		assert_string_equal(s.where.where, "job.lua:1");
		assert_int_equal(s.where.index, 0);
		script_fini(&s);
	}
}

static void test_sandbox__outputs_count_as_memory(void **state)
{
	(void)state;
	struct script s;
	struct tr_elem e = { V_NULL, V_NULL, NULL };
	script_init(&s);
	s.memory_bytes = TR_MIB(16);
	int rc = script_load(&s,
		"tranche.source{topic='t'}\n"
		":flat_map(function(r, emit) while true do emit(1, 1) end "
		"end)\n"
		":print()",
		NULL);
	assert_int_equal(rc, 0);
	assert_int_equal(script_apply(&s, 1, &e, 1), TR_EUSER);
	assert_string_equal(
		s.err.text, "not enough memory: its limit is 16 MiB");
	assert_string_equal(s.where.where, "job.lua:2");
	script_fini(&s);
}

static void test_sandbox__memory_while_loading(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	s.memory_bytes = TR_MIB(8);
	int rc = script_load(&s, "local x = ('x'):rep(1e8)", NULL);
	assert_int_equal(rc, TR_EUSER);
	assert_string_equal(
		s.err.text, "not enough memory: its limit is 8 MiB");
	assert_string_equal(s.where.where, "job.lua");
	s.memory_bytes = 1000;
	assert_int_equal(script_load(&s, "", NULL), TR_EINVAL);
	script_fini(&s);
}

/* Garbage of many times the ceiling is no reason to fail. */
static void test_sandbox__garbage_is_collected(void **state)
{
	(void)state;
	struct script s;
	struct tr_elem elems[500];
	for (int i = 0; i < 500; i++)
		elems[i] = (struct tr_elem){ V_NULL, V_INT(i), NULL };
	script_init(&s);
	s.memory_bytes = TR_MIB(8);
	int rc = script_load(&s,
		"tranche.source{topic='t'}:map(function(r)\n"
		"local n = 0 for i = 1, 20 do\n"
		"n = n + #(tostring(r.value) .. i .. ('x'):rep(50000)) end\n"
		"return n end):print()",
		NULL);
	assert_int_equal(rc, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(script_apply(&s, 1, elems, 500), 0);
	script_fini(&s);
}

/* Nor is it where most of the heap is in use for good. */
static void test_sandbox__garbage_beside_large_tables(void **state)
{
	(void)state;
	struct script s;
	struct tr_elem elems[500];
	for (int i = 0; i < 500; i++)
		elems[i] = (struct tr_elem){ V_NULL, V_INT(i), NULL };
	script_init(&s);
	s.memory_bytes = TR_MIB(32);
	int rc = script_load(&s,
		"local big = {} for i = 1, 18 do\n"
		"big[i] = i .. ('x'):rep(1e6) end\n"
		"tranche.source{topic='t'}:map(function(r)\n"
		"local n = 0 for i = 1, 20 do\n"
		"n = n + #(tostring(r.value) .. i .. ('x'):rep(50000)) end\n"
		"return n + #big end):print()",
		NULL);
	assert_int_equal(rc, 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(script_apply(&s, 1, elems, 500), 0);
	script_fini(&s);
}

TR_TEST_MAIN(cmocka_unit_test(test_sandbox__has_no_way_out),
	cmocka_unit_test(test_sandbox__hides_its_insides),
	cmocka_unit_test(test_sandbox__freezes_globals),
	cmocka_unit_test(test_sandbox__shows_no_addresses),
	cmocka_unit_test(test_sandbox__walks_tables_in_order),
	cmocka_unit_test(test_sandbox__time_is_the_batchs),
	cmocka_unit_test(test_sandbox__chance_does_not_depend_on_batches),
	cmocka_unit_test(test_sandbox__random_numbers_are_where_they_should),
	cmocka_unit_test(test_sandbox__memory_has_a_ceiling),
	cmocka_unit_test(test_sandbox__outputs_count_as_memory),
	cmocka_unit_test(test_sandbox__memory_while_loading),
	cmocka_unit_test(test_sandbox__garbage_is_collected),
	cmocka_unit_test(test_sandbox__garbage_beside_large_tables));
