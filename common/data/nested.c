#include "common/data/nested.h"

#include <string.h>

#include "common/base/err.h"
#include "common/data/datum.h"

static size_t count_nul(const uint8_t *p, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += p[i] == 0;
	return count;
}

static uint8_t *escape(uint8_t *to, const uint8_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*to++ = from[i];
		if (from[i] == 0)
			*to++ = TR_NESTED_ESCAPE;
	}
	return to;
}

int tr_nested_put_bytes(struct tr_buf *out, const void *p, size_t n)
{
	size_t escapes = count_nul(p, n);
	int rc = tr_buf_reserve(out, n + escapes + 2);
	if (rc != 0)
		return rc;
	uint8_t *to = out->data + out->len;
	*to++ = TR_TAG_BYTES;
	if (escapes > 0)
		to = escape(to, p, n);
	else if (n > 0)
		to = (uint8_t *)memcpy(to, p, n) + n;
	*to++ = TR_TAG_END;
	out->len = (size_t)(to - out->data);
	return 0;
}

const uint8_t *tr_nested_bytes_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		const uint8_t *nul = memchr(p, 0, (size_t)(end - p));
		if (!nul)
			return NULL;
		if (nul + 1 == end || nul[1] != TR_NESTED_ESCAPE)
			return nul + 1;
		p = nul + 2;
	}
	return NULL;
}

size_t tr_nested_unescape(uint8_t *to, const uint8_t *p, size_t n)
{
	const uint8_t *start = to;
	for (size_t i = 0; i < n; i++) {
		*to++ = p[i];
		if (p[i] == 0)
			i++;
	}
	return (size_t)(to - start);
}

const uint8_t *tr_nested_end(
	const uint8_t *p, const uint8_t *end, unsigned *depth)
{
	unsigned open = 0;
	unsigned deepest = 0;
	do {
		tr_assert(p && p < end);
		if (*p == TR_TAG_BYTES) {
			p = tr_nested_bytes_end(p + 1, end);
			continue;
		}
		if (*p == TR_TAG_NUMBER) {
			p += tr_number_len(p);
			continue;
		}
		if (*p == TR_TAG_LIST || *p == TR_TAG_MAP)
			open++;
		else if (*p == TR_TAG_END)
			open--;
		deepest = open > deepest ? open : deepest;
		p++;
	} while (open > 0);
	tr_assert(p && p <= end);
	if (depth)
		*depth = deepest;
	return p;
}
