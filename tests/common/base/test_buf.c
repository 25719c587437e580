#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/err.h"

static void test_buf__appends_across_growth(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 10000);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(tr_buf_append_u8(&b, (uint8_t)i), 0);
	assert_int_equal(tr_buf_append(&b, "end", 3), 0);
	assert_int_equal(tr_buf_append(&b, NULL, 0), 0);
	assert_int_equal(b.len, 5003);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	assert_memory_equal(b.data + 5000, "end", 3);
	tr_buf_fini(&b);
}

static void test_buf__holds_exactly_its_ceiling(void **state)
{
	static const size_t ceilings[] = { 1, 255, 256, 257, 1000 };
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(ceilings); i++) {
		struct tr_buf b;
		tr_buf_init(&b, ceilings[i]);
		for (size_t n = 0; n < ceilings[i]; n++)
			assert_int_equal(tr_buf_append_u8(&b, 'x'), 0);
		assert_int_equal(tr_buf_append_u8(&b, 'y'), TR_ELIMIT);
		assert_int_equal(b.len, ceilings[i]);
		assert_true(b.cap <= ceilings[i]);
		assert_int_equal(b.data[ceilings[i] - 1], 'x');
		tr_buf_fini(&b);
	}
}

static void test_buf__refusal_leaves_it_as_it_was(void **state)
{
	struct tr_buf b;
	char twelve[] = "twelve chars";
	(void)state;
	tr_buf_init(&b, 10);
	assert_int_equal(tr_buf_append(&b, "abc", 3), 0);
	assert_int_equal(tr_buf_append(&b, twelve, 12), TR_ELIMIT);
	assert_int_equal(tr_buf_printf(&b, "%s", twelve), TR_ELIMIT);
	assert_int_equal(tr_buf_reserve(&b, SIZE_MAX), TR_ELIMIT);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "abc", 3);
	tr_buf_fini(&b);
}

static void test_buf__printf(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 1000);
	assert_int_equal(tr_buf_printf(&b, "%d-%s", 42, "x"), 0);
	assert_int_equal(tr_buf_printf(&b, "%0300d", 7), 0);
	assert_int_equal(b.len, 304);
	assert_memory_equal(b.data, "42-x0000", 8);
	assert_int_equal(b.data[303], '7');
	tr_buf_fini(&b);
}

static void test_buf__consume_keeps_the_rest(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 100);
	assert_int_equal(tr_buf_append(&b, "abcdef", 6), 0);
	tr_buf_consume(&b, 0);
	tr_buf_consume(&b, 2);
	assert_int_equal(b.len, 4);
	assert_memory_equal(b.data, "cdef", 4);
	tr_buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	tr_buf_fini(&b);
}

static void test_buf__take_hands_the_memory_over(void **state)
{
	struct tr_buf b;
	size_t n = 7;
	(void)state;
	tr_buf_init(&b, 100);
	assert_null(tr_buf_take(&b, &n));
	assert_int_equal(n, 0);
	assert_int_equal(tr_buf_append(&b, "abc", 3), 0);
	uint8_t *p = tr_buf_take(&b, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(p, "abc", 3);
	free(p);
	assert_null(b.data);
	assert_int_equal(tr_buf_append(&b, "again", 5), 0);
	assert_memory_equal(b.data, "again", 5);
	tr_buf_fini(&b);
}

static void test_buf__reset_and_fini_leave_it_usable(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 100);
	assert_int_equal(tr_buf_append(&b, "abc", 3), 0);
	const uint8_t *before = b.data;
	tr_buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_ptr_equal(b.data, before);
	tr_buf_fini(&b);
	tr_buf_fini(&b);
	assert_int_equal(b.max, 100);
	assert_int_equal(tr_buf_append(&b, "abc", 3), 0);
	tr_buf_fini(&b);
}

TR_TEST_MAIN(cmocka_unit_test(test_buf__appends_across_growth),
	cmocka_unit_test(test_buf__holds_exactly_its_ceiling),
	cmocka_unit_test(test_buf__refusal_leaves_it_as_it_was),
	cmocka_unit_test(test_buf__printf),
	cmocka_unit_test(test_buf__consume_keeps_the_rest),
	cmocka_unit_test(test_buf__take_hands_the_memory_over),
	cmocka_unit_test(test_buf__reset_and_fini_leave_it_usable));
