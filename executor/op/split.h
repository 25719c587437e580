/*
 * split: an element per word of each element's value (executor/op/words.h),
 * without a key. A null value has no words; any other that is not bytes is the
 * user's error.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_SPLIT_H
#define TR_EXECUTOR_OP_SPLIT_H

#include "executor/op/node.h"

struct tr_node *tr_split_new(
	struct tr_exec *x, const Tranche__V1__Operator *op);

/* The text of an element to split, empty for null; or n's failure. */
int tr_split_text(struct tr_node *n, const Tranche__V1__Operator *split,
	const struct tr_elem *e, struct tr_slice *text) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_SPLIT_H */
