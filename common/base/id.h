/*
 * Ids that could be mixed up are structs of one field each: passing a lane
 * where a batch is meant does not compile.
 */
#ifndef TR_COMMON_BASE_ID_H
#define TR_COMMON_BASE_ID_H

#include <stdint.h>

/* The driver's epoch; grows at each start. Terms start at 1. */
struct tr_term {
	uint64_t v;
};

/* A job of this cluster, numbered from 1 and never reused. */
struct tr_job_id {
	uint64_t v;
};

/*
 * An executor, as the driver numbers registrations. A daemon that comes back
 * on a new connection has a new one.
 */
struct tr_executor_id {
	uint64_t v;
};

/*
 * One execution of one lane: (term << 32 | n). Unique and monotone without a
 * disk write per attempt, because the term is durable (docs/exactly-once.md).
 */
struct tr_attempt_id {
	uint64_t v;
};

/* A place in a batch: stage and lane count from 0. */
struct tr_lane_id {
	uint32_t stage;
	uint32_t lane;
};

#endif /* TR_COMMON_BASE_ID_H */
