/*
 * A small seeded generator (xoshiro256**, Blackman and Vigna 2018, public
 * domain) for everything that must be repeatable from a seed. Not for secrets.
 */
#ifndef TR_COMMON_BASE_RNG_H
#define TR_COMMON_BASE_RNG_H

#include <stdint.h>

struct tr_rng {
	uint64_t s[4];
};

void tr_rng_init(struct tr_rng *r, uint64_t seed);
uint64_t tr_rng_next(struct tr_rng *r);

/* Uniform in [0, n); n > 0. */
uint64_t tr_rng_below(struct tr_rng *r, uint64_t n);

#endif /* TR_COMMON_BASE_RNG_H */
