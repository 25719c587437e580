#include "driver/core/recover.h"

#include "driver/core/emit.h"
#include "driver/core/finish.h"
#include "driver/core/job.h"
#include "driver/core/stage.h"
#include "driver/core/task.h"

void tr_recover_job(struct tr_core *c, const struct tr_core_job_event *ev)
{
	tr_assert(c->recovering);
	struct tr_job *j = tr_core_job_new(c, ev);
	tr_assert(j); /* an earlier driver had room for it */
	if (ev->committed)
		tr_core_job_end(c, j, TR_CORE_JOB_DONE, 0);
}

static void set_known(struct tr_core *c, const struct tr_job *j, uint32_t row,
	const struct tr_core_recover_task_event *ev)
{
	struct tr_task *t = &c->tasks[row];
	struct tr_stage *s = tr_stage_of(c, j, t->stage);
	tr_assert(!t->known);
	t->known = true;
	t->version = ev->ref.attempt.v;
	t->digest = ev->digest;
	s->known++;
	if (s->version_max < t->version)
		s->version_max = t->version;
}

void tr_recover_task(
	struct tr_core *c, const struct tr_core_recover_task_event *ev)
{
	tr_assert(c->recovering);
	struct tr_job *j = tr_core_job_find(c, ev->ref.job);
	tr_assert(j && j->state == TR_CORE_JOB_RUNNING);
	uint32_t row = tr_core_task_find(c, j, &ev->ref);
	tr_assert(row != TR_ROW_NONE);
	set_known(c, j, row, ev);
	if (ev->unfinished)
		return;
	if (ev->has_blocks)
		tr_core_task_lose_blocks(c, j, row);
	else
		tr_core_task_finish(c, j, row, TR_ROW_NONE);
}

void tr_recover_end(struct tr_core *c)
{
	tr_assert(c->recovering);
	c->recovering = false;
	for (uint32_t i = 0; i < c->jobs_top; i++) {
		struct tr_job *j = &c->jobs[i];
		if (j->state == TR_CORE_JOB_FREE)
			continue;
		j->announce = true;
		c->announcing++;
		if (j->recovering)
			c->grace_ms = c->now_ms + c->limits.grace_ms;
	}
}

void tr_recover_announce(struct tr_core *c, struct tr_job *j)
{
	j->announce = false;
	c->announcing--;
	tr_emit_job_state(c, j);
	if (j->state == TR_CORE_JOB_PLANNING)
		tr_emit_job_notice(c, TR_CORE_NOTICE_PLAN_WANTED, j->id, 0);
	else
		tr_finish_batch(c, j);
}

static void resume(struct tr_core *c, struct tr_job *j)
{
	j->recovering = false;
	if (j->state != TR_CORE_JOB_RUNNING)
		return;
	for (uint32_t i = 0; i < j->stages_count; i++)
		if (tr_stage_of(c, j, i)->gone.count > 0)
			j->revive |= tr_stage_bit(i);
}

void tr_recover_tick(struct tr_core *c)
{
	if (c->now_ms < c->grace_ms)
		return;
	c->grace_ms = UINT64_MAX;
	for (uint32_t i = 0; i < c->jobs_top; i++)
		if (c->jobs[i].recovering)
			resume(c, &c->jobs[i]);
}
