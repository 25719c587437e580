/*
 * Learns a job's plan by running its program in a process of its own.
 *
 * The driver never runs user code. It starts the worker binary, sends the
 * artefact and reads the plan back; a program that crashes, loops or takes too
 * much memory costs that process and yields one line that says so.
 *
 * Thread: any; blocks up to the time limit.
 */
#ifndef TR_DRIVER_PLAN_PLAN_WORKER_H
#define TR_DRIVER_PLAN_PLAN_WORKER_H

#include "common/base/err.h"
#include "common/data/slice.h"
#include "common/wire/msg.h"

struct tr_plan_worker {
	const char *binary; /* tranche-worker */
	uint32_t timeout_ms;
	uint64_t memory_bytes;
};

/*
 * The answer, freed with tr_msg_free; its error field is clear. TR_EUSER when
 * the program is wrong (the text starts with file and line), TR_EKILLED when it
 * had to be ended, TR_EIO when no worker could be started.
 */
int tr_plan_worker_run(const struct tr_plan_worker *w,
	const Tranche__V1__SubmitRequest *request, struct tr_slice artefact,
	Tranche__V1__WorkerPlan **out, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_PLAN_PLAN_WORKER_H */
