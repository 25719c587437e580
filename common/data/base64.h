/*
 * Base64 with padding (RFC 4648, section 4), for bytes inside JSON.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_BASE64_H
#define TR_COMMON_DATA_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

int tr_base64_encode(
	const uint8_t *p, size_t n, struct tr_buf *out) TR_MUST_USE;

/*
 * Appends the bytes. TR_EINVAL, and nothing appended, unless the text is
 * exactly what the encoder makes of them.
 */
int tr_base64_decode(
	const char *text, size_t n, struct tr_buf *out) TR_MUST_USE;

#endif /* TR_COMMON_DATA_BASE64_H */
