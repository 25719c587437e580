/*
 * A worker: the process in which a job's tasks run, one at a time, for one
 * slot of an executor; or in which the driver learns a job's plan.
 *
 * It speaks frames over one socket (worker.proto). WorkerInit comes first and
 * names the job; without a plan digest the answer is WorkerPlan, with one there
 * is none. Then WorkerTask after WorkerTask is answered with ResultChunk and
 * JobLog frames and, last, one WorkerDone. What is wrong with the job or its
 * plan is the answer to each task. It ends when the socket does.
 *
 * The Kafka handle and the mapped page stay from task to task; the program, if
 * the plan has functions, is loaded anew for each, so that nothing user code
 * left behind reaches the next attempt.
 *
 * Thread: the process's main one; librdkafka has its own.
 */
#ifndef TR_EXECUTOR_WORKER_WORKER_H
#define TR_EXECUTOR_WORKER_WORKER_H

#include "common/base/err.h"
#include "common/plan/stages.h"
#include "common/wire/framefd.h"
#include "executor/op/program.h"
#include "executor/reader/reader.h"
#include "executor/worker/page.h"
#include "executor/worker/uplink.h"

struct tr_worker {
	struct tr_framefd in;
	struct tr_uplink up;
	Tranche__V1__WorkerInit *init;
	uint8_t *artefact;
	size_t artefact_n;

	struct tr_program *program; /* loaded and not used yet, or NULL */
	Tranche__V1__JobPlan *plan; /* a copy */
	struct tr_stages *stages;
	uint32_t lanes[TR_STAGES_MAX];
	bool has_functions;
	struct tr_error
		init_error; /* the job cannot run here; code 0: it can */
	char init_where[128];

	struct tr_reader *reader; /* NULL before the first range */
	struct tr_page *page;
	struct tr_page own_page; /* where no file was named */
};

/*
 * Serves fd until the other side closes: 0, or what broke the connection, or
 * TR_EPROTO for a peer that is no executor. The process is prepared by main.c.
 */
int tr_worker_run(int fd, struct tr_error *err) TR_MUST_USE;

/*
 * Loads the job's program anew. TR_EUSER with where, TR_EINVAL, TR_ENOMEM.
 */
int tr_worker_load(struct tr_worker *w, struct tr_user_error *where,
	struct tr_error *err) TR_MUST_USE;

/* Bytes that the program's heap and the operators may take, each. */
uint64_t tr_worker_program_memory(const struct tr_worker *w);
uint64_t tr_worker_operator_memory(const struct tr_worker *w);

#endif /* TR_EXECUTOR_WORKER_WORKER_H */
