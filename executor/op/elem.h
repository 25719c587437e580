/*
 * What operators pass on: elements in flight.
 *
 * A value is kept decoded while it flows through the operators of one stage;
 * it is encoded (common/data/datum.h) only where it enters a hash table, a
 * block or a result. Bytes are views: into the reader's buffers for a source,
 * into the batch's arena for what an operator made. They live until the batch
 * is reset, not longer.
 *
 * Thread: a worker is single-threaded; nothing here is shared.
 */
#ifndef TR_EXECUTOR_OP_ELEM_H
#define TR_EXECUTOR_OP_ELEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/check.h"

/* Numbers are shared with the LuaJIT FFI declarations in executor/lua. */
enum tr_val_type {
	TR_VAL_NULL = 0,
	TR_VAL_BOOL = 1,   /* i is 0 or 1 */
	TR_VAL_INT = 2,    /* i */
	TR_VAL_DOUBLE = 3, /* d; never an integral value within ±2^53 */
	TR_VAL_BYTES = 4,  /* p, len: the bytes themselves */
	TR_VAL_LIST = 5,   /* p, len: the datum's canonical encoding */
	TR_VAL_MAP = 6,    /* p, len: the datum's canonical encoding */
};

struct tr_val {
	uint32_t type; /* enum tr_val_type */
	uint32_t len;  /* of p, in bytes */
	union {
		int64_t i;
		double d;
		const uint8_t *p;
	};
};

/* Where an element came from; known until the first shuffle. */
struct tr_origin {
	const char *topic;
	uint32_t partition;
	int32_t timestamp_type; /* 0 create time, 1 log append time, -1 none */
	int64_t offset;
	int64_t timestamp;  /* ms; -1: none */
	const void *record; /* struct tr_record_view, for headers */
};

struct tr_elem {
	struct tr_val key;
	struct tr_val value;
	const struct tr_origin *origin; /* NULL after a shuffle */
};

enum {
	TR_BATCH_ELEMS = 1024
};

/*
 * Up to TR_BATCH_ELEMS elements. An operator that makes bytes puts them into
 * the arena of the batch it appends to; an operator that passes its input's
 * bytes on may do so as views, because input batches outlive the call.
 */
struct tr_elem_batch {
	struct tr_elem *elems; /* TR_BATCH_ELEMS of them */
	uint32_t n;
	struct tr_arena *arena;
};

#endif /* TR_EXECUTOR_OP_ELEM_H */
