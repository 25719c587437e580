#include "driver/core/held.h"

#include "driver/core/attempt.h"
#include "driver/core/emit.h"
#include "driver/core/finish.h"
#include "driver/core/job.h"
#include "driver/core/member.h"
#include "driver/core/task.h"

static bool adopt_running(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	const struct tr_member *e = &c->executors[executor];
	const struct tr_task *t = &c->tasks[task];
	bool is_free =
		t->state == TR_TASK_PENDING || t->state == TR_TASK_BACKOFF;
	if (!is_free || e->attempts.count == e->slots)
		return false;
	tr_attempt_start(c, j, task, executor, ev->ref.attempt, 0, true);
	return true;
}

/* The blocks of the stored version are back. */
static bool adopt_blocks(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	if (!ev->has_blocks || ev->ref.attempt.v != c->tasks[task].version)
		return false;
	tr_share_of(c, j, executor)->involved = true;
	tr_core_task_finish(c, j, task, executor);
	return true;
}

static bool adopt_done(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	const struct tr_task *t = &c->tasks[task];
	if (t->state == TR_TASK_DONE)
		return false;
	if (t->state == TR_TASK_GONE)
		return adopt_blocks(c, j, task, executor, ev);
	if (t->state == TR_TASK_RUNNING)
		tr_attempt_kill(c, t->attempt);
	tr_finish_adopt(c, j, task, executor, ev);
	return true;
}

static bool adopt(struct tr_core *c, uint32_t executor,
	const struct tr_core_report_event *ev)
{
	struct tr_job *j = tr_core_job_find(c, ev->ref.job);
	if (!j || j->state != TR_CORE_JOB_RUNNING ||
		!tr_attempt_was_issued(c, ev->ref.attempt))
		return false;
	uint32_t task = tr_core_task_find(c, j, &ev->ref);
	if (task == TR_ROW_NONE || !tr_finish_may_adopt(c, j, task, ev))
		return false;
	return ev->done ? adopt_done(c, j, task, executor, ev)
			: adopt_running(c, j, task, executor, ev);
}

void tr_held_take(struct tr_core *c, const struct tr_core_report_event *ev)
{
	uint32_t executor = tr_member_find(c, ev->executor);
	if (executor == TR_ROW_NONE ||
		c->executors[executor].state != TR_CORE_EXECUTOR_JOINING)
		return;
	if (!adopt(c, executor, ev))
		tr_emit_send(c, TR_CORE_SEND_KILL, ev->executor, &ev->ref);
}
