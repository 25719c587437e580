/*
 * From what users asked for, and what the log holds, to the ranges of a batch.
 *
 * A span (common/plan/offsets.h) is resolved against one partition's log start
 * and end, checked or clamped, and cut into ranges small enough that one large
 * partition does not hold the job back. Ranges end at positions: nothing here
 * looks at records.
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_PLAN_RANGES_H
#define TR_DRIVER_PLAN_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/plan/offsets.h"

/* One partition and what is known of it at planning time. */
struct tr_partition_span {
	const char *topic; /* borrowed */
	int32_t partition;
	struct tr_point from;
	struct tr_point until;
	int64_t log_start;
	int64_t log_end;    /* last stable offset under read_committed */
	int64_t from_time;  /* offset of a time in `from`, by the broker */
	int64_t until_time; /* the same of `until` */
	int64_t first;      /* answer: resolved [first, last) */
	int64_t last;
	bool clamped; /* answer: less than was asked for */
};

/*
 * Sets first and last. Points relative to start or end stop at the log's
 * bounds. Offsets that the log does not have are TR_EINVAL, with partition,
 * wanted and available named; with `clamp` they are moved into it. An end
 * before the start is an empty range at the start.
 */
int tr_ranges_resolve(struct tr_partition_span *span, bool clamp,
	struct tr_error *err) TR_MUST_USE;

/*
 * Records per range when the user named none: enough ranges that `slots`
 * workers stay busy to the end, none smaller than is worth a task.
 */
uint64_t tr_ranges_default_max(uint64_t records, uint32_t slots);

/* How many ranges of at most max records [first, last) is cut into. */
uint64_t tr_ranges_count(int64_t first, int64_t last, uint64_t max);

/* The i-th of count, of nearly equal size. */
void tr_ranges_cut(int64_t first, int64_t last, uint64_t count, uint64_t i,
	int64_t *from, int64_t *until);

#endif /* TR_DRIVER_PLAN_RANGES_H */
