#include "common/config/value.h"

#include "tests/support/test.h"

struct number_case {
	const char *text;
	uint64_t value;
	const char *error; /* NULL: it reads as value */
};

typedef int read_fn(const char *text, uint64_t *out, struct tr_error *err);

static void check_numbers(
	read_fn *read, const struct number_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t v = 77;
		struct tr_error err = { 0 };
		int rc = read(cases[i].text, &v, &err);
		if (cases[i].error) {
			assert_int_equal(rc, TR_EINVAL);
			assert_string_equal(err.text, cases[i].error);
			assert_int_equal(v, 77);
		} else {
			assert_int_equal(rc, 0);
			assert_int_equal(v, cases[i].value);
		}
	}
}

static void test_value__durations(void **state)
{
	(void)state;
	static const struct number_case cases[] = {
		{ "0", 0, NULL },
		{ "0s", 0, NULL },
		{ "250ms", 250, NULL },
		{ "3s", 3000, NULL },
		{ "5m", 300000, NULL },
		{ "2h", 7200000, NULL },
		{ "3", 0, "'3' is not a duration like 250ms, 3s, 5m or 2h" },
		{ "", 0, "'' is not a duration like 250ms, 3s, 5m or 2h" },
		{ "-1s", 0,
			"'-1s' is not a duration like 250ms, 3s, 5m or 2h" },
		{ "1.5s", 0,
			"'1.5s' is not a duration like 250ms, 3s, 5m or 2h" },
		{ "3 s", 0,
			"'3 s' is not a duration like 250ms, 3s, 5m or 2h" },
		{ "99999999999999999h", 0,
			"'99999999999999999h' is not a duration like 250ms, "
			"3s, 5m or 2h" },
	};
	check_numbers(tr_value_duration, cases, TR_ARRAY_LEN(cases));
}

static void test_value__sizes(void **state)
{
	(void)state;
	static const struct number_case cases[] = {
		{ "0", 0, NULL },
		{ "4096", 4096, NULL },
		{ "64K", 65536, NULL },
		{ "512M", 536870912, NULL },
		{ "8G", 8589934592, NULL },
		{ "64k", 0, "'64k' is not a size like 4096, 64K, 512M or 8G" },
		{ "M", 0, "'M' is not a size like 4096, 64K, 512M or 8G" },
		{ "18446744073709551615", UINT64_MAX, NULL },
		{ "18446744073709551616", 0,
			"'18446744073709551616' is not a size like 4096, 64K, "
			"512M or 8G" },
		{ "18014398509481984K", 0,
			"'18014398509481984K' is not a size like 4096, 64K, "
			"512M or 8G" },
	};
	check_numbers(tr_value_size, cases, TR_ARRAY_LEN(cases));
}

static void test_value__whole_numbers(void **state)
{
	(void)state;
	static const struct number_case cases[] = {
		{ "0", 0, NULL },
		{ "256", 256, NULL },
		{ "4x", 0, "'4x' is not a whole number" },
		{ "0x4", 0, "'0x4' is not a whole number" },
		{ "-4", 0, "'-4' is not a whole number" },
	};
	check_numbers(tr_value_uint, cases, TR_ARRAY_LEN(cases));
}

static void test_value__booleans(void **state)
{
	(void)state;
	bool v = false;
	struct tr_error err;
	assert_int_equal(tr_value_bool("true", &v, &err), 0);
	assert_true(v);
	assert_int_equal(tr_value_bool("off", &v, &err), 0);
	assert_false(v);
	assert_int_equal(tr_value_bool("1", &v, &err), TR_EINVAL);
	assert_string_equal(err.text, "'1' is neither true nor false");
}

static void test_value__text_of_numbers_is_the_shortest(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(tr_value_duration_text(out, 32, 300), "300ms");
	assert_string_equal(tr_value_duration_text(out, 32, 60000), "1m");
	assert_string_equal(tr_value_duration_text(out, 32, 61000), "61s");
	assert_string_equal(tr_value_size_text(out, 32, 16777216), "16M");
	assert_string_equal(tr_value_size_text(out, 32, 1000), "1000");
	assert_string_equal(tr_value_size_text(out, 32, 0), "0");
}

TR_TEST_MAIN(cmocka_unit_test(test_value__durations),
	cmocka_unit_test(test_value__sizes),
	cmocka_unit_test(test_value__whole_numbers),
	cmocka_unit_test(test_value__booleans),
	cmocka_unit_test(test_value__text_of_numbers_is_the_shortest));
