/*
 * Which reduce lane a key belongs to: a fixed hash of its encoding, part of
 * the data format (docs/data.md, Lanes). Every executor of every version of
 * the format answers alike.
 *
 * The lane comes from the high half of the hash, so that a hash table inside a
 * lane can use the low half.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_LANE_H
#define TR_COMMON_DATA_LANE_H

#include <stdint.h>

#include "common/data/slice.h"

/* XXH3-64 of the encoded key, seeded with TR_LANE_SEED. */
#define TR_LANE_SEED UINT64_C(0x5472616e63686531) /* "Tranche1" */

uint64_t tr_lane_hash(struct tr_slice key);

/* In [0, lanes); 0 < lanes <= 2^32 - 1. */
static inline uint32_t tr_lane_of_hash(uint64_t hash, uint32_t lanes)
{
	return (uint32_t)(((hash >> 32) * lanes) >> 32);
}

static inline uint32_t tr_lane_of_key(struct tr_slice key, uint32_t lanes)
{
	return tr_lane_of_hash(tr_lane_hash(key), lanes);
}

#endif /* TR_COMMON_DATA_LANE_H */
