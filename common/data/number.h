/*
 * The encoding of numbers inside a datum (docs/data.md, Numbers): int64 and
 * double in one order, the numeric one, compared exactly.
 *
 * A number is written as the greatest double that is not above it, its bits
 * arranged so that bytes compare as doubles do. That is exact for every double
 * and for integers below 2^53. From 2^53 on, where doubles are further apart
 * than integers are, two more bytes hold the distance. So a count is a few
 * instructions to write and to read.
 *
 * A double that is an integer within +-2^53 is written as that integer (and
 * -0.0 as 0): 2.0 and 2 are one datum. All NaNs are one, after +inf.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_NUMBER_H
#define TR_COMMON_DATA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/data/slice.h"

enum {
	TR_TAG_NUMBER = 0x30,
	TR_NUMBER_SHORT = 9, /* tag, ordered double */
	TR_NUMBER_MAX = 11,  /* tag, ordered double, distance */
};

#define TR_NUMBER_EXACT_MAX (INT64_C(1) << 53)

struct tr_number {
	bool is_int;
	int64_t i; /* where is_int */
	double d;  /* the value, rounded to nearest where is_int */
};

static inline uint64_t tr_number_order(double d)
{
	uint64_t u;
	memcpy(&u, &d, sizeof(u));
	return (u >> 63) ? ~u : u | UINT64_C(1) << 63;
}

static inline double tr_number_unorder(uint64_t u)
{
	double d;
	u = (u >> 63) ? u & ~(UINT64_C(1) << 63) : ~u;
	memcpy(&d, &u, sizeof(d));
	return d;
}

static inline void tr_number_store(uint8_t *to, double d)
{
	uint64_t u = tr_number_order(d);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	u = __builtin_bswap64(u);
#endif
	to[0] = TR_TAG_NUMBER;
	memcpy(to + 1, &u, sizeof(u));
}

static inline double tr_number_load(const uint8_t *from)
{
	uint64_t u;
	memcpy(&u, from + 1, sizeof(u));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	u = __builtin_bswap64(u);
#endif
	return tr_number_unorder(u);
}

/* Integers from +-2^53 on, and doubles that are no such integer. */
size_t tr_number_encode_wide_int(uint8_t *to, int64_t v);
size_t tr_number_encode_wide_double(uint8_t *to, double v);
bool tr_number_decode_wide(struct tr_slice from, struct tr_number *out);

/* Writes at most TR_NUMBER_MAX bytes to `to`; returns how many. */
static inline size_t tr_number_encode_int(uint8_t *to, int64_t v)
{
	if (v <= -TR_NUMBER_EXACT_MAX || v >= TR_NUMBER_EXACT_MAX)
		return tr_number_encode_wide_int(to, v);
	tr_number_store(to, (double)v);
	return TR_NUMBER_SHORT;
}

static inline size_t tr_number_encode_double(uint8_t *to, double v)
{
	if (v >= -(double)TR_NUMBER_EXACT_MAX &&
		v <= (double)TR_NUMBER_EXACT_MAX && (double)(int64_t)v == v)
		return tr_number_encode_int(to, (int64_t)v);
	return tr_number_encode_wide_double(to, v);
}

/*
 * Reads the number that fills `from`; false when it is another type. Trusts
 * the bytes as far as tr_datum_check() does not find fault with them.
 */
static inline bool tr_number_decode(struct tr_slice from, struct tr_number *out)
{
	if (from.n < TR_NUMBER_SHORT || from.p[0] != TR_TAG_NUMBER)
		return false;
	double d = tr_number_load(from.p);
	if (!(d > -(double)TR_NUMBER_EXACT_MAX &&
		    d < (double)TR_NUMBER_EXACT_MAX))
		return tr_number_decode_wide(from, out);
	out->i = (int64_t)d;
	out->is_int = (double)out->i == d;
	out->d = d;
	return true;
}

/*
 * How many bytes the number at the start of p[0, n) takes, or 0 when these
 * are not the one canonical encoding of a number.
 */
size_t tr_number_check(const uint8_t *p, size_t n);

/*
 * Bytes of the number that starts at p: TR_NUMBER_SHORT or TR_NUMBER_MAX. Of
 * checked data; needs TR_NUMBER_SHORT readable bytes.
 */
size_t tr_number_len(const uint8_t *p);

enum {
	TR_NUMBER_TEXT_MAX = 32
};

/*
 * The shortest decimal that reads back as the same number; a double always
 * has a point or an exponent, or is "nan", "inf" or "-inf". In the C locale:
 * no process of this project sets another. Returns text.
 */
const char *tr_number_to_text(
	const struct tr_number *v, char text[TR_NUMBER_TEXT_MAX]);

#endif /* TR_COMMON_DATA_NUMBER_H */
