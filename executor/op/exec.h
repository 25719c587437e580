/*
 * One execution of one stage in one lane: the operators of a plan, from the
 * stage's root to its ends.
 *
 * Owns the push graph built from plan and stages, its memory, and what it puts
 * out: blocks for the stages behind it and runs for the job's sinks. Reads no
 * file and no clock: input is handed in, output goes to two functions.
 *
 *	tr_exec_new(&opts, &x, &err)
 *	tr_exec_records(x, records, n)   map, per batch of the reader
 *	  or tr_exec_blocks(x, blocks, n)  reduce, once
 *	tr_exec_finish(x)                flushes every end
 *	tr_exec_result(x)                what goes into the receipt
 *	tr_exec_free(x)
 *
 * What comes out is a function of the plan and the input alone: neither the
 * cut of the reader's batches nor the order of a hash table shows.
 *
 * Thread: the worker's only one.
 * Errors: after one, tr_exec_failure() says what and where, and only free may
 * follow.
 */
#ifndef TR_EXECUTOR_OP_EXEC_H
#define TR_EXECUTOR_OP_EXEC_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/data/digest.h"
#include "common/data/slice.h"
#include "common/plan/stages.h"
#include "executor/op/program.h"
#include "executor/reader/reader.h"
#include "executor/worker/page.h"

/* Bytes of blocks, one after the other. 0 or a negative tr_err. */
typedef int tr_exec_block_fn(
	void *arg, struct tr_slice bytes, struct tr_error *err);

/* One chunk of a sink's run, keys ascending over the chunks. */
typedef int tr_exec_result_fn(void *arg, uint32_t op, uint64_t records,
	struct tr_slice chunk, struct tr_error *err);

struct tr_exec_opts {
	const Tranche__V1__JobPlan *plan;
	const struct tr_stages *stages;
	const uint32_t *lanes; /* of each stage */
	uint32_t stage;
	struct tr_program *program; /* NULL where no function is needed */
	uint64_t memory_bytes;
	const char *topic; /* map: of the range */
	uint32_t partition;
	tr_exec_block_fn *block;
	void *block_arg;
	tr_exec_result_fn *result;
	void *result_arg;
	struct tr_page *page;
};

/* A block of a reduce task's input; they come in plan order. */
struct tr_exec_input {
	uint32_t stage; /* of the map task that wrote it, for messages */
	uint32_t lane;
	struct tr_slice bytes;
	uint64_t records; /* as the writer's receipt says */
	struct tr_digest digest;
};

/* A block that was written, for its place in the receipt. */
struct tr_exec_block {
	uint32_t stage;
	uint32_t lane;
	uint64_t offset; /* among all block bytes of this execution */
	uint64_t stored_bytes;
	uint64_t raw_bytes;
	uint64_t records;
	struct tr_digest digest;
};

struct tr_exec_output {
	uint32_t op;
	uint64_t records;
	uint64_t bytes; /* of the chunks */
	struct tr_digest digest;
};

struct tr_exec_result {
	uint64_t records_in; /* reduce: elements of the blocks; map: records */
	uint64_t bytes_in;   /* reduce only */
	struct tr_exec_block *blocks;
	size_t n_blocks;
	struct tr_exec_output *outputs;
	size_t n_outputs;
};

struct tr_exec_failure {
	struct tr_error err;
	char where[128];                       /* "wordcount.lua:7" or empty */
	char position[TR_TOPIC_NAME_MAX + 64]; /* "topic-0@17" or empty */
};

struct tr_exec;

/* Whether an operator of the plan has a function in the job's program. */
bool tr_exec_needs_program(const Tranche__V1__JobPlan *plan);

/* Everything opts points to outlives the execution. TR_EINVAL. */
int tr_exec_new(const struct tr_exec_opts *opts, struct tr_exec **out,
	struct tr_error *err) TR_MUST_USE;
void tr_exec_free(struct tr_exec *x);

int tr_exec_records(struct tr_exec *x, const struct tr_record_view *records,
	size_t n) TR_MUST_USE;
int tr_exec_blocks(struct tr_exec *x, const struct tr_exec_input *inputs,
	size_t n) TR_MUST_USE;
int tr_exec_finish(struct tr_exec *x) TR_MUST_USE;

const struct tr_exec_result *tr_exec_result(const struct tr_exec *x);
const struct tr_exec_failure *tr_exec_failure(const struct tr_exec *x);

/*
 * A digest over all blocks and outputs, with their places: equal when two
 * executions of a lane put out the same.
 */
struct tr_digest tr_exec_output_digest(const struct tr_exec *x);

#endif /* TR_EXECUTOR_OP_EXEC_H */
