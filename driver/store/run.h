/*
 * A run: the rows that one attempt of one lane puts out for one sink, sorted,
 * under a number of their own in TR_JOB_ROWS. Nobody sees it until a commit
 * names it in a view (driver/store/view.h).
 *
 * Thread: that of the transaction.
 */
#ifndef TR_DRIVER_STORE_RUN_H
#define TR_DRIVER_STORE_RUN_H

#include "common/kv/kv.h"
#include "driver/store/store.h"

struct tr_run {
	uint64_t id;
	uint64_t records;
	uint64_t bytes; /* of keys and values */
};

/* A number no run had before. */
int tr_run_allocate(
	struct tr_kv_txn *txn, uint64_t *id, struct tr_error *err) TR_MUST_USE;

/*
 * Adds one row to a run that is being written. `append` is whether the run is
 * the last of the database, as tr_run_is_last() said.
 */
int tr_run_put(struct tr_kv_txn *txn, struct tr_run *run, bool append,
	struct tr_slice key, struct tr_slice value,
	struct tr_error *err) TR_MUST_USE;

int tr_run_is_last(struct tr_kv_txn *txn, uint64_t id, bool *is_last,
	struct tr_error *err) TR_MUST_USE;

/*
 * Writes block chunks to the run of an attempt, which begins with its first
 * rows; `begins` leaves what was written under its name before as garbage. Rows
 * that are there already are replaced: the same chunk again changes nothing.
 * *written is what they take of a transaction, be they new or replaced;
 * `scratch` is for decompression.
 */
int tr_run_write(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	struct tr_slice chunks, bool begins, struct tr_buf *scratch,
	uint64_t *written, struct tr_error *err) TR_MUST_USE;

/*
 * Takes the run of an attempt off the list of runs that no commit has named.
 * TR_ENOTFOUND without text: it put out nothing.
 */
int tr_run_take(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	struct tr_run *run, struct tr_error *err) TR_MUST_USE;

/*
 * Marks runs of batches up to `batch` that no commit has named as garbage,
 * at most `limit` of them. *done when none is left.
 */
int tr_run_abandon(struct tr_kv_txn *txn, uint64_t batch, uint64_t limit,
	bool *done, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_RUN_H */
