/*
 * Runs a whole job in this process, stage by stage, for tests of operators:
 * records in, the rows of its sinks out. What moves blocks and results from
 * stage to stage in a cluster is a few arrays here; everything between is the
 * real thing.
 *
 *	job_init(&j)
 *	src = job_op(&j, OP(SOURCE), -1); …; job_op(&j, OP(STORE), reduced)
 *	job_record(&j, src, lane, key, value)  in order of offsets, from 0
 *	job_run(&j, lanes)
 *	job_rows(&j, op, text)
 *	job_fini(&j)
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_EXECUTOR_OP_JOB_H
#define TR_TESTS_EXECUTOR_OP_JOB_H

#include "common/base/buf.h"
#include "common/plan/stages.h"
#include "executor/op/exec.h"

#define OP(suffix)      TRANCHE__V1__OPERATOR_KIND__OP_##suffix
#define REDUCER(suffix) TRANCHE__V1__REDUCER__REDUCER_##suffix

enum {
	JOB_OPS = 32,
	JOB_LANES = 8
};

struct job_block {
	uint32_t from_stage, from_lane; /* that wrote it */
	struct tr_exec_block info;
	uint8_t *bytes;
};

struct job_lane {
	struct tr_record_view *records;
	size_t n;
};

struct job {
	Tranche__V1__JobPlan plan;
	Tranche__V1__Operator *ops[JOB_OPS];
	struct job_lane sources[JOB_OPS][JOB_LANES];
	struct tr_stages *stages;
	struct job_block *blocks;
	size_t n_blocks;
	struct tr_buf results[JOB_OPS][JOB_LANES]; /* chunks of each run */
	uint32_t result_lane;

	/* Settings, with the values of job_init. */
	uint64_t memory_bytes;      /* 64 MiB */
	size_t piece;               /* records handed in at a time: all */
	struct tr_program *program; /* none */
	struct tr_page page;

	/* Of the last run that failed. */
	struct tr_exec_failure failure;
};

void job_init(struct job *j);
void job_fini(struct job *j);

/* Its id; input -1 for a source. More inputs with job_input. */
uint32_t job_op(struct job *j, Tranche__V1__OperatorKind kind, int input);
void job_input(struct job *j, uint32_t op, uint32_t input);

/* NULL is absent. */
void job_record(struct job *j, uint32_t source, uint32_t lane, const char *key,
	const char *value);
void job_record_bytes(struct job *j, uint32_t source, uint32_t lane,
	struct tr_slice key, struct tr_slice value);

/*
 * Runs every stage; reduce stages that spread by key have `lanes` lanes, and
 * sources as many as they have records in. 0 or the failure's code.
 */
int job_run(struct job *j, uint32_t lanes);

/* Forgets what a run made; records and plan stay. */
void job_reset(struct job *j);

/*
 * The rows of a sink as "key=value\n" each, lane after lane. Fails the test
 * when a lane's keys do not ascend.
 */
void job_rows(struct job *j, uint32_t op, struct tr_buf *text);

/* Sum of the digests of all that stage `stage` put out. */
struct tr_digest job_digest(const struct job *j, uint32_t stage);

#endif /* TR_TESTS_EXECUTOR_OP_JOB_H */
