/*
 * What executors say about attempts: done, failed, missing input.
 *
 * A report counts only if its executor is registered, its term is the
 * driver's and its attempt is wanted. Output of an attempt that is not is
 * answered with a KILL, so that the executor drops it; a repeated report of
 * output that counts already, and one of another term, is not answered.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_REPORT_H
#define TR_DRIVER_CORE_REPORT_H

#include "driver/core/state.h"

void tr_report_done(struct tr_core *c, const struct tr_core_report_event *ev);
void tr_report_failed(struct tr_core *c, const struct tr_core_report_event *ev);
void tr_report_blocks_lost(
	struct tr_core *c, const struct tr_core_report_event *ev);

#endif /* TR_DRIVER_CORE_REPORT_H */
