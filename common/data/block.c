#include "common/data/block.h"

#include <lz4.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/data/crc32c.h"

/*
 * Chunk header, little-endian: magic with version at 0, flags at 4, raw length
 * at 8, stored length at 12, elements at 16, CRC-32C of header so far and
 * stored bytes at 20.
 */
enum {
	AT_VERSION = 3,
	AT_FLAGS = 4,
	AT_RAW = 8,
	AT_STORED = 12,
	AT_RECORDS = 16,
	AT_CRC = 20,
	FLAG_LZ4 = 1,
	COMPRESS_MIN = 512 /* raw bytes; less is not worth lz4's set-up */
};

static const uint8_t magic[AT_VERSION] = { 'T', 'r', 'B' };

struct chunk_header {
	uint32_t flags;
	uint32_t raw_len;
	uint32_t stored_len;
	uint32_t records;
	uint32_t crc;
};

static void store_u32(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)v;
	to[1] = (uint8_t)(v >> 8);
	to[2] = (uint8_t)(v >> 16);
	to[3] = (uint8_t)(v >> 24);
}

static uint32_t load_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* `chunk` is header and stored bytes in one piece. */
static uint32_t chunk_crc(const uint8_t *chunk, uint32_t stored_len)
{
	uint32_t crc = tr_crc32c(0, chunk, AT_CRC);
	return tr_crc32c(crc, chunk + TR_BLOCK_HEADER_LEN, stored_len);
}

int tr_block_sink_buf(void *arg, const uint8_t *p, size_t n)
{
	return tr_buf_append(arg, p, n);
}

void tr_block_scratch_init(struct tr_buf *scratch)
{
	tr_buf_init(scratch, TR_BLOCK_HEADER_LEN + TR_ELEMENT_MAX);
}

void tr_block_writer_init(struct tr_block_writer *w, uint32_t chunk_bytes,
	struct tr_buf *scratch, tr_block_sink_fn *sink, void *sink_arg)
{
	tr_assert(chunk_bytes > 0 && chunk_bytes <= TR_BLOCK_CHUNK_MAX);
	*w = (struct tr_block_writer){
		.chunk_bytes = chunk_bytes,
		.scratch = scratch,
		.sink = sink,
		.sink_arg = sink_arg,
	};
	tr_buf_init(&w->raw, TR_BLOCK_HEADER_LEN + TR_ELEMENT_MAX);
}

void tr_block_writer_fini(struct tr_block_writer *w)
{
	tr_buf_fini(&w->raw);
}

size_t tr_block_writer_pending(const struct tr_block_writer *w)
{
	return w->raw.len > 0 ? w->raw.len - TR_BLOCK_HEADER_LEN : 0;
}

/* Stored length, or 0 where the chunk had better stay as it is. */
static uint32_t compress(struct tr_block_writer *w, size_t raw_len)
{
	if (raw_len < COMPRESS_MIN ||
		tr_buf_reserve(w->scratch, TR_BLOCK_HEADER_LEN + raw_len) != 0)
		return 0;
	size_t worthwhile = raw_len - raw_len / 16;
	int n = LZ4_compress_default(
		(const char *)w->raw.data + TR_BLOCK_HEADER_LEN,
		(char *)w->scratch->data + TR_BLOCK_HEADER_LEN, (int)raw_len,
		(int)worthwhile);
	return (uint32_t)n;
}

static int emit(struct tr_block_writer *w, uint8_t *chunk, size_t raw_len,
	uint32_t flags, uint32_t stored_len)
{
	memcpy(chunk, magic, sizeof(magic));
	chunk[AT_VERSION] = TR_BLOCK_VERSION;
	store_u32(chunk + AT_FLAGS, flags);
	store_u32(chunk + AT_RAW, (uint32_t)raw_len);
	store_u32(chunk + AT_STORED, stored_len);
	store_u32(chunk + AT_RECORDS, w->chunk_records);
	store_u32(chunk + AT_CRC, chunk_crc(chunk, stored_len));
	return w->sink(w->sink_arg, chunk, TR_BLOCK_HEADER_LEN + stored_len);
}

int tr_block_writer_flush(struct tr_block_writer *w)
{
	size_t raw_len = tr_block_writer_pending(w);
	if (raw_len == 0)
		return 0;
	tr_buf_reset(w->scratch);
	uint32_t stored_len = compress(w, raw_len);
	int rc = stored_len > 0
			 ? emit(w, w->scratch->data, raw_len, FLAG_LZ4,
				   stored_len)
			 : emit(w, w->raw.data, raw_len, 0, (uint32_t)raw_len);
	if (rc != 0)
		return rc;
	w->totals.raw_bytes += raw_len;
	w->totals.stored_bytes +=
		TR_BLOCK_HEADER_LEN + (stored_len > 0 ? stored_len : raw_len);
	w->totals.records += w->chunk_records;
	w->chunk_records = 0;
	tr_buf_reset(&w->raw);
	/* One huge element must not hold its memory in every lane. */
	if (w->raw.cap > 2 * (size_t)w->chunk_bytes + 1024)
		tr_buf_fini(&w->raw);
	return 0;
}

/* Room for the header, which is written when the chunk ends. */
static int begin_chunk(struct tr_block_writer *w)
{
	static const uint8_t blank[TR_BLOCK_HEADER_LEN];
	return tr_buf_append(&w->raw, blank, sizeof(blank));
}

int tr_block_writer_put(
	struct tr_block_writer *w, struct tr_slice key, struct tr_slice value)
{
	if (key.n > TR_KEY_DATUM_MAX || value.n > TR_VALUE_DATUM_MAX)
		return TR_ELIMIT;
	size_t room = tr_element_len(key, value);
	int rc = 0;
	if (tr_block_writer_pending(w) + room > w->chunk_bytes)
		rc = tr_block_writer_flush(w);
	if (rc == 0 && w->raw.len == 0)
		rc = begin_chunk(w);
	if (rc == 0)
		rc = tr_element_put(&w->raw, key, value);
	if (rc != 0)
		return rc;
	tr_digest_add_element(&w->totals.digest, key, value);
	w->chunk_records++;
	return 0;
}

void tr_block_reader_init(struct tr_block_reader *r, struct tr_slice block,
	struct tr_buf *scratch)
{
	*r = (struct tr_block_reader){ .rest = block, .scratch = scratch };
}

/* What is wrong with the header of a chunk, or NULL. */
static const char *check_header(const struct chunk_header *h, size_t room)
{
	if (h->flags & ~(uint32_t)FLAG_LZ4)
		return "unknown flags";
	if (h->stored_len > room)
		return "cut off";
	if (h->records == 0 || h->raw_len > TR_ELEMENT_MAX ||
		(h->raw_len > TR_BLOCK_CHUNK_MAX && h->records > 1))
		return "impossible size";
	if (h->flags & FLAG_LZ4 ? h->stored_len >= h->raw_len
				: h->stored_len != h->raw_len)
		return "impossible size";
	return NULL;
}

static const char *decompress(struct tr_block_reader *r,
	const struct chunk_header *h, const uint8_t *stored)
{
	int n = LZ4_decompress_safe((const char *)stored,
		(char *)r->scratch->data, (int)h->stored_len, (int)h->raw_len);
	if (n < 0 || (uint32_t)n != h->raw_len)
		return "lz4 data are damaged";
	r->elements = tr_slice_of(r->scratch->data, h->raw_len);
	return NULL;
}

static int corrupt(
	const struct tr_block_reader *r, struct tr_error *err, const char *what)
{
	return tr_error_set(err, TR_ECORRUPT, "block at byte %llu: %s",
		(unsigned long long)r->at, what);
}

static struct chunk_header load_header(const uint8_t *p)
{
	return (struct chunk_header){
		.flags = load_u32(p + AT_FLAGS),
		.raw_len = load_u32(p + AT_RAW),
		.stored_len = load_u32(p + AT_STORED),
		.records = load_u32(p + AT_RECORDS),
		.crc = load_u32(p + AT_CRC),
	};
}

static int check_start(const struct tr_block_reader *r, struct tr_error *err)
{
	const uint8_t *p = r->rest.p;
	if (r->rest.n < TR_BLOCK_HEADER_LEN)
		return corrupt(r, err, "cut off");
	if (memcmp(p, magic, sizeof(magic)) != 0)
		return corrupt(r, err, "no chunk of a block");
	if (p[AT_VERSION] != TR_BLOCK_VERSION)
		return tr_error_set(err, TR_EVERSION,
			"block has format %u, this program reads %d",
			p[AT_VERSION], TR_BLOCK_VERSION);
	return 0;
}

static int open_chunk(struct tr_block_reader *r, struct tr_error *err)
{
	int rc = check_start(r, err);
	if (rc != 0)
		return rc;
	const uint8_t *p = r->rest.p;
	struct chunk_header h = load_header(p);
	const char *wrong = check_header(&h, r->rest.n - TR_BLOCK_HEADER_LEN);
	if (!wrong && chunk_crc(p, h.stored_len) != h.crc)
		wrong = "checksum differs";
	if (wrong)
		return corrupt(r, err, wrong);
	if (h.flags & FLAG_LZ4) {
		tr_buf_reset(r->scratch);
		if (tr_buf_reserve(r->scratch, h.raw_len) != 0)
			return tr_error_set(err, TR_ENOMEM,
				"no memory for a chunk of %u bytes", h.raw_len);
		wrong = decompress(r, &h, p + TR_BLOCK_HEADER_LEN);
		if (wrong)
			return corrupt(r, err, wrong);
	} else {
		r->elements = tr_slice_of(p + TR_BLOCK_HEADER_LEN, h.raw_len);
	}
	size_t len = TR_BLOCK_HEADER_LEN + (size_t)h.stored_len;
	r->rest = tr_slice_of(p + len, r->rest.n - len);
	r->at += len;
	r->records_left = h.records;
	return 0;
}

int tr_block_reader_take(
	struct tr_block_reader *r, struct tr_element *out, struct tr_error *err)
{
	if (r->records_left == 0) {
		if (r->elements.n > 0)
			return corrupt(r, err, "bytes behind the last element");
		if (r->rest.n == 0)
			return 0;
		int rc = open_chunk(r, err);
		if (rc != 0)
			return rc;
	}
	if (tr_element_take(&r->elements, out) != 0)
		return corrupt(r, err, "an element before it is damaged");
	r->records_left--;
	return 1;
}

int tr_block_count(struct tr_slice block, struct tr_buf *scratch,
	struct tr_block_totals *totals, struct tr_error *err)
{
	struct tr_block_totals sum = { .stored_bytes = block.n };
	struct tr_block_reader r;
	struct tr_element el;
	int rc;
	tr_block_reader_init(&r, block, scratch);
	while ((rc = tr_block_reader_take(&r, &el, err)) > 0) {
		sum.records++;
		sum.raw_bytes += tr_element_len(el.key, el.value);
		tr_digest_add_element(&sum.digest, el.key, el.value);
	}
	if (rc == 0)
		*totals = sum;
	return rc;
}
