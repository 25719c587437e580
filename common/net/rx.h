/*
 * The receiving half of a connection: where the next bytes go, and the frames
 * that they make.
 *
 * Small frames arrive many at a time in one buffer and are copied out. A frame
 * larger than the buffer gets its own memory as soon as its header has passed
 * the checks, and its bytes go straight there. Each frame comes out in memory
 * from malloc that begins with `headroom` bytes for the caller.
 *
 *   tr_rx_space(&rx, &p, &n); … n2 bytes arrive at p …; tr_rx_filled(&rx, n2);
 *   while ((rc = tr_rx_next(&rx, max, &mem, &frame)) == 0) …
 *
 * Thread: the owner's: whoever may post the next receive.
 */
#ifndef TR_COMMON_NET_RX_H
#define TR_COMMON_NET_RX_H

#include <stddef.h>
#include <stdint.h>

#include "common/wire/frame.h"

struct tr_rx {
	size_t headroom;
	size_t cap;   /* of buf */
	uint8_t *buf; /* bytes [at, len) are not yet frames */
	size_t at;
	size_t len;
	uint8_t *large;    /* the frame that did not fit, or NULL */
	size_t large_len;  /* bytes of it that are there */
	size_t large_size; /* bytes of it in all */
};

void tr_rx_init(struct tr_rx *rx, size_t cap, size_t headroom);
void tr_rx_fini(struct tr_rx *rx);

/* Never empty after tr_rx_next has answered TR_EAGAIN. */
void tr_rx_space(const struct tr_rx *rx, uint8_t **p, size_t *n);
void tr_rx_filled(struct tr_rx *rx, size_t n);

/*
 * The next frame: 0, and the caller owns *mem, in which f's slices point.
 * TR_EAGAIN: more bytes first. TR_ENOMEM, or what tr_frame_parse says of bytes
 * that are no frame; after these the stream is of no use.
 */
int tr_rx_next(struct tr_rx *rx, size_t frame_max, void **mem,
	struct tr_frame *f) TR_MUST_USE;

#endif /* TR_COMMON_NET_RX_H */
