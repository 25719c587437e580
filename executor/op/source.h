/*
 * The root of a stage that reads a range: makes elements of records where a
 * node behind it wants elements, and hands records on to those that take them
 * as they are.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_SOURCE_H
#define TR_EXECUTOR_OP_SOURCE_H

#include "executor/op/node.h"

/* At most `piece` records are pushed at a time, <= TR_BATCH_ELEMS. */
struct tr_node *tr_source_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t piece);

#endif /* TR_EXECUTOR_OP_SOURCE_H */
