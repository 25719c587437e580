/*
 * The cluster's environment: term, job list, artefacts, request ids.
 *
 * A job's end is decided in its own environment; the list here repeats it and
 * is repaired from there at open.
 *
 * Thread: the store thread, and open.
 */
#ifndef TR_DRIVER_STORE_JOBLIST_H
#define TR_DRIVER_STORE_JOBLIST_H

#include "driver/store/layout.h"
#include "driver/store/state.h"

/* Opens the environment; term, cluster id and last job into the store. */
int tr_joblist_open(struct tr_store *s, struct tr_error *err) TR_MUST_USE;

/* Repeats ends that the list missed, and loads what maintenance needs. */
int tr_joblist_repair(struct tr_store *s, struct tr_error *err) TR_MUST_USE;

/* One or more transactions with the submissions among the items. */
int tr_joblist_submit(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err) TR_MUST_USE;

/* One transaction with the ends and removals among the items. */
int tr_joblist_end(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err) TR_MUST_USE;

/* Removes the ended job with the lowest number. */
int tr_joblist_remove_oldest(
	struct tr_store *s, struct tr_error *err) TR_MUST_USE;

/* The folder of a removed job is gone. */
int tr_joblist_forget(
	struct tr_store *s, uint64_t job, struct tr_error *err) TR_MUST_USE;

/* A job's row; free with tr_msg_free(). TR_ENOTFOUND without text. */
int tr_joblist_get(struct tr_store *s, uint64_t job,
	Tranche__V1__JobStatus **out, struct tr_error *err) TR_MUST_USE;

/* Inside transactions of the cluster's environment. */
int tr_joblist_status(struct tr_kv_txn *txn, uint64_t job,
	Tranche__V1__JobStatus **out, struct tr_error *err) TR_MUST_USE;
int tr_joblist_put(struct tr_store *s, struct tr_kv_txn *txn,
	enum tr_cluster_db db, uint64_t job, const void *msg,
	struct tr_error *err) TR_MUST_USE;

static inline bool tr_job_state_is_end(Tranche__V1__JobState state)
{
	return state == TRANCHE__V1__JOB_STATE__JOB_DONE ||
	       state == TRANCHE__V1__JOB_STATE__JOB_FAILED ||
	       state == TRANCHE__V1__JOB_STATE__JOB_CANCELLED;
}

#endif /* TR_DRIVER_STORE_JOBLIST_H */
