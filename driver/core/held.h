/*
 * Tasks that an executor still holds when it registers: output of finished
 * attempts and attempts that run on. What can still count is adopted; the
 * rest is dropped (KILL).
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_HELD_H
#define TR_DRIVER_CORE_HELD_H

#include "driver/core/state.h"

void tr_held_take(struct tr_core *c, const struct tr_core_report_event *ev);

#endif /* TR_DRIVER_CORE_HELD_H */
