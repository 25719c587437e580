/*
 * From stored records back to a running core.
 *
 * Lanes with a stored result are finished. Those that others read from start
 * as GONE, because nobody knows yet whether their executor still has the
 * blocks; executors say so when they register. Nothing of a recovered batch
 * is launched until a grace time is over, so that attempts which run on are
 * adopted and not run twice; then the lanes that are missing run again.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_RECOVER_H
#define TR_DRIVER_CORE_RECOVER_H

#include "driver/core/state.h"

void tr_recover_job(struct tr_core *c, const struct tr_core_job_event *ev);
void tr_recover_task(
	struct tr_core *c, const struct tr_core_recover_task_event *ev);
void tr_recover_end(struct tr_core *c);

/* Tells of one recovered job, and goes on with it. */
void tr_recover_announce(struct tr_core *c, struct tr_job *j);

/* At a TICK: the grace time may be over. */
void tr_recover_tick(struct tr_core *c);

#endif /* TR_DRIVER_CORE_RECOVER_H */
