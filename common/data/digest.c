/*
 * The bulk of a record, its value, is hashed in one go by XXH3-128; all the
 * rest goes into the seed of that hash. The seed is 64 bits, a digest of one
 * record therefore tells records with one value and different other content
 * apart with 64 bits, those with different values with 128.
 *
 * The constants are the fractional bits of square roots of primes, the
 * finaliser is that of MurmurHash3 (Appleby, public domain). docs/data.md has
 * it all as formulas.
 */
#include "common/data/digest.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/data/lane.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SEED_START  UINT64_C(0x6a09e667f3bcc908) /* sqrt 2 */
#define SEED_KEY    UINT64_C(0xbb67ae8584caa73b) /* sqrt 3 */
#define SEED_HEADER UINT64_C(0x3c6ef372fe94f82b) /* sqrt 5 */
#define SEED_FIELD  UINT64_C(0xa54ff53a5f1d36f1) /* sqrt 7 */
#define NULL_KEY    UINT64_C(0x510e527fade682d1) /* sqrt 11 */
#define NULL_FIELD  UINT64_C(0x9b05688c2b3e6c1f) /* sqrt 13 */
#define NULL_LO     UINT64_C(0x1f83d9abfb41bd6b) /* sqrt 17 */
#define NULL_HI     UINT64_C(0x5be0cd19137e2179) /* sqrt 19 */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	x ^= x >> 33;
	return x;
}

static uint64_t hash_or_null(
	struct tr_slice s, uint64_t seed, uint64_t null_hash)
{
	return s.p ? XXH3_64bits_withSeed(s.p, s.n, seed) : null_hash;
}

static uint64_t record_seed(const struct tr_record_content *r)
{
	uint64_t s = mix(SEED_START + (uint64_t)r->offset);
	s += hash_or_null(r->key, SEED_KEY, NULL_KEY);
	s = mix(s + (uint64_t)r->timestamp_ms);
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct tr_header_view *h = &r->headers[i];
		s = mix(s + XXH3_64bits_withSeed(
				    h->name.p, h->name.n, SEED_HEADER));
		s = mix(s + hash_or_null(h->value, SEED_FIELD, NULL_FIELD));
	}
	return s;
}

static void add_hash(struct tr_digest *d, struct tr_slice bulk, uint64_t seed)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(bulk.p, bulk.n, seed);
	d->lo += h.low64;
	d->hi += h.high64;
}

void tr_digest_add_record(
	struct tr_digest *d, const struct tr_record_content *record)
{
	uint64_t seed = record_seed(record);
	if (record->value.p) {
		add_hash(d, record->value, seed);
		return;
	}
	d->lo += mix(seed + NULL_LO);
	d->hi += mix(seed + NULL_HI);
}

void tr_digest_add_element(
	struct tr_digest *d, struct tr_slice key, struct tr_slice value)
{
	add_hash(d, value, tr_lane_hash(key));
}

const char *tr_digest_to_text(struct tr_digest d, char text[TR_DIGEST_TEXT_MAX])
{
	snprintf(text, TR_DIGEST_TEXT_MAX, "%016" PRIx64 "%016" PRIx64, d.hi,
		d.lo);
	return text;
}

static const char hex_digits[] = "0123456789abcdef";

static bool half_from_text(const char *text, uint64_t *out)
{
	uint64_t v = 0;
	for (int i = 0; i < 16; i++) {
		const char *digit = memchr(hex_digits, text[i], 16);
		if (!digit)
			return false;
		v = v << 4 | (uint64_t)(digit - hex_digits);
	}
	*out = v;
	return true;
}

bool tr_digest_from_text(const char *text, struct tr_digest *d)
{
	struct tr_digest v;
	if (strlen(text) != TR_DIGEST_TEXT_MAX - 1 ||
		!half_from_text(text, &v.hi) ||
		!half_from_text(text + 16, &v.lo))
		return false;
	*d = v;
	return true;
}
