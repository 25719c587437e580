#include "common/data/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define INT64_LIMIT 0x1p63
#define EXACT_LIMIT 0x1p53

/* Where integers lie closer than doubles, two more bytes follow. */
static bool has_distance(double d)
{
	return (d >= EXACT_LIMIT && d < INT64_LIMIT) ||
	       (d <= -EXACT_LIMIT && d >= -INT64_LIMIT);
}

/*
 * The greatest double not above v, for |v| >= 2^53. Clearing low bits of two's
 * complement rounds down for either sign; a result that reaches the next power
 * of two below is still a double.
 */
static int64_t floor_to_double(int64_t v)
{
	uint64_t magnitude = v < 0 ? -(uint64_t)v : (uint64_t)v;
	int spare_bits = 63 - __builtin_clzll(magnitude) - 52;
	uint64_t low = (UINT64_C(1) << spare_bits) - 1;
	return (int64_t)((uint64_t)v & ~low);
}

static size_t store_wide(uint8_t *to, double d, unsigned distance)
{
	tr_number_store(to, d);
	to[TR_NUMBER_SHORT] = (uint8_t)(distance >> 8);
	to[TR_NUMBER_SHORT + 1] = (uint8_t)distance;
	return TR_NUMBER_MAX;
}

size_t tr_number_encode_wide_int(uint8_t *to, int64_t v)
{
	int64_t floor = floor_to_double(v);
	return store_wide(to, (double)floor, 2 * (unsigned)(v - floor));
}

/* Equal in value, an int comes before the double: distance 0, then 1. */
size_t tr_number_encode_wide_double(uint8_t *to, double v)
{
	if (has_distance(v))
		return store_wide(to, v, 1);
	tr_number_store(to, isnan(v) ? (double)NAN : v);
	return TR_NUMBER_SHORT;
}

bool tr_number_decode_wide(struct tr_slice from, struct tr_number *out)
{
	double d = tr_number_load(from.p);
	out->is_int = false;
	out->d = d;
	if (from.n < TR_NUMBER_MAX || !has_distance(d))
		return true;
	unsigned distance = (unsigned)from.p[TR_NUMBER_SHORT] << 8 |
			    from.p[TR_NUMBER_SHORT + 1];
	if (distance == 1)
		return true;
	out->is_int = true;
	out->i = (int64_t)((uint64_t)(int64_t)d + distance / 2);
	out->d = (double)out->i;
	return true;
}

size_t tr_number_len(const uint8_t *p)
{
	return has_distance(tr_number_load(p)) ? TR_NUMBER_MAX
					       : TR_NUMBER_SHORT;
}

size_t tr_number_check(const uint8_t *p, size_t n)
{
	uint8_t canonical[TR_NUMBER_MAX];
	struct tr_number v;
	if (n < TR_NUMBER_SHORT || p[0] != TR_TAG_NUMBER)
		return 0;
	/* In between every double but zero has one form only, this one. */
	double d = tr_number_load(p);
	if (d > -EXACT_LIMIT && d < EXACT_LIMIT && d != 0)
		return TR_NUMBER_SHORT;
	size_t len = tr_number_len(p);
	if (len > n || !tr_number_decode(tr_slice_of(p, len), &v))
		return 0;
	size_t m = v.is_int ? tr_number_encode_int(canonical, v.i)
			    : tr_number_encode_double(canonical, v.d);
	return m == len && memcmp(p, canonical, len) == 0 ? len : 0;
}

/* 15 digits are always exact to write, 17 always exact to read back. */
static void shortest(double d, char text[TR_NUMBER_TEXT_MAX])
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, TR_NUMBER_TEXT_MAX, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	size_t n = strlen(text);
	if (!strpbrk(text, ".e"))
		snprintf(text + n, TR_NUMBER_TEXT_MAX - n, ".0");
}

const char *tr_number_to_text(
	const struct tr_number *v, char text[TR_NUMBER_TEXT_MAX])
{
	if (v->is_int)
		snprintf(text, TR_NUMBER_TEXT_MAX, "%" PRId64, v->i);
	else if (isnan(v->d))
		snprintf(text, TR_NUMBER_TEXT_MAX, "nan");
	else if (isinf(v->d))
		snprintf(text, TR_NUMBER_TEXT_MAX, v->d < 0 ? "-inf" : "inf");
	else
		shortest(v->d, text);
	return text;
}
