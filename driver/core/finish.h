/*
 * A lane's output and its version.
 *
 * A lane may be executed again after its blocks were lost. Both executions
 * give the same digest if the job is deterministic; if not, the two versions
 * must not meet in one result. The rules that keep them apart:
 *
 * 1. The attempt that last finished a lane (its version) only grows.
 * 2. Output that differs from the known digest replaces it only if no lane
 *    that read the old one has finished; those that run are stopped. It must
 *    come from an attempt that is newer than every attempt that may have read
 *    the old one. Otherwise the batch fails (TR_ENONDET), or the lane runs
 *    once more.
 * 3. An attempt that comes back (held) counts only if it is newer than the
 *    versions of all lanes it reads.
 *
 * By 1 and 2 an attempt that is newer than all versions it reads has read
 * exactly their contents, also across restarts: versions and digests are
 * stored, and attempt numbers grow with the term.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_FINISH_H
#define TR_DRIVER_CORE_FINISH_H

#include "driver/core/state.h"

/*
 * Output of an attempt that was wanted until now (its task is RUNNING and has
 * let go of it): takes it, runs the lane again, or fails the batch.
 */
void tr_finish_report(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev);

/* Whether output that an executor still holds may count by rules 1 to 3. */
bool tr_finish_may_adopt(struct tr_core *c, const struct tr_job *j,
	uint32_t task, const struct tr_core_report_event *ev);

/* Takes it; the task is not DONE, and if RUNNING, has let go. */
void tr_finish_adopt(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, const struct tr_core_report_event *ev);

/* A report that comes too late to count: only looked at. */
void tr_finish_compare(struct tr_core *c, uint32_t task,
	const struct tr_core_report_event *ev);

/* After a lane became finished: the batch may be complete. */
void tr_finish_batch(struct tr_core *c, struct tr_job *j);

#endif /* TR_DRIVER_CORE_FINISH_H */
