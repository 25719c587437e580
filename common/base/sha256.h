/*
 * SHA-256 (FIPS 180-4), by OpenSSL: the name of an artefact and of a plan. For
 * digests of data see common/data/digest.h.
 *
 * Thread: pure functions.
 */
#ifndef TR_COMMON_BASE_SHA256_H
#define TR_COMMON_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum {
	TR_SHA256_SIZE = 32,
	TR_SHA256_HEX_SIZE = 65, /* with its NUL */
};

void tr_sha256(const void *p, size_t n, uint8_t out[TR_SHA256_SIZE]);

/* Lower-case hexadecimal. Returns out. */
const char *tr_sha256_hex(
	const uint8_t digest[TR_SHA256_SIZE], char out[TR_SHA256_HEX_SIZE]);

#endif /* TR_COMMON_BASE_SHA256_H */
