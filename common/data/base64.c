#include "common/data/base64.h"

#include <string.h>

#include "common/base/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz"
			     "0123456789+/";

static void encode_group(const uint8_t *p, size_t n, uint8_t *to)
{
	uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
		     (n > 2 ? p[2] : 0);
	for (size_t i = 0; i < 4; i++)
		to[i] = (uint8_t)(i <= n ? digits[v >> (18 - 6 * i) & 63]
					 : '=');
}

int tr_base64_encode(const uint8_t *p, size_t n, struct tr_buf *out)
{
	int rc = tr_buf_reserve(out, (n + 2) / 3 * 4);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n; i += 3) {
		encode_group(p + i, n - i, out->data + out->len);
		out->len += 4;
	}
	return 0;
}

/* Bytes that the four digits stand for, or 0. */
static size_t decode_group(const char *text, uint8_t *to)
{
	uint32_t v = 0;
	size_t n = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
	for (size_t i = 0; i < 4; i++) {
		const char *digit = memchr(digits, text[i], 64);
		if (!digit && i <= n)
			return 0;
		v = v << 6 | (i <= n ? (uint32_t)(digit - digits) : 0);
	}
	if (v & (0xffffffu >> (8 * n)))
		return 0;
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> (16 - 8 * i));
	return n;
}

int tr_base64_decode(const char *text, size_t n, struct tr_buf *out)
{
	if (n % 4 != 0)
		return TR_EINVAL;
	int rc = tr_buf_reserve(out, n / 4 * 3);
	if (rc != 0)
		return rc;
	size_t len = out->len;
	for (size_t i = 0; i < n; i += 4) {
		size_t got = decode_group(text + i, out->data + len);
		if (got == 0 || (got < 3 && i + 4 < n))
			return TR_EINVAL;
		len += got;
	}
	out->len = len;
	return 0;
}
