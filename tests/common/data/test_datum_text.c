#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/data/base64.h"
#include "common/data/builder.h"
#include "common/data/datum.h"
#include "common/data/datum_json.h"
#include "common/data/datum_text.h"
#include "common/data/utf8.h"
#include "tests/common/data/value.h"

#define BYTES(s) tr_slice_of(s, sizeof(s) - 1)

static struct tr_slice all_of(const struct tr_buf *b)
{
	return tr_slice_of(b->data, b->len);
}

static void assert_text(const struct tr_buf *b, const char *expected)
{
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
}

static void test_utf8__table(void **state)
{
#define ROW(s, ok)                                                             \
	{                                                                      \
		s, sizeof(s) - 1, ok                                           \
	}
	static const struct {
		const char *p;
		size_t n;
		bool ok;
	} cases[] = {
		ROW("", true),
		ROW("abc\0\x7f", true),
		ROW("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true),
		ROW("\xef\xbf\xbf\xf4\x8f\xbf\xbf", true),
		ROW("\x80", false),
		ROW("\xc3", false),
		ROW("\xc3(", false),
		ROW("\xc0\x80", false),
		ROW("\xc1\xbf", false),
		ROW("\xe0\x9f\xbf", false),
		ROW("\xed\xa0\x80", false),
		ROW("\xe2\x82", false),
		ROW("\xe2(\xac", false),
		ROW("\xf0\x8f\xbf\xbf", false),
		ROW("\xf4\x90\x80\x80", false),
		ROW("\xf5\x80\x80\x80", false),
		ROW("\xf0\x9f\x98(", false),
		ROW("\xff", false),
	};
#undef ROW
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		uint8_t *copy = tr_xmemdup(cases[i].p, cases[i].n);
		if (tr_utf8_is_text(copy, cases[i].n) != cases[i].ok)
			fail_msg("case %zu", i);
		tr_xfree(copy);
	}
}

/* RFC 4648, section 10. */
static void test_base64__vectors(void **state)
{
	static const char *const cases[][2] = { { "", "" }, { "f", "Zg==" },
		{ "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
		{ "\xfb\xff", "+/8=" } };
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf b;
		tr_buf_init(&b, 64);
		assert_int_equal(tr_base64_encode((const uint8_t *)cases[i][0],
					 strlen(cases[i][0]), &b),
			0);
		assert_text(&b, cases[i][1]);
		tr_buf_reset(&b);
		assert_int_equal(
			tr_base64_decode(cases[i][1], strlen(cases[i][1]), &b),
			0);
		assert_text(&b, cases[i][0]);
		tr_buf_fini(&b);
	}
}

static void test_base64__refuses(void **state)
{
	static const char *const cases[] = { "Z", "Zg",
		"Zg=", "Zh==", "Zm9=", "Zg==Zg==", "====", "Z===", "Zm 9",
		"=m9v", "Zm=v" };
	struct tr_buf b;
	(void)state;
	tr_buf_init(&b, 64);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		if (tr_base64_decode(cases[i], strlen(cases[i]), &b) !=
			TR_EINVAL)
			fail_msg("%s", cases[i]);
	assert_int_equal(b.len, 0);
	tr_buf_fini(&b);
}

static void test_number__text(void **state)
{
	static const struct {
		double d;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ -0.0, "0" },
		{ 42, "42" },
		{ -7, "-7" },
		{ 0.1, "0.1" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ 0.1 + 0.2, "0.30000000000000004" },
		{ 1e300, "1e+300" },
		{ 0x1p53, "9007199254740992" },
		{ 9007199254740994.0, "9007199254740994.0" },
		{ 0x1p-1074, "4.94065645841247e-324" },
		{ (double)INFINITY, "inf" },
		{ -(double)INFINITY, "-inf" },
		{ (double)NAN, "nan" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf d;
		struct tr_buf text;
		tr_buf_init(&d, 64);
		tr_buf_init(&text, 64);
		assert_int_equal(tr_datum_put_double(&d, cases[i].d), 0);
		assert_int_equal(tr_datum_to_text(all_of(&d), &text), 0);
		assert_text(&text, cases[i].text);
		tr_buf_fini(&d);
		tr_buf_fini(&text);
	}
}

static void test_datum_text__of_bytes(void **state)
{
	static const struct {
		struct tr_slice d;
		const char *text;
	} cases[] = {
		{ { (const uint8_t *)"@word", 5 }, "word" },
		{ { (const uint8_t *)"@", 1 }, "" },
		{ { (const uint8_t *)"@a\nb\t\\\x7f", 7 },
			"a\\nb\\t\\\\\\x7f" },
		{ { (const uint8_t *)"@\0\xff\xc3\xa9", 5 },
			"\\x00\\xff\xc3\xa9" },
		{ { (const uint8_t *)"\x10", 1 }, "null" },
		{ { (const uint8_t *)"\x21", 1 }, "true" },
		{ { (const uint8_t *)"\x50@a\0\x10\0", 6 }, "[\"a\",null]" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf text;
		tr_buf_init(&text, 64);
		assert_int_equal(tr_datum_to_text(cases[i].d, &text), 0);
		assert_text(&text, cases[i].text);
		tr_buf_fini(&text);
	}
}

static void test_datum_text__from_text(void **state)
{
#define ROW(text, d)                                                           \
	{                                                                      \
		text, d, sizeof(d) - 1                                         \
	}
	static const struct {
		const char *text;
		const char *d;
		size_t n;
	} cases[] = {
		ROW("word", "@word"),
		ROW("", "@"),
		ROW("a:b", "@a:b"),
		ROW("s:i:42", "@i:42"),
		ROW("i:42", "\x30\xc0\x45\0\0\0\0\0\0"),
		ROW("i:-9223372036854775808",
			"\x30\x3c\x1f\xff\xff\xff\xff\xff\xff\0\0"),
		ROW("d:1.5", "\x30\xbf\xf8\0\0\0\0\0\0"),
		ROW("x:00fFa0", "@\x00\xff\xa0"),
		ROW("x:", "@"),
		ROW("j:null", "\x10"),
		ROW("j:[\"a\",true]", "\x50@a\0\x21\0"),
	};
#undef ROW
	struct tr_error err;
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf b;
		tr_buf_init(&b, 64);
		assert_int_equal(
			tr_datum_from_text(cases[i].text, &b, &err), 0);
		assert_int_equal(b.len, cases[i].n);
		assert_memory_equal(b.data, cases[i].d, b.len);
		tr_buf_fini(&b);
	}
}

static void test_datum_text__from_text_says_what_is_wrong(void **state)
{
	static const char *const cases[][2] = {
		{ "i:", "'' is no 64-bit integer" },
		{ "i:4x", "'4x' is no 64-bit integer" },
		{ "i:9223372036854775808",
			"'9223372036854775808' is no 64-bit integer" },
		{ "d:x", "'x' is no number" },
		{ "x:abc", "'abc' is not pairs of hex digits" },
		{ "x:zz", "'zz' is not pairs of hex digits" },
		{ "j:{\"a\":1,\"a\":2}",
			"json byte 10: duplicate object key near '\"a\"'" },
	};
	struct tr_buf b;
	struct tr_error err;
	(void)state;
	tr_buf_init(&b, 64);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		assert_int_equal(
			tr_datum_from_text(cases[i][0], &b, &err), TR_EINVAL);
		assert_string_equal(err.text, cases[i][1]);
	}
	assert_int_equal(b.len, 0);
	tr_buf_fini(&b);
}

/* JSON in, JSON out: what is written differs only where it must. */
static void test_datum_json__table(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: the same */
	} cases[] = {
		{ "null", NULL },
		{ "[]", NULL },
		{ "{}", NULL },
		{ "[true,false,null]", NULL },
		{ "-9223372036854775808", NULL },
		{ "9007199254740993", NULL },
		{ "9007199254740994.0", NULL },
		{ "2.0", "2" },
		{ "0.1", NULL },
		{ "1e+300", NULL },
		{ "\"\\u0000\\n\\\"\\\\\\u00e9\"",
			"\"\\u0000\\n\\\"\\\\\xc3\xa9\"" },
		{ " { \"b\" : 1 , \"a\" : [ 2 ] } ", "{\"a\":[2],\"b\":1}" },
		{ "{\"$bytes\":\"/w==\"}", NULL },
		{ "{\"$bytes\":\"YQ==\"}", "\"a\"" },
		{ "{\"$double\":\"-inf\"}", NULL },
		{ "{\"$double\":\"nan\"}", NULL },
		{ "{\"$map\":[[1,2],[\"a\",3]]}", NULL },
		{ "{\"$map\":[[\"a\",3]]}", "{\"a\":3}" },
		{ "{\"$other\":1}", "{\"$map\":[[\"$other\",1]]}" },
		{ "{\"$map\":[[\"\\u0000\",1]]}", NULL },
		{ "{\"\":1}", NULL },
	};
	struct tr_error err;
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_buf d;
		struct tr_buf json;
		tr_buf_init(&d, 1024);
		tr_buf_init(&json, 1024);
		assert_int_equal(
			tr_datum_from_json(
				tr_slice_of_text(cases[i].in), &d, &err),
			0);
		assert_int_equal(tr_datum_check(all_of(&d)), 0);
		assert_int_equal(tr_datum_to_json(all_of(&d), &json), 0);
		assert_text(&json, cases[i].out ? cases[i].out : cases[i].in);
		tr_buf_fini(&d);
		tr_buf_fini(&json);
	}
}

static void test_datum_json__refuses(void **state)
{
	static const struct {
		const char *json;
		int rc;
	} cases[] = {
		{ "", TR_EINVAL },
		{ "nul", TR_EINVAL },
		{ "1 2", TR_EINVAL },
		{ "9223372036854775808", TR_EINVAL },
		{ "1e999", TR_EINVAL },
		{ "\"\xff\"", TR_EINVAL },
		{ "{\"$bytes\":1}", TR_EINVAL },
		{ "{\"$bytes\":\"a\"}", TR_EINVAL },
		{ "{\"$double\":\"1\"}", TR_EINVAL },
		{ "{\"$map\":{}}", TR_EINVAL },
		{ "{\"$map\":[[1]]}", TR_EINVAL },
		{ "{\"$map\":[1]}", TR_EINVAL },
		{ "{\"$map\":[[1,2],[1.0,3]]}", TR_EINVAL },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]"
		  "]]]]]]",
			TR_ELIMIT },
	};
	struct tr_buf d;
	struct tr_error err;
	(void)state;
	tr_buf_init(&d, 1024);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		if (tr_datum_from_json(tr_slice_of_text(cases[i].json), &d,
			    &err) != cases[i].rc ||
			err.code != cases[i].rc || d.len != 0)
			fail_msg("%s", cases[i].json);
	tr_buf_fini(&d);
}

/* Any datum comes back from its JSON byte for byte. */
static void test_datum_json__random_data_read_back(void **state)
{
	struct tr_rng rng;
	struct tr_builder b;
	struct tr_error err;
	(void)state;
	tr_rng_init(&rng, 11);
	tr_builder_init(&b);
	for (int i = 0; i < 2000; i++) {
		struct value *v = value_random(&rng, 3);
		struct tr_buf d;
		struct tr_buf json;
		struct tr_buf back;
		tr_buf_init(&d, TR_KIB(64));
		tr_buf_init(&json, TR_KIB(64));
		tr_buf_init(&back, TR_KIB(64));
		tr_builder_start(&b, &d);
		assert_int_equal(value_build(v, &b, &rng), 0);
		assert_int_equal(tr_builder_finish(&b), 0);
		assert_int_equal(tr_datum_to_json(all_of(&d), &json), 0);
		assert_int_equal(
			tr_datum_from_json(all_of(&json), &back, &err), 0);
		assert_true(tr_slice_equal(all_of(&d), all_of(&back)));
		tr_buf_fini(&d);
		tr_buf_fini(&json);
		tr_buf_fini(&back);
		value_free(v);
	}
	tr_builder_fini(&b);
}

TR_TEST_MAIN(cmocka_unit_test(test_utf8__table),
	cmocka_unit_test(test_base64__vectors),
	cmocka_unit_test(test_base64__refuses),
	cmocka_unit_test(test_number__text),
	cmocka_unit_test(test_datum_text__of_bytes),
	cmocka_unit_test(test_datum_text__from_text),
	cmocka_unit_test(test_datum_text__from_text_says_what_is_wrong),
	cmocka_unit_test(test_datum_json__table),
	cmocka_unit_test(test_datum_json__refuses),
	cmocka_unit_test(test_datum_json__random_data_read_back));
