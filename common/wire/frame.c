#include "common/wire/frame.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/data/crc32c.h"

enum {
	AT_VERSION = 4,
	AT_KIND = 5,
	AT_FLAGS = 6,
	AT_CRC = 8,
	AT_BODY_LEN = 12,
	LENGTH_SIZE = 4, /* what the length field does not count */
};

static_assert(TR_FRAME_MAX <= UINT32_MAX, "a frame's length fits its field");

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

/* Of everything behind the length, with the checksum itself left out. */
static uint32_t checksum(
	const uint8_t *header, struct tr_slice body, struct tr_slice payload)
{
	uint32_t crc = tr_crc32c(0, header + AT_VERSION, AT_CRC - AT_VERSION);
	crc = tr_crc32c(
		crc, header + AT_BODY_LEN, TR_FRAME_HEADER_SIZE - AT_BODY_LEN);
	crc = tr_crc32c(crc, body.p, body.n);
	return tr_crc32c(crc, payload.p, payload.n);
}

size_t tr_frame_size(const struct tr_frame *f)
{
	return TR_FRAME_HEADER_SIZE + f->body.n + f->payload.n;
}

int tr_frame_header(const struct tr_frame *f, uint8_t out[TR_FRAME_HEADER_SIZE])
{
	if (f->body.n > TR_FRAME_BODY_MAX || f->payload.n > TR_FRAME_MAX ||
		tr_frame_size(f) > TR_FRAME_MAX)
		return TR_ELIMIT;
	put_u32(out, (uint32_t)(tr_frame_size(f) - LENGTH_SIZE));
	out[AT_VERSION] = TR_FRAME_VERSION;
	out[AT_KIND] = f->kind;
	out[AT_FLAGS] = (uint8_t)f->flags;
	out[AT_FLAGS + 1] = (uint8_t)(f->flags >> 8);
	put_u32(out + AT_BODY_LEN, (uint32_t)f->body.n);
	put_u32(out + AT_CRC, checksum(out, f->body, f->payload));
	return 0;
}

/* Whether the header alone rules the frame out. */
static int check_header(const uint8_t *p, size_t max, size_t *size)
{
	if (p[AT_VERSION] != TR_FRAME_VERSION)
		return TR_EVERSION;
	size_t whole = (size_t)get_u32(p) + LENGTH_SIZE;
	size_t body_len = get_u32(p + AT_BODY_LEN);
	if (whole < TR_FRAME_HEADER_SIZE ||
		body_len > whole - TR_FRAME_HEADER_SIZE)
		return TR_EPROTO;
	if (whole > max || body_len > TR_FRAME_BODY_MAX)
		return TR_ELIMIT;
	*size = whole;
	return 0;
}

int tr_frame_parse(const uint8_t *p, size_t n, size_t max, struct tr_frame *f,
	size_t *size)
{
	if (n < TR_FRAME_HEADER_SIZE) {
		*size = TR_FRAME_HEADER_SIZE;
		return TR_EAGAIN;
	}
	size_t whole;
	int rc = check_header(p, max, &whole);
	if (rc != 0)
		return rc;
	if (n < whole) {
		*size = whole;
		return TR_EAGAIN;
	}
	size_t body_len = get_u32(p + AT_BODY_LEN);
	struct tr_slice body = tr_slice_of(p + TR_FRAME_HEADER_SIZE, body_len);
	struct tr_slice payload = tr_slice_of(
		body.p + body_len, whole - TR_FRAME_HEADER_SIZE - body_len);
	if (checksum(p, body, payload) != get_u32(p + AT_CRC))
		return TR_EPROTO;
	*f = (struct tr_frame){
		.kind = p[AT_KIND],
		.version = p[AT_VERSION],
		.flags = (uint16_t)(p[AT_FLAGS] | p[AT_FLAGS + 1] << 8),
		.body = body,
		.payload = payload,
	};
	*size = whole;
	return 0;
}
