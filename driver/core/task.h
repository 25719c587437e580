/*
 * Lanes of a batch: the queues they wait in and where their output is.
 *
 * Each verb moves one task to the state it names, out of whatever list its
 * former state kept it in, and keeps the stage's counts.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_TASK_H
#define TR_DRIVER_CORE_TASK_H

#include "driver/core/state.h"

/* The row of a lane of the job's batch, or TR_ROW_NONE. */
uint32_t tr_core_task_find(const struct tr_core *c, const struct tr_job *j,
	const struct tr_attempt_ref *ref);

/* The lane and the attempt that finished it last. */
struct tr_attempt_ref tr_core_task_ref(const struct tr_core *c, uint32_t row);

/* Puts a new task that is in no list where it can be placed. */
void tr_core_task_queue(
	struct tr_core *c, struct tr_job *j, uint32_t row, bool retry);

/* Takes a pending task out of its list to place it. */
void tr_core_task_take(struct tr_core *c, struct tr_job *j, uint32_t row);

/*
 * RUNNING -> PENDING, DONE or GONE -> PENDING. `first`: before all others.
 * A task that avoids a node waits in the stage's retry list too, where the
 * search for one that fits looks further than the first.
 */
void tr_core_task_again(
	struct tr_core *c, struct tr_job *j, uint32_t row, bool first);

void tr_core_task_run(
	struct tr_core *c, struct tr_job *j, uint32_t row, uint32_t attempt);

/* RUNNING -> BACKOFF until at_ms, and back when that has come. */
void tr_core_task_back_off(struct tr_core *c, uint32_t row, uint64_t at_ms);
void tr_core_task_wake(struct tr_core *c);

/* -> DONE; `holder` is the executor with its blocks, or TR_ROW_NONE. */
void tr_core_task_finish(
	struct tr_core *c, struct tr_job *j, uint32_t row, uint32_t holder);

/* DONE or (recovering) PENDING -> GONE. */
void tr_core_task_lose_blocks(
	struct tr_core *c, struct tr_job *j, uint32_t row);

/* Takes it out of the lists that outlive its job. */
void tr_core_task_drop(struct tr_core *c, struct tr_job *j, uint32_t row);

#endif /* TR_DRIVER_CORE_TASK_H */
