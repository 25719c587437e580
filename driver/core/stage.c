#include "driver/core/stage.h"

#include <string.h>

#include "driver/core/task.h"

static bool is_complete(const struct tr_stage *s)
{
	return s->finished == s->lanes;
}

void tr_stage_refresh(struct tr_core *c, struct tr_job *j, uint32_t stage)
{
	const struct tr_stage *s = tr_stage_of(c, j, stage);
	bool open = s->blocked == 0;
	if (TR_CANARY(REDUCE_EARLY))
		open = s->blocked <= 1;
	if (open && s->pending > 0)
		j->ready |= tr_stage_bit(stage);
	else
		j->ready &= ~tr_stage_bit(stage);
}

/* Tells the stages that read from it. */
static void block(struct tr_core *c, struct tr_job *j, uint32_t stage, bool on)
{
	uint64_t rest = tr_stage_of(c, j, stage)->downstream;
	for (uint32_t i = stage + 1; i < j->stages_count; i++) {
		if (!(rest & tr_stage_bit(i)))
			continue;
		struct tr_stage *s = tr_stage_of(c, j, i);
		tr_assert(on || s->blocked > 0);
		if (on)
			s->blocked++;
		else
			s->blocked--;
		tr_stage_refresh(c, j, i);
	}
}

void tr_stage_count_finished(
	struct tr_core *c, struct tr_job *j, uint32_t stage)
{
	struct tr_stage *s = tr_stage_of(c, j, stage);
	tr_assert(!is_complete(s));
	s->finished++;
	if (!is_complete(s))
		return;
	tr_assert(j->stages_open > 0);
	j->stages_open--;
	block(c, j, stage, false);
}

void tr_stage_count_unfinished(
	struct tr_core *c, struct tr_job *j, uint32_t stage)
{
	struct tr_stage *s = tr_stage_of(c, j, stage);
	tr_assert(s->finished > 0);
	if (is_complete(s)) {
		j->stages_open++;
		j->revive |= s->upstream;
		block(c, j, stage, true);
	}
	s->finished--;
}

bool tr_stage_is_needed(
	const struct tr_core *c, const struct tr_job *j, uint32_t stage)
{
	uint64_t rest = tr_stage_of(c, j, stage)->downstream;
	for (uint32_t i = stage + 1; i < j->stages_count; i++)
		if ((rest & tr_stage_bit(i)) &&
			!is_complete(tr_stage_of(c, j, i)))
			return true;
	return false;
}

static void add_lanes(struct tr_core *c, struct tr_job *j, uint32_t stage,
	const uint32_t *groups)
{
	struct tr_stage *s = tr_stage_of(c, j, stage);
	for (uint32_t i = 0; i < s->lanes; i++)
		tr_list_init(&c->groups[s->first + i].pending);
	for (uint32_t i = 0; i < s->lanes; i++) {
		struct tr_task *t = &c->tasks[s->first + i];
		uint32_t group = groups ? groups[i] : i;
		tr_assert(group < s->lanes);
		memset(t, 0, sizeof(*t));
		t->stage = (uint8_t)stage;
		t->job = (uint16_t)(j - c->jobs);
		t->group = s->first + group;
		t->attempt = TR_ROW_NONE;
		t->holder = TR_ROW_NONE;
		tr_core_task_queue(c, j, s->first + i, false);
	}
}

static void add_stage(struct tr_core *c, struct tr_job *j, uint32_t stage,
	const struct tr_core_stage_plan *plan, uint32_t first)
{
	struct tr_stage *s = tr_stage_of(c, j, stage);
	tr_assert((plan->upstream & ~(tr_stage_bit(stage) - 1)) == 0);
	memset(s, 0, sizeof(*s));
	s->first = first;
	s->lanes = plan->lanes;
	s->upstream = plan->upstream;
	tr_list_init(&s->retry);
	tr_list_init(&s->groups);
	tr_list_init(&s->gone);
	for (uint32_t i = 0; i < stage; i++) {
		if (!(s->upstream & tr_stage_bit(i)))
			continue;
		struct tr_stage *up = tr_stage_of(c, j, i);
		up->downstream |= tr_stage_bit(stage);
		if (!is_complete(up))
			s->blocked++;
	}
	if (!is_complete(s))
		j->stages_open++;
}

void tr_stage_plan(struct tr_core *c, struct tr_job *j,
	const struct tr_core_stage_plan *plan, uint32_t count)
{
	tr_assert(count <= c->limits.stages);
	j->stages_count = count;
	uint32_t first = j->tasks_first;
	for (uint32_t i = 0; i < count; i++) {
		add_stage(c, j, i, &plan[i], first);
		add_lanes(c, j, i, plan[i].groups);
		first += plan[i].lanes;
	}
}
