/*
 * Task to slot: which job is next, which of its lanes, on which executor.
 *
 * Jobs share slots by weight: the one with the fewest running attempts for
 * its weight comes first, among equals the one that was given the fewest
 * launches so far. Within a job the stages go in order, and within a stage
 * what was lost or failed goes first. Work goes to the executor with the most
 * free slots; a map lane to one that has its partition's reader warm, a
 * reduce lane to the one that holds the most blocks, where there is a choice.
 *
 * Cost: a few list heads per launch. Only executors that a job may not use,
 * and lanes that avoid an executor, make it look further; both are few.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_PLACE_H
#define TR_DRIVER_CORE_PLACE_H

#include "driver/core/state.h"

/* Launches one task. False: nothing can be placed now. */
bool tr_place_one(struct tr_core *c);

/* Tells of jobs that have work and nobody who may do it. */
void tr_place_report(struct tr_core *c);

/* Executors that may run tasks of the job. */
uint32_t tr_place_eligible(const struct tr_core *c, const struct tr_job *j);

#endif /* TR_DRIVER_CORE_PLACE_H */
