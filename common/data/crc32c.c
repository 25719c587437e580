#include "common/data/crc32c.h"

#include <string.h>

/* Remainders of the 16 half-bytes modulo the reflected polynomial 82f63b78. */
static const uint32_t half_bytes[16] = { 0x00000000, 0x105ec76f, 0x20bd8ede,
	0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78,
	0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a,
	0xf36e6f75 };

uint32_t tr_crc32c_portable(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *s = p;
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= s[i];
		crc = (crc >> 4) ^ half_bytes[crc & 15];
		crc = (crc >> 4) ^ half_bytes[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(
	uint32_t crc, const uint8_t *s, size_t n)
{
	uint64_t c = ~crc;
	for (; n >= 8; s += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, s, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	uint32_t c32 = (uint32_t)c;
	for (; n > 0; s++, n--)
		c32 = __builtin_ia32_crc32qi(c32, *s);
	return ~c32;
}
#endif

uint32_t tr_crc32c(uint32_t crc, const void *p, size_t n)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, p, n);
#endif
	return tr_crc32c_portable(crc, p, n);
}
