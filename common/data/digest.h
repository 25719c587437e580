/*
 * 128-bit digests of content: of the records a task read, and of the elements
 * it put out. They show that two executions of a lane saw and made the same;
 * they are no defence against somebody who forges data.
 *
 * A digest is the sum of one 128-bit hash per record or element (each half
 * modulo 2^64). So it does not depend on how a reader cut its batches or in
 * which order a hash table gave its entries up; digests of adjacent ranges add
 * up; and a record costs one or two hashes in one go, with no state to carry.
 * Record hashes contain the offset, so order within a partition is covered.
 *
 * A zeroed digest is that of nothing. Record counts travel beside it.
 *
 * Thread: plain values.
 */
#ifndef TR_COMMON_DATA_DIGEST_H
#define TR_COMMON_DATA_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/data/slice.h"

enum {
	TR_DIGEST_VERSION = 1,
	TR_DIGEST_SIZE = 16,    /* bytes */
	TR_DIGEST_TEXT_MAX = 33 /* 32 hex digits and a NUL */
};

struct tr_digest {
	uint64_t lo;
	uint64_t hi;
};

/* As a reader hands it out; a header's value may be absent. */
struct tr_header_view {
	struct tr_slice name;
	struct tr_slice value;
};

/* What of a Kafka record is content. Views of the reader's buffers. */
struct tr_record_content {
	int64_t offset;
	int64_t timestamp_ms;  /* as in the log, -1 where it has none */
	struct tr_slice key;   /* absent = null */
	struct tr_slice value; /* absent = null */
	const struct tr_header_view *headers; /* in their order */
	size_t n_headers;
};

void tr_digest_add_record(
	struct tr_digest *d, const struct tr_record_content *record);

/* Key and value are encoded data. */
void tr_digest_add_element(
	struct tr_digest *d, struct tr_slice key, struct tr_slice value);

static inline void tr_digest_merge(struct tr_digest *d, struct tr_digest other)
{
	d->lo += other.lo;
	d->hi += other.hi;
}

static inline bool tr_digest_equal(struct tr_digest a, struct tr_digest b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

/* The 16 bytes that stand for it in messages: big endian, high half first. */
static inline void tr_digest_store(
	struct tr_digest d, uint8_t to[TR_DIGEST_SIZE])
{
	for (unsigned i = 0; i < 8; i++) {
		to[i] = (uint8_t)(d.hi >> (56 - 8 * i));
		to[8 + i] = (uint8_t)(d.lo >> (56 - 8 * i));
	}
}

static inline struct tr_digest tr_digest_load(
	const uint8_t from[TR_DIGEST_SIZE])
{
	struct tr_digest d = { 0, 0 };
	for (unsigned i = 0; i < 8; i++) {
		d.hi = d.hi << 8 | from[i];
		d.lo = d.lo << 8 | from[8 + i];
	}
	return d;
}

/* 32 hex digits, the high half first. Returns text. */
const char *tr_digest_to_text(
	struct tr_digest d, char text[TR_DIGEST_TEXT_MAX]);

/* False, and *d untouched, when text is not 32 lower-case hex digits. */
bool tr_digest_from_text(const char *text, struct tr_digest *d);

#endif /* TR_COMMON_DATA_DIGEST_H */
