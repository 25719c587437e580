/*
 * What an event leaves to do, in pieces that fit an update: executors and
 * jobs to take apart, lanes to stop or to run again, tasks to place.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_WORK_H
#define TR_DRIVER_CORE_WORK_H

#include "driver/core/state.h"

/* Does as much as fits; true: there is more. */
bool tr_work(struct tr_core *c);

#endif /* TR_DRIVER_CORE_WORK_H */
