#include "driver/core/job.h"

#include <string.h>

#include "common/base/err.h"
#include "driver/core/emit.h"
#include "driver/core/finish.h"
#include "driver/core/stage.h"
#include "driver/core/task.h"
#include "driver/core/transition.h"

static const struct tr_executor_id nobody;

static void move(struct tr_core *c, struct tr_job *j, enum tr_core_job_state to)
{
	tr_move(c, TR_TABLE_JOB, &j->state, (uint8_t)to);
}

struct tr_job *tr_core_job_find(const struct tr_core *c, struct tr_job_id id)
{
	if (id.v == 0)
		return NULL;
	uint32_t row = tr_index_find(&c->job_index, id.v);
	return row == TR_ROW_NONE ? NULL : &c->jobs[row];
}

/* ----------------------------------------------------------------- add */

static uint32_t take_row(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->jobs_top; i++)
		if (c->jobs[i].state == TR_CORE_JOB_FREE)
			return i;
	if (c->jobs_top == c->limits.jobs)
		return TR_ROW_NONE;
	return c->jobs_top++;
}

static uint32_t attempts_max(
	const struct tr_core *c, const struct tr_core_job_event *ev)
{
	uint32_t n = ev->max_attempts ? ev->max_attempts
				      : c->limits.attempts_per_task;
	return n < UINT8_MAX ? n : UINT8_MAX;
}

struct tr_job *tr_core_job_new(
	struct tr_core *c, const struct tr_core_job_event *ev)
{
	uint32_t row = take_row(c);
	if (row == TR_ROW_NONE)
		return NULL;
	struct tr_job *j = &c->jobs[row];
	tr_assert(ev->job.v > 0);
	*j = (struct tr_job){ .id = ev->job,
		.weight = ev->weight ? ev->weight : 1,
		.attempts_max = attempts_max(c, ev),
		.max_rate = ev->max_rate };
	tr_list_init(&j->running);
	memset(tr_share_of(c, j, 0), 0,
		c->executors_top * sizeof(struct tr_share));
	tr_index_add(&c->job_index, ev->job.v, row);
	c->jobs_count++;
	move(c, j, TR_CORE_JOB_PLANNING);
	return j;
}

void tr_core_job_add(struct tr_core *c, const struct tr_core_job_event *ev)
{
	const struct tr_job *j = tr_core_job_new(c, ev);
	if (!j) {
		tr_emit_job_notice(
			c, TR_CORE_NOTICE_JOB_REFUSED, ev->job, TR_ELIMIT);
		return;
	}
	struct tr_attempt_ref ref = { .job = ev->job };
	tr_emit_record(c, TR_CORE_RECORD_JOB, &ref, nobody);
	tr_emit_job_state(c, j);
	tr_emit_job_notice(c, TR_CORE_NOTICE_PLAN_WANTED, ev->job, 0);
}

/* ---------------------------------------------------------------- plan */

static bool overlaps(const struct tr_job *j, uint64_t first, uint64_t count)
{
	return j->tasks_first < first + count &&
	       first < (uint64_t)j->tasks_first + j->tasks_count;
}

/* The job that is in the way of [first, first + count), or NULL. */
static const struct tr_job *in_the_way(
	const struct tr_core *c, uint64_t first, uint64_t count)
{
	for (uint32_t i = 0; i < c->jobs_top; i++)
		if (c->jobs[i].state != TR_CORE_JOB_FREE &&
			overlaps(&c->jobs[i], first, count))
			return &c->jobs[i];
	return NULL;
}

/* First fit: a batch's tasks are one run of rows. */
static bool take_tasks(struct tr_core *c, struct tr_job *j, uint64_t count)
{
	uint64_t first = 0;
	const struct tr_job *other;
	while ((other = in_the_way(c, first, count)) != NULL)
		first = (uint64_t)other->tasks_first + other->tasks_count;
	if (first + count > c->limits.tasks)
		return false;
	j->tasks_first = (uint32_t)first;
	j->tasks_count = (uint32_t)count;
	return true;
}

static uint64_t count_lanes(const struct tr_core_plan_event *ev)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < ev->stages_count; i++)
		n += ev->stages[i].lanes;
	return n;
}

static void store_plan(struct tr_core *c, const struct tr_job *j)
{
	struct tr_attempt_ref ref = { .job = j->id, .batch = j->batch };
	if (!TR_CANARY(LAUNCH_BEFORE_PLAN))
		tr_emit_record(c, TR_CORE_RECORD_PLAN, &ref, nobody);
}

/* A plan that comes after the job was cancelled is not wanted. */
void tr_core_job_planned(struct tr_core *c, const struct tr_core_plan_event *ev)
{
	struct tr_job *j = tr_core_job_find(c, ev->job);
	if (!j || j->state != TR_CORE_JOB_PLANNING)
		return;
	if (ev->stages_count > c->limits.stages ||
		!take_tasks(c, j, count_lanes(ev))) {
		tr_core_job_fail(c, j, TR_ELIMIT);
		return;
	}
	j->batch = ev->batch;
	move(c, j, TR_CORE_JOB_RUNNING);
	tr_stage_plan(c, j, ev->stages, ev->stages_count);
	if (c->recovering) {
		j->recovering = true;
		return;
	}
	store_plan(c, j);
	tr_emit_job_state(c, j);
	tr_finish_batch(c, j);
}

/* ----------------------------------------------------------------- end */

static void drop_tasks(struct tr_core *c, struct tr_job *j)
{
	for (uint32_t i = 0; i < j->tasks_count; i++)
		tr_core_task_drop(c, j, j->tasks_first + i);
}

void tr_core_job_end(struct tr_core *c, struct tr_job *j,
	enum tr_core_outcome outcome, int error)
{
	drop_tasks(c, j);
	j->outcome = (uint8_t)outcome;
	j->error = error;
	j->ready = 0;
	j->revive = 0;
	j->stale = 0;
	c->ending++;
	move(c, j, TR_CORE_JOB_ENDING);
	tr_emit_job_end(c, j);
	tr_emit_job_state(c, j);
}

void tr_core_job_fail(struct tr_core *c, struct tr_job *j, int error)
{
	tr_core_job_end(c, j, TR_CORE_JOB_FAILED, error);
}

/*
 * PLANNING or RUNNING; once the commit has been handed out, its outcome is
 * the commit's.
 */
void tr_core_job_stop(struct tr_core *c, const struct tr_core_stop_event *ev)
{
	struct tr_job *j = tr_core_job_find(c, ev->job);
	if (!j || (j->state != TR_CORE_JOB_PLANNING &&
			  j->state != TR_CORE_JOB_RUNNING))
		return;
	if (ev->error == TR_ECANCELED)
		tr_core_job_end(c, j, TR_CORE_JOB_CANCELLED, ev->error);
	else
		tr_core_job_fail(c, j, ev->error);
}

void tr_core_job_committed(
	struct tr_core *c, const struct tr_core_committed_event *ev)
{
	struct tr_job *j = tr_core_job_find(c, ev->job);
	if (!j || j->state != TR_CORE_JOB_COMMITTING || j->batch != ev->batch)
		return;
	tr_core_job_end(c, j, TR_CORE_JOB_DONE, 0);
}

void tr_core_job_unfinish(struct tr_core *c, struct tr_job *j, uint32_t task)
{
	struct tr_attempt_ref ref = tr_core_task_ref(c, task);
	tr_emit_record(c, TR_CORE_RECORD_TASK_UNFINISHED, &ref, nobody);
	tr_core_task_again(c, j, task, false);
}

void tr_core_job_forget(struct tr_core *c, struct tr_job *j)
{
	tr_assert(j->running.count == 0);
	tr_index_remove(&c->job_index, j->id.v);
	move(c, j, TR_CORE_JOB_FREE);
	c->ending--;
	c->jobs_count--;
}
