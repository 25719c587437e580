/*
 * A growable byte buffer with a ceiling.
 *
 * `max` is fixed at init; appending beyond it returns TR_ELIMIT and leaves the
 * buffer as it was (after curl's dynbuf). A failed allocation is TR_ENOMEM,
 * likewise. A zeroed struct with max set is a valid empty buffer; fini leaves
 * such a one behind.
 *
 * Thread: none of its own; the owner's.
 */
#ifndef TR_COMMON_BASE_BUF_H
#define TR_COMMON_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"

struct tr_buf {
	uint8_t *data; /* NULL while cap is 0 */
	size_t len;    /* bytes in use */
	size_t cap;
	size_t max; /* ceiling of len, in bytes */
};

void tr_buf_init(struct tr_buf *b, size_t max);
void tr_buf_fini(struct tr_buf *b);

/* Empties it; keeps the memory. */
void tr_buf_reset(struct tr_buf *b);

/* Makes room for n more bytes: data + len is writable for n bytes after it. */
int tr_buf_reserve(struct tr_buf *b, size_t n) TR_MUST_USE;

int tr_buf_append(struct tr_buf *b, const void *p, size_t n) TR_MUST_USE;
int tr_buf_append_u8(struct tr_buf *b, uint8_t v) TR_MUST_USE;
int tr_buf_printf(struct tr_buf *b, const char *fmt, ...) TR_MUST_USE
	TR_PRINTF(2, 3);

/* Drops the first n bytes. n <= len. */
void tr_buf_consume(struct tr_buf *b, size_t n);

/*
 * Hands the memory to the caller, who frees it; the buffer is empty after.
 * Sets *len. Returns NULL when it was empty.
 */
uint8_t *tr_buf_take(struct tr_buf *b, size_t *len);

#endif /* TR_COMMON_BASE_BUF_H */
