#include "driver/core/task.h"

#include "driver/core/stage.h"
#include "driver/core/transition.h"

static void move(struct tr_core *c, struct tr_task *t, enum tr_task_state to)
{
	tr_move(c, TR_TABLE_TASK, &t->state, (uint8_t)to);
}

uint32_t tr_core_task_find(const struct tr_core *c, const struct tr_job *j,
	const struct tr_attempt_ref *ref)
{
	if (ref->batch != j->batch || ref->lane.stage >= j->stages_count)
		return TR_ROW_NONE;
	const struct tr_stage *s = tr_stage_of(c, j, ref->lane.stage);
	if (ref->lane.lane >= s->lanes)
		return TR_ROW_NONE;
	return s->first + ref->lane.lane;
}

struct tr_attempt_ref tr_core_task_ref(const struct tr_core *c, uint32_t row)
{
	const struct tr_task *t = &c->tasks[row];
	const struct tr_job *j = &c->jobs[t->job];
	const struct tr_stage *s = tr_stage_of(c, j, t->stage);
	return (struct tr_attempt_ref){ .job = j->id,
		.batch = j->batch,
		.lane = { .stage = t->stage, .lane = row - s->first },
		.attempt = { t->version } };
}

static void queue_group(struct tr_core *c, struct tr_stage *s, uint32_t row)
{
	uint32_t group = c->tasks[row].group;
	struct tr_list *pending = &c->groups[group].pending;
	if (pending->count == 0)
		tr_list_append(&s->groups, c->group_links, group);
	tr_list_append(pending, c->task_links, row);
}

static void queue_retry(
	struct tr_core *c, struct tr_stage *s, uint32_t row, bool first)
{
	if (first)
		tr_list_prepend(&s->retry, c->task_links, row);
	else
		tr_list_append(&s->retry, c->task_links, row);
}

static void queue(struct tr_core *c, struct tr_job *j, uint32_t row, bool retry,
	bool first)
{
	struct tr_task *t = &c->tasks[row];
	struct tr_stage *s = tr_stage_of(c, j, t->stage);
	tr_assert(t->state == TR_TASK_PENDING);
	t->retry = retry;
	if (retry)
		queue_retry(c, s, row, first);
	else
		queue_group(c, s, row);
	s->pending++;
	tr_stage_refresh(c, j, t->stage);
}

void tr_core_task_queue(
	struct tr_core *c, struct tr_job *j, uint32_t row, bool retry)
{
	queue(c, j, row, retry, false);
}

/*
 * A group whose lane was taken goes to the end of the stage's groups, so that
 * executors without a warm reader begin with partitions nobody reads yet.
 */
static void take_group(struct tr_core *c, struct tr_stage *s, uint32_t row)
{
	uint32_t group = c->tasks[row].group;
	struct tr_list *pending = &c->groups[group].pending;
	tr_list_remove(pending, c->task_links, row);
	tr_list_remove(&s->groups, c->group_links, group);
	if (pending->count > 0)
		tr_list_append(&s->groups, c->group_links, group);
}

void tr_core_task_take(struct tr_core *c, struct tr_job *j, uint32_t row)
{
	struct tr_task *t = &c->tasks[row];
	struct tr_stage *s = tr_stage_of(c, j, t->stage);
	tr_assert(t->state == TR_TASK_PENDING);
	if (t->retry)
		tr_list_remove(&s->retry, c->task_links, row);
	else
		take_group(c, s, row);
	s->pending--;
	tr_stage_refresh(c, j, t->stage);
}

/* Out of the list that its state keeps it in. */
static void leave(struct tr_core *c, struct tr_job *j, uint32_t row)
{
	struct tr_task *t = &c->tasks[row];
	switch ((enum tr_task_state)t->state) {
	case TR_TASK_PENDING:
		tr_core_task_take(c, j, row);
		break;
	case TR_TASK_BACKOFF:
		tr_timer_remove(&c->backoff, row);
		break;
	case TR_TASK_DONE:
		if (t->holder == TR_ROW_NONE)
			break;
		tr_list_remove(
			&c->executors[t->holder].held, c->task_links, row);
		tr_share_of(c, j, t->holder)->blocks--;
		t->holder = TR_ROW_NONE;
		break;
	case TR_TASK_GONE:
		tr_list_remove(
			&tr_stage_of(c, j, t->stage)->gone, c->task_links, row);
		break;
	case TR_TASK_RUNNING:
	case TR_TASK_STATES:
		break;
	}
}

static bool is_finished(const struct tr_task *t)
{
	return t->state == TR_TASK_DONE || t->state == TR_TASK_GONE;
}

void tr_core_task_again(
	struct tr_core *c, struct tr_job *j, uint32_t row, bool first)
{
	struct tr_task *t = &c->tasks[row];
	tr_assert(t->state != TR_TASK_PENDING);
	leave(c, j, row);
	if (is_finished(t))
		tr_stage_count_unfinished(c, j, t->stage);
	move(c, t, TR_TASK_PENDING);
	queue(c, j, row, first || t->avoid != 0, first);
}

void tr_core_task_run(
	struct tr_core *c, struct tr_job *j, uint32_t row, uint32_t attempt)
{
	struct tr_task *t = &c->tasks[row];
	leave(c, j, row);
	move(c, t, TR_TASK_RUNNING);
	t->attempt = attempt;
}

void tr_core_task_back_off(struct tr_core *c, uint32_t row, uint64_t at_ms)
{
	move(c, &c->tasks[row], TR_TASK_BACKOFF);
	tr_timer_add(&c->backoff, row, at_ms);
}

void tr_core_task_wake(struct tr_core *c)
{
	uint32_t row;
	while ((row = tr_timer_take(&c->backoff, c->now_ms)) != TR_ROW_NONE) {
		struct tr_task *t = &c->tasks[row];
		move(c, t, TR_TASK_PENDING);
		queue(c, &c->jobs[t->job], row, true, false);
	}
}

void tr_core_task_finish(
	struct tr_core *c, struct tr_job *j, uint32_t row, uint32_t holder)
{
	struct tr_task *t = &c->tasks[row];
	bool counted = is_finished(t);
	leave(c, j, row);
	move(c, t, TR_TASK_DONE);
	t->holder = holder;
	t->has_blocks = holder != TR_ROW_NONE;
	if (t->has_blocks) {
		tr_list_append(&c->executors[holder].held, c->task_links, row);
		tr_share_of(c, j, holder)->blocks++;
	}
	if (!counted)
		tr_stage_count_finished(c, j, t->stage);
}

void tr_core_task_lose_blocks(struct tr_core *c, struct tr_job *j, uint32_t row)
{
	struct tr_task *t = &c->tasks[row];
	bool counted = is_finished(t);
	leave(c, j, row);
	move(c, t, TR_TASK_GONE);
	t->has_blocks = true;
	tr_list_append(&tr_stage_of(c, j, t->stage)->gone, c->task_links, row);
	if (!counted)
		tr_stage_count_finished(c, j, t->stage);
}

void tr_core_task_drop(struct tr_core *c, struct tr_job *j, uint32_t row)
{
	const struct tr_task *t = &c->tasks[row];
	if (t->state == TR_TASK_BACKOFF || t->state == TR_TASK_DONE)
		leave(c, j, row);
}
