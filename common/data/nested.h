/*
 * How data lie inside a list or a map: as at the top, but for bytes, which
 * have an end of their own there (docs/data.md, Inside a list). Private to
 * common/data; everyone else uses builder.h and cursor.h.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_NESTED_H
#define TR_COMMON_DATA_NESTED_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

enum {
	TR_NESTED_ESCAPE = 0xff /* after a 0x00 that is content */
};

/* Appends tag, escaped content and end. */
int tr_nested_put_bytes(
	struct tr_buf *out, const void *p, size_t n) TR_MUST_USE;

/*
 * Past the end of the content that starts at p, behind the tag; NULL when it
 * has no end before `end`.
 */
const uint8_t *tr_nested_bytes_end(const uint8_t *p, const uint8_t *end);

/*
 * Writes the n bytes of escaped content at p, its end not included, without
 * escapes; returns how many these are, at most n.
 */
size_t tr_nested_unescape(uint8_t *to, const uint8_t *p, size_t n);

/*
 * Past the end of the checked item at p. *depth, where not NULL, becomes the
 * number of lists and maps that are open at its deepest place.
 */
const uint8_t *tr_nested_end(
	const uint8_t *p, const uint8_t *end, unsigned *depth);

#endif /* TR_COMMON_DATA_NESTED_H */
