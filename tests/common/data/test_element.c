#include "tests/support/test.h"

#include <string.h>

#include "common/base/xalloc.h"
#include "common/data/element.h"

static const uint8_t one[] = "\x30\xbf\xf0\0\0\0\0\0\0";

static void test_varint__golden(void **state)
{
	static const struct {
		uint32_t v;
		const char *p;
		size_t n;
	} cases[] = {
		{ 0, "\0", 1 },
		{ 1, "\1", 1 },
		{ 127, "\x7f", 1 },
		{ 128, "\x80\1", 2 },
		{ 300, "\xac\2", 2 },
		{ 16383, "\xff\x7f", 2 },
		{ 16384, "\x80\x80\1", 3 },
		{ 2097152, "\x80\x80\x80\1", 4 },
		{ 268435455, "\xff\xff\xff\x7f", 4 },
		{ 268435456, "\x80\x80\x80\x80\1", 5 },
		{ UINT32_MAX, "\xff\xff\xff\xff\x0f", 5 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		uint8_t to[TR_VARINT32_MAX];
		uint32_t back = 0;
		assert_int_equal(tr_varint_encode(to, cases[i].v), cases[i].n);
		assert_memory_equal(to, cases[i].p, cases[i].n);
		assert_int_equal(tr_varint_len(cases[i].v), cases[i].n);
		assert_int_equal(
			tr_varint_decode(to, cases[i].n, &back), cases[i].n);
		assert_int_equal(back, cases[i].v);
		assert_int_equal(
			tr_varint_decode(to, cases[i].n - 1, &back), 0);
	}
}

static void test_varint__refuses_other_forms(void **state)
{
	static const struct tr_slice cases[] = {
		{ (const uint8_t *)"\x80\0", 2 },
		{ (const uint8_t *)"\xff\x80\0", 3 },
		{ (const uint8_t *)"\xff\xff\xff\xff\x10", 5 },
		{ (const uint8_t *)"\xff\xff\xff\xff\xff\1", 6 },
	};
	uint32_t v;
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_int_equal(
			tr_varint_decode(cases[i].p, cases[i].n, &v), 0);
}

static void test_element__golden(void **state)
{
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 64);
	assert_int_equal(
		tr_element_put(&b, tr_slice_of_text("@a"), tr_slice_of(one, 9)),
		0);
	assert_int_equal(b.len, 13);
	assert_memory_equal(b.data, "\2@a\x09\x30\xbf\xf0\0\0\0\0\0\0", 13);
	assert_int_equal(
		tr_element_len(tr_slice_of_text("@a"), tr_slice_of(one, 9)),
		13);
	tr_buf_fini(&b);
}

static void test_element__take_walks_a_stream(void **state)
{
	struct tr_buf b;
	struct tr_element el;
	(void)state;
	tr_buf_init(&b, TR_MIB(4));
	uint8_t *long_key = tr_xcalloc(1, TR_KEY_DATUM_MAX + 1);
	long_key[0] = TR_TAG_BYTES;
	struct tr_slice keys[] = { tr_datum_null(), tr_slice_of_text("@"),
		tr_slice_of(long_key, 130),
		tr_slice_of(long_key, TR_KEY_DATUM_MAX) };
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			tr_element_put(&b, keys[i], tr_slice_of(one, 9)), 0);
	assert_int_equal(
		tr_element_put(&b, tr_slice_of(long_key, TR_KEY_DATUM_MAX + 1),
			tr_slice_of(one, 9)),
		TR_ELIMIT);
	struct tr_slice in = tr_slice_of(b.data, b.len);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(tr_element_take(&in, &el), 0);
		assert_true(tr_slice_equal(el.key, keys[i]));
		assert_true(tr_slice_equal(el.value, tr_slice_of(one, 9)));
	}
	assert_int_equal(in.n, 0);
	tr_xfree(long_key);
	tr_buf_fini(&b);
}

/* Every cut of a good element, and elements with one thing wrong. */
static void test_element__take_refuses(void **state)
{
	static const char good[] = "\2@a\x09\x30\xbf\xf0\0\0\0\0\0\0";
#define ROW(s)                                                                 \
	{                                                                      \
		(const uint8_t *)(s), sizeof(s) - 1                            \
	}
	static const struct tr_slice bad[] = {
		ROW("\0\1\x10"),              /* an empty key */
		ROW("\1\x10\0"),              /* an empty value */
		ROW("\1\x11\1\x10"),          /* a key that is no datum */
		ROW("\1\x10\1\x11"),          /* a value that is none */
		ROW("\1\x10\x81\0\x10"),      /* a length in a longer form */
		ROW("\xff\xff\xff\xff\x0f@"), /* a length out of bounds */
	};
#undef ROW
	struct tr_element el;
	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		uint8_t *copy = tr_xmemdup(good, n);
		struct tr_slice in = tr_slice_of(copy, n);
		assert_int_equal(tr_element_take(&in, &el), TR_ECORRUPT);
		assert_int_equal(in.n, n);
		tr_xfree(copy);
	}
	for (size_t i = 0; i < TR_ARRAY_LEN(bad); i++) {
		struct tr_slice in = bad[i];
		assert_int_equal(tr_element_take(&in, &el), TR_ECORRUPT);
	}
}

TR_TEST_MAIN(cmocka_unit_test(test_varint__golden),
	cmocka_unit_test(test_varint__refuses_other_forms),
	cmocka_unit_test(test_element__golden),
	cmocka_unit_test(test_element__take_walks_a_stream),
	cmocka_unit_test(test_element__take_refuses));
