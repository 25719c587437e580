/*
 * A borrowed run of bytes. p == NULL means absent (a Kafka key or value that
 * is null); n == 0 with p set means empty. The two are never equal.
 *
 * Thread: plain values.
 * Lifetime: that of the bytes; whoever hands a slice out says how long.
 */
#ifndef TR_COMMON_DATA_SLICE_H
#define TR_COMMON_DATA_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tr_slice {
	const uint8_t *p;
	size_t n; /* bytes; 0 where p is NULL */
};

#define TR_SLICE_ABSENT ((struct tr_slice){ NULL, 0 })

static inline struct tr_slice tr_slice_of(const void *p, size_t n)
{
	return (struct tr_slice){ p, n };
}

/* The text without its NUL. */
static inline struct tr_slice tr_slice_of_text(const char *s)
{
	return tr_slice_of(s, strlen(s));
}

static inline bool tr_slice_equal(struct tr_slice a, struct tr_slice b)
{
	if (a.n != b.n || (a.p == NULL) != (b.p == NULL))
		return false;
	return a.n == 0 || memcmp(a.p, b.p, a.n) == 0;
}

/*
 * The order of encoded data: bytes as unsigned, then the shorter first; absent
 * before empty. Negative, 0 or positive as memcmp.
 */
static inline int tr_slice_compare(struct tr_slice a, struct tr_slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	if (c != 0)
		return c;
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return (a.p != NULL) - (b.p != NULL);
}

#endif /* TR_COMMON_DATA_SLICE_H */
