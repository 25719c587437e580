/*
 * Artefacts by their SHA-256, in the spool: what is there is used, what is not
 * is asked of the driver and believed only when its digest is right.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_ARTEFACT_H
#define TR_EXECUTOR_EDGE_ARTEFACT_H

#include "common/base/err.h"
#include "common/wire/frame.h"
#include "executor/core/executor.h"

struct tr_daemon;
struct tr_job;

/* The answer is an ARTEFACT event. */
void tr_artefact_get(struct tr_daemon *d, struct tr_job_id job);

/* The driver's reply. TR_EPROTO, TR_ELIMIT: it is none. */
int tr_artefact_arrived(struct tr_daemon *d, const struct tr_frame *f,
	struct tr_error *err) TR_MUST_USE;

/* The job goes; so does its artefact, unless another job has the same. */
void tr_artefact_forget(struct tr_daemon *d, const struct tr_job *job);

#endif /* TR_EXECUTOR_EDGE_ARTEFACT_H */
