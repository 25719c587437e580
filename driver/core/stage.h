/*
 * Stages of a batch: when their lanes may run, when they are complete, and
 * whether anybody still reads from them.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_STAGE_H
#define TR_DRIVER_CORE_STAGE_H

#include "driver/core/state.h"

/* Fills the job's stages from its plan and queues every lane. */
void tr_stage_plan(struct tr_core *c, struct tr_job *j,
	const struct tr_core_stage_plan *plan, uint32_t count);

/* After `pending` or `blocked` changed. */
void tr_stage_refresh(struct tr_core *c, struct tr_job *j, uint32_t stage);

/* A lane finished, or is not finished any more. */
void tr_stage_count_finished(
	struct tr_core *c, struct tr_job *j, uint32_t stage);
void tr_stage_count_unfinished(
	struct tr_core *c, struct tr_job *j, uint32_t stage);

/* Whether an unfinished lane will read its blocks. */
bool tr_stage_is_needed(
	const struct tr_core *c, const struct tr_job *j, uint32_t stage);

#endif /* TR_DRIVER_CORE_STAGE_H */
