/*
 * Big-endian integers: in keys, where bytes must compare as numbers do, and
 * for uniformity in values.
 *
 * Thread: plain functions.
 */
#ifndef TR_COMMON_KV_BE_H
#define TR_COMMON_KV_BE_H

#include <stdint.h>

/* Both return the byte behind the number. */
static inline uint8_t *tr_be_put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
	return p + 4;
}

static inline uint8_t *tr_be_put64(uint8_t *p, uint64_t v)
{
	return tr_be_put32(tr_be_put32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

static inline uint32_t tr_be_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t tr_be_get64(const uint8_t *p)
{
	return (uint64_t)tr_be_get32(p) << 32 | tr_be_get32(p + 4);
}

#endif /* TR_COMMON_KV_BE_H */
