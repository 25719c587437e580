/*
 * An element in a stream of bytes: length and datum of the key, length and
 * datum of the value. An element without a key has a null key.
 *
 * Thread: any.
 * Lifetime: a decoded element points into the bytes it came from.
 */
#ifndef TR_COMMON_DATA_ELEMENT_H
#define TR_COMMON_DATA_ELEMENT_H

#include <string.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/datum.h"
#include "common/data/slice.h"
#include "common/data/varint.h"

struct tr_element {
	struct tr_slice key;   /* a datum */
	struct tr_slice value; /* a datum */
};

/* Bytes that a key and a value within their limits take. */
static inline size_t tr_element_len(struct tr_slice key, struct tr_slice value)
{
	return tr_varint_len((uint32_t)key.n) + key.n +
	       tr_varint_len((uint32_t)value.n) + value.n;
}

/*
 * Appends it. TR_ELIMIT when key or value is over its limit (the text of the
 * error is the caller's, who knows the record), or as the buffer says.
 */
static inline int TR_MUST_USE tr_element_put(
	struct tr_buf *out, struct tr_slice key, struct tr_slice value)
{
	if (key.n > TR_KEY_DATUM_MAX || value.n > TR_VALUE_DATUM_MAX)
		return TR_ELIMIT;
	size_t room = (size_t)2 * TR_VARINT32_MAX + key.n + value.n;
	if (out->cap - out->len < room) {
		int rc = tr_buf_reserve(out, room);
		if (rc != 0)
			return rc;
	}
	uint8_t *to = out->data + out->len;
	to += tr_varint_encode(to, (uint32_t)key.n);
	memcpy(to, key.p, key.n);
	to += key.n;
	to += tr_varint_encode(to, (uint32_t)value.n);
	memcpy(to, value.p, value.n);
	to += value.n;
	out->len = (size_t)(to - out->data);
	return 0;
}

/*
 * Takes the element at the front of *in, which moves past it. For foreign
 * bytes: lengths, limits and both data are checked. TR_ECORRUPT leaves *in and
 * *out as they were; so does an empty *in, which the caller looks for first.
 */
int tr_element_take(struct tr_slice *in, struct tr_element *out) TR_MUST_USE;

#endif /* TR_COMMON_DATA_ELEMENT_H */
