/*
 * A block: what a map task puts out for one reduce lane, as a sequence of
 * checksummed chunks of elements, compressed with lz4 where that helps.
 * docs/data.md has the format.
 *
 * Writing: init with a function that takes finished chunks (each call is one
 * whole chunk), put elements, finish; then `totals` describes the block and
 * goes into the task's receipt. A worker with many lanes gives all its writers
 * one scratch buffer and a chunk size that its memory allows.
 *
 * Reading: init over all bytes of a block (a mapped file, a received buffer),
 * then take elements until 0. Everything is checked, checksum first; but a
 * block that lost whole chunks at its end looks well-formed, so that whoever
 * has the receipt compares the totals as well.
 *
 * Thread: the owner's; a scratch belongs to one thread.
 * Lifetime: elements read are valid until the next call of take.
 */
#ifndef TR_COMMON_DATA_BLOCK_H
#define TR_COMMON_DATA_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/digest.h"
#include "common/data/element.h"
#include "common/data/slice.h"

enum {
	TR_BLOCK_VERSION = 1,
	TR_BLOCK_HEADER_LEN = 24
};

struct tr_block_totals {
	uint64_t records;      /* elements */
	uint64_t raw_bytes;    /* of encoded elements, before compression */
	uint64_t stored_bytes; /* of the block, headers included */
	struct tr_digest digest;
};

/* Takes one chunk; the bytes are the writer's. 0 or a negative tr_err. */
typedef int tr_block_sink_fn(void *arg, const uint8_t *p, size_t n);

/* A sink that appends to the struct tr_buf it is given as arg. */
int tr_block_sink_buf(void *arg, const uint8_t *p, size_t n);

struct tr_block_writer {
	struct tr_block_totals totals; /* of the chunks given to the sink */
	struct tr_buf raw;             /* room for a header, then elements */
	struct tr_buf *scratch;
	uint32_t chunk_bytes; /* raw; a chunk ends before it grows beyond */
	uint32_t chunk_records;
	tr_block_sink_fn *sink;
	void *sink_arg;
};

/* Gives a scratch buffer its ceiling. Free it with tr_buf_fini(). */
void tr_block_scratch_init(struct tr_buf *scratch);

/* 0 < chunk_bytes <= TR_BLOCK_CHUNK_MAX. */
void tr_block_writer_init(struct tr_block_writer *w, uint32_t chunk_bytes,
	struct tr_buf *scratch, tr_block_sink_fn *sink, void *sink_arg);
void tr_block_writer_fini(struct tr_block_writer *w);

/*
 * Adds an element of two checked data. TR_ELIMIT when it is too large, and
 * then nothing was added; other errors are those of memory and sink, and leave
 * a writer that can only be freed.
 */
int tr_block_writer_put(struct tr_block_writer *w, struct tr_slice key,
	struct tr_slice value) TR_MUST_USE;

/* Raw bytes that wait for their chunk to end: what a flush would free. */
size_t tr_block_writer_pending(const struct tr_block_writer *w);

/* Ends the chunk at hand, if it has elements; more may follow. */
int tr_block_writer_flush(struct tr_block_writer *w) TR_MUST_USE;

struct tr_block_reader {
	struct tr_slice rest;     /* chunks not yet opened */
	struct tr_slice elements; /* of the open chunk, not yet taken */
	struct tr_buf *scratch;   /* the open chunk, decompressed */
	uint32_t records_left;    /* of the open chunk */
	uint64_t at;              /* byte of the block where rest begins */
};

void tr_block_reader_init(struct tr_block_reader *r, struct tr_slice block,
	struct tr_buf *scratch);

/*
 * The next element: 1, or 0 at the end. TR_ECORRUPT for bytes that are no
 * block, TR_EVERSION for a newer format, TR_ENOMEM; with text.
 */
int tr_block_reader_take(struct tr_block_reader *r, struct tr_element *out,
	struct tr_error *err) TR_MUST_USE;

/* Reads a whole block and counts it; *totals on success. Errors as above. */
int tr_block_count(struct tr_slice block, struct tr_buf *scratch,
	struct tr_block_totals *totals, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_DATA_BLOCK_H */
