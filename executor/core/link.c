#include "executor/core/state.h"

enum {
	/* A driver that restarts is back within a second; one that refuses
	   needs a person. */
	REDIAL_MS_MIN = 50,
	REDIAL_MS_MAX = 2000,
	/* After a registration that did not last: two executors of one name
	   would replace each other as fast as they can dial. A driver that
	   crashes again is still back before it gives held tasks up. */
	STEADY_MS = 1000,
	UNSTEADY_DIALS = 3,
};

/* Twice as long each time, and half of it by chance. */
static uint64_t redial_ms(struct tr_executor *x)
{
	uint64_t ms = REDIAL_MS_MAX;
	if (x->failed_dials < 6)
		ms = (uint64_t)REDIAL_MS_MIN << x->failed_dials;
	if (ms > REDIAL_MS_MAX)
		ms = REDIAL_MS_MAX;
	return ms / 2 + tr_rng_below(&x->rng, ms / 2 + 1);
}

static void dial(struct tr_executor *x)
{
	x->link = LINK_DIALING;
	tr_executor_act(x, TR_EXECUTOR_DIAL);
}

static void retry_later(struct tr_executor *x)
{
	x->link = LINK_IS_DOWN;
	x->retry_at_ms = x->now_ms + redial_ms(x);
	x->failed_dials++;
}

void tr_link_start(struct tr_executor *x)
{
	dial(x);
}

void tr_link_up(struct tr_executor *x)
{
	tr_assert(x->link == LINK_DIALING);
	x->link = LINK_GREETING;
	tr_executor_act(x, TR_EXECUTOR_SEND_HELLO);
}

void tr_link_down(struct tr_executor *x)
{
	if (x->link == LINK_IS_UP && x->now_ms - x->up_since_ms < STEADY_MS)
		x->failed_dials = UNSTEADY_DIALS;
	if (x->link != LINK_IS_DOWN)
		retry_later(x);
}

static void hang_up(struct tr_executor *x)
{
	tr_executor_act(x, TR_EXECUTOR_HANG_UP);
	retry_later(x);
}

void tr_link_greeted(struct tr_executor *x, const struct tr_executor_event *e)
{
	if (x->link != LINK_GREETING)
		return;
	if (e->refused || !tr_link_accepts(x, e->term)) {
		hang_up(x);
		return;
	}
	x->link = LINK_REGISTERING;
	x->heartbeat_ms = e->heartbeat_ms;
	x->heartbeat_at_ms = x->now_ms + x->heartbeat_ms;
	tr_executor_act(x, TR_EXECUTOR_SEND_REGISTER);
}

void tr_link_registered(struct tr_executor *x, bool draining)
{
	if (x->link != LINK_REGISTERING)
		return;
	x->link = LINK_IS_UP;
	x->up_since_ms = x->now_ms;
	x->failed_dials = 0;
	x->driver_drains = draining;
	tr_executor_act(x, TR_EXECUTOR_SEND_KEPT);
	tr_jobs_registered(x);
	if (x->terminating)
		tr_executor_act(x, TR_EXECUTOR_SEND_DRAIN);
}

static bool beats(const struct tr_executor *x)
{
	return x->link == LINK_REGISTERING || x->link == LINK_IS_UP;
}

void tr_link_tick(struct tr_executor *x)
{
	if (x->link == LINK_IS_DOWN && x->now_ms >= x->retry_at_ms)
		dial(x);
	if (beats(x) && x->now_ms >= x->heartbeat_at_ms) {
		x->heartbeat_at_ms = x->now_ms + x->heartbeat_ms;
		tr_executor_act(x, TR_EXECUTOR_SEND_HEARTBEAT);
	}
}

uint64_t tr_link_deadline(const struct tr_executor *x)
{
	if (x->link == LINK_IS_DOWN)
		return x->retry_at_ms;
	return beats(x) ? x->heartbeat_at_ms : UINT64_MAX;
}

bool tr_link_accepts(struct tr_executor *x, struct tr_term term)
{
	if (term.v < x->term.v) {
		x->stale++;
		return false;
	}
	x->term = term;
	return true;
}
