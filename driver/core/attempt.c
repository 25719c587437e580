#include "driver/core/attempt.h"

#include "driver/core/emit.h"
#include "driver/core/member.h"
#include "driver/core/task.h"

enum {
	TERM_SHIFT = 32
};

struct tr_attempt_id tr_attempt_issue(struct tr_core *c)
{
	tr_assert(c->attempts_issued < UINT32_MAX);
	c->attempts_issued++;
	return (struct tr_attempt_id){ c->term.v << TERM_SHIFT |
				       c->attempts_issued };
}

bool tr_attempt_was_issued(
	const struct tr_core *c, struct tr_attempt_id attempt)
{
	uint64_t last = c->term.v << TERM_SHIFT | c->attempts_issued;
	return attempt.v > 0 && attempt.v <= last;
}

static uint32_t take_row(struct tr_core *c)
{
	uint32_t row = c->attempts_free.head;
	if (row == TR_ROW_NONE)
		return c->attempts_top++;
	tr_list_remove(&c->attempts_free, c->attempt_links, row);
	return row;
}

uint32_t tr_attempt_start(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, struct tr_attempt_id id, uint64_t rate, bool adopted)
{
	uint32_t row = take_row(c);
	struct tr_attempt *a = &c->attempts[row];
	a->ref = tr_core_task_ref(c, task);
	a->ref.attempt = id;
	a->task = task;
	a->executor = executor;
	a->rate = rate;
	j->rate_used += rate;
	tr_list_append(&j->running, c->attempt_job_links, row);
	tr_member_take_slot(c, executor, row);
	tr_share_of(c, j, executor)->involved = true;
	tr_core_task_run(c, j, task, row);
	c->attempts_count++;
	tr_emit_started(c, a, adopted);
	return row;
}

static bool is_ref(
	const struct tr_attempt_ref *a, const struct tr_attempt_ref *b)
{
	return a->attempt.v == b->attempt.v && a->job.v == b->job.v &&
	       a->batch == b->batch && a->lane.stage == b->lane.stage &&
	       a->lane.lane == b->lane.lane;
}

uint32_t tr_attempt_find(const struct tr_core *c, uint32_t executor,
	const struct tr_attempt_ref *ref)
{
	uint32_t row = c->executors[executor].attempts.head;
	while (row != TR_ROW_NONE && !is_ref(&c->attempts[row].ref, ref))
		row = c->attempt_links[row].next;
	return row;
}

void tr_attempt_unwant(
	struct tr_core *c, uint32_t row, enum tr_core_task_end end, int error)
{
	struct tr_attempt *a = &c->attempts[row];
	struct tr_task *t = &c->tasks[a->task];
	struct tr_job *j = &c->jobs[t->job];
	tr_assert(t->attempt == row);
	tr_list_remove(&j->running, c->attempt_job_links, row);
	j->rate_used -= a->rate;
	t->attempt = TR_ROW_NONE;
	a->task = TR_ROW_NONE;
	tr_emit_ended(c, a, end, error);
}

/*
 * One that its executor holds from before is dropped with the answer to its
 * registration, ahead of any launch, and may be over already: no report.
 */
void tr_attempt_kill(struct tr_core *c, uint32_t row)
{
	const struct tr_attempt *a = &c->attempts[row];
	const struct tr_member *e = &c->executors[a->executor];
	tr_attempt_unwant(c, row, TR_CORE_TASK_END_CANCELLED, 0);
	tr_emit_send(c, TR_CORE_SEND_KILL, e->id, &a->ref);
	if (e->state == TR_CORE_EXECUTOR_JOINING || TR_CANARY(OVERSUBSCRIBE))
		tr_attempt_free(c, row);
}

void tr_attempt_free(struct tr_core *c, uint32_t row)
{
	const struct tr_attempt *a = &c->attempts[row];
	tr_assert(a->task == TR_ROW_NONE);
	tr_member_give_slot(c, a->executor, row);
	tr_list_append(&c->attempts_free, c->attempt_links, row);
	c->attempts_count--;
}
