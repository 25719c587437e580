#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/data/builder.h"
#include "common/data/datum.h"
#include "tests/common/data/value.h"

#define BYTES(s) tr_slice_of(s, sizeof(s) - 1)

static struct tr_slice all_of(const struct tr_buf *b)
{
	return tr_slice_of(b->data, b->len);
}

static void assert_bytes(const struct tr_buf *b, struct tr_slice expected)
{
	assert_int_equal(b->len, expected.n);
	assert_memory_equal(b->data, expected.p, expected.n);
}

/* docs/data.md, Numbers; the bytes are computed by hand from IEEE 754. */
static void test_datum__golden_ints(void **state)
{
	static const struct {
		int64_t v;
		const char *hex;
		size_t n;
	} cases[] = {
		{ 0, "\x30\x80\0\0\0\0\0\0\0", 9 },
		{ 1, "\x30\xbf\xf0\0\0\0\0\0\0", 9 },
		{ -1, "\x30\x40\x0f\xff\xff\xff\xff\xff\xff", 9 },
		{ 42, "\x30\xc0\x45\0\0\0\0\0\0", 9 },
		{ 1000000, "\x30\xc1\x2e\x84\x80\0\0\0\0", 9 },
		{ 9007199254740991, "\x30\xc3\x3f\xff\xff\xff\xff\xff\xff", 9 },
		{ 9007199254740992, "\x30\xc3\x40\0\0\0\0\0\0\0\0", 11 },
		{ 9007199254740993, "\x30\xc3\x40\0\0\0\0\0\0\0\2", 11 },
		{ -9007199254740992, "\x30\x3c\xbf\xff\xff\xff\xff\xff\xff\0\0",
			11 },
		{ -9007199254740993, "\x30\x3c\xbf\xff\xff\xff\xff\xff\xfe\0\2",
			11 },
		{ -18014398509481983,
			"\x30\x3c\xaf\xff\xff\xff\xff\xff\xff\0\2", 11 },
		{ INT64_C(1) << 60, "\x30\xc3\xb0\0\0\0\0\0\0\0\0", 11 },
		{ INT64_MAX, "\x30\xc3\xdf\xff\xff\xff\xff\xff\xff\x07\xfe",
			11 },
		{ INT64_MIN, "\x30\x3c\x1f\xff\xff\xff\xff\xff\xff\0\0", 11 },
		{ INT64_MIN + 1, "\x30\x3c\x1f\xff\xff\xff\xff\xff\xff\0\2",
			11 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf b;
		int64_t back = -7;
		tr_buf_init(&b, 64);
		assert_int_equal(tr_datum_put_int(&b, cases[i].v), 0);
		assert_bytes(&b, tr_slice_of(cases[i].hex, cases[i].n));
		assert_true(tr_datum_get_int(all_of(&b), &back));
		assert_int_equal(back, cases[i].v);
		assert_int_equal(tr_datum_check(all_of(&b)), 0);
		tr_buf_fini(&b);
	}
}

static void test_datum__golden_doubles(void **state)
{
	static const struct {
		double v;
		const char *hex;
		size_t n;
	} cases[] = {
		{ 0.5, "\x30\xbf\xe0\0\0\0\0\0\0", 9 },
		{ 1.5, "\x30\xbf\xf8\0\0\0\0\0\0", 9 },
		{ -1.5, "\x30\x40\x07\xff\xff\xff\xff\xff\xff", 9 },
		{ 0x1p60, "\x30\xc3\xb0\0\0\0\0\0\0\0\1", 11 },
		{ 0x1p63, "\x30\xc3\xe0\0\0\0\0\0\0", 9 },
		{ -0x1p63, "\x30\x3c\x1f\xff\xff\xff\xff\xff\xff\0\1", 11 },
		{ 9007199254740994.0, "\x30\xc3\x40\0\0\0\0\0\1\0\1", 11 },
		{ 1e300, "\x30\xfe\x37\xe4\x3c\x88\0\x75\x9c", 9 },
		{ 0x1p-1074, "\x30\x80\0\0\0\0\0\0\1", 9 },
		{ (double)INFINITY, "\x30\xff\xf0\0\0\0\0\0\0", 9 },
		{ -(double)INFINITY, "\x30\0\x0f\xff\xff\xff\xff\xff\xff", 9 },
		{ (double)NAN, "\x30\xff\xf8\0\0\0\0\0\0", 9 },
		{ -(double)NAN, "\x30\xff\xf8\0\0\0\0\0\0", 9 },
		/* integral within 2^53: the int */
		{ 2.0, "\x30\xc0\0\0\0\0\0\0\0", 9 },
		{ -0.0, "\x30\x80\0\0\0\0\0\0\0", 9 },
		{ -0x1p53, "\x30\x3c\xbf\xff\xff\xff\xff\xff\xff\0\0", 11 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf b;
		double back = 7;
		tr_buf_init(&b, 64);
		assert_int_equal(tr_datum_put_double(&b, cases[i].v), 0);
		assert_bytes(&b, tr_slice_of(cases[i].hex, cases[i].n));
		assert_true(tr_datum_get_double(all_of(&b), &back));
		assert_true(back == cases[i].v ||
			    (isnan(back) && isnan(cases[i].v)));
		assert_int_equal(tr_datum_check(all_of(&b)), 0);
		tr_buf_fini(&b);
	}
}

static void test_datum__golden_scalars(void **state)
{
	struct tr_buf b;
	struct tr_slice bytes = TR_SLICE_ABSENT;
	bool flag = false;
	(void)state;
	tr_buf_init(&b, 64);
	assert_int_equal(tr_datum_put_null(&b), 0);
	assert_int_equal(tr_datum_put_bool(&b, false), 0);
	assert_int_equal(tr_datum_put_bool(&b, true), 0);
	assert_int_equal(tr_datum_put_bytes(&b, "a\0b", 3), 0);
	assert_bytes(&b, BYTES("\x10\x20\x21\x40"
			       "a\0b"));
	assert_true(tr_datum_get_bool(tr_slice_of(b.data + 2, 1), &flag));
	assert_true(flag);
	assert_true(tr_datum_get_bytes(tr_slice_of(b.data + 3, 4), &bytes));
	assert_true(tr_slice_equal(bytes, BYTES("a\0b")));
	assert_false(tr_datum_get_bytes(tr_slice_of(b.data, 1), &bytes));
	tr_buf_fini(&b);
}

/* A null Kafka key and an empty one are two data. */
static void test_datum__absent_is_null_not_empty(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 64);
	assert_int_equal(tr_datum_put_slice(&b, TR_SLICE_ABSENT), 0);
	assert_int_equal(tr_datum_put_slice(&b, tr_slice_of("", 0)), 0);
	assert_bytes(&b, BYTES("\x10\x40"));
	assert_true(tr_slice_equal(tr_datum_null(), BYTES("\x10")));
	tr_buf_fini(&b);
}

/* Bytes that are one datum: whole, canonical, within limits; or not. */
static void test_datum__check(void **state)
{
#define ROW(s, rc)                                                             \
	{                                                                      \
		s, sizeof(s) - 1, rc                                           \
	}
	static const struct {
		const char *p;
		size_t n;
		int rc;
	} cases[] = {
		ROW("", TR_ECORRUPT),
		ROW("\x10", 0),
		ROW("\x10\x10", TR_ECORRUPT),
		ROW("\x00", TR_ECORRUPT),
		ROW("\x22", TR_ECORRUPT),
		ROW("\xff", TR_ECORRUPT),
		ROW("\x2b\xbf\xf0\0\0\0\0\0\0", TR_ECORRUPT),
		ROW("\x40", 0),
		ROW("\x40\x00\x00", 0),
		/* numbers: short, cut, -0.0, other NaN, int written as wide */
		ROW("\x30\x80\0\0\0\0\0\0", TR_ECORRUPT),
		ROW("\x30\x80\0\0\0\0\0\0\0\0\0", TR_ECORRUPT),
		ROW("\x30\x7f\xff\xff\xff\xff\xff\xff\xff", TR_ECORRUPT),
		ROW("\x30\xff\xf8\0\0\0\0\0\1", TR_ECORRUPT),
		ROW("\x30\xc3\x40\0\0\0\0\0\0", TR_ECORRUPT),
		ROW("\x30\xc3\x40\0\0\0\0\0\0\0", TR_ECORRUPT),
		/* 2^53 as a double; a distance past the next double */
		ROW("\x30\xc3\x40\0\0\0\0\0\0\0\1", TR_ECORRUPT),
		ROW("\x30\xc3\x40\0\0\0\0\0\0\0\4", TR_ECORRUPT),
		ROW("\x30\xc3\x40\0\0\0\0\0\0\0\3", TR_ECORRUPT),
		/* lists: empty, no end, two ends, bytes without an end */
		ROW("\x50\0", 0),
		ROW("\x50", TR_ECORRUPT),
		ROW("\x50\0\0", TR_ECORRUPT),
		ROW("\x50\x10\x40\0\0", 0),
		ROW("\x50\x40"
		    "a",
			TR_ECORRUPT),
		ROW("\x50\x40"
		    "a\0",
			TR_ECORRUPT),
		ROW("\x50\x40"
		    "a\0\xff\0\0",
			0),
		/* maps: in order, out of order, twice, no value */
		ROW("\x60\0", 0),
		ROW("\x60\x20\x10\x21\x10\0", 0),
		ROW("\x60\x21\x10\x20\x10\0", TR_ECORRUPT),
		ROW("\x60\x20\x10\x20\x10\0", TR_ECORRUPT),
		ROW("\x60\x20\0", TR_ECORRUPT),
		ROW("\x60\x20", TR_ECORRUPT),
		ROW("\x60\x20\x10", TR_ECORRUPT),
	};
#undef ROW
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		/* Of its own size, so that a sanitizer sees an overrun. */
		uint8_t *copy = tr_xmemdup(cases[i].p, cases[i].n);
		int rc = tr_datum_check(tr_slice_of(copy, cases[i].n));
		if (rc != cases[i].rc)
			fail_msg("case %zu: %d", i, rc);
		tr_xfree(copy);
	}
}

static void test_datum__check_limits_depth_and_size(void **state)
{
	uint8_t deep[2 * TR_DATUM_DEPTH_MAX + 2];
	(void)state;
	memset(deep, TR_TAG_LIST, TR_DATUM_DEPTH_MAX + 1);
	memset(deep + TR_DATUM_DEPTH_MAX + 1, 0, TR_DATUM_DEPTH_MAX + 1);
	assert_int_equal(
		tr_datum_check(tr_slice_of(deep, sizeof(deep))), TR_ECORRUPT);
	assert_int_equal(
		tr_datum_check(tr_slice_of(deep + 1, sizeof(deep) - 2)), 0);

	size_t n = TR_VALUE_MAX + 2;
	uint8_t *big = tr_xcalloc(1, n);
	big[0] = TR_TAG_BYTES;
	assert_int_equal(tr_datum_check(tr_slice_of(big, n - 1)), 0);
	assert_int_equal(tr_datum_check(tr_slice_of(big, n)), TR_ECORRUPT);
	struct tr_buf b;
	tr_buf_init(&b, SIZE_MAX / 2);
	assert_int_equal(tr_datum_put_bytes(&b, big, n - 1), TR_ELIMIT);
	assert_int_equal(b.len, 0);
	assert_int_equal(tr_datum_put_bytes(&b, big, n - 2), 0);
	tr_buf_fini(&b);
	tr_xfree(big);
}

enum {
	POOL = 400
};

struct sample {
	struct value *v;
	struct tr_buf b;
};

static void fill(struct sample *pool, struct tr_rng *rng, unsigned depth)
{
	struct tr_builder builder;
	tr_builder_init(&builder);
	for (size_t i = 0; i < POOL; i++) {
		pool[i].v = value_random(rng, depth);
		tr_buf_init(&pool[i].b, TR_MIB(1));
		tr_builder_start(&builder, &pool[i].b);
		assert_int_equal(value_build(pool[i].v, &builder, rng), 0);
		assert_int_equal(tr_builder_finish(&builder), 0);
	}
	tr_builder_fini(&builder);
}

static void empty(struct sample *pool)
{
	for (size_t i = 0; i < POOL; i++) {
		value_free(pool[i].v);
		tr_buf_fini(&pool[i].b);
	}
}

static int sign(int c)
{
	return (c > 0) - (c < 0);
}

/* Each datum against each other: bytes compare as the data do. */
static void test_datum__order_of_bytes_is_order_of_data(void **state)
{
	static struct sample pool[POOL];
	struct tr_rng rng;
	(void)state;
	tr_rng_init(&rng, 20240607);
	for (unsigned depth = 0; depth < 4; depth++) {
		fill(pool, &rng, depth);
		for (size_t i = 0; i < POOL; i++)
			for (size_t j = 0; j < POOL; j++)
				if (sign(tr_slice_compare(all_of(&pool[i].b),
					    all_of(&pool[j].b))) !=
					sign(value_compare(
						pool[i].v, pool[j].v)))
					fail_msg("depth %u: %zu and %zu", depth,
						i, j);
		empty(pool);
	}
}

static void test_datum__random_data_read_back(void **state)
{
	static struct sample pool[POOL];
	struct tr_rng rng;
	(void)state;
	tr_rng_init(&rng, 7);
	for (unsigned depth = 0; depth < 4; depth++) {
		fill(pool, &rng, depth);
		for (size_t i = 0; i < POOL; i++) {
			assert_int_equal(tr_datum_check(all_of(&pool[i].b)), 0);
			assert_true(value_is(pool[i].v, all_of(&pool[i].b)));
		}
		empty(pool);
	}
}

/*
 * What check() lets through after damage is canonical still: it differs from
 * the undamaged datum, and no two encodings of one datum exist.
 */
static void test_datum__check_survives_damage(void **state)
{
	static struct sample pool[POOL];
	struct tr_rng rng;
	(void)state;
	tr_rng_init(&rng, 99);
	fill(pool, &rng, 3);
	for (unsigned round = 0; round < 20 * POOL; round++) {
		const struct tr_buf *b = &pool[round % POOL].b;
		size_t n = tr_rng_below(&rng, b->len) + 1;
		uint8_t *copy = tr_xmemdup(b->data, n);
		copy[tr_rng_below(&rng, n)] ^=
			(uint8_t)(1u << tr_rng_below(&rng, 8));
		int rc = tr_datum_check(tr_slice_of(copy, n));
		assert_true(rc == 0 || rc == TR_ECORRUPT);
		tr_xfree(copy);
	}
	empty(pool);
}

static void put_sum(struct tr_buf *out, double a, double b, int rc_expected)
{
	struct tr_buf x;
	struct tr_buf y;
	struct tr_error err;
	tr_buf_init(&x, 64);
	tr_buf_init(&y, 64);
	assert_int_equal(tr_datum_put_double(&x, a), 0);
	assert_int_equal(tr_datum_put_double(&y, b), 0);
	assert_int_equal(
		tr_datum_add(all_of(&x), all_of(&y), out, &err), rc_expected);
	tr_buf_fini(&x);
	tr_buf_fini(&y);
}

static void test_datum__add(void **state)
{
	static const struct {
		double a;
		double b;
		double sum;
		enum tr_datum_type type;
	} cases[] = {
		{ 2, 3, 5, TR_DATUM_INT },
		{ 2, 0.5, 2.5, TR_DATUM_DOUBLE },
		{ 1.5, 0.5, 2, TR_DATUM_INT },
		{ 0x1p62, 0x1p62, 0x1p63, TR_DATUM_DOUBLE },
		{ 0x1p53, 1, 0x1p53 + 1, TR_DATUM_INT },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf out;
		double sum = 0;
		tr_buf_init(&out, 64);
		put_sum(&out, cases[i].a, cases[i].b, 0);
		assert_true(tr_datum_get_double(all_of(&out), &sum));
		assert_true(sum == cases[i].sum);
		assert_int_equal(tr_datum_type(all_of(&out)), cases[i].type);
		tr_buf_fini(&out);
	}
}

static void test_datum__add_refuses_overflow(void **state)
{
	struct tr_buf a;
	struct tr_buf one;
	struct tr_buf out;
	struct tr_error err;
	(void)state;
	tr_buf_init(&a, 64);
	tr_buf_init(&one, 64);
	tr_buf_init(&out, 64);
	assert_int_equal(tr_datum_put_int(&a, INT64_MAX), 0);
	assert_int_equal(tr_datum_put_int(&one, 1), 0);
	assert_int_equal(
		tr_datum_add(all_of(&a), all_of(&one), &out, &err), TR_EUSER);
	assert_string_equal(
		err.text, "integer overflow: 9223372036854775807 + 1");
	assert_int_equal(out.len, 0);
	tr_buf_fini(&a);
	tr_buf_fini(&one);
	tr_buf_fini(&out);
}

static void test_datum__add_refuses_what_is_no_number(void **state)
{
	struct tr_buf out;
	struct tr_error err;
	(void)state;
	tr_buf_init(&out, 64);
	assert_int_equal(tr_datum_add(BYTES("\x40"
					    "1"),
				 BYTES("\x10"), &out, &err),
		TR_EUSER);
	assert_string_equal(err.text, "cannot add bytes and null");
	tr_buf_fini(&out);
}

static void test_slice__absent_differs_from_empty(void **state)
{
	struct tr_slice none = TR_SLICE_ABSENT;
	struct tr_slice blank = tr_slice_of("", 0);
	(void)state;
	assert_false(tr_slice_equal(none, blank));
	assert_true(tr_slice_equal(none, none));
	assert_true(tr_slice_compare(none, blank) < 0);
	assert_int_equal(tr_slice_compare(none, none), 0);
	assert_true(tr_slice_compare(BYTES("a"), BYTES("ab")) < 0);
	assert_true(tr_slice_compare(BYTES("b"), BYTES("ab")) > 0);
	assert_true(tr_slice_compare(BYTES("\xff"), BYTES("a")) > 0);
}

TR_TEST_MAIN(cmocka_unit_test(test_datum__golden_ints),
	cmocka_unit_test(test_datum__golden_doubles),
	cmocka_unit_test(test_datum__golden_scalars),
	cmocka_unit_test(test_datum__absent_is_null_not_empty),
	cmocka_unit_test(test_datum__check),
	cmocka_unit_test(test_datum__check_limits_depth_and_size),
	cmocka_unit_test(test_datum__order_of_bytes_is_order_of_data),
	cmocka_unit_test(test_datum__random_data_read_back),
	cmocka_unit_test(test_datum__check_survives_damage),
	cmocka_unit_test(test_datum__add),
	cmocka_unit_test(test_datum__add_refuses_overflow),
	cmocka_unit_test(test_datum__add_refuses_what_is_no_number),
	cmocka_unit_test(test_slice__absent_differs_from_empty));
