#include "driver/core/finish.h"

#include "common/base/err.h"
#include "driver/core/emit.h"
#include "driver/core/job.h"
#include "driver/core/retry.h"
#include "driver/core/task.h"
#include "driver/core/transition.h"

static bool is_same(struct tr_core_digest a, struct tr_core_digest b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

static bool differs(
	const struct tr_task *t, const struct tr_core_report_event *ev)
{
	if (TR_CANARY(IGNORE_DIGEST))
		return false;
	return t->known && !is_same(t->digest, ev->digest);
}

/* The last attempt of any stage that reads from this one; any finished lane. */
static uint64_t last_reader(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, bool *any_finished)
{
	uint64_t rest = tr_stage_of(c, j, stage)->downstream;
	uint64_t last = 0;
	*any_finished = false;
	for (uint32_t i = stage + 1; i < j->stages_count; i++) {
		const struct tr_stage *s = tr_stage_of(c, j, i);
		if (!(rest & tr_stage_bit(i)))
			continue;
		if (s->launched > last)
			last = s->launched;
		if (s->finished > 0)
			*any_finished = true;
	}
	return last;
}

static void set_version(struct tr_core *c, struct tr_job *j, uint32_t task,
	const struct tr_core_report_event *ev)
{
	struct tr_task *t = &c->tasks[task];
	struct tr_stage *s = tr_stage_of(c, j, t->stage);
	if (!t->known)
		s->known++;
	t->known = true;
	t->version = ev->ref.attempt.v;
	t->digest = ev->digest;
	if (s->version_max < t->version)
		s->version_max = t->version;
}

static void take(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	set_version(c, j, task, ev);
	if (!TR_CANARY(FORGET_FINISHED))
		tr_emit_record(c, TR_CORE_RECORD_TASK_FINISHED, &ev->ref,
			c->executors[executor].id);
	tr_core_task_finish(
		c, j, task, ev->has_blocks ? executor : TR_ROW_NONE);
	tr_finish_batch(c, j);
}

void tr_finish_report(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	const struct tr_task *t = &c->tasks[task];
	tr_assert(j->state == TR_CORE_JOB_RUNNING);
	tr_assert(ev->ref.attempt.v > t->version ||
		  TR_CANARY(ACCEPT_STALE_ATTEMPT));
	if (!differs(t, ev)) {
		take(c, j, task, executor, ev);
		return;
	}
	tr_emit_nondeterminism(c, &ev->ref, ev->executor);
	bool any_finished;
	uint64_t reader = last_reader(c, j, t->stage, &any_finished);
	bool is_of_term = ev->ref.attempt.v >> 32 == c->term.v;
	if (any_finished) {
		tr_core_job_fail(c, j, TR_ENONDET);
	} else if (is_of_term && ev->ref.attempt.v > reader) {
		j->stale |= tr_stage_of(c, j, t->stage)->downstream;
		take(c, j, task, executor, ev);
	} else {
		tr_emit_send(c, TR_CORE_SEND_KILL, ev->executor, &ev->ref);
		tr_retry_lost(c, j, task, 0);
	}
}

/* Rule 3. Lanes that it reads have all been finished at least once. */
static bool has_read_current(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, struct tr_attempt_id attempt)
{
	uint64_t rest = tr_stage_of(c, j, stage)->upstream;
	if (TR_CANARY(ADOPT_OLD_VERSION))
		return true;
	for (uint32_t i = 0; i < stage; i++) {
		const struct tr_stage *s = tr_stage_of(c, j, i);
		if ((rest & tr_stage_bit(i)) &&
			(s->known < s->lanes || attempt.v <= s->version_max))
			return false;
	}
	return true;
}

bool tr_finish_may_adopt(struct tr_core *c, const struct tr_job *j,
	uint32_t task, const struct tr_core_report_event *ev)
{
	const struct tr_task *t = &c->tasks[task];
	uint64_t attempt = ev->ref.attempt.v;
	if (!has_read_current(c, j, t->stage, ev->ref.attempt))
		return false;
	if (t->known && attempt < t->version)
		return false;
	if (!ev->done)
		return attempt != t->version;
	if (!differs(t, ev))
		return true;
	tr_emit_nondeterminism(c, &ev->ref, ev->executor);
	return false;
}

void tr_finish_adopt(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev)
{
	tr_share_of(c, j, executor)->involved = true;
	take(c, j, task, executor, ev);
}

void tr_finish_compare(
	struct tr_core *c, uint32_t task, const struct tr_core_report_event *ev)
{
	if (differs(&c->tasks[task], ev))
		tr_emit_nondeterminism(c, &ev->ref, ev->executor);
}

void tr_finish_batch(struct tr_core *c, struct tr_job *j)
{
	uint32_t open = j->stages_open;
	if (TR_CANARY(COMMIT_EARLY) && open == 1) {
		const struct tr_stage *s =
			tr_stage_of(c, j, j->stages_count - 1);
		if (s->lanes - s->finished == 1 && s->lanes > 1)
			open = 0;
	}
	if (open > 0 || j->state != TR_CORE_JOB_RUNNING)
		return;
	tr_move(c, TR_TABLE_JOB, &j->state, TR_CORE_JOB_COMMITTING);
	tr_emit_job_state(c, j);
	tr_emit_commit(c, j);
	if (TR_CANARY(COMMIT_TWICE))
		tr_emit_commit(c, j);
}
