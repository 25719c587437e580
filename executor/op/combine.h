/*
 * The write side of a shuffle that spreads by key: folds the elements of this
 * lane into one value per key, and at the end writes a block per lane of the
 * stage behind it, sorted by encoded key.
 *
 * reduce_by_key, count_by_value, count_by_key and store (the last value of a
 * key wins) have the encoded key as key of the table; distinct has key and
 * value, so that each pair is there once. Folding goes in order of arrival,
 * which is the order of the plan within a lane.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_COMBINE_H
#define TR_EXECUTOR_OP_COMBINE_H

#include "executor/op/node.h"
#include "executor/op/table.h"

struct tr_combine {
	struct tr_node node;
	struct tr_table table;
	Tranche__V1__Reducer reducer; /* NONE: distinct */
	uint32_t stage;               /* that reads the blocks */
	struct tr_buf key;            /* one encoded key */
};

/* Any operator that spreads by key, but reduce_by_key with a function. */
struct tr_node *tr_combine_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage);

/*
 * For nodes that embed one and fill its table in a way of their own. A struct
 * tr_combine comes first in theirs.
 */
void tr_combine_init(struct tr_combine *c, const struct tr_node_ops *ops,
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage);
void tr_combine_fini(struct tr_combine *c);

/* The slot of the element's key; or the node's failure. */
int tr_combine_slot(struct tr_combine *c, const struct tr_elem *e,
	struct tr_slot **slot, bool *fresh) TR_MUST_USE;

/* Sorts and writes the table, and gives its memory back. */
int tr_combine_finish(struct tr_node *n);

/* The reducer that an operator stands for; NONE for distinct. */
Tranche__V1__Reducer tr_combine_reducer(const Tranche__V1__Operator *op);

#endif /* TR_EXECUTOR_OP_COMBINE_H */
