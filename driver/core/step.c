/*
 * The core's table of contents: which file answers which event.
 */
#include "driver/core/core.h"

#include "driver/core/held.h"
#include "driver/core/job.h"
#include "driver/core/member.h"
#include "driver/core/recover.h"
#include "driver/core/report.h"
#include "driver/core/task.h"
#include "driver/core/work.h"

static void init(struct tr_core *c, const struct tr_core_init_event *ev)
{
	tr_assert(c->term.v == 0 && ev->term.v > 0);
	c->term = ev->term;
	c->recovering = true;
	tr_rng_init(&c->rng, ev->seed);
}

static void tick(struct tr_core *c)
{
	c->tick_ms = c->now_ms;
	tr_core_task_wake(c);
	tr_recover_tick(c);
}

static void take(struct tr_core *c, const struct tr_core_event *ev)
{
	switch (ev->kind) {
	case TR_CORE_INIT:
		init(c, &ev->u.init);
		break;
	case TR_CORE_RECOVER_JOB:
		tr_recover_job(c, &ev->u.job);
		break;
	case TR_CORE_RECOVER_TASK:
		tr_recover_task(c, &ev->u.recover);
		break;
	case TR_CORE_RECOVER_END:
		tr_recover_end(c);
		break;
	case TR_CORE_TICK:
		tick(c);
		break;
	case TR_CORE_CONTINUE:
		break;
	case TR_CORE_EXECUTOR_UP:
		tr_member_up(c, &ev->u.up);
		break;
	case TR_CORE_TASK_HELD:
		tr_held_take(c, &ev->u.report);
		break;
	case TR_CORE_EXECUTOR_READY:
		tr_member_ready(c, ev->u.member.executor);
		break;
	case TR_CORE_EXECUTOR_HEARD:
		tr_member_heard(c, ev->u.member.executor);
		break;
	case TR_CORE_EXECUTOR_DRAIN:
		tr_member_drain(c, ev->u.member.executor);
		break;
	case TR_CORE_EXECUTOR_DOWN:
		tr_member_down(c, ev->u.member.executor);
		break;
	case TR_CORE_JOB_ADD:
		tr_core_job_add(c, &ev->u.job);
		break;
	case TR_CORE_JOB_PLANNED:
		tr_core_job_planned(c, &ev->u.plan);
		break;
	case TR_CORE_JOB_PLAN_FAILED:
	case TR_CORE_JOB_CANCEL:
		tr_core_job_stop(c, &ev->u.stop);
		break;
	case TR_CORE_TASK_DONE:
		tr_report_done(c, &ev->u.report);
		break;
	case TR_CORE_TASK_FAILED:
		tr_report_failed(c, &ev->u.report);
		break;
	case TR_CORE_BLOCKS_LOST:
		tr_report_blocks_lost(c, &ev->u.report);
		break;
	case TR_CORE_COMMITTED:
		tr_core_job_committed(c, &ev->u.committed);
		break;
	case TR_CORE_EVENTS:
		tr_assert(ev->kind != TR_CORE_EVENTS);
		break;
	}
}

static uint64_t deadline(const struct tr_core *c)
{
	uint64_t at = c->grace_ms;
	if (at > tr_member_deadline(c))
		at = tr_member_deadline(c);
	if (at > tr_timer_next(&c->backoff))
		at = tr_timer_next(&c->backoff);
	return at;
}

static void clear(struct tr_core_update *u)
{
	u->records_count = 0;
	u->sends_count = 0;
	u->commits_count = 0;
	u->notices_count = 0;
}

void tr_core_step(struct tr_core *c, const struct tr_core_event *ev,
	struct tr_core_update *u)
{
	tr_assert(ev->now_ms >= c->now_ms);
	tr_assert(!c->more || ev->kind == TR_CORE_CONTINUE);
	tr_assert(c->term.v > 0 || ev->kind == TR_CORE_INIT);
	clear(u);
	c->now_ms = ev->now_ms;
	c->step++;
	c->update = u;
	take(c, ev);
	c->more = tr_work(c);
	c->update = NULL;
	u->more = c->more;
	u->next_deadline_ms = deadline(c);
}
