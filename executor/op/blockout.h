/*
 * Writes one block of an execution's output: for one lane of one stage, or one
 * sink's run. Ends up in the execution's result.
 *
 *	tr_blockout_open(&b, node, stage, lane)   or tr_blockout_open_run(&b, …)
 *	tr_blockout_put(&b, key, value)  …
 *	tr_blockout_close(&b)
 *
 * Blocks of one execution are written one at a time; runs beside them may be
 * open all the while. A block without elements leaves no trace, a run does.
 *
 * Thread: the worker's only one.
 * Errors: put and close fail for the node (executor/op/node.h); abandon is for
 * those who do not get to close.
 */
#ifndef TR_EXECUTOR_OP_BLOCKOUT_H
#define TR_EXECUTOR_OP_BLOCKOUT_H

#include "common/data/block.h"
#include "executor/op/node.h"

struct tr_blockout {
	struct tr_node *node;
	struct tr_block_writer writer;
	uint32_t stage; /* blocks */
	uint32_t lane;
	bool is_run;
	int sink_code; /* of the block or result function, err is set */
};

void tr_blockout_open(struct tr_blockout *b, struct tr_node *n, uint32_t stage,
	uint32_t lane);
void tr_blockout_open_run(struct tr_blockout *b, struct tr_node *n);

/* Key and value are data. elem, may be NULL, is for the error's position. */
int tr_blockout_put(struct tr_blockout *b, struct tr_slice key,
	struct tr_slice value, const struct tr_elem *elem) TR_MUST_USE;

/* The same of a key that is a datum already and a value that is none yet. */
int tr_blockout_put_val(struct tr_blockout *b, struct tr_slice key,
	const struct tr_val *value, const struct tr_elem *elem) TR_MUST_USE;
int tr_blockout_close(struct tr_blockout *b) TR_MUST_USE;
void tr_blockout_abandon(struct tr_blockout *b);

#endif /* TR_EXECUTOR_OP_BLOCKOUT_H */
