#include "common/net/rx.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

void tr_rx_init(struct tr_rx *rx, size_t cap, size_t headroom)
{
	tr_assert(cap >= TR_FRAME_HEADER_SIZE);
	*rx = (struct tr_rx){ .headroom = headroom, .cap = cap };
	rx->buf = tr_xmalloc(cap);
}

void tr_rx_fini(struct tr_rx *rx)
{
	free(rx->buf);
	free(rx->large);
	*rx = (struct tr_rx){ 0 };
}

void tr_rx_space(const struct tr_rx *rx, uint8_t **p, size_t *n)
{
	if (rx->large) {
		*p = rx->large + rx->headroom + rx->large_len;
		*n = rx->large_size - rx->large_len;
	} else {
		*p = rx->buf + rx->len;
		*n = rx->cap - rx->len;
	}
}

void tr_rx_filled(struct tr_rx *rx, size_t n)
{
	if (rx->large) {
		rx->large_len += n;
		tr_assert(rx->large_len <= rx->large_size);
	} else {
		rx->len += n;
		tr_assert(rx->len <= rx->cap);
	}
}

static int next_large(
	struct tr_rx *rx, size_t frame_max, void **mem, struct tr_frame *f)
{
	size_t size;
	int rc = tr_frame_parse(
		rx->large + rx->headroom, rx->large_len, frame_max, f, &size);
	if (rc != 0)
		return rc;
	*mem = rx->large;
	rx->large = NULL;
	return 0;
}

/* Moves the start of a frame into memory of its own. */
static int begin_large(struct tr_rx *rx, size_t size)
{
	rx->large = malloc(rx->headroom + size);
	if (!rx->large)
		return TR_ENOMEM;
	rx->large_len = rx->len - rx->at;
	rx->large_size = size;
	memcpy(rx->large + rx->headroom, rx->buf + rx->at, rx->large_len);
	rx->at = rx->len = 0;
	return TR_EAGAIN;
}

/* `size` bytes must fit from rx->at on, or from the buffer's start. */
static int want_more(struct tr_rx *rx, size_t size)
{
	if (size > rx->cap)
		return begin_large(rx, size);
	if (rx->at == rx->len || rx->at + size > rx->cap) {
		memmove(rx->buf, rx->buf + rx->at, rx->len - rx->at);
		rx->len -= rx->at;
		rx->at = 0;
	}
	return TR_EAGAIN;
}

static struct tr_slice moved(
	struct tr_slice s, const uint8_t *from, const uint8_t *to)
{
	return tr_slice_of(to + (s.p - from), s.n);
}

int tr_rx_next(
	struct tr_rx *rx, size_t frame_max, void **mem, struct tr_frame *f)
{
	if (rx->large)
		return next_large(rx, frame_max, mem, f);
	const uint8_t *from = rx->buf + rx->at;
	size_t size;
	int rc = tr_frame_parse(from, rx->len - rx->at, frame_max, f, &size);
	if (rc == TR_EAGAIN)
		return want_more(rx, size);
	if (rc != 0)
		return rc;
	uint8_t *copy = malloc(rx->headroom + size);
	if (!copy)
		return TR_ENOMEM;
	memcpy(copy + rx->headroom, from, size);
	f->body = moved(f->body, from, copy + rx->headroom);
	f->payload = moved(f->payload, from, copy + rx->headroom);
	rx->at += size;
	*mem = copy;
	return 0;
}
