/*
 * SHA-256 (FIPS 180-4): the name of an artefact and of a plan. For digests of
 * data see common/data/digest.h.
 *
 *   tr_sha256_init(&s); tr_sha256_update(&s, p, n); … tr_sha256_final(&s, out);
 *
 * Thread: plain values.
 */
#ifndef TR_COMMON_BASE_SHA256_H
#define TR_COMMON_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum {
	TR_SHA256_SIZE = 32,
	TR_SHA256_HEX_SIZE = 65, /* with its NUL */
};

struct tr_sha256 {
	uint32_t h[8];
	uint64_t bytes;
	uint8_t block[64];
};

void tr_sha256_init(struct tr_sha256 *s);
void tr_sha256_update(struct tr_sha256 *s, const void *p, size_t n);
void tr_sha256_final(struct tr_sha256 *s, uint8_t out[TR_SHA256_SIZE]);

/* All three in one. */
void tr_sha256(const void *p, size_t n, uint8_t out[TR_SHA256_SIZE]);

/* Lower-case hexadecimal. Returns out. */
const char *tr_sha256_hex(
	const uint8_t digest[TR_SHA256_SIZE], char out[TR_SHA256_HEX_SIZE]);

#endif /* TR_COMMON_BASE_SHA256_H */
