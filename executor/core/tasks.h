/*
 * The attempts an executor knows: a table of fixed size with an index by
 * attempt id and a list in order of arrival.
 *
 * Thread: the core's owner.
 */
#ifndef TR_EXECUTOR_CORE_TASKS_H
#define TR_EXECUTOR_CORE_TASKS_H

#include "executor/core/executor.h"

struct tr_task_row {
	struct tr_executor_task task; /* first: rows are found from it */
	bool used;
	uint32_t next, prev; /* by arrival; next alone in the free list */
	uint32_t chain;      /* of the same hash */
};

struct tr_tasks {
	struct tr_task_row *rows; /* [cap + 1]; row 0 is none */
	uint32_t *buckets;
	uint32_t cap;
	uint32_t bucket_mask;
	uint32_t fresh; /* rows above were never used */
	uint32_t free;
	uint32_t first, last;
	uint32_t n;
	uint32_t by_state[TR_EXECUTOR_TASK_STATES];
};

void tr_tasks_init(struct tr_tasks *t, uint32_t cap);
void tr_tasks_fini(struct tr_tasks *t);

struct tr_executor_task *tr_tasks_find(
	const struct tr_tasks *t, struct tr_attempt_id attempt);

/* A new WAITING one at the end. NULL: full. It is not in yet. */
struct tr_executor_task *tr_tasks_add(
	struct tr_tasks *t, const struct tr_executor_ref *ref);
void tr_tasks_remove(struct tr_tasks *t, struct tr_executor_task *task);

void tr_tasks_set_state(struct tr_tasks *t, struct tr_executor_task *task,
	enum tr_executor_task_state state);

/* After prev in order of arrival, or the first. */
struct tr_executor_task *tr_tasks_next(
	const struct tr_tasks *t, const struct tr_executor_task *prev);

/* Attempts that wait, fetch or run. */
uint32_t tr_tasks_active(const struct tr_tasks *t);

static inline bool tr_task_is_active(const struct tr_executor_task *task)
{
	return task->state < TR_EXECUTOR_DONE;
}

void tr_tasks_check(const struct tr_tasks *t);

#endif /* TR_EXECUTOR_CORE_TASKS_H */
