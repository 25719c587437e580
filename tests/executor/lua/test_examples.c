/* Every script under docs/examples, loaded, and the ones with functions run. */
#include <stdio.h>
#include <string.h>

#include "tests/executor/lua/fixture.h"
#include "tests/support/test.h"

static char text[8192];

static void load(struct script *s, const char *name)
{
	char path[512];
	snprintf(
		path, sizeof(path), "%s/docs/examples/%s", TR_SOURCE_DIR, name);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		fail_msg("cannot open %s", path);
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	script_init(s);
	if (script_load(s, text, NULL) != 0)
		fail_msg("%s: %s: %s", name, s->where.where, s->err.text);
}

/* Operator op over one record with these bytes. */
static void check_op(struct script *s, uint32_t op, struct tr_val value,
	const char *expected)
{
	struct tr_origin origin = { .topic = "t", .partition = 2, .offset = 9 };
	struct tr_elem e = { V_NULL, value, &origin };
	if (script_apply(s, op, &e, 1) != 0)
		fail_msg("%s: %s", s->where.where, s->err.text);
	assert_string_equal(s->out, expected);
}

static void test_examples__word_count(void **state)
{
	(void)state;
	struct script s;
	load(&s, "wordcount.lua");
	assert_int_equal(s.p->plan->n_operators, 5);
	check_op(&s, 1, V_TEXT(" to be\tor  not "),
		"'to' 1 @9\n'be' 1 @9\n'or' 1 @9\n'not' 1 @9\n");
	script_fini(&s);
	load(&s, "wordcount_builtin.lua");
	assert_int_equal(s.p->plan->n_operators, 5);
	script_fini(&s);
}

static void test_examples__others_load(void **state)
{
	(void)state;
	static const char *const names[] = { "ranges.lua", "union.lua",
		"sample.lua" };
	for (size_t i = 0; i < TR_ARRAY_LEN(names); i++) {
		struct script s;
		load(&s, names[i]);
		script_fini(&s);
	}
}

static void test_examples__totals(void **state)
{
	(void)state;
	struct script s;
	load(&s, "totals.lua");
	check_op(&s, 1, V_TEXT("alice;2024-05-01;12.5"), "'alice' 12.5d @9\n");
	check_op(&s, 1, V_TEXT("alice;12.5"), "");
	check_op(&s, 1, V_NULL, "");
	assert_string_equal(
		s.log, "1:no payment:\talice;12.5 @9\n1:no payment:\tnil @9\n");
	script_fini(&s);
}

static void test_examples__errors(void **state)
{
	(void)state;
	struct script s;
	load(&s, "errors.lua");
	const struct tr_val line =
		V_TEXT("level=error service=web msg=\"no disk\"");
	check_op(&s, 1, line,
		"null 'level=error service=web msg=\"no disk\"' @9\n");
	check_op(&s, 1, V_TEXT("level=info"), "");
	check_op(&s, 2, line,
		"'web' 'level=error service=web msg=\"no disk\"' @9\n");
	check_op(&s, 3, line, "null {\"count\":1,\"last\":\"no disk\"} @9\n");
	struct tr_val more = v_json(&s, "{\"count\":2,\"last\":\"b\"}");
	assert_int_equal(
		script_reduce(&s, 4, v_json(&s, "{\"count\":1,\"last\":\"a\"}"),
			&more, 1),
		0);
	assert_string_equal(s.out, "{\"count\":3,\"last\":\"b\"}");
	script_fini(&s);
}

static void test_examples__sample(void **state)
{
	(void)state;
	struct script s;
	load(&s, "sample.lua");
	check_op(&s, 2, V_TEXT("x"), "'t-2@9' 'x' @9\n");
	script_fini(&s);
}

TR_TEST_MAIN(cmocka_unit_test(test_examples__word_count),
	cmocka_unit_test(test_examples__others_load),
	cmocka_unit_test(test_examples__totals),
	cmocka_unit_test(test_examples__errors),
	cmocka_unit_test(test_examples__sample));
