/*
 * Executions and the slots they take (struct tr_attempt).
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_ATTEMPT_H
#define TR_DRIVER_CORE_ATTEMPT_H

#include "driver/core/state.h"

/* A new number of this term. */
struct tr_attempt_id tr_attempt_issue(struct tr_core *c);

/* Whether this or an earlier driver may have given out that number. */
bool tr_attempt_was_issued(
	const struct tr_core *c, struct tr_attempt_id attempt);

/*
 * Begins a wanted attempt of a task that is not running; the executor has a
 * free slot. Emits no send. Returns the row.
 */
uint32_t tr_attempt_start(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, struct tr_attempt_id id, uint64_t rate,
	bool adopted);

/* The executor's attempt of that number, or TR_ROW_NONE. */
uint32_t tr_attempt_find(const struct tr_core *c, uint32_t executor,
	const struct tr_attempt_ref *ref);

/*
 * The task lets go of it; it takes its slot until tr_attempt_free. The task's
 * state is the caller's to change.
 */
void tr_attempt_unwant(
	struct tr_core *c, uint32_t row, enum tr_core_task_end end, int error);

/* tr_attempt_unwant as CANCELLED, and tells the executor. The row may go. */
void tr_attempt_kill(struct tr_core *c, uint32_t row);

/* Gives its slot back; it is unwanted. */
void tr_attempt_free(struct tr_core *c, uint32_t row);

#endif /* TR_DRIVER_CORE_ATTEMPT_H */
