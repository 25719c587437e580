#include "driver/core/place.h"

#include "driver/core/attempt.h"
#include "driver/core/emit.h"
#include "driver/core/task.h"

enum {
	RETRY_LOOK = 16,      /* entries of a retry list that are looked at */
	PASS_UNIT = 1u << 20, /* stride of a job of weight 1 */
};

struct place {
	uint32_t executor;
	uint32_t task;
};

uint32_t tr_place_eligible(const struct tr_core *c, const struct tr_job *j)
{
	return c->active - j->excluded;
}

static bool is_placeable(const struct tr_core *c, const struct tr_job *j)
{
	return j->state == TR_CORE_JOB_RUNNING && !j->recovering &&
	       j->ready != 0 && j->placed_step != c->step;
}

static uint64_t pass_of(const struct tr_core *c, const struct tr_job *j)
{
	return j->pass > c->pass ? j->pass : c->pass;
}

static bool goes_before(
	const struct tr_core *c, const struct tr_job *a, const struct tr_job *b)
{
	uint64_t load_a = (uint64_t)a->running.count * b->weight;
	uint64_t load_b = (uint64_t)b->running.count * a->weight;
	if (load_a != load_b)
		return load_a < load_b;
	if (pass_of(c, a) != pass_of(c, b))
		return pass_of(c, a) < pass_of(c, b);
	return a->id.v < b->id.v;
}

static struct tr_job *next_job(struct tr_core *c)
{
	struct tr_job *best = NULL;
	for (uint32_t i = 0; i < c->jobs_top; i++) {
		struct tr_job *j = &c->jobs[i];
		if (is_placeable(c, j) && (!best || goes_before(c, j, best)))
			best = j;
	}
	return best;
}

/* ---------------------------------------------------- lane and executor */

static bool fits(const struct tr_core *c, const struct tr_job *j,
	const struct tr_task *t, uint32_t executor)
{
	return t->avoid != c->executors[executor].node ||
	       tr_place_eligible(c, j) == 1;
}

static uint32_t look_retry(const struct tr_core *c, const struct tr_job *j,
	const struct tr_stage *s, uint32_t executor)
{
	uint32_t row = s->retry.head;
	for (int n = 0; n < RETRY_LOOK && row != TR_ROW_NONE; n++) {
		if (fits(c, j, &c->tasks[row], executor))
			return row;
		row = c->task_links[row].next;
	}
	return TR_ROW_NONE;
}

static uint32_t look_groups(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, const struct tr_stage *s, uint32_t executor)
{
	const struct tr_share *share = tr_share_of(c, j, executor);
	uint32_t group = s->groups.head;
	if (group == TR_ROW_NONE)
		return TR_ROW_NONE;
	if (share->warm && share->warm_stage == stage &&
		c->groups[share->warm_group].pending.count > 0)
		group = share->warm_group;
	return c->groups[group].pending.head;
}

static uint32_t look(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, uint32_t executor)
{
	if (tr_share_of(c, j, executor)->excluded)
		return TR_ROW_NONE;
	const struct tr_stage *s = tr_stage_of(c, j, stage);
	uint32_t row = look_retry(c, j, s, executor);
	return row != TR_ROW_NONE ? row : look_groups(c, j, stage, s, executor);
}

/* Among executors with the same number of free slots. */
static bool look_among(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, const struct tr_list *among, struct place *found)
{
	bool reads_blocks = tr_stage_of(c, j, stage)->upstream != 0;
	uint32_t most = 0;
	bool any = false;
	for (uint32_t e = among->head; e != TR_ROW_NONE;
		e = c->free_links[e].next) {
		uint32_t blocks = tr_share_of(c, j, e)->blocks;
		if (any && blocks <= most)
			continue;
		uint32_t row = look(c, j, stage, e);
		if (row == TR_ROW_NONE)
			continue;
		*found = (struct place){ .executor = e, .task = row };
		if (!reads_blocks)
			return true;
		any = true;
		most = blocks;
	}
	return any;
}

/* The highest set bit of the map below `below`, or 0: bit 0 is never set. */
static uint32_t next_free_slots(const struct tr_core *c, uint32_t below)
{
	for (uint32_t word = below / 64 + 1; word-- > 0;) {
		uint64_t bits = c->free_slots_map[word];
		if (word == below / 64)
			bits &= tr_stage_bit(below % 64) - 1;
		if (word == 0)
			bits &= ~(uint64_t)1;
		if (bits)
			return word * 64 + 63 - (uint32_t)__builtin_clzll(bits);
	}
	return 0;
}

static bool find_place(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, struct place *found)
{
	uint32_t n = c->limits.slots_per_executor + 1;
	while ((n = next_free_slots(c, n)) > 0)
		if (look_among(c, j, stage, &c->free_slots[n], found))
			return true;
	return false;
}

/* --------------------------------------------------------------- launch */

/*
 * The job's rate is divided by the map lanes that can run at once. Shares
 * given out never exceed it: when slots were added since, a lane waits for
 * another to end.
 */
static bool rate_share(const struct tr_core *c, const struct tr_job *j,
	const struct tr_stage *s, uint64_t *rate)
{
	*rate = 0;
	if (j->max_rate == 0 || s->upstream != 0)
		return true;
	uint64_t at_once = s->lanes - s->finished;
	if (at_once > c->slots)
		at_once = c->slots;
	*rate = at_once > 0 ? j->max_rate / at_once : j->max_rate;
	if (*rate == 0)
		*rate = 1;
	return j->rate_used + *rate <= j->max_rate;
}

static void launch(struct tr_core *c, struct tr_job *j, uint32_t stage,
	const struct place *at, uint64_t rate)
{
	struct tr_stage *s = tr_stage_of(c, j, stage);
	struct tr_share *share = tr_share_of(c, j, at->executor);
	struct tr_attempt_id id = tr_attempt_issue(c);
	uint32_t row =
		tr_attempt_start(c, j, at->task, at->executor, id, rate, false);
	s->launched = id.v;
	share->warm = true;
	share->warm_stage = (uint8_t)stage;
	share->warm_group = c->tasks[at->task].group;
	c->pass = pass_of(c, j);
	j->pass = c->pass + PASS_UNIT / j->weight;
	j->waits = false;
	tr_emit_launch(c, &c->attempts[row]);
}

static bool place_stage(struct tr_core *c, struct tr_job *j, uint32_t stage)
{
	struct place at = { 0 };
	uint64_t rate;
	if (!rate_share(c, j, tr_stage_of(c, j, stage), &rate))
		return false;
	if (!find_place(c, j, stage, &at))
		return false;
	launch(c, j, stage, &at, rate);
	return true;
}

static bool place_job(struct tr_core *c, struct tr_job *j)
{
	for (uint64_t rest = j->ready; rest != 0; rest &= rest - 1)
		if (place_stage(c, j, (uint32_t)__builtin_ctzll(rest)))
			return true;
	return false;
}

/*
 * When every executor there is has been excluded, running on one of them is
 * better than waiting for a stranger; the attempts of a task stay limited.
 */
static void forgive(struct tr_core *c, struct tr_job *j)
{
	for (uint32_t i = 0; i < c->executors_top; i++) {
		struct tr_share *share = tr_share_of(c, j, i);
		share->excluded = false;
		share->failures = 0;
	}
	j->excluded = 0;
}

bool tr_place_one(struct tr_core *c)
{
	if (c->joining > 0 || c->recovering || c->active == 0 ||
		next_free_slots(c, c->limits.slots_per_executor + 1) == 0)
		return false;
	struct tr_job *j;
	while ((j = next_job(c)) != NULL) {
		if (tr_place_eligible(c, j) == 0)
			forgive(c, j);
		if (place_job(c, j))
			return true;
		j->placed_step = c->step;
	}
	return false;
}

void tr_place_report(struct tr_core *c)
{
	if (c->active > 0 || c->joining > 0 || c->recovering)
		return;
	for (uint32_t i = 0; i < c->jobs_top && tr_has_room(c); i++) {
		struct tr_job *j = &c->jobs[i];
		if (!is_placeable(c, j) || j->waits)
			continue;
		j->waits = true;
		tr_emit_job_notice(c, TR_CORE_NOTICE_JOB_WAITS, j->id, 0);
	}
}
