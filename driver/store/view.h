/*
 * A view: which runs are a table, or the rows of an output, as of one commit.
 *
 * Views of one table are rows with a common beginning, ordered by batch; the
 * last is current. TR_STORE_SNAPSHOTS of them are kept, so that a client that
 * scans page by page is not cut off by the next commit. A run is garbage once
 * no view names it.
 *
 * An upsert puts its runs in front of those that were there: where runs have
 * the same key, the first one in the list counts. Maintenance folds the list
 * into one run when it has more than TR_STORE_LAYERS_MAX layers.
 *
 * Thread: that of the transaction.
 */
#ifndef TR_DRIVER_STORE_VIEW_H
#define TR_DRIVER_STORE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kv/kv.h"

struct tr_view {
	uint64_t batch;
	uint32_t op;
	uint32_t layers;
	uint64_t records; /* of all runs: a key may count once per layer */
	uint64_t bytes;
	size_t n_runs;
	uint64_t *runs; /* ids; those that count first, first */
};

/* Accepts a zeroed view. */
void tr_view_fini(struct tr_view *v);

/* TR_ECORRUPT without text when the bytes are no view. fini frees it. */
int tr_view_decode(struct tr_slice bytes, struct tr_view *v) TR_MUST_USE;

enum {
	TR_VIEW_HEAD = 40, /* encoded bytes before the runs */
	TR_VIEW_RUN = 8
};

/* `out` has room for TR_VIEW_HEAD + n_runs * TR_VIEW_RUN bytes. */
void tr_view_encode(const struct tr_view *v, uint8_t *out);

/* The key of all views of a table without the batch at its end. */
struct tr_view_name {
	uint8_t bytes[1 + 256 + 1];
	size_t n;
};

/* A table (`name` set), or the rows of operator `op`. TR_EINVAL: too long. */
int tr_view_name(
	struct tr_view_name *out, const char *name, uint32_t op) TR_MUST_USE;

/* The view as of `batch`, 0: the current one. TR_ENOTFOUND without text. */
int tr_view_find(struct tr_kv_txn *txn, const struct tr_view_name *name,
	uint64_t batch, struct tr_view *v, struct tr_error *err) TR_MUST_USE;

/* Replaces or adds the view of v->batch. */
int tr_view_put(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const struct tr_view *v, struct tr_error *err) TR_MUST_USE;

/*
 * Makes v current; with `is_upsert` in front of what was there. v's runs,
 * records, bytes and layers are of the new runs alone, and stay so. Views
 * beyond TR_STORE_SNAPSHOTS go, and runs that only they named are garbage.
 */
int tr_view_publish(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const struct tr_view *v, bool is_upsert,
	struct tr_error *err) TR_MUST_USE;

/* Marks those of the runs as garbage that no view of this name has. */
int tr_view_release(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const uint64_t *runs, size_t n, struct tr_error *err) TR_MUST_USE;

/*
 * Calls fn with the current view of each table and output, tables first. The
 * name is NULL for an output. fn's errors are passed on.
 */
typedef int tr_view_fn(void *arg, const char *name, const struct tr_view *v,
	struct tr_error *err);
int tr_view_each(struct tr_kv_txn *txn, tr_view_fn *fn, void *arg,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_VIEW_H */
