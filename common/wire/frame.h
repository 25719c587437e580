/*
 * The frame: the unit of everything that crosses a connection, between
 * processes on a network as between an executor and its workers.
 *
 *   offset size
 *    0     4   length     of what follows this field
 *    4     1   version    of this layout: TR_FRAME_VERSION
 *    5     1   kind       which message the body is (docs/wire.md)
 *    6     2   flags      meaning belongs to the kind
 *    8     4   crc32c     Castagnoli, over bytes 4-7 and 12 to the end
 *   12     4   body_len
 *   16     -   body       body_len bytes, one protobuf message
 *    -     -   payload    the rest: raw bytes, never inside protobuf
 *
 * Integers are unsigned and little endian. Which messages two peers may
 * exchange is agreed in Hello; the version here only says where the fields
 * are, so it is looked at before the checksum.
 *
 * Sender: tr_frame_header() writes the 16 bytes for a body and a payload that
 * stay where they are; header, body and payload are then written in order.
 * Receiver: tr_frame_parse() on what has arrived so far. It looks at sizes,
 * version and checksum, so that nothing is unpacked, and nothing larger than
 * the receiver's own limit is waited for, before these hold.
 *
 * Thread: pure functions. Slices of a parsed frame borrow the parsed bytes.
 */
#ifndef TR_COMMON_WIRE_FRAME_H
#define TR_COMMON_WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"
#include "common/data/slice.h"

enum {
	TR_FRAME_VERSION = 1,
	TR_FRAME_HEADER_SIZE = 16,
};

struct tr_frame {
	uint8_t kind;
	uint8_t version; /* set by parse; senders leave it 0 */
	uint16_t flags;
	struct tr_slice body;
	struct tr_slice payload;
};

/* Bytes that the frame takes on the wire, header included. */
size_t tr_frame_size(const struct tr_frame *f);

/*
 * Writes the header of f. TR_ELIMIT when body or frame exceed TR_FRAME_BODY_MAX
 * or TR_FRAME_MAX. Reads body and payload once, for the checksum.
 */
int tr_frame_header(const struct tr_frame *f,
	uint8_t out[TR_FRAME_HEADER_SIZE]) TR_MUST_USE;

/*
 * Looks for a frame at the start of the n bytes at p. `max` is the largest
 * frame, header included, that the caller accepts.
 *
 *   0            *f is the frame, *size its bytes: the next one starts there
 *   TR_EAGAIN    not all there: *size bytes are needed in all to know more
 *                (TR_FRAME_HEADER_SIZE, later the frame's size)
 *   TR_EPROTO    lengths that contradict each other, or a wrong checksum
 *   TR_EVERSION  another layout
 *   TR_ELIMIT    frame over max, or body over TR_FRAME_BODY_MAX
 *
 * After the last three the byte stream cannot be used any more. They are
 * reported as soon as the header is there.
 */
int tr_frame_parse(const uint8_t *p, size_t n, size_t max, struct tr_frame *f,
	size_t *size) TR_MUST_USE;

#endif /* TR_COMMON_WIRE_FRAME_H */
