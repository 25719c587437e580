#include "tests/support/test.h"

#include <string.h>

#include "common/base/err.h"

/* Codes and names travel between versions: they never change. */
static void test_err__names_are_fixed(void **state)
{
	static const struct {
		int code;
		const char *name;
	} cases[] = {
		{ 0, "ok" },
		{ -1, "invalid" },
		{ -2, "out-of-memory" },
		{ -3, "limit" },
		{ -4, "again" },
		{ -5, "timeout" },
		{ -6, "closed" },
		{ -7, "protocol" },
		{ -8, "auth" },
		{ -9, "version" },
		{ -10, "not-found" },
		{ -11, "exists" },
		{ -12, "io" },
		{ -13, "corrupt" },
		{ -14, "fenced" },
		{ -15, "cancelled" },
		{ -16, "user-code" },
		{ -17, "kafka" },
		{ -18, "unreachable" },
		{ -19, "input-gone" },
		{ -20, "log-truncated" },
		{ -21, "stalled" },
		{ -22, "disk-full" },
		{ -23, "nondeterministic" },
		{ -24, "killed" },
		{ -25, "lost" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		assert_string_equal(tr_err_name(cases[i].code), cases[i].name);
		assert_int_equal(
			tr_err_from_name(cases[i].name), cases[i].code);
	}
}

static void test_err__other_codes_and_names(void **state)
{
	(void)state;
	assert_string_equal(tr_err_name(1), "unknown");
	assert_string_equal(tr_err_name(-1000), "unknown");
	assert_int_equal(tr_err_from_name("unknown"), TR_EINVAL);
	assert_int_equal(tr_err_from_name(""), TR_EINVAL);
}

static void test_err__retriable(void **state)
{
	(void)state;
	assert_true(tr_err_is_retriable(TR_ELOST));
	assert_true(tr_err_is_retriable(TR_EUNREACH));
	assert_false(tr_err_is_retriable(TR_OK));
	assert_false(tr_err_is_retriable(TR_EUSER));
	assert_false(tr_err_is_retriable(TR_EFENCED));
	assert_false(tr_err_is_retriable(TR_ECORRUPT));
}

static void test_error__set_and_prefix(void **state)
{
	struct tr_error err;
	(void)state;
	assert_int_equal(
		tr_error_set(&err, TR_EIO, "cannot open '%s'", "x"), TR_EIO);
	assert_int_equal(err.code, TR_EIO);
	assert_string_equal(err.text, "cannot open 'x'");
	assert_int_equal(tr_error_prefix(&err, "job %d", 7), TR_EIO);
	assert_string_equal(err.text, "job 7: cannot open 'x'");
	assert_int_equal(tr_error_set(NULL, TR_EIO, "nobody reads"), TR_EIO);
}

static void test_error__cuts_what_does_not_fit(void **state)
{
	struct tr_error err;
	char text[2 * TR_ERROR_TEXT_MAX];
	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tr_error_set(&err, TR_EIO, "%s", text);
	assert_int_equal(strlen(err.text), TR_ERROR_TEXT_MAX - 1);
	tr_error_prefix(&err, "first");
	assert_memory_equal(err.text, "first: aaa", 10);
	assert_int_equal(strlen(err.text), TR_ERROR_TEXT_MAX - 1);
	tr_error_prefix(&err, "%s", text);
	assert_int_equal(strlen(err.text), TR_ERROR_TEXT_MAX - 1);
	assert_memory_equal(err.text, "aaaaaaa", 7);
}

TR_TEST_MAIN(cmocka_unit_test(test_err__names_are_fixed),
	cmocka_unit_test(test_err__other_codes_and_names),
	cmocka_unit_test(test_err__retriable),
	cmocka_unit_test(test_error__set_and_prefix),
	cmocka_unit_test(test_error__cuts_what_does_not_fit));
