/*
 * Filling the update of the running step.
 *
 * One event by itself emits a few actions at most; everything that may be
 * long is done in pieces by work.c, each piece only while tr_has_room().
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_EMIT_H
#define TR_DRIVER_CORE_EMIT_H

#include "driver/core/state.h"

/* Whether another piece of work surely fits. */
bool tr_has_room(const struct tr_core *c);

void tr_emit_record(struct tr_core *c, enum tr_core_record_kind kind,
	const struct tr_attempt_ref *ref, struct tr_executor_id executor);
void tr_emit_job_end(struct tr_core *c, const struct tr_job *j);
void tr_emit_commit(struct tr_core *c, const struct tr_job *j);

/* A send without more than these. */
void tr_emit_send(struct tr_core *c, enum tr_core_send_kind kind,
	struct tr_executor_id executor, const struct tr_attempt_ref *ref);
void tr_emit_launch(struct tr_core *c, const struct tr_attempt *a);
void tr_emit_registered(struct tr_core *c, const struct tr_member *e);
void tr_emit_close(
	struct tr_core *c, struct tr_executor_id executor, int error);

void tr_emit_job_notice(struct tr_core *c, enum tr_core_notice_kind kind,
	struct tr_job_id job, int error);
void tr_emit_job_state(struct tr_core *c, const struct tr_job *j);
void tr_emit_excluded(
	struct tr_core *c, const struct tr_job *j, const struct tr_member *e);
void tr_emit_executor_state(struct tr_core *c, const struct tr_member *e);
void tr_emit_started(
	struct tr_core *c, const struct tr_attempt *a, bool adopted);
void tr_emit_ended(struct tr_core *c, const struct tr_attempt *a,
	enum tr_core_task_end end, int error);
void tr_emit_nondeterminism(struct tr_core *c, const struct tr_attempt_ref *ref,
	struct tr_executor_id executor);

#endif /* TR_DRIVER_CORE_EMIT_H */
