/*
 * The driver's durable state: one data folder, and apply(), the only thing
 * that writes it. docs/journal.md has the layout, the order of writes and what
 * a crash leaves behind.
 *
 *	DATA/driver.lock      held for life by the one driver
 *	DATA/cluster/         term, job list, artefacts, request ids
 *	DATA/jobs/ID/         one environment per job: plans, finished tasks,
 *	                      commits, history, logs, rows of tables and outputs
 *
 * Calling sequence: open before any thread starts (a child process walks the
 * environments first); read last_job and the term; tr_store_recover(); then
 * the store thread applies and maintains, other threads read; close.
 *
 * Result rows are runs: apply() writes the chunks of an attempt under a run
 * that nobody sees. They are durable at the latest when the TaskFinished after
 * them in the same queue is. A BatchCommitted makes its runs current in one
 * small transaction; runs that no commit names are dropped later, in steps.
 *
 * Thread: apply and maintain: one thread, the store thread; they block on the
 * disk. recover: before that thread starts. Everything under "reading": any
 * thread, each call one short read transaction of its own.
 * Lifetime: messages handed out are the caller's, freed with tr_msg_free().
 * Errors: after any error of apply() or maintain() the process ends with
 * tr_store_exit(): the outcome of a failed commit is unknown until the folder
 * is opened again, and a refused record means that memory and disk disagree.
 * TR_EFULL: the disk is full; all that was committed is whole.
 */
#ifndef TR_DRIVER_STORE_STORE_H
#define TR_DRIVER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/id.h"
#include "common/data/block.h"
#include "common/data/slice.h"
#include "common/wire/msg.h"

struct tr_store;

enum {
	TR_STORE_ARTEFACT_ID = 32 /* bytes: SHA-256 */
};

struct tr_store_opts {
	const char *path;   /* the data folder; made when it is missing */
	uint64_t map_bytes; /* first map of each environment; 0: default */
};

/*
 * TR_EEXIST: another driver holds the folder. TR_ECORRUPT, TR_EVERSION: one
 * line that names the environment. On success the term is one more than at
 * any open before, and durable.
 */
int tr_store_open(struct tr_store **out, const struct tr_store_opts *opts,
	struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. No other call may be under way. */
void tr_store_close(struct tr_store *s);

struct tr_term tr_store_term(const struct tr_store *s);

/* 32 hex digits, made with the data folder. Lives as long as the store. */
const char *tr_store_cluster_id(const struct tr_store *s);

/* The highest job number ever used here; 0: none. Before apply() only. */
struct tr_job_id tr_store_last_job(const struct tr_store *s);

/* ------------------------------------------------------------- writing */

/* Whose rows a chunk holds: what one attempt of one lane puts out for one sink
 * operator. */
struct tr_store_run {
	struct tr_job_id job;
	uint64_t batch;
	uint32_t op;
	uint32_t lane;
	struct tr_attempt_id attempt;
};

/* A journal record, or rows. */
struct tr_store_item {
	const Tranche__V1__JournalRecord *record; /* NULL: rows */
	struct tr_slice payload; /* rows: whole block chunks; JobSubmitted: the
				    artefact, absent when it is stored */
	struct tr_store_run run; /* of rows */
	/* The run begins with these rows: what it had before is dropped. */
	bool begins;
};

/*
 * Checks what an executor sent as rows before it may become an item: whole
 * chunks, no null key, keys strictly ascending, TR_STORE_TXN_BYTES_MAX. `last`
 * is the run's last key so far (empty: none), and afterwards that of these
 * rows; on errors it is any. Fills *totals, which the caller adds up per run
 * and compares with the receipt. TR_ECORRUPT, TR_EVERSION, TR_ELIMIT,
 * TR_ENOMEM; text. Any thread.
 */
int tr_store_rows_check(struct tr_slice payload, struct tr_buf *scratch,
	struct tr_buf *last, struct tr_block_totals *totals,
	struct tr_error *err) TR_MUST_USE;

/*
 * Makes the items durable, in their order within each job: one transaction
 * per environment touched (more where TR_STORE_TXN_BYTES_MAX says so), first
 * submissions, then each job's records, then ends and removals in the job
 * list. Items are borrowed. Repeating items that were applied changes nothing.
 *
 * A commit names one run per lane of each sink, a lane without rows with 0
 * records: else an empty table would be a missing one. Its task rows are
 * stored one by one; receipts in them should come without their blocks, which
 * are many and of no use once the batch is committed.
 *
 * Refused: TR_EFENCED: a record of another term, or an environment that a
 * newer driver wrote. TR_EEXIST: a second plan for a batch, a job or request
 * id used twice. TR_EINVAL: a batch out of order. TR_ENOTFOUND: no such job,
 * plan, artefact or run. TR_ECORRUPT: a run whose rows are not as many as its
 * commit says. Log lines, rows and task records of jobs that have ended or
 * were removed are dropped silently: they may be late.
 */
int tr_store_apply(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err) TR_MUST_USE;

/*
 * One bounded step of the work that can wait: dropping rows no reader can
 * reach, folding layered tables, trimming history, removing the oldest ended
 * jobs beyond TR_JOBS_ENDED_MAX. *more says whether to call again soon: the
 * store thread does so while it has nothing to apply, and at least once after
 * every batch of items.
 */
int tr_store_maintain(
	struct tr_store *s, bool *more, struct tr_error *err) TR_MUST_USE;

/* Ends the process at once, after one log line with the reason. */
_Noreturn void tr_store_exit(const struct tr_error *err);

/*
 * What a driver must know of jobs that have not ended, as the records that
 * made it: for each job, ascending: its JobSubmitted; the BatchCommitted of
 * its last batch, if any; for each open batch its PlanStored and then its
 * TaskFinished by stage and lane. Their term is the new one. A record is
 * borrowed until fn returns; fn's errors are passed on.
 */
typedef int tr_store_record_fn(void *arg,
	const Tranche__V1__JournalRecord *record, struct tr_error *err);
int tr_store_recover(struct tr_store *s, tr_store_record_fn *fn, void *arg,
	struct tr_error *err) TR_MUST_USE;

/* ------------------------------------------------------- reading: jobs */

/* TR_ENOTFOUND: none such. `out` takes at most its ceiling (TR_ELIMIT). */
int tr_store_artefact(struct tr_store *s, struct tr_slice sha256,
	struct tr_buf *out, struct tr_error *err) TR_MUST_USE;

/* The job that was submitted with this request id. TR_ENOTFOUND. */
int tr_store_request(struct tr_store *s, const char *request_uuid,
	struct tr_job_id *job, struct tr_error *err) TR_MUST_USE;

/*
 * A job by number or name, the newest of that name. TR_ENOTFOUND with a text
 * for people.
 */
int tr_store_job_find(struct tr_store *s, const char *text,
	struct tr_job_id *job, struct tr_error *err) TR_MUST_USE;

/*
 * Name, state, times and error as stored; ended jobs have the status of their
 * JobEnded, tables included. For running jobs the core knows more.
 */
int tr_store_job_status(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__JobStatus **out, struct tr_error *err) TR_MUST_USE;

/* All jobs, ascending; free each and the array: tr_store_jobs_free(). */
int tr_store_job_list(struct tr_store *s, bool active_only,
	Tranche__V1__JobStatus ***jobs, size_t *n,
	struct tr_error *err) TR_MUST_USE;
void tr_store_jobs_free(Tranche__V1__JobStatus **jobs, size_t n);

int tr_store_submitted(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__JobSubmitted **out, struct tr_error *err) TR_MUST_USE;

/* Of a batch; 0: the newest planned. TR_ENOTFOUND: not planned, or no longer
 * kept. */
int tr_store_plan(struct tr_store *s, struct tr_job_id job, uint64_t batch,
	Tranche__V1__BatchPlan **out, struct tr_error *err) TR_MUST_USE;

/*
 * Task history of a batch (0: the newest that has one), by stage and lane,
 * from (stage, lane) `from` on; at most TR_STORE_PAGE_ROWS per call. *more
 * says whether there are others; go on behind the last one. Free:
 * tr_store_tasks_free().
 */
int tr_store_tasks(struct tr_store *s, struct tr_job_id job, uint64_t batch,
	struct tr_lane_id from, Tranche__V1__TaskRow ***tasks, size_t *n,
	bool *more, struct tr_error *err) TR_MUST_USE;
void tr_store_tasks_free(Tranche__V1__TaskRow **tasks, size_t n);

/*
 * Log lines with numbers above `after`, at most TR_STORE_PAGE_ROWS. *dropped
 * counts lines beyond TR_JOB_LOG_LINES_MAX, which are not kept. Free:
 * tr_store_logs_free().
 */
int tr_store_logs(struct tr_store *s, struct tr_job_id job, uint64_t after,
	Tranche__V1__StoredLogLine ***lines, size_t *n, bool *more,
	uint64_t *dropped, struct tr_error *err) TR_MUST_USE;
void tr_store_logs_free(Tranche__V1__StoredLogLine **lines, size_t n);

/* ----------------------------------------------------- reading: tables */

/* A table, or the rows of a print or count operator. */
struct tr_store_table {
	struct tr_job_id job;
	const char *name; /* NULL: rows of operator `op` */
	uint32_t op;
	uint64_t batch; /* as of this commit; 0: the newest */
};

/*
 * Tables by name, then outputs by operator. `records` of an upsert table
 * counts a key once per layer until the layers are folded. Free:
 * tr_store_table_list_free().
 */
int tr_store_table_list(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__TableInfo ***tables, size_t *n,
	struct tr_error *err) TR_MUST_USE;
void tr_store_table_list_free(Tranche__V1__TableInfo **tables, size_t n);

/*
 * Appends the encoded value of an encoded key to `out`. *batch is the commit
 * it was read from. TR_ENOTFOUND without text: no such key; with text: no such
 * job, table or batch (a snapshot is kept until the second commit after it).
 */
int tr_store_get(struct tr_store *s, const struct tr_store_table *table,
	struct tr_slice key, struct tr_buf *out, uint64_t *batch,
	struct tr_error *err) TR_MUST_USE;

struct tr_store_scan {
	struct tr_slice prefix; /* of encoded keys; may be empty */
	struct tr_slice after; /* go on behind this key; absent: at the start */
	uint64_t limit;        /* rows; 0: as many as fit `out` */
};

struct tr_store_page {
	uint64_t records;
	uint64_t batch; /* to ask for the next page of the same snapshot */
	bool more;
};

/*
 * Appends elements (common/data/element.h) to `out`, keys ascending, until the
 * limit or out's ceiling. TR_ELIMIT when not even one row fits.
 */
int tr_store_scan(struct tr_store *s, const struct tr_store_table *table,
	const struct tr_store_scan *scan, struct tr_buf *out,
	struct tr_store_page *page, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_STORE_H */
