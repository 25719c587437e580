/*
 * Merges blocks that are sorted by key into one sequence: by key (for distinct
 * by key and value), and elements of one key in the order of the blocks.
 *
 * Thread: the worker's only one.
 * Lifetime: an element until the next call.
 */
#ifndef TR_EXECUTOR_OP_MERGE_H
#define TR_EXECUTOR_OP_MERGE_H

#include "executor/op/blockin.h"

struct tr_merge_way {
	struct tr_blockin in;
	struct tr_element head;
	uint64_t prefix; /* of the head's key, as a number */
};

struct tr_merge {
	struct tr_node *node;
	struct tr_merge_way *ways;
	uint32_t *heap; /* of ways that have a head; the least first */
	uint32_t n_heap;
	uint32_t n_ways;
	bool pairs;
	bool taken; /* the first way's head was handed out */
};

/* Reads the first element of each block; or n's failure. */
int tr_merge_open(struct tr_merge *m, struct tr_node *n,
	const struct tr_exec_input *inputs, size_t n_inputs,
	bool pairs) TR_MUST_USE;
void tr_merge_close(struct tr_merge *m);

/* 1, 0 at the end, or n's failure. */
int tr_merge_next(struct tr_merge *m, struct tr_element *out) TR_MUST_USE;

#endif /* TR_EXECUTOR_OP_MERGE_H */
