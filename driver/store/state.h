/*
 * Inside of the store, for the files of driver/store only.
 *
 * Thread: `envs` locks itself; everything that is not fixed after open belongs
 * to the store thread.
 */
#ifndef TR_DRIVER_STORE_STATE_H
#define TR_DRIVER_STORE_STATE_H

#include "driver/store/envs.h"
#include "driver/store/fold.h"
#include "driver/store/store.h"

/* Job numbers, each once, in the order they came. */
struct tr_job_queue {
	uint64_t *v;
	size_t n;
	size_t cap;
};

void tr_job_queue_add(struct tr_job_queue *q, uint64_t job);

/* Drops the first. */
void tr_job_queue_shift(struct tr_job_queue *q);

struct tr_store {
	char *path;
	int lock_fd;
	uint64_t term;
	char cluster_id[33];
	uint64_t last_job;
	struct tr_kv *cluster;
	struct tr_envs envs;

	struct tr_buf pack;    /* one record on its way to disk */
	struct tr_buf scratch; /* one chunk of rows, decompressed */

	/* Maintenance. */
	struct tr_job_queue todo;     /* may have something that can wait */
	struct tr_job_queue removals; /* whose folder is to go */
	uint64_t ended_jobs;
	struct tr_fold fold;
};

/* The largest packed record. */
#define TR_STORE_RECORD_MAX TR_STORE_TXN_BYTES_MAX

/*
 * Writes to the environment of a job: makes it when it is missing, gives it
 * this driver's term in a transaction of its own before anything else is
 * written, and checks the term in every transaction (TR_EFENCED).
 */
int tr_job_update(struct tr_store *s, uint64_t job, tr_kv_update_fn *fn,
	void *arg, struct tr_error *err) TR_MUST_USE;

/*
 * Reads one: borrow, read; end with tr_job_read_end(). TR_ENOTFOUND with text:
 * nothing was ever stored for the job beyond its submission.
 */
struct tr_job_txn {
	struct tr_store *store;
	struct tr_env *env;
	struct tr_kv_txn txn;
};

int tr_job_read(struct tr_store *s, uint64_t job, struct tr_job_txn *t,
	struct tr_error *err) TR_MUST_USE;
void tr_job_read_end(struct tr_job_txn *t);

#endif /* TR_DRIVER_STORE_STATE_H */
