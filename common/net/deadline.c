#include "common/net/deadline.h"

enum {
	/*
	 * Arrivals are noticed by scans, so that a silence seems to begin up
	 * to one scan late: scan often enough for this to be a small part.
	 */
	SCANS_PER_IDLE = 8,
};

static void note(struct tr_deadline *d, const struct tr_deadline_facts *facts,
	uint64_t now_ms)
{
	if (!d->started)
		d->start_ms = now_ms;
	if (!d->started || facts->received || facts->paused)
		d->last_rx_ms = now_ms;
	d->started = true;
	if (facts->finishing && d->finish_ms == 0)
		d->finish_ms = now_ms + facts->linger_ms;
}

static void sooner(uint64_t *next, uint64_t at)
{
	if (at < *next)
		*next = at;
}

enum tr_deadline_verdict tr_deadline_check(struct tr_deadline *d,
	const struct tr_deadline_facts *facts, uint64_t now_ms, uint64_t *next)
{
	*next = UINT64_MAX;
	note(d, facts, now_ms);
	if (facts->finishing) {
		if (now_ms >= d->finish_ms)
			return TR_DEADLINE_LINGER;
		sooner(next, d->finish_ms);
	}
	/* A Hello that the loop has been too busy to read is no silence. */
	if (!facts->authenticated && !facts->waiting) {
		if (now_ms >= d->start_ms + facts->hello_ms)
			return TR_DEADLINE_HELLO;
		sooner(next, d->start_ms + facts->hello_ms);
	}
	if (d->idle_ms > 0) {
		if (now_ms >= d->last_rx_ms + d->idle_ms)
			return TR_DEADLINE_IDLE;
		sooner(next, d->last_rx_ms + d->idle_ms);
		sooner(next, now_ms + d->idle_ms / SCANS_PER_IDLE);
	}
	return TR_DEADLINE_NONE;
}
