/*
 * The golden values were computed apart from this code: the formulas of
 * docs/data.md over the XXH3 functions of the xxHash library, in Python.
 */
#include "tests/support/test.h"

#include <string.h>

#include "common/base/check.h"
#include "common/data/digest.h"
#include "common/data/lane.h"

#define S(s)                                                                   \
	{                                                                      \
		(const uint8_t *)(s), sizeof(s) - 1                            \
	}
#define NONE                                                                   \
	{                                                                      \
		NULL, 0                                                        \
	}
#define BYTES(s) tr_slice_of(s, sizeof(s) - 1)

static const char x300[] = "\x40"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

static void test_lane__golden(void **state)
{
	static const struct {
		struct tr_slice key;
		uint64_t hash;
		uint32_t of_4;
		uint32_t of_7;
		uint32_t of_1000;
	} cases[] = {
		{ S("\x10"), 0xfacd3583553673ca, 3, 6, 979 },
		{ S("\x40"), 0x2717b692a8b39e48, 0, 1, 152 },
		{ S("\x40"
		    "a"),
			0xfed347018d43a38f, 3, 6, 995 },
		{ S("\x40"
		    "the"),
			0x72cf7ef2f3c5d690, 1, 3, 448 },
		{ S("\x30\xbf\xf0\0\0\0\0\0\0"), 0x927717e107e0a261, 2, 4,
			572 },
		{ S(x300), 0xd729b6e003276686, 3, 5, 840 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		assert_true(tr_lane_hash(cases[i].key) == cases[i].hash);
		assert_int_equal(tr_lane_of_key(cases[i].key, 1), 0);
		assert_int_equal(
			tr_lane_of_key(cases[i].key, 4), cases[i].of_4);
		assert_int_equal(
			tr_lane_of_key(cases[i].key, 7), cases[i].of_7);
		assert_int_equal(
			tr_lane_of_key(cases[i].key, 1000), cases[i].of_1000);
	}
}

static struct tr_digest digest_of(const struct tr_record_content *r)
{
	struct tr_digest d = { 0, 0 };
	tr_digest_add_record(&d, r);
	return d;
}

static void test_digest__golden_records(void **state)
{
	static const struct tr_header_view h_1[] = { { S("h"), S("1") } };
	static const struct tr_header_view h_null[] = { { S("h"), NONE } };
	static const struct tr_header_view h_blank[] = { { S("h"), S("") } };
	static const struct tr_header_view ab[] = { { S("a"), S("1") },
		{ S("b"), S("2") } };
	static const struct tr_header_view ba[] = { { S("b"), S("2") },
		{ S("a"), S("1") } };
	static char v300[301];
	memset(v300, 'v', 300);
	const struct {
		struct tr_record_content r;
		const char *digest;
	} cases[] = {
		{ { 0, 0, NONE, S(""), NULL, 0 },
			"7995401970339853f1f8504a1658020f" },
		{ { 0, 0, NONE, NONE, NULL, 0 },
			"068d28ffc1c8502862f06299ef5993bb" },
		{ { 0, 0, S(""), S(""), NULL, 0 },
			"505ff2f2cc132cc853c84c87a28a4167" },
		{ { 7, 1700000000000, S("k"), S("hello"), NULL, 0 },
			"2f5e342f33ce2d81e9eac00d2bd0e18d" },
		{ { 7, -1, S("k"), S("hello"), NULL, 0 },
			"ab6fdddb80a8e4b191ef8a9ee3988b0e" },
		{ { INT64_C(1) << 40, 1, NONE, { (const uint8_t *)v300, 300 },
			  NULL, 0 },
			"584cc21027246206b297d7898f24ecd9" },
		{ { 7, 1, S("k"), S("v"), h_1, 1 },
			"d4fca44c34205b6859e6e2fa5cf15176" },
		{ { 7, 1, S("k"), S("v"), h_null, 1 },
			"844cb99cf158bd0c64701cc383865fec" },
		{ { 7, 1, S("k"), S("v"), h_blank, 1 },
			"9812387a7c61ec78ef3e888841dd1b65" },
		{ { 7, 1, S("k"), S("v"), ab, 2 },
			"073f1c8f91d0daf3248a79b5e670b56c" },
		{ { 7, 1, S("k"), S("v"), ba, 2 },
			"cf10ffc13cf22abd60e9c458413de241" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		char text[TR_DIGEST_TEXT_MAX];
		tr_digest_to_text(digest_of(&cases[i].r), text);
		assert_string_equal(text, cases[i].digest);
	}
}

static void test_digest__golden_elements(void **state)
{
	struct tr_digest d = { 0, 0 };
	char text[TR_DIGEST_TEXT_MAX];
	(void)state;
	tr_digest_add_element(&d, tr_slice_of_text("@a"),
		tr_slice_of("\x30\xbf\xf0\0\0\0\0\0\0", 9));
	assert_string_equal(
		tr_digest_to_text(d, text), "010c69690773fa106318d2aecde5a25a");
	tr_digest_add_element(
		&d, tr_slice_of("\x10", 1), tr_slice_of_text("@x"));
	assert_string_equal(
		tr_digest_to_text(d, text), "7df55052a9590ca6344db57dfdd878df");
}

/* Adjacent ranges add up, in whatever order they are read. */
static void test_digest__ranges_add_up(void **state)
{
	struct tr_digest whole = { 0, 0 };
	struct tr_digest parts[3] = { { 0, 0 } };
	struct tr_digest sum = { 0, 0 };
	(void)state;
	for (int64_t offset = 99; offset >= 0; offset--) {
		struct tr_record_content r = { .offset = offset,
			.timestamp_ms = 5,
			.key = TR_SLICE_ABSENT,
			.value = BYTES("same") };
		tr_digest_add_record(&whole, &r);
		tr_digest_add_record(&parts[offset < 10    ? 0
					     : offset < 50 ? 1
							   : 2],
			&r);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_false(tr_digest_equal(parts[i], whole));
		tr_digest_merge(&sum, parts[i]);
	}
	assert_true(tr_digest_equal(sum, whole));
}

/* Whatever is content changes the digest. */
static void test_digest__tells_records_apart(void **state)
{
	static const struct tr_header_view headers[] = { { S("h"), S("1") },
		{ S("h"), S("1") } };
	static const struct tr_record_content all[] = {
		{ 1, 2, S("k"), S("v"), NULL, 0 },
		{ 2, 1, S("k"), S("v"), NULL, 0 },
		{ 1, 3, S("k"), S("v"), NULL, 0 },
		{ 3, 2, S("k"), S("v"), NULL, 0 },
		{ 1, 2, S("v"), S("k"), NULL, 0 },
		{ 1, 2, S("kv"), S(""), NULL, 0 },
		{ 1, 2, S(""), S("kv"), NULL, 0 },
		{ 1, 2, NONE, S("kv"), NULL, 0 },
		{ 1, 2, S("kv"), NONE, NULL, 0 },
		{ 1, 2, S("k"), S("v"), headers, 1 },
		{ 1, 2, S("k"), S("v"), headers, 2 },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(all); i++)
		for (size_t j = 0; j < i; j++)
			assert_false(tr_digest_equal(
				digest_of(&all[i]), digest_of(&all[j])));
}

static void test_digest__text_reads_back(void **state)
{
	struct tr_digest d = { 0x0123456789abcdef, 0xfedcba9876543210 };
	struct tr_digest back = { 0, 0 };
	char text[TR_DIGEST_TEXT_MAX];
	(void)state;
	assert_string_equal(
		tr_digest_to_text(d, text), "fedcba98765432100123456789abcdef");
	assert_true(tr_digest_from_text(text, &back));
	assert_true(tr_digest_equal(d, back));
	assert_false(tr_digest_from_text("", &back));
	assert_false(
		tr_digest_from_text("fedcba98765432100123456789abcde", &back));
	assert_false(
		tr_digest_from_text("fedcba98765432100123456789abcdeF", &back));
	assert_true(tr_digest_equal(d, back));
}

TR_TEST_MAIN(cmocka_unit_test(test_lane__golden),
	cmocka_unit_test(test_digest__golden_records),
	cmocka_unit_test(test_digest__golden_elements),
	cmocka_unit_test(test_digest__ranges_add_up),
	cmocka_unit_test(test_digest__tells_records_apart),
	cmocka_unit_test(test_digest__text_reads_back));
