#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

enum {
	FIRST_CAP = 256
};

void tr_buf_init(struct tr_buf *b, size_t max)
{
	*b = (struct tr_buf){ .max = max };
}

void tr_buf_fini(struct tr_buf *b)
{
	free(b->data);
	*b = (struct tr_buf){ .max = b->max };
}

void tr_buf_reset(struct tr_buf *b)
{
	b->len = 0;
}

int tr_buf_reserve(struct tr_buf *b, size_t n)
{
	if (n <= b->cap - b->len)
		return 0;
	if (n > b->max || b->len > b->max - n)
		return TR_ELIMIT;
	size_t want = b->cap ? b->cap : FIRST_CAP;
	while (want < b->len + n)
		want = want > b->max / 2 ? b->max : want * 2;
	if (want > b->max)
		want = b->max;
	uint8_t *p = realloc(b->data, want);
	if (!p)
		return TR_ENOMEM;
	b->data = p;
	b->cap = want;
	return 0;
}

int tr_buf_append(struct tr_buf *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	int rc = tr_buf_reserve(b, n);
	if (rc != 0)
		return rc;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	return 0;
}

int tr_buf_append_u8(struct tr_buf *b, uint8_t v)
{
	return tr_buf_append(b, &v, 1);
}

int tr_buf_printf(struct tr_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return TR_EINVAL;
	/* vsnprintf writes a NUL behind the text: it needs room, not len. */
	int rc = tr_buf_reserve(b, (size_t)n + 1);
	if (rc != 0)
		return rc;
	va_start(ap, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void tr_buf_consume(struct tr_buf *b, size_t n)
{
	tr_assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

uint8_t *tr_buf_take(struct tr_buf *b, size_t *len)
{
	uint8_t *p = b->data;
	*len = b->len;
	*b = (struct tr_buf){ .max = b->max };
	return p;
}
