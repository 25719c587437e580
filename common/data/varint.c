#include "common/data/varint.h"

size_t tr_varint_decode_long(const uint8_t *p, size_t n, uint32_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n && i < TR_VARINT32_MAX; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] >= 0x80)
			continue;
		/* A last byte of 0 says that one byte less would do. */
		if (v > UINT32_MAX || (i > 0 && p[i] == 0))
			return 0;
		*out = (uint32_t)v;
		return i + 1;
	}
	return 0;
}
