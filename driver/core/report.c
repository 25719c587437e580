#include "driver/core/report.h"

#include "common/base/err.h"
#include "driver/core/attempt.h"
#include "driver/core/emit.h"
#include "driver/core/finish.h"
#include "driver/core/job.h"
#include "driver/core/member.h"
#include "driver/core/retry.h"
#include "driver/core/task.h"

/* The row of the sender, if its message counts at all. */
static uint32_t sender(
	const struct tr_core *c, const struct tr_core_report_event *ev)
{
	if (ev->term.v != c->term.v && !TR_CANARY(ACCEPT_OLD_TERM))
		return TR_ROW_NONE;
	return tr_member_find(c, ev->executor);
}

static struct tr_job *running_job(
	struct tr_core *c, const struct tr_attempt_ref *ref)
{
	struct tr_job *j = tr_core_job_find(c, ref->job);
	return j && j->state == TR_CORE_JOB_RUNNING ? j : NULL;
}

/*
 * Ends the attempt of a report and frees its slot. Returns its task if it was
 * wanted, else TR_ROW_NONE.
 */
static uint32_t end_attempt(struct tr_core *c, uint32_t executor,
	const struct tr_core_report_event *ev, enum tr_core_task_end end)
{
	uint32_t row = tr_attempt_find(c, executor, &ev->ref);
	if (row == TR_ROW_NONE)
		return TR_ROW_NONE;
	uint32_t task = c->attempts[row].task;
	if (task != TR_ROW_NONE)
		tr_attempt_unwant(c, row, end, ev->error);
	tr_attempt_free(c, row);
	return task;
}

/* The lane that an unwanted result is of, while its batch is open. */
static uint32_t find_lane(
	struct tr_core *c, const struct tr_core_report_event *ev)
{
	const struct tr_job *j = running_job(c, &ev->ref);
	return j ? tr_core_task_find(c, j, &ev->ref) : TR_ROW_NONE;
}

/* The same report again, of output that counts already. */
static bool is_repeated(const struct tr_core *c, uint32_t task,
	const struct tr_core_report_event *ev)
{
	const struct tr_task *t = &c->tasks[task];
	return t->state == TR_TASK_DONE && t->version == ev->ref.attempt.v;
}

static void done_too_late(struct tr_core *c, uint32_t executor,
	const struct tr_core_report_event *ev)
{
	uint32_t task = find_lane(c, ev);
	if (task != TR_ROW_NONE && is_repeated(c, task, ev))
		return;
	if (task != TR_ROW_NONE && TR_CANARY(ACCEPT_STALE_ATTEMPT) &&
		c->tasks[task].state == TR_TASK_PENDING) {
		struct tr_job *j = &c->jobs[c->tasks[task].job];
		tr_finish_adopt(c, j, task, executor, ev);
		return;
	}
	if (task != TR_ROW_NONE)
		tr_finish_compare(c, task, ev);
	tr_emit_send(c, TR_CORE_SEND_KILL, ev->executor, &ev->ref);
}

void tr_report_done(struct tr_core *c, const struct tr_core_report_event *ev)
{
	uint32_t executor = sender(c, ev);
	if (executor == TR_ROW_NONE)
		return;
	uint32_t task = end_attempt(c, executor, ev, TR_CORE_TASK_END_DONE);
	if (task == TR_ROW_NONE) {
		done_too_late(c, executor, ev);
		return;
	}
	struct tr_job *j = &c->jobs[c->tasks[task].job];
	tr_finish_report(c, j, task, executor, ev);
}

static bool is_loss(int error)
{
	return error == TR_ELOST || error == TR_ECANCELED;
}

void tr_report_failed(struct tr_core *c, const struct tr_core_report_event *ev)
{
	uint32_t executor = sender(c, ev);
	if (executor == TR_ROW_NONE)
		return;
	enum tr_core_task_end end = is_loss(ev->error)
					    ? TR_CORE_TASK_END_LOST
					    : TR_CORE_TASK_END_FAILED;
	uint32_t task = end_attempt(c, executor, ev, end);
	if (task == TR_ROW_NONE)
		return;
	struct tr_job *j = &c->jobs[c->tasks[task].job];
	if (is_loss(ev->error))
		tr_retry_lost(c, j, task, c->executors[executor].node);
	else
		tr_retry_failed(
			c, j, task, executor, ev->error, ev->worker_died);
}

/*
 * Blocks that a live executor should have but does not give: without them the
 * reader would fail for ever, so the writer's lane runs again.
 */
void tr_report_blocks_lost(
	struct tr_core *c, const struct tr_core_report_event *ev)
{
	if (sender(c, ev) == TR_ROW_NONE)
		return;
	struct tr_job *j = running_job(c, &ev->ref);
	uint32_t row = j ? tr_core_task_find(c, j, &ev->ref) : TR_ROW_NONE;
	if (row == TR_ROW_NONE)
		return;
	const struct tr_task *t = &c->tasks[row];
	if (t->state != TR_TASK_DONE || t->holder == TR_ROW_NONE ||
		t->version != ev->ref.attempt.v)
		return;
	tr_core_job_unfinish(c, j, row);
}
