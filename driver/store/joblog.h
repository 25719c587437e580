/*
 * The records of one job, each applied inside a transaction of the job's
 * environment. The rules are those of tr_store_apply().
 *
 * Thread: the store thread.
 */
#ifndef TR_DRIVER_STORE_JOBLOG_H
#define TR_DRIVER_STORE_JOBLOG_H

#include "driver/store/state.h"

/* What one transaction works with; `begin` fills the middle part. */
struct tr_joblog {
	struct tr_store *store;
	struct tr_kv_txn *txn;
	const char *job_uuid;

	bool is_ended;
	uint64_t last_batch;

	/* What it wrote. */
	uint64_t bytes;
	unsigned plans;
	unsigned commits;
	unsigned chunks;
};

/* Reads what the rules need, and checks that the environment is this job's. */
int tr_joblog_begin(struct tr_joblog *j, struct tr_error *err) TR_MUST_USE;

/* Rows or a record of the job; records of the job list are passed over. */
int tr_joblog_apply(struct tr_joblog *j, const struct tr_store_item *item,
	struct tr_error *err) TR_MUST_USE;

/* One kind of record has a file of its own: driver/store/loglines.c. */
int tr_joblog_add_lines(struct tr_joblog *j, const Tranche__V1__LogLines *r,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_JOBLOG_H */
