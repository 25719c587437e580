/*
 * The read side of a shuffle that spreads by key: merges the blocks of this
 * lane, makes the partial results of each key one, and pushes an element per
 * key, in ascending order of encoded keys.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_FOLD_H
#define TR_EXECUTOR_OP_FOLD_H

#include "executor/op/node.h"

/* Any operator that spreads by key, but reduce_by_key with a function. */
struct tr_node *tr_fold_new(struct tr_exec *x, const Tranche__V1__Operator *op);

#endif /* TR_EXECUTOR_OP_FOLD_H */
