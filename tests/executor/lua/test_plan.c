/* What the methods of a script append to the plan, and what they refuse. */
#include <stdio.h>
#include <string.h>

#include "tests/executor/lua/fixture.h"
#include "tests/support/test.h"

/* "id kind(inputs) where detail" per operator. */
static void describe(const Tranche__V1__Operator *op, char *to, size_t size)
{
	size_t n = (size_t)snprintf(to, size, "%u %d(", op->id, (int)op->kind);
	for (size_t i = 0; i < op->n_inputs; i++)
		n += (size_t)snprintf(
			to + n, size - n, "%s%u", i ? "," : "", op->inputs[i]);
	n += (size_t)snprintf(to + n, size - n, ") %s", op->where);
	if (op->topic[0])
		n += (size_t)snprintf(to + n, size - n, " %s", op->topic);
	if (op->offsets[0])
		n += (size_t)snprintf(to + n, size - n, " [%s]", op->offsets);
	if (op->table[0])
		n += (size_t)snprintf(to + n, size - n, " %s/%d", op->table,
			(int)op->store_mode);
	if (op->reducer)
		n += (size_t)snprintf(
			to + n, size - n, " r%d", (int)op->reducer);
	if (op->limit || op->top)
		n += (size_t)snprintf(to + n, size - n, " %s%llu",
			op->top ? "top" : "", (unsigned long long)op->limit);
	for (size_t i = 0; i < op->n_ranges; i++) {
		const Tranche__V1__Range *r = op->ranges[i];
		n += (size_t)snprintf(to + n, size - n, " %s-%u:%lld-%lld/%d",
			r->topic, r->partition, (long long)r->from,
			(long long)r->until, r->from_leader_epoch);
	}
}

/* The plan of one script against the lines it should have. */
static void check_plan(const char *script, const char *expected)
{
	struct script s;
	char got[4096] = "";
	script_init(&s);
	if (script_load(&s, script, NULL) != 0)
		fail_msg("%s: %s: %s", script, s.where.where, s.err.text);
	for (size_t i = 0; i < s.p->plan->n_operators; i++) {
		size_t n = strlen(got);
		describe(s.p->plan->operators[i], got + n, sizeof(got) - n - 1);
		n = strlen(got);
		got[n] = '\n';
		got[n + 1] = '\0';
	}
	assert_string_equal(got, expected);
	assert_int_equal(s.p->plan->version, 1);
	assert_string_equal(s.p->plan->name, "job");
	script_fini(&s);
}

static void test_plan__has_every_operator(void **state)
{
	(void)state;
	check_plan("local a = tranche.source { topic = 'a', offsets = '+5' }\n"
		   "a:map(function() end)\n"
		   "  :filter(function() end)\n"
		   "  :flat_map(function() end)\n"
		   "  :map_values(function() end)\n"
		   "  :key_by(function() end)\n"
		   "  :split():count_by_key()\n"
		   "  :print()\n",
		"0 1() job.lua:1 a [+5]\n1 2(0) job.lua:2\n2 3(1) job.lua:3\n"
		"3 4(2) job.lua:4\n4 5(3) job.lua:5\n5 6(4) job.lua:6\n"
		"6 13(5) job.lua:7\n7 10(6) job.lua:7\n8 15(7) job.lua:8\n");
	check_plan("local a = tranche.source { topic = 'a', offsets = 7 }\n"
		   "local b = a:count_by_value():distinct()\n"
		   "local c = a:union(b, a)\n"
		   "tranche.union(c, b):take(3):store('t')\n"
		   ":count():print { limit = 5 }\n",
		"0 1() job.lua:1 a [7]\n1 9(0) job.lua:2\n2 11(1) job.lua:2\n"
		"3 12(0,2,0) job.lua:3\n4 12(3,2) job.lua:4\n"
		"5 16(4) job.lua:4 3\n6 14(5) job.lua:4 t/0\n"
		"7 8(6) job.lua:5\n8 15(7) job.lua:5 5\n");
}

static void test_plan__has_reducers_and_stores(void **state)
{
	(void)state;
	check_plan("local a = tranche.source { topic = 'a' }\n"
		   "a:reduce_by_key('sum'):store { name = 'sum' }\n"
		   "a:reduce_by_key('count'):store { table = 'count' }\n"
		   "a:reduce_by_key('min'):store { name = 'min',\n"
		   "  mode = 'replace' }\n"
		   "a:reduce_by_key('max'):store { name = 'max',\n"
		   "  mode = 'upsert' }\n"
		   "a:reduce_by_key('first'):print { top = 3 }\n"
		   "a:reduce_by_key('last'):print()\n"
		   "a:reduce_by_key(\n"
		   "  function(x, y) return x + y end):print()\n",
		"0 1() job.lua:1 a\n"
		"1 7(0) job.lua:2 r1\n2 14(1) job.lua:2 sum/0\n"
		"3 7(0) job.lua:3 r2\n4 14(3) job.lua:3 count/0\n"
		"5 7(0) job.lua:4 r3\n6 14(5) job.lua:4 min/0\n"
		"7 7(0) job.lua:6 r4\n8 14(7) job.lua:6 max/1\n"
		"9 7(0) job.lua:8 r5\n10 15(9) job.lua:8 top3\n"
		"11 7(0) job.lua:9 r6\n12 15(11) job.lua:9\n"
		"13 7(0) job.lua:11 r7\n14 15(13) job.lua:11\n");
}

static void test_plan__gives_arguments_their_default_type(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	int rc = script_load(&s,
		"local t = tranche.arg('topic', 'lines')\n"
		"local n = tranche.arg('n', 10)\n"
		"local x = tranche.arg('x', 0.5)\n"
		"local on = tranche.arg('on', false)\n"
		"local given = tranche.arg('given')\n"
		"print(t, n + 1, x * 2, on, given, type(n))\n"
		"tranche.source{topic=t}:print()",
		"topic=words", "n=41", "on=true", "given=5", NULL);
	assert_int_equal(rc, 0);
	assert_string_equal(s.log, "-1:words\t42\t1\ttrue\t5\tnumber\n");
	assert_string_equal(s.p->plan->operators[0]->topic, "words");
	script_fini(&s);
}

/* A script that is refused: where and why. */
struct refusal {
	const char *script;
	const char *where;
	const char *text;
};

#define SOURCE "local a = tranche.source{topic='t'} "

static const struct refusal REFUSALS[] = {
	{ "local x =\n\n= 3", "job.lua:3", "unexpected symbol near '='" },
	{ "\x1bLJ\x02", "job.lua",
		"is Lua byte code: give the source instead" },
	{ "", "job.lua",
		"it builds no dataset: begin with tranche.source { … } and end "
		"with :store(…) or :print()" },
	{ "\nlocal x = nil + 1", "job.lua:2",
		"attempt to perform arithmetic on a nil value" },
	{ "error('boom')", "job.lua:1", "boom" },
	{ "error('boom', 0)", "job.lua:1", "boom" },
	{ "error({})", "job.lua:1", "the error is a table, not a text" },
	{ "error('two\\nlines')", "job.lua:1", "two lines" },
	{ "\nerror()", "job.lua:2", "the error is a nil, not a text" },
	{ "local function f()\nerror('deep')\nend\nf()", "job.lua:2", "deep" },
	{ SOURCE, "job.lua:1",
		"nothing uses this dataset: end it with :store(…) or "
		":print()" },
	{ SOURCE "\na:print()\na:count()", "job.lua:3",
		"nothing uses this dataset: end it with :store(…) or "
		":print()" },
	{ "tranche.source()", "job.lua:1",
		"source wants a topic: tranche.source { topic = \"…\" }" },
	{ "tranche.source{}", "job.lua:1",
		"source wants a topic: tranche.source { topic = \"…\" }" },
	{ "tranche.source('t')", "job.lua:1",
		"source wants a table of options, got 't'" },
	{ "\ntranche.source{tpoic='t'}", "job.lua:2",
		"source has no option 'tpoic' (did you mean 'topic'?)" },
	{ "tranche.source{'t'}", "job.lua:1", "source has no option '1'" },
	{ "tranche.source{topic=5}", "job.lua:1",
		"topic must be a string, got 5" },
	{ "tranche.source{topic='a/b'}", "job.lua:1",
		"'a/b' is no topic name" },
	{ "tranche.source{topic=''}", "job.lua:1", "'' is no topic name" },
	{ "tranche.source{topic='..'}", "job.lua:1", "'..' is no topic name" },
	{ "tranche.source{topic=('x'):rep(250)}", "job.lua:1",
		"a long string is no topic name" },
	{ "tranche.source{topic='t', offsets={}}", "job.lua:1",
		"offsets must be a string, got a table" },
	{ "tranche.source{topic='t', ranges={{'t',0,0,1}}}", "job.lua:1",
		"source takes ranges or a topic, not both" },
	{ "tranche.source{ranges={}}", "job.lua:1",
		"ranges must be a list of { topic, partition, from, until }, "
		"got an empty one" },
	{ "tranche.source{ranges={5}}", "job.lua:1",
		"range 1: wants { topic, partition, from, until }, got 5" },
	{ "tranche.source{ranges={{'t',0,5,1}}}", "job.lua:1",
		"range 1: from 5 is beyond until 1" },
	{ "tranche.source{ranges={{'t',0,0,1},{'t',-1,0,1}}}", "job.lua:1",
		"range 2: partition must be a whole number from 0 to "
		"2147483647, got -1" },
	{ "tranche.source{ranges={{'t',0,0.5,1}}}", "job.lua:1",
		"range 1: from must be a whole number from 0 to "
		"9007199254740992, got 0.5" },
	{ "tranche.source{ranges={{'t',0,0}}}", "job.lua:1",
		"range 1: until must be a whole number from 0 to "
		"9007199254740992, got nothing" },
	{ "tranche.source{ranges={{'t',0,0,1,5}}}", "job.lua:1",
		"range 1: wants { topic, partition, from, until }, nothing "
		"else" },
	{ SOURCE "\na:mpa(print)", "job.lua:2",
		"a dataset has no method 'mpa' (did you mean 'map'?)" },
	{ SOURCE "a:reduceByKey('sum')", "job.lua:1",
		"a dataset has no method 'reduceByKey' (did you mean "
		"'reduce_by_key'?)" },
	{ SOURCE "a:join(a)", "job.lua:1", "a dataset has no method 'join'" },
	{ SOURCE "a.x = 1", "job.lua:1", "a dataset has no field 'x' to set" },
	{ SOURCE "a.map(print)", "job.lua:1",
		"map is a method of datasets: write dataset:map(…)" },
	{ SOURCE "a.count()", "job.lua:1",
		"count is a method of datasets: write dataset:count(…)" },
	{ SOURCE "a:map()", "job.lua:1", "map wants a function, got nothing" },
	{ SOURCE "a:filter('x')", "job.lua:1",
		"filter wants a function, got 'x'" },
	{ SOURCE "a:map(print, 1)", "job.lua:1",
		"beside its function map takes no arguments" },
	{ SOURCE "a:count(1)", "job.lua:1", "count takes no arguments" },
	{ SOURCE "a:reduce_by_key()", "job.lua:1",
		"reduce_by_key wants a function or the name of one, got "
		"nothing" },
	{ SOURCE "a:reduce_by_key('smu')", "job.lua:1",
		"reduce_by_key knows no 'smu' (did you mean 'sum'?): count, "
		"first, last, max, min, sum, or a function" },
	{ SOURCE "a:union()", "job.lua:1",
		"union wants at least two datasets" },
	{ SOURCE "a:union(5)", "job.lua:1", "union wants datasets, got 5" },
	{ SOURCE "a:take()", "job.lua:1",
		"take(n) must be a whole number from 1 to 9007199254740992, "
		"got "
		"nothing" },
	{ SOURCE "a:take(1.5)", "job.lua:1",
		"take(n) must be a whole number from 1 to 9007199254740992, "
		"got "
		"1.5" },
	{ SOURCE "a:store()", "job.lua:1",
		"store wants a table of options, got nothing" },
	{ SOURCE "a:store{}", "job.lua:1",
		"store wants the name of a table, got nothing" },
	{ SOURCE "a:store('a b')", "job.lua:1",
		"'a b' is no name for a table: letters, digits, '.', '_' and "
		"'-', at most 127" },
	{ SOURCE "a:store{name='x', table='y'}", "job.lua:1",
		"store wants a name or a table, not both: they are one "
		"option" },
	{ SOURCE "a:store{name='x', mode='append'}", "job.lua:1",
		"mode of a store is 'replace' or 'upsert', got 'append'" },
	{ SOURCE "a:store{name='x', mod='replace'}", "job.lua:1",
		"store has no option 'mod' (did you mean 'mode'?)" },
	{ SOURCE "\na:store('x')\na:store('x')", "job.lua:3",
		"table 'x' is already stored to at job.lua:2" },
	{ SOURCE "a:print(10)", "job.lua:1",
		"print wants a table of options, got 10" },
	{ SOURCE "a:print{top=0}", "job.lua:1",
		"top must be a whole number from 1 to 10000, got 0" },
	{ SOURCE "a:print{limit=1e9}", "job.lua:1",
		"limit must be a whole number from 1 to 10000, got "
		"1000000000" },
	{ SOURCE "a:print{top=1, limit=1}", "job.lua:1",
		"print takes top or limit, not both" },
	{ SOURCE "for i = 1, 300 do a = a:split() end", "job.lua:1",
		"more than 256 operators" },
	{ "tranche.sorce{}", "job.lua:1",
		"there is no tranche.sorce (did you mean 'source'?)" },
	{ "tranche.source = 1", "job.lua:1",
		"'tranche.source' cannot be set: libraries are read-only" },
	{ "print(tranche.now())", "job.lua:1",
		"tranche.now() is the batch's time, which only operators "
		"know: the plan must not depend on it" },
	{ "print(tranche.batch_time)", "job.lua:1",
		"tranche.now() is the batch's time, which only operators "
		"know: the plan must not depend on it" },
	{ "tranche.arg(5)", "job.lua:1", "5 is no name for an argument" },
	{ "tranche.arg('x', {})", "job.lua:1",
		"the default of argument 'x' must be a string, a number or a "
		"boolean, got a table" },
	{ "\ntranche.arg('x')", "job.lua:2",
		"argument 'x' is missing: give x=…" },
	{ "tranche.map(5)", "job.lua:1", "tranche.map wants a table, got 5" },
};

static void test_plan__refuses_with_line_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(REFUSALS); i++) {
		const struct refusal *r = &REFUSALS[i];
		struct script s;
		script_init(&s);
		int rc = script_load(&s, r->script, NULL);
		if (rc == 0)
			fail_msg("'%s' was not refused", r->script);
		if (strcmp(s.where.where, r->where) != 0 ||
			strcmp(s.err.text, r->text) != 0)
			fail_msg("'%s': %s: %s", r->script, s.where.where,
				s.err.text);
		assert_int_equal(rc, TR_EUSER);
		assert_int_equal(s.err.code, TR_EUSER);
		assert_int_equal(s.where.index, UINT32_MAX);
		script_fini(&s);
	}
}

static void test_plan__refuses_arguments(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		const char *arg;
		int code;
		const char *text;
	} cases[] = {
		{ "tranche.arg('topic', 'x')", "tpoic=1", TR_EINVAL,
			"unknown argument 'tpoic' (did you mean 'topic'?): "
			"job.lua takes topic" },
		{ "tranche.arg('b', 'x') tranche.arg('a', 1)", "zzz=1",
			TR_EINVAL,
			"unknown argument 'zzz': job.lua takes a, b" },
		{ "", "x=1", TR_EINVAL,
			"unknown argument 'x': job.lua takes none" },
		{ "tranche.arg('n', 1)", "n=ten", TR_EUSER,
			"argument 'n' must be a number, got 'ten'" },
		{ "tranche.arg('n', 1)", "n=inf", TR_EUSER,
			"argument 'n' must be a number, got 'inf'" },
		{ "tranche.arg('on', true)", "on=yes", TR_EUSER,
			"argument 'on' must be true or false, got 'yes'" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct script s;
		script_init(&s);
		int rc = script_load(&s, cases[i].script, cases[i].arg, NULL);
		assert_string_equal(s.err.text, cases[i].text);
		assert_int_equal(rc, cases[i].code);
		script_fini(&s);
	}
}

static void test_plan__is_the_same_for_other_time_and_seed(void **state)
{
	(void)state;
	struct script a, b;
	script_init(&a);
	script_init(&b);
	b.seed = 99;
	b.batch_time_ms = 5;
	const char *script =
		"local t = {x=1, y=2, z=3} local n = ''\n"
		"for k in pairs(t) do n = n .. k .. math.random(100) end\n"
		"tranche.source{topic=n}:print()";
	assert_int_equal(script_load(&a, script, NULL), 0);
	assert_int_equal(script_load(&b, script, NULL), 0);
	assert_string_equal(
		a.p->plan->operators[0]->topic, b.p->plan->operators[0]->topic);
	script_fini(&a);
	script_fini(&b);
}

static void test_plan__has_explicit_ranges(void **state)
{
	(void)state;
	check_plan("tranche.source { ranges = { {'some-topic', 0, 110, 220},\n"
		   "  {'another-topic', 0, 456, 789},\n"
		   "  {topic='x', partition=2, from=0, ['until']=2^53} } }\n"
		   "  :count():print()\n",
		"0 1() job.lua:1 some-topic-0:110-220/-1 "
		"another-topic-0:456-789/-1 x-2:0-9007199254740992/-1\n"
		"1 8(0) job.lua:4\n2 15(1) job.lua:4\n");
}

TR_TEST_MAIN(cmocka_unit_test(test_plan__has_every_operator),
	cmocka_unit_test(test_plan__has_reducers_and_stores),
	cmocka_unit_test(test_plan__gives_arguments_their_default_type),
	cmocka_unit_test(test_plan__refuses_with_line_and_reason),
	cmocka_unit_test(test_plan__refuses_arguments),
	cmocka_unit_test(test_plan__is_the_same_for_other_time_and_seed),
	cmocka_unit_test(test_plan__has_explicit_ranges));
