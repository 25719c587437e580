#include "driver/core/render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/err.h"
#include "driver/core/transition.h"

struct line {
	char *text;
	size_t len;
};

static void add(struct line *l, const char *fmt, ...) TR_PRINTF(2, 3);

static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(l->text + l->len, TR_CORE_LINE_MAX - l->len, fmt, ap);
	va_end(ap);
	l->len += (size_t)n;
	if (l->len >= TR_CORE_LINE_MAX)
		l->len = TR_CORE_LINE_MAX - 1;
}

static void add_attempt(struct line *l, struct tr_attempt_id a)
{
	add(l, " attempt %" PRIu64 ".%" PRIu64, a.v >> 32, a.v & UINT32_MAX);
}

static void add_job(struct line *l, struct tr_job_id job)
{
	add(l, " job %" PRIu64, job.v);
}

static void add_executor(struct line *l, struct tr_executor_id e)
{
	add(l, " executor %" PRIu64, e.v);
}

static void add_ref(struct line *l, const struct tr_attempt_ref *r)
{
	add_job(l, r->job);
	add(l, " batch %" PRIu64 " lane %" PRIu32 "/%" PRIu32, r->batch,
		r->lane.stage, r->lane.lane);
	if (r->attempt.v)
		add_attempt(l, r->attempt);
}

static void add_error(struct line *l, int error)
{
	if (error)
		add(l, " %s", tr_err_name(error));
}

static void add_digest(struct line *l, struct tr_core_digest d)
{
	add(l, " digest %" PRIx64 ".%" PRIx64, d.lo, d.hi);
}

/* -------------------------------------------------------------- events */

static const char *const event_names[] = {
	[TR_CORE_INIT] = "init",
	[TR_CORE_RECOVER_JOB] = "recover-job",
	[TR_CORE_RECOVER_TASK] = "recover-task",
	[TR_CORE_RECOVER_END] = "recover-end",
	[TR_CORE_TICK] = "tick",
	[TR_CORE_CONTINUE] = "continue",
	[TR_CORE_EXECUTOR_UP] = "executor-up",
	[TR_CORE_TASK_HELD] = "task-held",
	[TR_CORE_EXECUTOR_READY] = "executor-ready",
	[TR_CORE_EXECUTOR_HEARD] = "executor-heard",
	[TR_CORE_EXECUTOR_DRAIN] = "executor-drain",
	[TR_CORE_EXECUTOR_DOWN] = "executor-down",
	[TR_CORE_JOB_ADD] = "job-add",
	[TR_CORE_JOB_PLANNED] = "job-planned",
	[TR_CORE_JOB_PLAN_FAILED] = "job-plan-failed",
	[TR_CORE_JOB_CANCEL] = "job-cancel",
	[TR_CORE_TASK_DONE] = "task-done",
	[TR_CORE_TASK_FAILED] = "task-failed",
	[TR_CORE_BLOCKS_LOST] = "blocks-lost",
	[TR_CORE_COMMITTED] = "committed",
};
static_assert(TR_ARRAY_LEN(event_names) == TR_CORE_EVENTS, "named");

static void add_job_event(struct line *l, const struct tr_core_job_event *ev)
{
	add_job(l, ev->job);
	if (ev->weight)
		add(l, " weight %" PRIu32, ev->weight);
	if (ev->max_attempts)
		add(l, " attempts %" PRIu32, ev->max_attempts);
	if (ev->max_rate)
		add(l, " rate %" PRIu64, ev->max_rate);
	if (ev->committed)
		add(l, " committed");
}

static void add_plan(struct line *l, const struct tr_core_plan_event *ev)
{
	add_job(l, ev->job);
	add(l, " batch %" PRIu64 " lanes", ev->batch);
	for (uint32_t i = 0; i < ev->stages_count; i++)
		add(l, " %" PRIu32, ev->stages[i].lanes);
}

static void add_recover_task(
	struct line *l, const struct tr_core_recover_task_event *ev)
{
	add_ref(l, &ev->ref);
	add_digest(l, ev->digest);
	if (ev->has_blocks)
		add(l, " blocks");
	if (ev->unfinished)
		add(l, " unfinished");
}

static void add_up(struct line *l, const struct tr_core_executor_event *ev)
{
	add_executor(l, ev->executor);
	add(l, " node %" PRIx64 " slots %" PRIu32, ev->node, ev->slots);
	if (ev->draining)
		add(l, " draining");
}

static void add_report(struct line *l, enum tr_core_event_kind kind,
	const struct tr_core_report_event *ev)
{
	bool done = kind == TR_CORE_TASK_DONE ||
		    (kind == TR_CORE_TASK_HELD && ev->done);
	add_executor(l, ev->executor);
	add_ref(l, &ev->ref);
	if (kind == TR_CORE_TASK_HELD)
		add(l, ev->done ? " done" : " running");
	if (done)
		add_digest(l, ev->digest);
	if (done && ev->has_blocks)
		add(l, " blocks");
	add_error(l, ev->error);
	if (ev->worker_died)
		add(l, " worker-died");
}

void tr_core_render_event(
	const struct tr_core_event *ev, char line[TR_CORE_LINE_MAX])
{
	struct line l = { .text = line };
	add(&l, "%" PRIu64 " %s", ev->now_ms, event_names[ev->kind]);
	switch (ev->kind) {
	case TR_CORE_INIT:
		add(&l, " term %" PRIu64, ev->u.init.term.v);
		break;
	case TR_CORE_RECOVER_JOB:
	case TR_CORE_JOB_ADD:
		add_job_event(&l, &ev->u.job);
		break;
	case TR_CORE_RECOVER_TASK:
		add_recover_task(&l, &ev->u.recover);
		break;
	case TR_CORE_EXECUTOR_UP:
		add_up(&l, &ev->u.up);
		break;
	case TR_CORE_EXECUTOR_READY:
	case TR_CORE_EXECUTOR_HEARD:
	case TR_CORE_EXECUTOR_DRAIN:
	case TR_CORE_EXECUTOR_DOWN:
		add_executor(&l, ev->u.member.executor);
		break;
	case TR_CORE_JOB_PLANNED:
		add_plan(&l, &ev->u.plan);
		break;
	case TR_CORE_JOB_PLAN_FAILED:
	case TR_CORE_JOB_CANCEL:
		add_job(&l, ev->u.stop.job);
		add_error(&l, ev->u.stop.error);
		break;
	case TR_CORE_TASK_HELD:
	case TR_CORE_TASK_DONE:
	case TR_CORE_TASK_FAILED:
	case TR_CORE_BLOCKS_LOST:
		add_report(&l, ev->kind, &ev->u.report);
		break;
	case TR_CORE_COMMITTED:
		add_job(&l, ev->u.committed.job);
		add(&l, " batch %" PRIu64, ev->u.committed.batch);
		break;
	case TR_CORE_RECOVER_END:
	case TR_CORE_TICK:
	case TR_CORE_CONTINUE:
	case TR_CORE_EVENTS:
		break;
	}
}

/* ------------------------------------------------------------- actions */

static const char *outcome_name(enum tr_core_outcome outcome)
{
	static const char *const names[] = { "done", "failed", "cancelled" };
	return names[outcome];
}

void tr_core_render_record(
	const struct tr_core_record *r, char line[TR_CORE_LINE_MAX])
{
	static const char *const names[] = { "job", "plan", "finished",
		"unfinished", "job-end" };
	struct line l = { .text = line };
	add(&l, "store %s", names[r->kind]);
	switch (r->kind) {
	case TR_CORE_RECORD_JOB:
		add_job(&l, r->ref.job);
		break;
	case TR_CORE_RECORD_PLAN:
		add_job(&l, r->ref.job);
		add(&l, " batch %" PRIu64, r->ref.batch);
		break;
	case TR_CORE_RECORD_TASK_FINISHED:
		add_ref(&l, &r->ref);
		add_executor(&l, r->executor);
		break;
	case TR_CORE_RECORD_TASK_UNFINISHED:
		add_ref(&l, &r->ref);
		break;
	case TR_CORE_RECORD_JOB_END:
		add_job(&l, r->ref.job);
		add(&l, " %s", outcome_name(r->outcome));
		add_error(&l, r->error);
		break;
	}
}

void tr_core_render_send(
	const struct tr_core_send *s, char line[TR_CORE_LINE_MAX])
{
	static const char *const names[] = { "launch", "kill", "registered",
		"drain", "goodbye", "close", "job-end" };
	struct line l = { .text = line };
	add(&l, "send %s", names[s->kind]);
	add_executor(&l, s->executor);
	if (s->kind == TR_CORE_SEND_LAUNCH || s->kind == TR_CORE_SEND_KILL)
		add_ref(&l, &s->ref);
	if (s->kind == TR_CORE_SEND_JOB_END)
		add_job(&l, s->ref.job);
	if (s->rate)
		add(&l, " rate %" PRIu64, s->rate);
	if (s->draining)
		add(&l, " draining");
	add_error(&l, s->error);
}

void tr_core_render_commit(
	const struct tr_core_commit *m, char line[TR_CORE_LINE_MAX])
{
	struct line l = { .text = line };
	add(&l, "commit");
	add_job(&l, m->job);
	add(&l, " batch %" PRIu64, m->batch);
}

static void add_task_notice(struct line *l, const struct tr_core_notice *n)
{
	static const char *const ends[] = { "done", "failed", "lost",
		"cancelled" };
	add_ref(l, &n->ref);
	add_executor(l, n->executor);
	if (n->kind == TR_CORE_NOTICE_TASK_ENDED)
		add(l, " %s", ends[n->task_end]);
	if (n->adopted)
		add(l, " adopted");
}

void tr_core_render_notice(
	const struct tr_core_notice *n, char line[TR_CORE_LINE_MAX])
{
	static const char *const names[] = { "refused", "plan-wanted", "job",
		"waits", "started", "ended", "nondeterminism", "excluded",
		"executor" };
	struct line l = { .text = line };
	add(&l, "note %s", names[n->kind]);
	switch (n->kind) {
	case TR_CORE_NOTICE_JOB_REFUSED:
	case TR_CORE_NOTICE_PLAN_WANTED:
	case TR_CORE_NOTICE_JOB_WAITS:
		add_job(&l, n->ref.job);
		break;
	case TR_CORE_NOTICE_JOB_STATE:
		add_job(&l, n->ref.job);
		add(&l, " %s",
			tr_state_name(TR_TABLE_JOB, (uint8_t)n->job_state));
		if (n->job_state == TR_CORE_JOB_ENDING)
			add(&l, " %s", outcome_name(n->outcome));
		break;
	case TR_CORE_NOTICE_TASK_STARTED:
	case TR_CORE_NOTICE_TASK_ENDED:
	case TR_CORE_NOTICE_NONDETERMINISM:
		add_task_notice(&l, n);
		break;
	case TR_CORE_NOTICE_EXCLUDED:
		add_job(&l, n->ref.job);
		add_executor(&l, n->executor);
		break;
	case TR_CORE_NOTICE_EXECUTOR_STATE:
		add_executor(&l, n->executor);
		add(&l, " %s",
			tr_state_name(
				TR_TABLE_EXECUTOR, (uint8_t)n->executor_state));
		break;
	}
	add_error(&l, n->error);
}

void tr_core_render_update(
	const struct tr_core_update *u, tr_core_line_fn emit, void *context)
{
	char line[TR_CORE_LINE_MAX];
	for (size_t i = 0; i < u->records_count; i++) {
		tr_core_render_record(&u->records[i], line);
		emit(line, context);
	}
	for (size_t i = 0; i < u->sends_count; i++) {
		tr_core_render_send(&u->sends[i], line);
		emit(line, context);
	}
	for (size_t i = 0; i < u->commits_count; i++) {
		tr_core_render_commit(&u->commits[i], line);
		emit(line, context);
	}
	for (size_t i = 0; i < u->notices_count; i++) {
		tr_core_render_notice(&u->notices[i], line);
		emit(line, context);
	}
}
