/*
 * The first bytes of an encoded datum as a number that compares like them, to
 * decide most comparisons of a sort or merge without touching the keys.
 *
 * Thread: any.
 */
#ifndef TR_EXECUTOR_OP_PREFIX_H
#define TR_EXECUTOR_OP_PREFIX_H

#include "common/data/slice.h"

static inline uint64_t tr_prefix_of(struct tr_slice key)
{
	uint64_t v = 0;
	memcpy(&v, key.p, key.n < sizeof(v) ? key.n : sizeof(v));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

#endif /* TR_EXECUTOR_OP_PREFIX_H */
