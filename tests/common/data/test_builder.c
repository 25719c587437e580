#include "tests/support/test.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/data/builder.h"
#include "common/data/cursor.h"
#include "common/data/datum.h"

struct fixture {
	struct tr_builder b;
	struct tr_buf out;
};

static int set_up(void **state)
{
	struct fixture *f = tr_xcalloc(1, sizeof(*f));
	tr_builder_init(&f->b);
	tr_buf_init(&f->out, TR_MIB(64));
	tr_builder_start(&f->b, &f->out);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	tr_builder_fini(&f->b);
	tr_buf_fini(&f->out);
	tr_xfree(f);
	return 0;
}

static void put_text(struct tr_builder *b, const char *s)
{
	assert_int_equal(tr_builder_put_bytes(b, s, strlen(s)), 0);
}

static void assert_out(const struct fixture *f, const char *p, size_t n)
{
	assert_int_equal(f->out.len, n);
	assert_memory_equal(f->out.data, p, n);
}

/* docs/data.md, Lists and Maps: {"a": ["x\0y", null], "b": true}. */
static void test_builder__golden_map(void **state)
{
	struct fixture *f = *state;
	static const char expected[] = "\x60"
				       "\x40"
				       "a\0"
				       "\x50\x40"
				       "x\0\xff"
				       "y\0"
				       "\x10\0"
				       "\x40"
				       "b\0"
				       "\x21\0";
	assert_int_equal(tr_builder_begin_map(&f->b), 0);
	put_text(&f->b, "b");
	assert_int_equal(tr_builder_put_bool(&f->b, true), 0);
	put_text(&f->b, "a");
	assert_int_equal(tr_builder_begin_list(&f->b), 0);
	assert_int_equal(tr_builder_put_bytes(&f->b, "x\0y", 3), 0);
	assert_int_equal(tr_builder_put_null(&f->b), 0);
	assert_int_equal(tr_builder_end(&f->b), 0);
	assert_int_equal(tr_builder_end(&f->b), 0);
	assert_int_equal(tr_builder_finish(&f->b), 0);
	assert_out(f, expected, sizeof(expected) - 1);
}

static void test_builder__scalar_is_as_put(void **state)
{
	struct fixture *f = *state;
	put_text(&f->b, "abc");
	assert_int_equal(tr_builder_finish(&f->b), 0);
	assert_out(f,
		"\x40"
		"abc",
		4);
}

static void test_builder__appends_and_aborts(void **state)
{
	struct fixture *f = *state;
	put_text(&f->b, "abc");
	assert_int_equal(tr_builder_finish(&f->b), 0);
	tr_builder_start(&f->b, &f->out);
	assert_int_equal(tr_builder_begin_list(&f->b), 0);
	assert_int_equal(tr_builder_put_int(&f->b, 1), 0);
	tr_builder_abort(&f->b);
	assert_int_equal(f->out.len, 4);
}

static void test_builder__refuses_a_key_twice(void **state)
{
	struct fixture *f = *state;
	static const char *const orders[][3] = {
		{ "a", "b", "b" },
		{ "b", "a", "b" },
	};
	for (size_t i = 0; i < 2; i++) {
		tr_builder_start(&f->b, &f->out);
		assert_int_equal(tr_builder_begin_map(&f->b), 0);
		for (size_t j = 0; j < 3; j++) {
			put_text(&f->b, orders[i][j]);
			assert_int_equal(tr_builder_put_null(&f->b), 0);
		}
		assert_int_equal(tr_builder_end(&f->b), TR_EEXIST);
		tr_builder_abort(&f->b);
	}
	assert_int_equal(f->out.len, 0);
}

/* 1 and 1.0 are one datum, so they are one key. */
static void test_builder__int_and_double_are_one_key(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(tr_builder_begin_map(&f->b), 0);
	assert_int_equal(tr_builder_put_int(&f->b, 1), 0);
	assert_int_equal(tr_builder_put_null(&f->b), 0);
	assert_int_equal(tr_builder_put_double(&f->b, 1.0), 0);
	assert_int_equal(tr_builder_put_null(&f->b), 0);
	assert_int_equal(tr_builder_end(&f->b), TR_EEXIST);
}

static void test_builder__sorts_many_keys(void **state)
{
	struct fixture *f = *state;
	enum {
		N = 1000
	};
	assert_int_equal(tr_builder_begin_map(&f->b), 0);
	for (int i = 0; i < N; i++) {
		assert_int_equal(tr_builder_put_int(&f->b, (i * 7919) % N), 0);
		assert_int_equal(tr_builder_put_int(&f->b, i), 0);
	}
	assert_int_equal(tr_builder_end(&f->b), 0);
	assert_int_equal(tr_builder_finish(&f->b), 0);
	struct tr_slice map = tr_slice_of(f->out.data, f->out.len);
	assert_int_equal(tr_datum_check(map), 0);
	struct tr_buf scratch;
	struct tr_cursor c;
	struct tr_slice key;
	struct tr_slice value;
	int64_t n = 0;
	tr_buf_init(&scratch, 64);
	tr_cursor_init(&c, map, &scratch);
	while (tr_cursor_next_entry(&c, &key, &value) > 0) {
		int64_t k = -1;
		int64_t v = -1;
		assert_true(tr_datum_get_int(key, &k));
		assert_true(tr_datum_get_int(value, &v));
		assert_int_equal(k, n);
		assert_int_equal((v * 7919) % N, k);
		n++;
	}
	assert_int_equal(n, N);
	tr_buf_fini(&scratch);
}

static void test_builder__limits_depth(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < TR_DATUM_DEPTH_MAX; i++)
		assert_int_equal(tr_builder_begin_list(&f->b), 0);
	assert_int_equal(tr_builder_begin_map(&f->b), TR_ELIMIT);
	struct tr_slice list = tr_slice_of("\x50\0", 2);
	assert_int_equal(tr_builder_put_datum(&f->b, list), TR_ELIMIT);
	assert_int_equal(tr_builder_put_datum(&f->b, tr_datum_null()), 0);
}

static void test_builder__limits_size(void **state)
{
	struct fixture *f = *state;
	size_t half = TR_VALUE_MAX / 2;
	uint8_t *zeros = tr_xcalloc(1, half);
	/* Each NUL takes two bytes inside a list. */
	assert_int_equal(tr_builder_begin_list(&f->b), 0);
	assert_int_equal(tr_builder_put_bytes(&f->b, zeros, half), 0);
	assert_int_equal(tr_builder_put_null(&f->b), TR_ELIMIT);
	tr_builder_abort(&f->b);

	for (size_t i = 1; i <= 2; i++) {
		tr_builder_start(&f->b, &f->out);
		assert_int_equal(tr_builder_begin_list(&f->b), 0);
		assert_int_equal(
			tr_builder_put_bytes(&f->b, zeros, half - i), 0);
		assert_int_equal(tr_builder_end(&f->b), 0);
		assert_int_equal(
			tr_builder_finish(&f->b), i == 1 ? TR_ELIMIT : 0);
		tr_builder_abort(&f->b);
	}
	tr_xfree(zeros);
}

/* A datum put as an item comes out again as it was. */
static void test_builder__put_datum_nests(void **state)
{
	struct fixture *f = *state;
	struct tr_slice items[] = {
		tr_slice_of("\x10", 1),
		tr_slice_of("\x21", 1),
		tr_slice_of("\x40\0a\0", 4),
		tr_slice_of("\x40", 1),
		tr_slice_of("\x30\xbf\xf8\0\0\0\0\0\0", 9),
		tr_slice_of("\x50\x40"
			    "x\0\xff\0\0",
			7),
	};
	assert_int_equal(tr_builder_begin_list(&f->b), 0);
	for (size_t i = 0; i < TR_ARRAY_LEN(items); i++)
		assert_int_equal(tr_builder_put_datum(&f->b, items[i]), 0);
	assert_int_equal(tr_builder_end(&f->b), 0);
	assert_int_equal(tr_builder_finish(&f->b), 0);
	struct tr_slice list = tr_slice_of(f->out.data, f->out.len);
	assert_int_equal(tr_datum_check(list), 0);
	struct tr_buf scratch;
	struct tr_cursor c;
	struct tr_slice item;
	size_t i = 0;
	tr_buf_init(&scratch, 64);
	tr_cursor_init(&c, list, &scratch);
	while (tr_cursor_next(&c, &item) > 0)
		assert_true(tr_slice_equal(item, items[i++]));
	assert_int_equal(i, TR_ARRAY_LEN(items));
	tr_buf_fini(&scratch);
}

/* Only bytes with a NUL are copied; what does not fit is an error. */
static void test_cursor__scratch_is_for_escaped_bytes(void **state)
{
	struct tr_slice list = tr_slice_of("\x50\x40"
					   "ab\0\x40"
					   "a\0\xff"
					   "b\0\0",
		12);
	struct tr_buf scratch;
	struct tr_cursor c;
	struct tr_slice item;
	(void)state;
	assert_int_equal(tr_datum_check(list), 0);
	tr_buf_init(&scratch, 3);
	tr_cursor_init(&c, list, &scratch);
	assert_int_equal(tr_cursor_next(&c, &item), 1);
	assert_ptr_equal(item.p, list.p + 1);
	assert_int_equal(item.n, 3);
	assert_int_equal(tr_cursor_next(&c, &item), TR_ELIMIT);
	tr_buf_fini(&scratch);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TR_TEST_MAIN(CASE(test_builder__golden_map),
	CASE(test_builder__scalar_is_as_put),
	CASE(test_builder__appends_and_aborts),
	CASE(test_builder__refuses_a_key_twice),
	CASE(test_builder__int_and_double_are_one_key),
	CASE(test_builder__sorts_many_keys), CASE(test_builder__limits_depth),
	CASE(test_builder__limits_size), CASE(test_builder__put_datum_nests),
	cmocka_unit_test(test_cursor__scratch_is_for_escaped_bytes));
