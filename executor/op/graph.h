/*
 * Builds the push graph of a stage: the nodes of an execution and how they are
 * connected.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_GRAPH_H
#define TR_EXECUTOR_OP_GRAPH_H

#include "executor/op/node.h"

/* Fills x->nodes and x->root from x->opts. TR_EINVAL. */
int tr_graph_build(struct tr_exec *x, struct tr_error *err) TR_MUST_USE;

/* Frees the nodes. */
void tr_graph_free(struct tr_exec *x);

#endif /* TR_EXECUTOR_OP_GRAPH_H */
