/*
 * Calls into the job's program from nodes: its operator functions, and its
 * reduce functions over pairs that a node collected.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_OP_USERCALL_H
#define TR_EXECUTOR_OP_USERCALL_H

#include "executor/op/node.h"

/* map, filter, flat_map, map_values or key_by. */
struct tr_node *tr_usercall_new(
	struct tr_exec *x, const Tranche__V1__Operator *op);

/* Accumulators and the values to fold into them, in order. */
struct tr_userpairs {
	struct tr_val keys[TR_BATCH_ELEMS];
	struct tr_val *accs[TR_BATCH_ELEMS]; /* borrowed */
	struct tr_val values[TR_BATCH_ELEMS];
	const struct tr_elem *elems[TR_BATCH_ELEMS]; /* for errors; or NULL */
	uint32_t n;
};

static inline void tr_userpairs_add(struct tr_userpairs *p,
	const struct tr_val *key, struct tr_val *acc,
	const struct tr_val *value, const struct tr_elem *elem)
{
	p->keys[p->n] = *key;
	p->accs[p->n] = acc;
	p->values[p->n] = *value;
	p->elems[p->n++] = elem;
}

/*
 * Folds the pairs with the reduce function of n's operator, and empties the
 * list. The bytes of accumulators live until the next call.
 */
int tr_userpairs_run(struct tr_userpairs *p, struct tr_node *n) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_USERCALL_H */
