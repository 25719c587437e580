#include "common/data/lane.h"

/* Inline, XXH3 of a short key costs a few nanoseconds less than a call. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t tr_lane_hash(struct tr_slice key)
{
	return XXH3_64bits_withSeed(key.p, key.n, TR_LANE_SEED);
}
