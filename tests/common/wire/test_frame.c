#include "tests/support/test.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/wire/frame.h"

/* Made by a program of its own, from docs/wire.md and a bitwise CRC-32C. */
static const struct {
	struct tr_frame f;
	size_t size;
	uint8_t bytes[32];
} golden[] = {
	{
		.f = { .kind = 7,
			.flags = 0x1234,
			.body = { (const uint8_t *)"ab", 2 },
			.payload = { (const uint8_t *)"xyz", 3 } },
		.size = 21,
		.bytes = { 0x11, 0x00, 0x00, 0x00, 0x01, 0x07, 0x34, 0x12, 0xcd,
			0xda, 0x5d, 0xcb, 0x02, 0x00, 0x00, 0x00, 0x61, 0x62,
			0x78, 0x79, 0x7a },
	},
	{
		.f = { .kind = 0 },
		.size = 16,
		.bytes = { 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0xad,
			0xcf, 0x14, 0xc5, 0x00, 0x00, 0x00, 0x00 },
	},
	{
		.f = { .kind = 255,
			.flags = 0xffff,
			.payload = { (const uint8_t *)"\0", 1 } },
		.size = 17,
		.bytes = { 0x0d, 0x00, 0x00, 0x00, 0x01, 0xff, 0xff, 0xff, 0x3d,
			0x9d, 0x64, 0x9c, 0x00, 0x00, 0x00, 0x00, 0x00 },
	},
	{
		.f = { .kind = 1,
			.flags = 1,
			.body = { (const uint8_t *)"\xff\xff\xff", 3 } },
		.size = 19,
		.bytes = { 0x0f, 0x00, 0x00, 0x00, 0x01, 0x01, 0x01, 0x00, 0xf6,
			0xc5, 0x56, 0x25, 0x03, 0x00, 0x00, 0x00, 0xff, 0xff,
			0xff },
	},
};

static void assert_bytes(struct tr_slice s, struct tr_slice want)
{
	assert_int_equal(s.n, want.n);
	if (want.n > 0)
		assert_memory_equal(s.p, want.p, want.n);
}

/* The header written is the one in the document. */
static void test_frame__encodes_the_golden_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(golden); i++) {
		uint8_t header[TR_FRAME_HEADER_SIZE];
		assert_int_equal(tr_frame_header(&golden[i].f, header), 0);
		assert_memory_equal(header, golden[i].bytes, sizeof(header));
		assert_int_equal(tr_frame_size(&golden[i].f), golden[i].size);
	}
}

/* And read back it gives the same fields. */
static void test_frame__parses_the_golden_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(golden); i++) {
		struct tr_frame f;
		size_t size;
		assert_int_equal(
			tr_frame_parse(golden[i].bytes, sizeof(golden[i].bytes),
				TR_FRAME_MAX, &f, &size),
			0);
		assert_int_equal(size, golden[i].size);
		assert_int_equal(f.version, 1);
		assert_int_equal(f.kind, golden[i].f.kind);
		assert_int_equal(f.flags, golden[i].f.flags);
		assert_bytes(f.body, golden[i].f.body);
		assert_bytes(f.payload, golden[i].f.payload);
	}
}

/* Cut anywhere, a frame asks for more and says how much. */
static void test_frame__truncated_at_every_byte_needs_more(void **state)
{
	(void)state;
	for (size_t n = 0; n < golden[0].size; n++) {
		struct tr_frame f = { .kind = 99 };
		size_t size = 0;
		assert_int_equal(tr_frame_parse(golden[0].bytes, n,
					 TR_FRAME_MAX, &f, &size),
			TR_EAGAIN);
		assert_int_equal(size, n < 16 ? 16 : golden[0].size);
		assert_int_equal(f.kind, 99);
	}
}

/* No single flipped bit goes unnoticed. */
static void test_frame__every_flipped_bit_is_found(void **state)
{
	(void)state;
	size_t n = golden[0].size;
	for (size_t bit = 0; bit < n * 8; bit++) {
		uint8_t bytes[32] = { 0 };
		memcpy(bytes, golden[0].bytes, n);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct tr_frame f;
		size_t size = 0;
		int rc = tr_frame_parse(bytes, n, 64, &f, &size);
		/* A length that grew may ask for bytes that never come. */
		if (bit < 32 && rc == TR_EAGAIN)
			assert_true(size > n);
		else
			assert_true(rc == TR_EPROTO || rc == TR_EVERSION ||
				    rc == TR_ELIMIT);
	}
}

static void put_u32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Headers that rule the frame out are refused before its bytes are there. */
static void test_frame__bad_headers_are_refused_at_once(void **state)
{
	(void)state;
	static const struct {
		uint32_t length;
		uint8_t version;
		uint32_t body_len;
		size_t max;
		int want;
	} cases[] = {
		{ 12, 1, 0, 16, TR_EPROTO }, /* complete, wrong checksum */
		{ 13, 1, 0, 17, TR_EAGAIN },
		{ 13, 1, 0, 16, TR_ELIMIT },
		{ 11, 1, 0, 1000, TR_EPROTO },
		{ 0, 1, 0, 1000, TR_EPROTO },
		{ 12, 1, 1, 1000, TR_EPROTO }, /* body over the frame's end */
		{ 20, 1, 9, 1000, TR_EPROTO },
		{ 20, 1, 8, 1000, TR_EAGAIN },
		{ 20, 1, UINT32_MAX, 1000, TR_EPROTO },
		{ 20, 0, 0, 1000, TR_EVERSION },
		{ 20, 2, 0, 1000, TR_EVERSION },
		{ UINT32_MAX, 2, 0, 1000, TR_EVERSION },
		{ UINT32_MAX, 1, 0, TR_FRAME_MAX, TR_ELIMIT },
		{ TR_FRAME_MAX - 4, 1, 0, TR_FRAME_MAX, TR_EAGAIN },
		{ TR_FRAME_MAX - 3, 1, 0, TR_FRAME_MAX, TR_ELIMIT },
		{ TR_FRAME_BODY_MAX + 12, 1, TR_FRAME_BODY_MAX, TR_FRAME_MAX,
			TR_EAGAIN },
		{ TR_FRAME_BODY_MAX + 13, 1, TR_FRAME_BODY_MAX + 1,
			TR_FRAME_MAX, TR_ELIMIT },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		uint8_t header[16] = { 0 };
		put_u32(header, cases[i].length);
		header[4] = cases[i].version;
		put_u32(header + 12, cases[i].body_len);
		struct tr_frame f;
		size_t size;
		assert_int_equal(
			tr_frame_parse(header, 16, cases[i].max, &f, &size),
			cases[i].want);
	}
}

/* A sender cannot make a frame that no receiver would take. */
static void test_frame__too_large_is_not_encoded(void **state)
{
	(void)state;
	uint8_t *zeroes = test_calloc(1, TR_FRAME_MAX + 1);
	uint8_t header[16];
	struct tr_frame f = { .body = { zeroes, TR_FRAME_BODY_MAX + 1 } };
	assert_int_equal(tr_frame_header(&f, header), TR_ELIMIT);
	f = (struct tr_frame){ .payload = { zeroes, TR_FRAME_MAX - 15 } };
	assert_int_equal(tr_frame_header(&f, header), TR_ELIMIT);
	f.payload.n = SIZE_MAX;
	assert_int_equal(tr_frame_header(&f, header), TR_ELIMIT);
	f.payload.n = TR_FRAME_MAX - 16;
	assert_int_equal(tr_frame_header(&f, header), 0);
	test_free(zeroes);
}

TR_TEST_MAIN(cmocka_unit_test(test_frame__encodes_the_golden_bytes),
	cmocka_unit_test(test_frame__parses_the_golden_bytes),
	cmocka_unit_test(test_frame__truncated_at_every_byte_needs_more),
	cmocka_unit_test(test_frame__every_flipped_bit_is_found),
	cmocka_unit_test(test_frame__bad_headers_are_refused_at_once),
	cmocka_unit_test(test_frame__too_large_is_not_encoded));
