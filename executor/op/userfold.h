/*
 * Both sides of reduce_by_key with a function of the job.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_USERFOLD_H
#define TR_EXECUTOR_OP_USERFOLD_H

#include "executor/op/node.h"

/* The write side; as executor/op/combine.h. */
struct tr_node *tr_userfold_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage);

/* The read side, a stage's root; as executor/op/fold.h. */
struct tr_node *tr_userfold_read_new(
	struct tr_exec *x, const Tranche__V1__Operator *op);

#endif /* TR_EXECUTOR_OP_USERFOLD_H */
