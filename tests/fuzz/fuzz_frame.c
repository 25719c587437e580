/*
 * Any bytes: a stream of frames, received in steps of a size that the first
 * byte gives. Checksums are set right first, so that what lies behind them is
 * reached. However the stream is cut, the frames must be those that parsing it
 * as a whole gives, the same end included; and a frame that was accepted must
 * be one that this side would have sent.
 */
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/data/crc32c.h"
#include "common/net/rx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FRAME_MAX = 4096,
	RX_CAP = 64,
	AT_CRC = 8,
	AT_BODY_LEN = 12,
};

static void sign(uint8_t *p, size_t n)
{
	while (n >= TR_FRAME_HEADER_SIZE) {
		size_t whole = 4;
		for (int i = 0; i < 4; i++)
			whole += (size_t)p[i] << 8 * i;
		if (whole < TR_FRAME_HEADER_SIZE || whole > n)
			return;
		uint32_t crc = tr_crc32c(0, p + 4, 4);
		crc = tr_crc32c(crc, p + AT_BODY_LEN, whole - AT_BODY_LEN);
		for (int i = 0; i < 4; i++)
			p[AT_CRC + i] = (uint8_t)(crc >> 8 * i);
		p += whole;
		n -= whole;
	}
}

static void check_same(const struct tr_frame *f, const uint8_t *wire)
{
	uint8_t header[TR_FRAME_HEADER_SIZE];
	int rc = tr_frame_header(f, header);
	tr_assert(rc == 0);
	tr_assert(memcmp(header, wire, sizeof(header)) == 0);
	const uint8_t *rest = wire + TR_FRAME_HEADER_SIZE;
	tr_assert(f->body.n == 0 || memcmp(f->body.p, rest, f->body.n) == 0);
	rest += f->body.n;
	tr_assert(f->payload.n == 0 ||
		  memcmp(f->payload.p, rest, f->payload.n) == 0);
}

/* Hands over up to `step` bytes; returns how many. */
static size_t feed(struct tr_rx *rx, const uint8_t *p, size_t n, size_t step)
{
	uint8_t *to;
	size_t room;
	tr_rx_space(rx, &to, &room);
	tr_assert(room > 0);
	size_t take = room < step ? room : step;
	take = take < n ? take : n;
	memcpy(to, p, take);
	tr_rx_filled(rx, take);
	return take;
}

static void receive(const uint8_t *stream, size_t n, size_t step)
{
	struct tr_rx rx;
	tr_rx_init(&rx, RX_CAP, 8);
	size_t fed = 0, at = 0;
	int rc = TR_EAGAIN;
	while (rc == TR_EAGAIN && fed < n) {
		fed += feed(&rx, stream + fed, n - fed, step);
		void *mem;
		struct tr_frame f;
		while ((rc = tr_rx_next(&rx, FRAME_MAX, &mem, &f)) == 0) {
			check_same(&f, stream + at);
			at += tr_frame_size(&f);
			tr_xfree(mem);
		}
	}
	struct tr_frame f;
	size_t size;
	int whole = tr_frame_parse(stream + at, n - at, FRAME_MAX, &f, &size);
	tr_assert(whole == rc);
	tr_rx_fini(&rx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t step = data[0] ? data[0] : 1;
	uint8_t *stream = tr_xmemdup(data + 1, size - 1);
	sign(stream, size - 1);
	receive(stream, size - 1, step);
	tr_xfree(stream);
	return 0;
}
