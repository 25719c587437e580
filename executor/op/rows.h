/*
 * The rows of a print, as a run of the job's result: key the row's number from
 * 0, value a list of the element's key and value, or of its value alone where
 * the key is null.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_ROWS_H
#define TR_EXECUTOR_OP_ROWS_H

#include "executor/op/node.h"
#include "executor/op/picks.h"

int tr_rows_write(struct tr_node *n, const struct tr_picks *picks) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_ROWS_H */
