/*
 * Unsigned LEB128: seven bits a byte, low bits first, in the fewest bytes. The
 * decoder refuses any longer form, so that equal content has equal bytes.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_VARINT_H
#define TR_COMMON_DATA_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum {
	TR_VARINT32_MAX = 5 /* bytes */
};

static inline size_t tr_varint_len(uint32_t v)
{
	return v < 0x80 ? 1 : (size_t)(38 - __builtin_clz(v)) / 7;
}

/* Writes at most TR_VARINT32_MAX bytes; returns how many. */
static inline size_t tr_varint_encode(uint8_t *to, uint32_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		to[n++] = (uint8_t)(v | 0x80);
	to[n++] = (uint8_t)v;
	return n;
}

size_t tr_varint_decode_long(const uint8_t *p, size_t n, uint32_t *out);

/* Bytes taken from p[0, n), or 0 when they do not start with a varint. */
static inline size_t tr_varint_decode(const uint8_t *p, size_t n, uint32_t *out)
{
	if (n == 0 || p[0] >= 0x80)
		return tr_varint_decode_long(p, n, out);
	*out = p[0];
	return 1;
}

#endif /* TR_COMMON_DATA_VARINT_H */
