/*
 * The push graph inside one execution (executor/op/exec.h): nodes that take
 * batches of elements and push what they make of them to the nodes behind.
 *
 * There is a node per operator of the stage, per write side of a shuffle that
 * leaves it, and one for its root. A batch is pushed down before the next one
 * is made, so elements need not outlive the call. Each kind of node is a file
 * of its own with a tr_<kind>_new().
 *
 * Thread: the worker's only one.
 * Errors: a node that fails calls tr_node_fail() once; those above only pass
 * the code on.
 */
#ifndef TR_EXECUTOR_OP_NODE_H
#define TR_EXECUTOR_OP_NODE_H

#include "common/base/buf.h"
#include "executor/op/arena.h"
#include "executor/op/elem.h"
#include "executor/op/exec.h"

struct tr_node;

struct tr_node_ops {
	int (*push)(struct tr_node *n, const struct tr_elem_batch *batch);

	/* Optional, for nodes that keep no view of it: a single element. */
	int (*push_one)(struct tr_node *n, const struct tr_elem *elem);

	/* Optional: a source's records as they come, no elements made. */
	int (*push_records)(struct tr_node *n,
		const struct tr_record_view *records, size_t n_records);

	/* Optional: the input ended; write what was kept. */
	int (*finish)(struct tr_node *n);

	/* Optional: a reduce stage's root reads its blocks. */
	int (*pull)(struct tr_node *n, const struct tr_exec_input *inputs,
		size_t n_inputs);

	void (*free)(struct tr_node *n);
};

struct tr_node {
	const struct tr_node_ops *ops;
	struct tr_exec *exec;
	const Tranche__V1__Operator *op;
	struct tr_node **out;
	uint32_t n_out;
};

struct tr_exec {
	struct tr_exec_opts opts;
	struct tr_budget budget;
	struct tr_buf chunk_scratch; /* of all block writers */
	struct tr_buf datum;         /* one encoded value */
	uint64_t block_at;           /* bytes of blocks written so far */
	struct tr_exec_result result;
	struct tr_exec_failure failure;

	struct tr_node **nodes; /* in order of making: inputs first */
	uint32_t n_nodes;
	struct tr_node *root;
};

/* Elements that a node makes go through a batch of its own. */
struct tr_outbatch {
	struct tr_elem_batch batch;
	struct tr_arena arena;
};

void tr_node_init(struct tr_node *n, const struct tr_node_ops *ops,
	struct tr_exec *x, const Tranche__V1__Operator *op);
void tr_node_fini(struct tr_node *n);

/* Pushes a batch to all nodes behind this one. */
static inline int TR_MUST_USE tr_node_push_out(
	struct tr_node *n, const struct tr_elem_batch *batch)
{
	for (uint32_t i = 0; i < n->n_out; i++) {
		int rc = n->out[i]->ops->push(n->out[i], batch);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Where a failing node writes its text. */
static inline struct tr_error *tr_node_error(struct tr_node *n)
{
	return &n->exec->failure.err;
}

/*
 * Completes the failure whose code and text are set: the operator, its place
 * in the user's file, and the record, where elem (may be NULL) still knows it.
 * Returns the code.
 */
int tr_node_fail(struct tr_node *n, const struct tr_elem *elem);

/* The same in the name of another operator, one fused into n. */
int tr_node_fail_op(struct tr_node *n, const Tranche__V1__Operator *op,
	const struct tr_elem *elem);

/* The failure of a node that ran out of the task's memory. */
int tr_node_no_memory(struct tr_node *n);

/* The failure of one whose key or value is over its limit. */
int tr_node_too_large(struct tr_node *n, const struct tr_elem *elem,
	const char *what, uint64_t bytes, uint64_t max);

/*
 * Sets operator and, from elem (may be NULL), record of the execution's
 * failure; the text stays as it is.
 */
void tr_exec_place(struct tr_exec *x, const Tranche__V1__Operator *op,
	const struct tr_elem *elem);

/* Sets the record of a failure that happened at one. Returns rc. */
int tr_exec_at_record(
	struct tr_exec *x, const struct tr_record_view *record, int rc);

void tr_outbatch_init(struct tr_outbatch *b, struct tr_exec *x);
void tr_outbatch_fini(struct tr_outbatch *b);

/* Copies an element into the batch; the caller flushes when it is full. */
int tr_outbatch_put(
	struct tr_outbatch *b, const struct tr_elem *elem) TR_MUST_USE;
bool tr_outbatch_is_full(const struct tr_outbatch *b);
void tr_outbatch_clear(struct tr_outbatch *b);

/* Pushes what the batch holds behind n and empties it. */
int tr_outbatch_flush(struct tr_outbatch *b, struct tr_node *n) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_NODE_H */
