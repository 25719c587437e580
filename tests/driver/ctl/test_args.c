#include "tests/support/test.h"

#include <string.h>

#include "driver/ctl/args.h"

static const struct tr_ctl_option own[] = {
	{ "offsets", 'o', "SPEC", "a value" },
	{ "clamp", 0, NULL, "a flag" },
	{ "lanes", 0, "N", "a number" },
	{ "memory", 0, "SIZE", "a size" },
	{ "timeout", 't', "DURATION", "a time\nof two lines" },
	{ NULL, 0, NULL, NULL },
};

static enum tr_exit run(struct tr_ctl *ctl, struct tr_error *err)
{
	(void)ctl;
	(void)err;
	return TR_EXIT_OK;
}

static const struct tr_verb verb = {
	.name = "test verb",
	.operands = "FILE [name=value …]",
	.summary = "a verb for tests",
	.examples = "  tranche test verb x\n",
	.operands_min = 1,
	.operands_max = 3,
	.groups = { own, tr_options_help },
	.run = run,
};

enum {
	WORDS_MAX = 16
};

/* argv from words; argv[0] is the verb's. */
struct line {
	char *argv[WORDS_MAX + 2];
	int argc;
	char copy[512];
};

static void line_init(struct line *l, const char *text)
{
	snprintf(l->copy, sizeof(l->copy), "verb %s", text);
	char *rest = l->copy, *word;
	l->argc = 0;
	while ((word = strsep(&rest, " ")))
		l->argv[l->argc++] = word;
	l->argv[l->argc] = NULL;
}

static void test_args_parse__options_and_operands_in_any_order(void **state)
{
	struct line l;
	struct tr_args a;
	struct tr_error err;
	(void)state;
	line_init(&l, "x.lua -o -100: a=1 --clamp --offsets=start b=2");
	assert_int_equal(tr_args_parse(&a, &verb, l.argc, l.argv, &err), 0);
	assert_int_equal(a.n_operands, 3);
	assert_string_equal(a.operands[0], "x.lua");
	assert_string_equal(a.operands[1], "a=1");
	assert_string_equal(a.operands[2], "b=2");
	assert_true(tr_args_has(&a, "clamp"));
	assert_false(tr_args_has(&a, "lanes"));
	assert_string_equal(tr_args_get(&a, "offsets"), "start");
	assert_string_equal(tr_args_nth(&a, "offsets", 0), "-100:");
	assert_string_equal(tr_args_nth(&a, "offsets", 1), "start");
	assert_null(tr_args_nth(&a, "offsets", 2));
	assert_null(tr_args_get(&a, "lanes"));
	tr_args_fini(&a);
}

static void test_args_parse__two_dashes_end_the_options(void **state)
{
	struct line l;
	struct tr_args a;
	struct tr_error err;
	(void)state;
	line_init(&l, "x -- -o --clamp");
	assert_int_equal(tr_args_parse(&a, &verb, l.argc, l.argv, &err), 0);
	assert_int_equal(a.n_operands, 3);
	assert_string_equal(a.operands[1], "-o");
	assert_false(tr_args_has(&a, "clamp"));
	tr_args_fini(&a);
}

static void test_args_parse__says_what_is_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *text;
	} cases[] = {
		{ "", "'test verb' needs FILE [name=value …]" },
		{ "a b c d", "'d' is one argument too many" },
		{ "x --ofsets 1", "unknown option '--ofsets', did you mean "
				  "'--offsets'?" },
		{ "x --bogus=1", "unknown option '--bogus'" },
		{ "x -z", "unknown option '-z'" },
		{ "x --clamp -zx", "unknown option '-z'" },
		{ "x --clamp=yes", "option '--clamp' takes no value" },
		{ "x --lanes", "option '--lanes' needs a value" },
		{ "x -o", "option '-o' needs a value" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct line l;
		struct tr_args a;
		struct tr_error err;
		line_init(&l, cases[i].line);
		if (!*cases[i].line)
			l.argc = 1;
		assert_int_equal(tr_args_parse(&a, &verb, l.argc, l.argv, &err),
			TR_EINVAL);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void test_args_values__typed_and_checked(void **state)
{
	struct line l;
	struct tr_args a;
	struct tr_error err;
	uint64_t n = 1, size = 2, ms = 3;
	(void)state;
	line_init(&l, "x --lanes 12 --memory 64M -t 250ms");
	assert_int_equal(tr_args_parse(&a, &verb, l.argc, l.argv, &err), 0);
	assert_int_equal(tr_args_uint(&a, "lanes", 12, &n, &err), 0);
	assert_int_equal(tr_args_size(&a, "memory", &size, &err), 0);
	assert_int_equal(tr_args_duration(&a, "timeout", 250, &ms, &err), 0);
	assert_int_equal(n, 12);
	assert_int_equal(size, 67108864);
	assert_int_equal(ms, 250);
	assert_int_equal(tr_args_uint(&a, "lanes", 11, &n, &err), TR_EINVAL);
	assert_string_equal(err.text, "--lanes: '12' is above 11");
	assert_int_equal(
		tr_args_duration(&a, "timeout", 249, &ms, &err), TR_EINVAL);
	tr_args_fini(&a);
	line_init(&l, "x --lanes many");
	assert_int_equal(tr_args_parse(&a, &verb, l.argc, l.argv, &err), 0);
	assert_int_equal(tr_args_uint(&a, "lanes", 11, &n, &err), TR_EINVAL);
	assert_non_null(strstr(err.text, "--lanes: 'many'"));
	assert_int_equal(n, 12);
	/* Not given: as it was. */
	assert_int_equal(tr_args_size(&a, "memory", &size, &err), 0);
	assert_int_equal(size, 67108864);
	tr_args_fini(&a);
}

static void test_args_print_help__has_all_in_columns(void **state)
{
	static const char expected[] =
		"usage: tranche test verb FILE [name=value …] [options]\n"
		"\n"
		"a verb for tests\n"
		"\n"
		"  -o, --offsets SPEC        a value\n"
		"      --clamp               a flag\n"
		"      --lanes N             a number\n"
		"      --memory SIZE         a size\n"
		"  -t, --timeout DURATION    a time\n"
		"                            of two lines\n"
		"\n"
		"  -h, --help                print this\n"
		"\n"
		"examples:\n"
		"  tranche test verb x\n";
	char *text = NULL;
	size_t n;
	(void)state;
	FILE *f = open_memstream(&text, &n);
	tr_args_print_help(&verb, f);
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
}

static void test_args_find_verb__finds_one_and_two_words(void **state)
{
	static const struct {
		const char *line;
		const char *name;
		int used;
	} cases[] = {
		{ "submit x.lua", "submit", 1 },
		{ "job list --json", "job list", 2 },
		{ "cluster add-executor a", "cluster add-executor", 2 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct line l;
		const struct tr_verb *v;
		struct tr_error err;
		int used;
		line_init(&l, cases[i].line);
		assert_int_equal(
			tr_args_find_verb(l.argc, l.argv, &v, &used, &err), 0);
		assert_string_equal(v->name, cases[i].name);
		assert_int_equal(used, cases[i].used);
	}
}

static void test_args_find_verb__suggests(void **state)
{
	static const struct {
		const char *line;
		const char *text;
	} cases[] = {
		{ "submitt x.lua",
			"unknown verb 'submitt', did you mean 'submit'?" },
		{ "jobs list", "unknown verb 'jobs list', did you mean "
			       "'job list'?" },
		{ "job lst", "unknown verb 'job lst', did you mean "
			     "'job list'?" },
		{ "table", "'table' needs one of: get, scan" },
		{ "frobnicate", "unknown verb 'frobnicate'" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct line l;
		const struct tr_verb *v;
		struct tr_error err;
		int used;
		line_init(&l, cases[i].line);
		assert_int_equal(
			tr_args_find_verb(l.argc, l.argv, &v, &used, &err),
			TR_EINVAL);
		assert_string_equal(err.text, cases[i].text);
	}
}

TR_TEST_MAIN(
	cmocka_unit_test(test_args_parse__options_and_operands_in_any_order),
	cmocka_unit_test(test_args_parse__two_dashes_end_the_options),
	cmocka_unit_test(test_args_parse__says_what_is_wrong),
	cmocka_unit_test(test_args_values__typed_and_checked),
	cmocka_unit_test(test_args_print_help__has_all_in_columns),
	cmocka_unit_test(test_args_find_verb__finds_one_and_two_words),
	cmocka_unit_test(test_args_find_verb__suggests));
