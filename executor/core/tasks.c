#include "executor/core/tasks.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"

void tr_tasks_init(struct tr_tasks *t, uint32_t cap)
{
	uint32_t buckets = 16;
	while (buckets < cap)
		buckets *= 2;
	*t = (struct tr_tasks){
		.rows = tr_xcalloc((size_t)cap + 1, sizeof(*t->rows)),
		.buckets = tr_xcalloc(buckets, sizeof(*t->buckets)),
		.cap = cap,
		.bucket_mask = buckets - 1,
		.fresh = 1,
	};
}

void tr_tasks_fini(struct tr_tasks *t)
{
	tr_xfree(t->rows);
	tr_xfree(t->buckets);
	*t = (struct tr_tasks){ 0 };
}

/* Ids count up, so their low bits spread well; a term sits above bit 32. */
static uint32_t *bucket(const struct tr_tasks *t, struct tr_attempt_id a)
{
	uint64_t h = a.v ^ (a.v >> 32) * 2654435761u;
	return &t->buckets[h & t->bucket_mask];
}

static uint32_t row_of(
	const struct tr_tasks *t, const struct tr_executor_task *task)
{
	const struct tr_task_row *row = (const void *)task;
	return (uint32_t)(row - t->rows);
}

struct tr_executor_task *tr_tasks_find(
	const struct tr_tasks *t, struct tr_attempt_id attempt)
{
	uint32_t i = *bucket(t, attempt);
	while (i && t->rows[i].task.ref.attempt.v != attempt.v)
		i = t->rows[i].chain;
	return i ? &t->rows[i].task : NULL;
}

static uint32_t take_row(struct tr_tasks *t)
{
	uint32_t i = t->free;
	if (i)
		t->free = t->rows[i].next;
	else if (t->fresh <= t->cap)
		i = t->fresh++;
	return i;
}

struct tr_executor_task *tr_tasks_add(
	struct tr_tasks *t, const struct tr_executor_ref *ref)
{
	tr_assert(!tr_tasks_find(t, ref->attempt));
	uint32_t i = take_row(t);
	if (!i)
		return NULL;
	uint32_t *head = bucket(t, ref->attempt);
	t->rows[i] = (struct tr_task_row){
		.task = { .ref = *ref, .state = TR_EXECUTOR_WAITING },
		.used = true,
		.prev = t->last,
		.chain = *head,
	};
	*head = i;
	if (t->last)
		t->rows[t->last].next = i;
	else
		t->first = i;
	t->last = i;
	t->n++;
	t->by_state[TR_EXECUTOR_WAITING]++;
	return &t->rows[i].task;
}

void tr_tasks_remove(struct tr_tasks *t, struct tr_executor_task *task)
{
	uint32_t i = row_of(t, task);
	struct tr_task_row *row = &t->rows[i];
	tr_assert(row->used);
	uint32_t *link = bucket(t, task->ref.attempt);
	while (*link != i)
		link = &t->rows[*link].chain;
	*link = row->chain;
	if (row->prev)
		t->rows[row->prev].next = row->next;
	else
		t->first = row->next;
	if (row->next)
		t->rows[row->next].prev = row->prev;
	else
		t->last = row->prev;
	t->by_state[task->state]--;
	t->n--;
	row->used = false;
	row->next = t->free;
	t->free = i;
}

void tr_tasks_set_state(struct tr_tasks *t, struct tr_executor_task *task,
	enum tr_executor_task_state state)
{
	t->by_state[task->state]--;
	t->by_state[state]++;
	task->state = state;
}

struct tr_executor_task *tr_tasks_next(
	const struct tr_tasks *t, const struct tr_executor_task *prev)
{
	uint32_t i = prev ? t->rows[row_of(t, prev)].next : t->first;
	return i ? &t->rows[i].task : NULL;
}

uint32_t tr_tasks_active(const struct tr_tasks *t)
{
	return t->by_state[TR_EXECUTOR_WAITING] +
	       t->by_state[TR_EXECUTOR_FETCHING] +
	       t->by_state[TR_EXECUTOR_RUNNING];
}

void tr_tasks_check(const struct tr_tasks *t)
{
	uint32_t by_state[TR_EXECUTOR_TASK_STATES] = { 0 };
	uint32_t n = 0;
	for (struct tr_executor_task *task = tr_tasks_next(t, NULL); task;
		task = tr_tasks_next(t, task)) {
		tr_assert(tr_tasks_find(t, task->ref.attempt) == task);
		tr_assert(task->state < TR_EXECUTOR_TASK_STATES);
		by_state[task->state]++;
		n++;
	}
	tr_assert(n == t->n);
	tr_assert(memcmp(by_state, t->by_state, sizeof(by_state)) == 0);
}
