#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/base/xalloc.h"
#include "common/data/block.h"
#include "common/data/crc32c.h"

enum {
	AT_FLAGS = 4,
	AT_RAW = 8,
	AT_STORED = 12,
	AT_RECORDS = 16,
	AT_CRC = 20
};

static const uint8_t one[] = "\x30\xbf\xf0\0\0\0\0\0\0";

struct fixture {
	struct tr_block_writer w;
	struct tr_buf out;
	struct tr_buf scratch;
	struct tr_error err;
};

static int set_up(void **state)
{
	struct fixture *f = tr_xcalloc(1, sizeof(*f));
	tr_buf_init(&f->out, TR_MIB(64));
	tr_block_scratch_init(&f->scratch);
	tr_block_writer_init(
		&f->w, TR_KIB(4), &f->scratch, tr_block_sink_buf, &f->out);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	tr_block_writer_fini(&f->w);
	tr_buf_fini(&f->out);
	tr_buf_fini(&f->scratch);
	tr_xfree(f);
	return 0;
}

static struct tr_slice block_of(const struct fixture *f)
{
	return tr_slice_of(f->out.data, f->out.len);
}

static struct tr_slice number_key(char text[16], unsigned i)
{
	int n = snprintf(text, 16, "@%06u", i);
	return tr_slice_of(text, (size_t)n);
}

static void put_numbered(struct fixture *f, unsigned n)
{
	char text[16];
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(tr_block_writer_put(&f->w, number_key(text, i),
					 tr_slice_of(one, 9)),
			0);
	assert_int_equal(tr_block_writer_flush(&f->w), 0);
}

/* docs/data.md, Blocks, its example: two elements, too few for lz4. */
static void test_block__golden(void **state)
{
	static const uint8_t expected[] = { 'T', 'r', 'B', 1, 0, 0, 0, 0, 0x12,
		0, 0, 0, 0x12, 0, 0, 0, 2, 0, 0, 0, 0x93, 0x4d, 0x69, 0x9e, 2,
		0x40, 'a', 9, 0x30, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 1, 0x10, 2,
		0x40, 'x' };
	struct fixture *f = *state;
	assert_int_equal(tr_block_writer_put(&f->w, tr_slice_of_text("@a"),
				 tr_slice_of(one, 9)),
		0);
	assert_int_equal(tr_block_writer_put(&f->w, tr_datum_null(),
				 tr_slice_of_text("@x")),
		0);
	assert_int_equal(tr_block_writer_pending(&f->w), 18);
	assert_int_equal(f->out.len, 0);
	assert_int_equal(tr_block_writer_flush(&f->w), 0);
	assert_int_equal(f->out.len, sizeof(expected));
	assert_memory_equal(f->out.data, expected, sizeof(expected));
	char text[TR_DIGEST_TEXT_MAX];
	assert_string_equal(tr_digest_to_text(f->w.totals.digest, text),
		"7df55052a9590ca6344db57dfdd878df");
	assert_int_equal(f->w.totals.records, 2);
	assert_int_equal(f->w.totals.raw_bytes, 18);
	assert_int_equal(f->w.totals.stored_bytes, sizeof(expected));
}

static void test_block__empty_is_no_bytes(void **state)
{
	struct fixture *f = *state;
	struct tr_block_totals totals = { .records = 7 };
	assert_int_equal(tr_block_writer_flush(&f->w), 0);
	assert_int_equal(f->out.len, 0);
	assert_int_equal(tr_block_count(tr_slice_of("", 0), &f->scratch,
				 &totals, &f->err),
		0);
	assert_int_equal(totals.records, 0);
}

/* Many chunks, compressed; everything comes back in order. */
static void test_block__reads_back(void **state)
{
	enum {
		N = 5000
	};
	struct fixture *f = *state;
	struct tr_block_reader r;
	struct tr_element el;
	char text[16];
	put_numbered(f, N);
	assert_int_equal(f->w.totals.records, N);
	assert_int_equal(f->w.totals.raw_bytes, N * 18);
	assert_int_equal(f->w.totals.stored_bytes, f->out.len);
	assert_true(f->out.len < N * 18 / 2);
	tr_block_reader_init(&r, block_of(f), &f->scratch);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(tr_block_reader_take(&r, &el, &f->err), 1);
		assert_true(tr_slice_equal(el.key, number_key(text, i)));
		assert_true(tr_slice_equal(el.value, tr_slice_of(one, 9)));
	}
	assert_int_equal(tr_block_reader_take(&r, &el, &f->err), 0);
	assert_int_equal(tr_block_reader_take(&r, &el, &f->err), 0);

	struct tr_block_totals totals;
	assert_int_equal(
		tr_block_count(block_of(f), &f->scratch, &totals, &f->err), 0);
	assert_int_equal(totals.records, N);
	assert_int_equal(totals.raw_bytes, f->w.totals.raw_bytes);
	assert_int_equal(totals.stored_bytes, f->w.totals.stored_bytes);
	assert_true(tr_digest_equal(totals.digest, f->w.totals.digest));
}

/* Chunks stay within the size asked for; what lz4 cannot shrink stays raw. */
static void test_block__chunks_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct tr_rng rng;
	uint8_t noise[1000];
	size_t chunks = 0;
	tr_rng_init(&rng, 5);
	for (unsigned i = 0; i < 50; i++) {
		noise[0] = TR_TAG_BYTES;
		for (size_t j = 1; j < sizeof(noise); j++)
			noise[j] = (uint8_t)tr_rng_next(&rng);
		assert_int_equal(tr_block_writer_put(&f->w, tr_datum_null(),
					 tr_slice_of(noise, sizeof(noise))),
			0);
	}
	assert_int_equal(tr_block_writer_flush(&f->w), 0);
	for (size_t at = 0; at < f->out.len; chunks++) {
		const uint8_t *p = f->out.data + at;
		size_t stored = p[AT_STORED] + 256u * p[AT_STORED + 1];
		assert_int_equal(p[AT_FLAGS], 0);
		assert_true(stored <= TR_KIB(4));
		at += TR_BLOCK_HEADER_LEN + stored;
	}
	assert_int_equal(chunks, 13);
}

static void test_block__holds_the_largest_element(void **state)
{
	struct fixture *f = *state;
	uint8_t *bytes = tr_xcalloc(1, TR_VALUE_DATUM_MAX + 1);
	struct tr_block_totals totals;
	bytes[0] = TR_TAG_BYTES;
	struct tr_slice key = tr_slice_of(bytes, TR_KEY_DATUM_MAX);
	struct tr_slice value = tr_slice_of(bytes, TR_VALUE_DATUM_MAX);
	put_numbered(f, 1);
	assert_int_equal(tr_block_writer_put(&f->w, key, value), 0);
	put_numbered(f, 1);
	assert_true(f->w.raw.cap < TR_KIB(16));
	assert_int_equal(
		tr_block_count(block_of(f), &f->scratch, &totals, &f->err), 0);
	assert_int_equal(totals.records, 3);

	value.n++;
	assert_int_equal(tr_block_writer_put(&f->w, key, value), TR_ELIMIT);
	assert_int_equal(tr_block_writer_pending(&f->w), 0);
	tr_xfree(bytes);
}

static int refuse(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	(void)p;
	return n > 0 ? TR_EFULL : 0;
}

static void test_block__passes_the_sinks_error_on(void **state)
{
	struct fixture *f = *state;
	f->w.sink = refuse;
	assert_int_equal(
		tr_block_writer_put(&f->w, tr_datum_null(), tr_datum_null()),
		0);
	assert_int_equal(tr_block_writer_flush(&f->w), TR_EFULL);
	assert_int_equal(f->w.totals.records, 0);
}

/* The digest does not know the order, the bytes do. */
static void test_block__digest_ignores_order(void **state)
{
	struct fixture *f = *state;
	struct tr_digest forward;
	char text[16];
	put_numbered(f, 100);
	forward = f->w.totals.digest;
	memset(&f->w.totals, 0, sizeof(f->w.totals));
	for (unsigned i = 100; i > 0; i--)
		assert_int_equal(
			tr_block_writer_put(&f->w, number_key(text, i - 1),
				tr_slice_of(one, 9)),
			0);
	assert_true(tr_digest_equal(forward, f->w.totals.digest));
}

static int count(struct fixture *f, const uint8_t *p, size_t n)
{
	struct tr_block_totals totals;
	return tr_block_count(tr_slice_of(p, n), &f->scratch, &totals, &f->err);
}

/* One bit anywhere, or any cut inside a chunk, is seen. */
static void test_block__sees_every_flipped_bit(void **state)
{
	struct fixture *f = *state;
	put_numbered(f, 100);
	for (size_t bit = 0; bit < 8 * f->out.len; bit++) {
		f->out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		int rc = count(f, f->out.data, f->out.len);
		assert_true(rc == TR_ECORRUPT ||
			    (rc == TR_EVERSION && bit / 8 == 3));
		f->out.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 1; n < f->out.len; n++) {
		uint8_t *copy = tr_xmemdup(f->out.data, n);
		assert_int_equal(count(f, copy, n), TR_ECORRUPT);
		tr_xfree(copy);
	}
	assert_int_equal(count(f, f->out.data, f->out.len), 0);
}

static void store(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A chunk whose checksum is right and whose header lies. */
static void test_block__refuses_what_a_forger_signs(void **state)
{
	static const struct {
		size_t at;
		uint32_t v;
		const char *text;
	} cases[] = {
		{ AT_FLAGS, 2, "block at byte 0: unknown flags" },
		{ AT_FLAGS, 1, "block at byte 0: impossible size" },
		{ AT_RAW, 0xffffffff, "block at byte 0: impossible size" },
		{ AT_RAW, 19, "block at byte 0: impossible size" },
		{ AT_RECORDS, 0, "block at byte 0: impossible size" },
		{ AT_RECORDS, 1,
			"block at byte 42: bytes behind the last element" },
		{ AT_RECORDS, 3,
			"block at byte 42: an element before it is damaged" },
		{ AT_STORED, 0xffffffff, "block at byte 0: cut off" },
	};
	struct fixture *f = *state;
	assert_int_equal(tr_block_writer_put(&f->w, tr_slice_of_text("@a"),
				 tr_slice_of(one, 9)),
		0);
	assert_int_equal(tr_block_writer_put(&f->w, tr_datum_null(),
				 tr_slice_of_text("@x")),
		0);
	assert_int_equal(tr_block_writer_flush(&f->w), 0);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		uint8_t copy[42];
		memcpy(copy, f->out.data, sizeof(copy));
		store(copy + cases[i].at, cases[i].v);
		uint32_t crc = tr_crc32c(0, copy, AT_CRC);
		store(copy + AT_CRC,
			tr_crc32c(crc, copy + TR_BLOCK_HEADER_LEN, 18));
		assert_int_equal(count(f, copy, sizeof(copy)), TR_ECORRUPT);
		assert_string_equal(f->err.text, cases[i].text);
	}
}

/* A few bytes that would unpack to more, or to less, than they say. */
static void test_block__refuses_a_bomb(void **state)
{
	struct fixture *f = *state;
	put_numbered(f, 200);
	assert_int_equal(f->out.data[AT_FLAGS], 1);
	uint32_t stored =
		f->out.data[AT_STORED] + 256u * f->out.data[AT_STORED + 1];
	for (int less = -1; less <= 1; less += 2) {
		uint32_t raw =
			f->out.data[AT_RAW] + 256u * f->out.data[AT_RAW + 1];
		store(f->out.data + AT_RAW, (uint32_t)((int)raw + less));
		uint32_t crc = tr_crc32c(0, f->out.data, AT_CRC);
		store(f->out.data + AT_CRC,
			tr_crc32c(crc, f->out.data + TR_BLOCK_HEADER_LEN,
				stored));
		assert_int_equal(
			count(f, f->out.data, f->out.len), TR_ECORRUPT);
		assert_string_equal(
			f->err.text, "block at byte 0: lz4 data are damaged");
		store(f->out.data + AT_RAW, raw);
	}
}

static void test_block__names_a_newer_format(void **state)
{
	struct fixture *f = *state;
	put_numbered(f, 1);
	f->out.data[3] = 2;
	assert_int_equal(count(f, f->out.data, f->out.len), TR_EVERSION);
	assert_string_equal(
		f->err.text, "block has format 2, this program reads 1");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TR_TEST_MAIN(CASE(test_block__golden), CASE(test_block__empty_is_no_bytes),
	CASE(test_block__reads_back), CASE(test_block__chunks_are_bounded),
	CASE(test_block__holds_the_largest_element),
	CASE(test_block__passes_the_sinks_error_on),
	CASE(test_block__digest_ignores_order),
	CASE(test_block__sees_every_flipped_bit),
	CASE(test_block__refuses_what_a_forger_signs),
	CASE(test_block__refuses_a_bomb),
	CASE(test_block__names_a_newer_format));
