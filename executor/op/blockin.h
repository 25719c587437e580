/*
 * Reads one block of a reduce task's input and compares it, at its end, with
 * what its writer's receipt says: a block that lost chunks or was mixed up
 * with another one is TR_ECORRUPT, whatever its checksums say.
 *
 * Thread: the worker's only one.
 * Lifetime: an element until the next call.
 */
#ifndef TR_EXECUTOR_OP_BLOCKIN_H
#define TR_EXECUTOR_OP_BLOCKIN_H

#include "common/data/block.h"
#include "executor/op/node.h"

struct tr_blockin {
	struct tr_node *node;
	const struct tr_exec_input *input;
	struct tr_block_reader reader;
	struct tr_buf scratch;
	uint64_t charged; /* of scratch, to the task's budget */
	uint64_t records;
	struct tr_digest digest;
};

void tr_blockin_open(struct tr_blockin *b, struct tr_node *n,
	const struct tr_exec_input *input);
void tr_blockin_close(struct tr_blockin *b);

/* 1, or 0 at the end of a block that is what it should be, or n's failure. */
int tr_blockin_next(struct tr_blockin *b, struct tr_element *out) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_BLOCKIN_H */
