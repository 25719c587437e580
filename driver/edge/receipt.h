/*
 * Whether a receipt can be true, as far as the plan tells: offsets within the
 * range, blocks for lanes that read them, one output for each sink. What is
 * accepted here is stored, summed and used as an index without another look.
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_EDGE_RECEIPT_H
#define TR_DRIVER_EDGE_RECEIPT_H

#include "driver/edge/job.h"

/*
 * A receipt for a lane that the job has; NULL is none. TR_EPROTO with a text
 * that says what is wrong.
 */
int tr_edge_receipt_check(const struct tr_edge_job *j, struct tr_lane_id lane,
	const Tranche__V1__Receipt *r, struct tr_error *err) TR_MUST_USE;

/* Whether rows must have come for it. */
bool tr_edge_receipt_has_rows(const Tranche__V1__Receipt *r);

/* Of all that the task put out; of a receipt that was checked. */
struct tr_core_digest tr_edge_receipt_digest(const Tranche__V1__Receipt *r);

#endif /* TR_DRIVER_EDGE_RECEIPT_H */
