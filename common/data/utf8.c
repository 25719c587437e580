#include "common/data/utf8.h"

/* Of a lead byte: length, and the range of the byte behind it. */
struct lead {
	size_t len;
	uint8_t low;
	uint8_t high;
};

static struct lead lead_of(uint8_t b)
{
	if (b < 0x80)
		return (struct lead){ 1, 0, 0 };
	if (b < 0xc2 || b > 0xf4)
		return (struct lead){ 0, 0, 0 };
	if (b < 0xe0)
		return (struct lead){ 2, 0x80, 0xbf };
	if (b < 0xf0)
		return (struct lead){ 3, b == 0xe0 ? 0xa0 : 0x80,
			b == 0xed ? 0x9f : 0xbf };
	return (struct lead){ 4, b == 0xf0 ? 0x90 : 0x80,
		b == 0xf4 ? 0x8f : 0xbf };
}

size_t tr_utf8_len(const uint8_t *p, size_t n)
{
	struct lead lead = lead_of(p[0]);
	if (lead.len <= 1)
		return lead.len;
	if (lead.len > n || p[1] < lead.low || p[1] > lead.high)
		return 0;
	for (size_t i = 2; i < lead.len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return lead.len;
}

bool tr_utf8_is_text(const uint8_t *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		size_t len = tr_utf8_len(p + i, n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}
