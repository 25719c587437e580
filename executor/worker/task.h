/*
 * One task: reads its range or its blocks, runs the stage, sends what comes
 * out and, last, WorkerDone with a receipt or an error.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_WORKER_TASK_H
#define TR_EXECUTOR_WORKER_TASK_H

#include "executor/worker/worker.h"

/* 0 when WorkerDone was sent, whatever it says; else the connection broke. */
int tr_task_run(
	struct tr_worker *w, const Tranche__V1__WorkerTask *task) TR_MUST_USE;

#endif /* TR_EXECUTOR_WORKER_TASK_H */
