/*
 * Both sides of the shuffles that gather into one lane: count, take and print.
 *
 * The write side keeps of its lane what can matter: a number for count, the
 * first elements for take and print, the largest for print with top; and
 * writes one block, in order. print passes its input on as well. The read side
 * takes the blocks in plan order and does the same once more: count pushes one
 * element, take pushes elements, print writes the rows of the result, numbered
 * from 0, each a list of key and value (of the value alone where the key is
 * null).
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_GATHER_H
#define TR_EXECUTOR_OP_GATHER_H

#include "executor/op/node.h"

enum {
	TR_PRINT_ROWS_DEFAULT = 20
};

struct tr_node *tr_gather_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage);
struct tr_node *tr_gather_read_new(
	struct tr_exec *x, const Tranche__V1__Operator *op);

#endif /* TR_EXECUTOR_OP_GATHER_H */
