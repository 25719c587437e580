#include "common/base/sha256.h"

#include <stdio.h>

#include <openssl/evp.h>

#include "common/base/check.h"

void tr_sha256(const void *p, size_t n, uint8_t out[TR_SHA256_SIZE])
{
	unsigned len = 0;
	int ok = EVP_Digest(p, n, out, &len, EVP_sha256(), NULL);
	/* It can only fail for lack of memory. */
	tr_assert(ok == 1 && len == TR_SHA256_SIZE);
}

const char *tr_sha256_hex(
	const uint8_t digest[TR_SHA256_SIZE], char out[TR_SHA256_HEX_SIZE])
{
	for (size_t i = 0; i < TR_SHA256_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return out;
}
