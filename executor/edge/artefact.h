/*
 * Artefacts by their SHA-256, in the spool: what is there is used, what is not
 * is asked of the driver and believed only when its digest is right.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_ARTEFACT_H
#define TR_EXECUTOR_EDGE_ARTEFACT_H

#include "common/wire/frame.h"
#include "executor/core/executor.h"

struct tr_daemon;

/* The answer is an ARTEFACT event. */
void tr_artefact_get(struct tr_daemon *d, struct tr_job_id job);

/* The driver's reply. */
void tr_artefact_arrived(struct tr_daemon *d, const struct tr_frame *f);

#endif /* TR_EXECUTOR_EDGE_ARTEFACT_H */
