/*
 * Empties a table into blocks: one per lane of a stage, sorted by encoded key.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_DRAIN_H
#define TR_EXECUTOR_OP_DRAIN_H

#include "executor/op/node.h"
#include "executor/op/table.h"

/*
 * With `pairs` the table's keys are those of executor/op/pairkey.h and its
 * values mean nothing. Fails for the node.
 */
int tr_drain(struct tr_node *n, const struct tr_table *t, uint32_t stage,
	bool pairs) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_DRAIN_H */
