/* The quick gmatch gives what LuaJIT's own gives, on any bytes. */
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "common/base/rng.h"
#include "tests/executor/lua/fixture.h"
#include "tests/support/test.h"

/* Both walk the same function body; what differs is their gmatch. */
#define BODY                                                                   \
	"local o = {} "                                                        \
	"for a, b in s:gmatch(p) do o[#o + 1] = a .. (b or '') end "           \
	"local it = string.gmatch(s, p) "                                      \
	"o[#o + 1] = select('#', it()) .. select('#', it()) "                  \
	"return #o .. ':' .. table.concat(o, '|')"

static const char *const PATTERNS[] = { "%S+", "%s+", "%w+", "%W+", "%a+",
	"%A+", "%d+", "%D+", "%l+", "%L+", "%u+", "%U+", "%p+", "%P+", "%c+",
	"%C+", "%x+", "%X+", "%z+", "%Z+", "[^,]+", "[,;]+", "[^%s,]+",
	"[%w_]+", "[a-c]+", "[^a-c]+", "[%%]+", "[a%-z]+", "[%a%d]+", "[-a]+",
	"[a-]+", "[^%z]+", "[.]+", "[\x80-\xff]+",
	/* not simple: the stock function's */
	".+", ".", "%S", "%S*", "%S-", "(%S+)", "()%S+", "a+", "[^%]]+", "[]]+",
	"[^]]+", "(%w)(%w)", "%f[%w]%w+", "%bab", "", "$", "^a", "[a]+b", "%%+",
	"[[]+" };

struct stock {
	lua_State *L;
	struct script script;
};

static void push_result(lua_State *L, const char *s, size_t n, const char *p)
{
	lua_getglobal(L, "stock");
	lua_pushlstring(L, s, n);
	lua_pushstring(L, p);
	if (lua_pcall(L, 2, 1, 0) != 0)
		fail_msg("stock gmatch: %s", lua_tostring(L, -1));
}

static struct tr_elem last;
static char last_value[1 << 16];

static int keep_last(struct tr_emitter *e, const struct tr_elem *elem)
{
	(void)e;
	last = *elem;
	assert_true(elem->value.len <= sizeof(last_value));
	memcpy(last_value, elem->value.p, elem->value.len);
	return 0;
}

static void check_equal(
	struct stock *st, uint32_t pattern, const char *s, size_t n)
{
	struct script *q = &st->script;
	struct tr_elem e = { V_INT(pattern + 1), v_bytes(s, n), NULL };
	struct tr_elem_batch in = { .elems = &e, .n = 1 };
	struct tr_emitter to = { keep_last };
	int rc = q->p->ops->apply(q->p, 1, q->p->plan->operators[1]->kind, &in,
		&to, &q->where, &q->err);
	if (rc != 0)
		fail_msg("%s: %s", PATTERNS[pattern], q->err.text);
	push_result(st->L, s, n, PATTERNS[pattern]);
	size_t want_n;
	const char *want = lua_tolstring(st->L, -1, &want_n);
	if (last.value.len != want_n || memcmp(last_value, want, want_n) != 0)
		fail_msg("pattern '%s' on %zu bytes: '%.*s' is not '%s'",
			PATTERNS[pattern], n, (int)last.value.len, last_value,
			want);
	lua_pop(st->L, 1);
}

static void start(struct stock *st)
{
	char script[8192] = "local patterns = {";
	for (size_t i = 0; i < TR_ARRAY_LEN(PATTERNS); i++) {
		size_t n = strlen(script);
		snprintf(script + n, sizeof(script) - n, "\"%s\", ",
			PATTERNS[i]);
	}
	size_t n = strlen(script);
	snprintf(script + n, sizeof(script) - n,
		"} tranche.source{topic='t'}:map(function(r)\n"
		"local s, p = r.value, patterns[r.key]\n" BODY " end):print()");
	script_init(&st->script);
	if (script_load(&st->script, script, NULL) != 0)
		fail_msg("%s", st->script.err.text);
	st->L = luaL_newstate();
	luaL_openlibs(st->L);
	if (luaL_dostring(st->L, "stock = function(s, p) " BODY " end") != 0)
		fail_msg("%s", lua_tostring(st->L, -1));
}

static void stop(struct stock *st)
{
	lua_close(st->L);
	script_fini(&st->script);
}

static void test_match__equals_stock_on_texts(void **state)
{
	(void)state;
	static const char *const texts[] = { "", " ", "a", "a b", " a  b ",
		"a,b,,c,", ",", "\t\r\n\v\f x", "x1_2-3.4%5", "[x]y]z",
		"caf\xc3\xa9 \xff\xfe", "aaabbb", "\x7f\x1f\x80" };
	struct stock st;
	start(&st);
	for (uint32_t p = 0; p < TR_ARRAY_LEN(PATTERNS); p++) {
		for (size_t i = 0; i < TR_ARRAY_LEN(texts); i++)
			check_equal(&st, p, texts[i], strlen(texts[i]));
		check_equal(&st, p, "a\0b \0\0 c", 9);
	}
	stop(&st);
}

static void test_match__equals_stock_on_random_bytes(void **state)
{
	(void)state;
	struct stock st;
	struct tr_rng rng;
	char text[300];
	/* Few kinds of bytes make runs; all kinds make surprises. */
	static const char few[] = "aB3 ,;%]-_\n";
	start(&st);
	tr_rng_init(&rng, 42);
	for (int round = 0; round < 4000; round++) {
		size_t n = tr_rng_below(&rng, sizeof(text));
		bool any = tr_rng_below(&rng, 2) == 0;
		for (size_t i = 0; i < n; i++)
			text[i] = any ? (char)tr_rng_next(&rng)
				      : few[tr_rng_below(&rng, sizeof(few))];
		check_equal(&st,
			(uint32_t)tr_rng_below(&rng, TR_ARRAY_LEN(PATTERNS)),
			text, n);
	}
	stop(&st);
}

static void test_match__malformed_patterns_fail_as_stock(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		const char *text;
	} cases[] = {
		{ "for w in r.value:gmatch('[a') do end return 1",
			"malformed pattern (missing ']')" },
		{ "for w in r.value:gmatch('[a%]+') do end return 1",
			"malformed pattern (missing ']')" },
		{ "for w in r.value:gmatch('%') do end return 1",
			"malformed pattern (ends with '%')" },
		{ "for w in string.gmatch(nil, '%S+') do end return 1",
			"bad argument #1 to 'gmatch' (string expected, got "
			"nil)" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct script s;
		script_init(&s);
		assert_int_equal(
			script_map(&s, cases[i].body, V_TEXT("abc")), TR_EUSER);
		assert_string_equal(s.err.text, cases[i].text);
		script_fini(&s);
	}
}

static void test_match__many_patterns_and_nested_loops(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	int rc = script_map(&s,
		"local n = 0 for i = 1, 1000 do "
		"for w in ('a' .. i .. ' b'):gmatch('[^x' .. i .. ']+') do "
		"n = n + 1 end end "
		"for line in ('a b\\nc d'):gmatch('[^\\n]+') do "
		"for w in line:gmatch('%S+') do n = n + #w end end "
		"for d in string.gmatch(1234, '%d+') do n = n + d end "
		"return n",
		V_NULL);
	assert_int_equal(rc, 0);
	/* 1000 times "a…" and " b"; 4 letters; 1234. */
	assert_string_equal(s.out, "'k' 3238\n");
	script_fini(&s);
}

/* Iterators that take turns, over texts with more words than fit at once. */
static void test_match__iterators_do_not_disturb_each_other(void **state)
{
	(void)state;
	struct script s;
	script_init(&s);
	int rc = script_map(&s,
		"local a, b = {}, {} for i = 1, 300 do a[i] = 'a' .. i "
		"b[i] = 'b' .. i end "
		"local x = table.concat(a, ' '):gmatch('%S+') "
		"local y = table.concat(b, ','):gmatch('[^,]+') "
		"for i = 1, 300 do "
		"if x() ~= a[i] then return 'x' .. i end "
		"if i % 3 == 0 then for j = i - 2, i do "
		"if y() ~= b[j] then return 'y' .. j end end end end "
		"return tostring(x()) .. tostring(y()) .. tostring(x())",
		V_NULL);
	assert_int_equal(rc, 0);
	assert_string_equal(s.out, "'k' 'nilnilnil'\n");
	script_fini(&s);
}

TR_TEST_MAIN(cmocka_unit_test(test_match__equals_stock_on_texts),
	cmocka_unit_test(test_match__equals_stock_on_random_bytes),
	cmocka_unit_test(test_match__malformed_patterns_fail_as_stock),
	cmocka_unit_test(test_match__iterators_do_not_disturb_each_other),
	cmocka_unit_test(test_match__many_patterns_and_nested_loops));
