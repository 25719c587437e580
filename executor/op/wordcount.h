/*
 * split and the count_by_value behind it in one node: words go from the
 * record's bytes straight into the table, without an element in between.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_WORDCOUNT_H
#define TR_EXECUTOR_OP_WORDCOUNT_H

#include "executor/op/node.h"

/* The words of `split` are counted for the write side of `count`. */
struct tr_node *tr_wordcount_new(struct tr_exec *x,
	const Tranche__V1__Operator *split, const Tranche__V1__Operator *count,
	uint32_t stage);

#endif /* TR_EXECUTOR_OP_WORDCOUNT_H */
