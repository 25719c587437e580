/*
 * Walks several runs as one, in order of keys. Where runs have the same key,
 * the row of the first run in the list counts and the others are passed over.
 *
 *	tr_merge_open(&m, &txn, runs, n, &err);
 *	rc = tr_merge_seek(&m, from, is_after, &err);
 *	for (; rc > 0; rc = tr_merge_next(&m, &err))
 *		… m.row …
 *	tr_merge_close(&m);
 *
 * Thread, lifetime: those of the read transaction.
 */
#ifndef TR_DRIVER_STORE_MERGE_H
#define TR_DRIVER_STORE_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "common/kv/longkey.h"

struct tr_merge {
	struct tr_kv_row row; /* where it stands */
	struct tr_longkey_iter *runs;
	size_t n;
	size_t *heap; /* indices of runs; the least row on top */
	size_t heap_n;
};

int tr_merge_open(struct tr_merge *m, struct tr_kv_txn *txn,
	const uint64_t *runs, size_t n, struct tr_error *err) TR_MUST_USE;
void tr_merge_close(struct tr_merge *m);

/* To the first key >= from, or > from when is_after: 1, 0 or an error. */
int tr_merge_seek(struct tr_merge *m, struct tr_slice from, bool is_after,
	struct tr_error *err) TR_MUST_USE;
int tr_merge_next(struct tr_merge *m, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_MERGE_H */
