#include "driver/core/work.h"

#include "common/base/err.h"
#include "driver/core/attempt.h"
#include "driver/core/emit.h"
#include "driver/core/job.h"
#include "driver/core/member.h"
#include "driver/core/place.h"
#include "driver/core/recover.h"
#include "driver/core/retry.h"
#include "driver/core/stage.h"
#include "driver/core/task.h"

/*
 * Each function below does one kind of work until it is all done (true) or
 * the update is full (false). A piece emits a few actions at most.
 */

/* ----------------------------------------------------------- executors */

static bool lose_attempts(struct tr_core *c, const struct tr_member *e)
{
	while (e->attempts.count > 0) {
		if (!tr_has_room(c))
			return false;
		uint32_t row = e->attempts.head;
		uint32_t task = c->attempts[row].task;
		if (task != TR_ROW_NONE) {
			struct tr_job *j = &c->jobs[c->tasks[task].job];
			tr_attempt_unwant(
				c, row, TR_CORE_TASK_END_LOST, TR_ELOST);
			if (j->state == TR_CORE_JOB_RUNNING &&
				!TR_CANARY(FORGET_LOST_ATTEMPTS))
				tr_retry_lost(c, j, task, 0);
		}
		tr_attempt_free(c, row);
	}
	return true;
}

/* The blocks of a lane are gone with their executor. */
static void lose_blocks(struct tr_core *c, uint32_t task)
{
	const struct tr_task *t = &c->tasks[task];
	struct tr_job *j = &c->jobs[t->job];
	if (j->state == TR_CORE_JOB_RUNNING && !j->recovering &&
		tr_stage_is_needed(c, j, t->stage) &&
		!TR_CANARY(FORGET_LOST_BLOCKS))
		tr_core_job_unfinish(c, j, task);
	else
		tr_core_task_lose_blocks(c, j, task);
}

static bool lose_held(struct tr_core *c, const struct tr_member *e)
{
	while (e->held.count > 0) {
		if (!tr_has_room(c))
			return false;
		lose_blocks(c, e->held.head);
	}
	return true;
}

static bool lose_silent(struct tr_core *c)
{
	uint32_t row;
	while ((row = tr_member_silent(c)) != TR_ROW_NONE) {
		if (!tr_has_room(c))
			return false;
		tr_member_lose(c, row, TR_ETIMEOUT);
	}
	return true;
}

static bool take_executors_apart(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->executors_top && c->lost > 0; i++) {
		const struct tr_member *e = &c->executors[i];
		if (e->state != TR_CORE_EXECUTOR_LOST)
			continue;
		if (!lose_attempts(c, e) || !lose_held(c, e))
			return false;
		tr_member_forget(c, i);
	}
	return true;
}

/* ---------------------------------------------------------------- jobs */

static bool announce(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->jobs_top && c->announcing > 0; i++) {
		if (!tr_has_room(c))
			return false;
		if (c->jobs[i].announce)
			tr_recover_announce(c, &c->jobs[i]);
	}
	return true;
}

static bool kill_attempts(struct tr_core *c, const struct tr_job *j)
{
	while (j->running.count > 0) {
		if (!tr_has_room(c))
			return false;
		tr_attempt_kill(c, j->running.head);
	}
	return true;
}

static bool tell_executors(struct tr_core *c, struct tr_job *j)
{
	struct tr_attempt_ref ref = { .job = j->id };
	for (; j->told < c->executors_top; j->told++) {
		struct tr_executor_id id = c->executors[j->told].id;
		if (!tr_has_room(c))
			return false;
		if (tr_share_of(c, j, j->told)->involved &&
			tr_member_find(c, id) == j->told)
			tr_emit_send(c, TR_CORE_SEND_JOB_END, id, &ref);
	}
	return true;
}

static bool take_jobs_apart(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->jobs_top && c->ending > 0; i++) {
		struct tr_job *j = &c->jobs[i];
		if (j->state != TR_CORE_JOB_ENDING)
			continue;
		if (!kill_attempts(c, j) || !tell_executors(c, j))
			return false;
		tr_core_job_forget(c, j);
	}
	return true;
}

/* --------------------------------------------------------------- lanes */

/* Attempts that read input which has been replaced since. */
static bool stop_stale(struct tr_core *c, struct tr_job *j)
{
	uint32_t row = j->running.head;
	while (row != TR_ROW_NONE) {
		if (!tr_has_room(c))
			return false;
		uint32_t next = c->attempt_job_links[row].next;
		uint32_t task = c->attempts[row].task;
		if (j->stale & tr_stage_bit(c->tasks[task].stage)) {
			tr_attempt_kill(c, row);
			tr_core_task_again(c, j, task, true);
		}
		row = next;
	}
	j->stale = 0;
	return true;
}

/* Lanes whose blocks nobody has, now that they are needed. */
static bool revive_stage(struct tr_core *c, struct tr_job *j, uint32_t stage)
{
	const struct tr_stage *s = tr_stage_of(c, j, stage);
	while (s->gone.count > 0 && tr_stage_is_needed(c, j, stage)) {
		if (!tr_has_room(c))
			return false;
		tr_core_job_unfinish(c, j, s->gone.head);
	}
	j->revive &= ~tr_stage_bit(stage);
	return true;
}

static bool repair_job(struct tr_core *c, struct tr_job *j)
{
	if (j->stale && !stop_stale(c, j))
		return false;
	while (j->revive && !j->recovering) {
		/* From the end: what runs again needs its input in turn. */
		uint32_t last = 63 - (uint32_t)__builtin_clzll(j->revive);
		if (!revive_stage(c, j, last))
			return false;
	}
	return true;
}

static bool repair_jobs(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->jobs_top; i++) {
		struct tr_job *j = &c->jobs[i];
		if (j->state == TR_CORE_JOB_RUNNING && !repair_job(c, j))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------- leaving */

static bool is_needed(const struct tr_core *c, uint32_t task)
{
	const struct tr_task *t = &c->tasks[task];
	const struct tr_job *j = &c->jobs[t->job];
	return j->state == TR_CORE_JOB_RUNNING &&
	       tr_stage_is_needed(c, j, t->stage);
}

/* An executor that leaves may forget blocks that nobody will read. */
static bool may_leave(struct tr_core *c, const struct tr_member *e)
{
	while (e->held.count > 0) {
		uint32_t task = e->held.head;
		if (is_needed(c, task))
			return false;
		tr_core_task_lose_blocks(c, &c->jobs[c->tasks[task].job], task);
	}
	return e->attempts.count == 0;
}

static bool say_goodbye(struct tr_core *c)
{
	static const struct tr_attempt_ref none;
	if (c->draining == 0)
		return true;
	for (uint32_t i = 0; i < c->executors_top; i++) {
		struct tr_member *e = &c->executors[i];
		if (e->state != TR_CORE_EXECUTOR_DRAINING || e->goodbye ||
			!may_leave(c, e))
			continue;
		if (!tr_has_room(c))
			return false;
		e->goodbye = true;
		tr_emit_send(c, TR_CORE_SEND_GOODBYE, e->id, &none);
	}
	return true;
}

static bool place(struct tr_core *c)
{
	do {
		if (!tr_has_room(c))
			return false;
	} while (tr_place_one(c));
	tr_place_report(c);
	return true;
}

bool tr_work(struct tr_core *c)
{
	return !(announce(c) && lose_silent(c) && take_executors_apart(c) &&
		 take_jobs_apart(c) && repair_jobs(c) && say_goodbye(c) &&
		 place(c));
}
