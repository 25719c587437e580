#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "executor/op/reduce.h"
#include "executor/op/val.h"

#define REDUCER(suffix) TRANCHE__V1__REDUCER__REDUCER_##suffix

static struct tr_val bytes(const char *s)
{
	return tr_val_slice(tr_slice_of_text(s));
}

static struct tr_val boolean(bool b)
{
	return (struct tr_val){ .type = TR_VAL_BOOL, .i = b };
}

/* The order of data as the documentation has it, least first. */
static size_t ladder(struct tr_val *v)
{
	size_t n = 0;
	v[n++] = tr_val_null();
	v[n++] = boolean(false);
	v[n++] = boolean(true);
	v[n++] = tr_val_number((double)-INFINITY);
	v[n++] = tr_val_int(INT64_MIN);
	v[n++] = tr_val_int(-5);
	v[n++] = tr_val_number(-4.5);
	v[n++] = tr_val_int(0);
	v[n++] = tr_val_number(0.25);
	v[n++] = tr_val_int(1);
	v[n++] = tr_val_int((INT64_C(1) << 53) + 1);
	v[n++] = tr_val_int(INT64_MAX);
	v[n++] = tr_val_number(1e300);
	v[n++] = tr_val_number((double)NAN);
	v[n++] = bytes("");
	v[n++] = bytes("a");
	v[n++] = bytes("aa");
	v[n++] = bytes("b");
	return n;
}

static void test_val__compares_as_data_do(void **state)
{
	(void)state;
	struct tr_val v[32];
	size_t n = ladder(v);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int c = tr_val_compare(&v[i], &v[k]);
			assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
}

static void test_val__survives_its_encoding(void **state)
{
	(void)state;
	struct tr_val v[32];
	size_t n = ladder(v);
	for (size_t i = 0; i < n; i++) {
		uint8_t room[64];
		assert_true(tr_val_encoded_max(&v[i]) <= sizeof(room));
		size_t len = tr_val_encode(&v[i], room);
		struct tr_val back = tr_val_decode(tr_slice_of(room, len));
		assert_int_equal(back.type, v[i].type);
		assert_int_equal(tr_val_compare(&back, &v[i]), 0);
	}
}

static void test_val__integral_doubles_are_ints(void **state)
{
	(void)state;
	assert_int_equal(tr_val_number(2.0).type, TR_VAL_INT);
	assert_int_equal(tr_val_number(-0.0).type, TR_VAL_INT);
	assert_int_equal(tr_val_number(-0.0).i, 0);
	assert_int_equal(tr_val_number(1e300).type, TR_VAL_DOUBLE);
	assert_int_equal(tr_val_number(0.5).type, TR_VAL_DOUBLE);
}

static void test_val__text_is_cut_to_fit(void **state)
{
	(void)state;
	char text[TR_VAL_TEXT_MAX], longer[500];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	struct tr_val v = bytes(longer);
	tr_val_to_text(&v, text);
	assert_true(strlen(text) > 50 && strlen(text) < sizeof(text));
	assert_int_equal(strspn(text, "x"), strlen(text));
	v = bytes("");
	assert_string_equal(tr_val_to_text(&v, text), "");
	v = tr_val_int(-12);
	assert_string_equal(tr_val_to_text(&v, text), "-12");
}

static const struct reduce_case {
	Tranche__V1__Reducer reducer;
	int64_t acc, v, want;
} reduce_cases[] = {
	{ REDUCER(SUM), 3, 4, 7 },
	{ REDUCER(SUM), INT64_MAX, -1, INT64_MAX - 1 },
	{ REDUCER(COUNT), 3, 100, 4 },
	{ REDUCER(MIN), 3, 4, 3 },
	{ REDUCER(MIN), 4, -3, -3 },
	{ REDUCER(MAX), 3, 4, 4 },
	{ REDUCER(MAX), 4, 3, 4 },
	{ REDUCER(FIRST), 1, 2, 1 },
	{ REDUCER(LAST), 1, 2, 2 },
};

static void test_reduce__of_ints(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(reduce_cases); i++) {
		const struct reduce_case *c = &reduce_cases[i];
		struct tr_val acc = tr_val_int(c->acc), v = tr_val_int(c->v);
		struct tr_error err;
		assert_int_equal(tr_reduce(c->reducer, &acc, &v, &err), 0);
		assert_int_equal(acc.type, TR_VAL_INT);
		assert_int_equal(acc.i, c->want);
	}
}

static void test_reduce__sums_ints_and_doubles(void **state)
{
	(void)state;
	struct tr_error err;
	struct tr_val acc = tr_val_int(1), half = tr_val_number(0.5);
	assert_int_equal(tr_reduce(REDUCER(SUM), &acc, &half, &err), 0);
	assert_int_equal(acc.type, TR_VAL_DOUBLE);
	assert_true(acc.d > 1.49 && acc.d < 1.51);
	assert_int_equal(tr_reduce(REDUCER(SUM), &acc, &half, &err), 0);
	assert_int_equal(acc.type, TR_VAL_INT);
	assert_int_equal(acc.i, 2);
}

static void test_reduce__refuses_what_has_no_sum(void **state)
{
	(void)state;
	struct tr_error err;
	struct tr_val acc = tr_val_int(INT64_MAX), one = tr_val_int(1);
	assert_int_equal(tr_reduce(REDUCER(SUM), &acc, &one, &err), TR_EUSER);
	assert_non_null(strstr(err.text, "integer overflow"));
	assert_int_equal(acc.i, INT64_MAX);
	struct tr_val text = bytes("seven");
	assert_int_equal(tr_reduce(REDUCER(SUM), &acc, &text, &err), TR_EUSER);
	assert_non_null(strstr(err.text, "seven"));
	assert_int_equal(
		tr_reduce_first(REDUCER(SUM), &acc, &text, &err), TR_EUSER);
	struct tr_val none = tr_val_null();
	assert_int_equal(tr_reduce(REDUCER(SUM), &acc, &none, &err), TR_EUSER);
}

TR_TEST_MAIN(cmocka_unit_test(test_val__compares_as_data_do),
	cmocka_unit_test(test_val__survives_its_encoding),
	cmocka_unit_test(test_val__integral_doubles_are_ints),
	cmocka_unit_test(test_val__text_is_cut_to_fit),
	cmocka_unit_test(test_reduce__of_ints),
	cmocka_unit_test(test_reduce__sums_ints_and_doubles),
	cmocka_unit_test(test_reduce__refuses_what_has_no_sum));
