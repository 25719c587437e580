/*
 * What happens to a task whose attempt did not finish: again at once when it
 * was lost, later and elsewhere when it failed, never without end.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_RETRY_H
#define TR_DRIVER_CORE_RETRY_H

#include "driver/core/state.h"

/*
 * The attempt is gone through no fault of the task: RUNNING -> PENDING, or
 * its job fails after too many. `avoid`: a node to keep away from, or 0.
 */
void tr_retry_lost(
	struct tr_core *c, struct tr_job *j, uint32_t task, uint64_t avoid);

/* The attempt failed on that executor: RUNNING -> BACKOFF, or the job fails. */
void tr_retry_failed(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, int error, bool worker_died);

#endif /* TR_DRIVER_CORE_RETRY_H */
