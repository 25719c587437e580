/*
 * Everything that is always true of the tables, counted again from scratch.
 */
#include "driver/core/core.h"

#include "driver/core/state.h"

/* What the walk over the jobs finds, to compare with the executors. */
struct seen {
	uint32_t wanted;
	uint32_t held;
	uint32_t backoff;
};

static void check_list(const struct tr_list *list, const struct tr_link *links)
{
	uint32_t n = 0;
	uint32_t prev = TR_ROW_NONE;
	for (uint32_t i = list->head; i != TR_ROW_NONE; i = links[i].next) {
		tr_assert(links[i].prev == prev);
		tr_assert(n < list->count);
		prev = i;
		n++;
	}
	tr_assert(list->tail == prev);
	tr_assert(n == list->count);
}

/* ---------------------------------------------------------------- jobs */

static void check_running(
	const struct tr_core *c, const struct tr_task *t, uint32_t row)
{
	const struct tr_attempt *a = &c->attempts[t->attempt];
	const struct tr_member *e = &c->executors[a->executor];
	tr_assert(a->task == row);
	tr_assert(a->ref.attempt.v > t->version);
	tr_assert(e->state != TR_CORE_EXECUTOR_FREE);
	tr_assert(e->state != TR_CORE_EXECUTOR_LOST || c->more);
}

static void check_done(const struct tr_core *c, const struct tr_task *t)
{
	tr_assert(t->known);
	tr_assert(t->has_blocks == (t->holder != TR_ROW_NONE));
	if (!t->has_blocks)
		return;
	const struct tr_member *e = &c->executors[t->holder];
	tr_assert(e->state != TR_CORE_EXECUTOR_FREE);
	tr_assert(e->state != TR_CORE_EXECUTOR_LOST || c->more);
}

static void check_task(const struct tr_core *c, const struct tr_task *t,
	uint32_t row, struct seen *seen)
{
	tr_assert(t->state < TR_TASK_STATES);
	tr_assert((t->state == TR_TASK_RUNNING) == (t->attempt != TR_ROW_NONE));
	tr_assert(t->holder == TR_ROW_NONE || t->state == TR_TASK_DONE);
	if (t->state == TR_TASK_RUNNING) {
		check_running(c, t, row);
	} else if (t->state == TR_TASK_BACKOFF) {
		tr_assert(c->backoff.heap[c->backoff.place[row]].row == row);
		seen->backoff++;
	} else if (t->state == TR_TASK_DONE) {
		check_done(c, t);
		seen->held += t->has_blocks;
	} else if (t->state == TR_TASK_GONE) {
		tr_assert(t->known && t->has_blocks);
	}
}

static void check_queues(const struct tr_core *c, const struct tr_stage *s)
{
	uint32_t pending = s->retry.count;
	check_list(&s->retry, c->task_links);
	check_list(&s->groups, c->group_links);
	check_list(&s->gone, c->task_links);
	for (uint32_t g = s->groups.head; g != TR_ROW_NONE;
		g = c->group_links[g].next) {
		tr_assert(c->groups[g].pending.count > 0);
		check_list(&c->groups[g].pending, c->task_links);
		pending += c->groups[g].pending.count;
	}
	tr_assert(pending == s->pending);
}

static void check_lanes(const struct tr_core *c, const struct tr_stage *s,
	uint32_t stage, struct seen *seen)
{
	uint32_t in[TR_TASK_STATES] = { 0 };
	uint32_t known = 0;
	uint64_t version_max = 0;
	for (uint32_t i = 0; i < s->lanes; i++) {
		const struct tr_task *t = &c->tasks[s->first + i];
		tr_assert(t->stage == stage);
		check_task(c, t, s->first + i, seen);
		in[t->state]++;
		known += t->known;
		if (version_max < t->version)
			version_max = t->version;
	}
	tr_assert(in[TR_TASK_PENDING] == s->pending);
	tr_assert(in[TR_TASK_DONE] + in[TR_TASK_GONE] == s->finished);
	tr_assert(in[TR_TASK_GONE] == s->gone.count);
	tr_assert(known == s->known);
	tr_assert(version_max == s->version_max);
}

static void check_stage(const struct tr_core *c, const struct tr_job *j,
	uint32_t stage, struct seen *seen)
{
	const struct tr_stage *s = tr_stage_of(c, j, stage);
	uint32_t blocked = 0;
	bool needed = false;
	for (uint32_t i = 0; i < j->stages_count; i++) {
		const struct tr_stage *other = tr_stage_of(c, j, i);
		bool open = other->finished < other->lanes;
		blocked += (s->upstream & tr_stage_bit(i)) && open;
		needed |= (s->downstream & tr_stage_bit(i)) && open;
	}
	tr_assert(blocked == s->blocked);
	tr_assert(!!(j->ready & tr_stage_bit(stage)) ==
			  (s->blocked == 0 && s->pending > 0) ||
		  TR_CANARY(REDUCE_EARLY));
	tr_assert(s->gone.count == 0 || !needed || c->more || j->recovering ||
		  c->recovering || TR_CANARY(FORGET_LOST_BLOCKS));
	check_queues(c, s);
	check_lanes(c, s, stage, seen);
}

static void check_batch(
	const struct tr_core *c, const struct tr_job *j, struct seen *seen)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i < j->stages_count; i++) {
		const struct tr_stage *s = tr_stage_of(c, j, i);
		check_stage(c, j, i, seen);
		open += s->finished < s->lanes;
	}
	tr_assert(open == j->stages_open);
	tr_assert(
		(j->stages_open == 0) == (j->state == TR_CORE_JOB_COMMITTING) ||
		c->recovering || c->more || TR_CANARY(COMMIT_EARLY));
}

static void check_job(
	const struct tr_core *c, const struct tr_job *j, struct seen *seen)
{
	uint64_t rate = 0;
	check_list(&j->running, c->attempt_job_links);
	for (uint32_t i = j->running.head; i != TR_ROW_NONE;
		i = c->attempt_job_links[i].next)
		rate += c->attempts[i].rate;
	tr_assert(rate == j->rate_used);
	tr_assert(j->max_rate == 0 || rate <= j->max_rate);
	seen->wanted += j->running.count;
	if (j->state == TR_CORE_JOB_RUNNING ||
		j->state == TR_CORE_JOB_COMMITTING)
		check_batch(c, j, seen);
	tr_assert(c->more || j->state != TR_CORE_JOB_ENDING);
	tr_assert(c->more || j->stale == 0);
	tr_assert(c->more || j->revive == 0 || j->recovering);
}

static void check_jobs(const struct tr_core *c, struct seen *seen)
{
	uint32_t jobs = 0;
	for (uint32_t i = 0; i < c->jobs_top; i++) {
		const struct tr_job *j = &c->jobs[i];
		if (j->state == TR_CORE_JOB_FREE)
			continue;
		jobs++;
		tr_assert(tr_index_find(&c->job_index, j->id.v) == i);
		check_job(c, j, seen);
	}
	tr_assert(jobs == c->jobs_count);
}

/* ----------------------------------------------------------- executors */

static uint32_t check_attempts(
	const struct tr_core *c, const struct tr_member *e)
{
	uint32_t wanted = 0;
	check_list(&e->attempts, c->attempt_links);
	tr_assert(e->attempts.count <= e->slots);
	for (uint32_t i = e->attempts.head; i != TR_ROW_NONE;
		i = c->attempt_links[i].next) {
		const struct tr_attempt *a = &c->attempts[i];
		tr_assert(&c->executors[a->executor] == e);
		if (a->task == TR_ROW_NONE)
			continue;
		tr_assert(c->tasks[a->task].attempt == i);
		wanted++;
	}
	return wanted;
}

static void check_held(
	const struct tr_core *c, const struct tr_member *e, uint32_t row)
{
	check_list(&e->held, c->task_links);
	for (uint32_t i = e->held.head; i != TR_ROW_NONE;
		i = c->task_links[i].next)
		tr_assert(c->tasks[i].holder == row);
}

static void check_offered(
	const struct tr_core *c, const struct tr_member *e, uint32_t row)
{
	uint32_t n = e->slots - e->attempts.count;
	uint32_t i = c->free_slots[n].head;
	while (i != TR_ROW_NONE && i != row)
		i = c->free_links[i].next;
	tr_assert(i == row);
	tr_assert(c->free_slots_map[n / 64] >> (n % 64) & 1);
}

static void check_executors(const struct tr_core *c, const struct seen *seen)
{
	uint32_t in[TR_CORE_EXECUTOR_STATES] = { 0 };
	uint32_t wanted = 0;
	uint32_t held = 0;
	uint32_t attempts = 0;
	for (uint32_t i = 0; i < c->executors_top; i++) {
		const struct tr_member *e = &c->executors[i];
		in[e->state]++;
		if (e->state == TR_CORE_EXECUTOR_FREE)
			continue;
		wanted += check_attempts(c, e);
		check_held(c, e, i);
		attempts += e->attempts.count;
		held += e->held.count;
		if (e->state == TR_CORE_EXECUTOR_ACTIVE)
			check_offered(c, e, i);
	}
	tr_assert(in[TR_CORE_EXECUTOR_JOINING] == c->joining);
	tr_assert(in[TR_CORE_EXECUTOR_ACTIVE] == c->active);
	tr_assert(in[TR_CORE_EXECUTOR_DRAINING] == c->draining);
	tr_assert(in[TR_CORE_EXECUTOR_LOST] == c->lost);
	tr_assert(c->joining + c->active + c->draining == c->heard.count);
	tr_assert(attempts == c->attempts_count);
	tr_assert(wanted == seen->wanted);
	tr_assert(held == seen->held);
}

static void check_shares(const struct tr_core *c, const struct tr_job *j)
{
	uint32_t excluded = 0;
	for (uint32_t i = 0; i < c->executors_top; i++) {
		const struct tr_share *share = tr_share_of(c, j, i);
		if (!share->excluded)
			continue;
		tr_assert(c->executors[i].state == TR_CORE_EXECUTOR_ACTIVE);
		excluded++;
	}
	tr_assert(excluded == j->excluded);
}

void tr_core_check(const struct tr_core *c)
{
	struct seen seen = { 0 };
	check_jobs(c, &seen);
	check_executors(c, &seen);
	check_list(&c->heard, c->heard_links);
	tr_assert(seen.backoff == c->backoff.count);
	for (uint32_t i = 0; i < c->jobs_top; i++)
		if (c->jobs[i].state != TR_CORE_JOB_FREE)
			check_shares(c, &c->jobs[i]);
	tr_assert(c->more || (c->lost == 0 && c->ending == 0));
}
