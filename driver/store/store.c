#include "driver/store/store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/data/digest.h"
#include "common/data/varint.h"
#include "common/kv/folder.h"
#include "driver/store/checkup.h"
#include "driver/store/folder.h"
#include "driver/store/joblist.h"
#include "driver/store/joblog.h"
#include "driver/store/lock.h"
#include "driver/store/state.h"

/* ----------------------------------------------------------- open, close */

static int open_folder(struct tr_store *s, struct tr_error *err)
{
	char path[PATH_MAX];
	bool is_new = access(s->path, F_OK) != 0;
	int rc = tr_folder_make(s->path, err);
	if (rc == 0 && is_new)
		rc = tr_folder_sync_parent(s->path, err);
	if (rc == 0)
		rc = tr_lock_take(s->path, &s->lock_fd, err);
	if (rc == 0)
		rc = tr_folder_make(tr_folder_jobs(path, s->path), err);
	if (rc == 0)
		rc = tr_folder_sync(s->path, err);
	return rc;
}

int tr_store_open(struct tr_store **out, const struct tr_store_opts *opts,
	struct tr_error *err)
{
	struct tr_store *s = tr_xcalloc(1, sizeof(*s));
	s->path = tr_xstrdup(opts->path);
	s->lock_fd = -1;
	tr_envs_init(&s->envs, s->path, opts->map_bytes);
	tr_buf_init(&s->pack, TR_STORE_RECORD_MAX);
	tr_block_scratch_init(&s->scratch);
	int rc = open_folder(s, err);
	if (rc == 0)
		rc = tr_checkup(s->path, s->lock_fd, err);
	if (rc == 0)
		rc = tr_joblist_open(s, err);
	if (rc == 0)
		rc = tr_joblist_repair(s, err);
	if (rc != 0) {
		tr_store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void tr_store_close(struct tr_store *s)
{
	if (!s)
		return;
	tr_fold_stop(&s->fold);
	tr_envs_fini(&s->envs);
	tr_kv_close(s->cluster);
	tr_buf_fini(&s->pack);
	tr_buf_fini(&s->scratch);
	free(s->todo.v);
	free(s->removals.v);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
}

struct tr_term tr_store_term(const struct tr_store *s)
{
	return (struct tr_term){ s->term };
}

const char *tr_store_cluster_id(const struct tr_store *s)
{
	return s->cluster_id;
}

struct tr_job_id tr_store_last_job(const struct tr_store *s)
{
	return (struct tr_job_id){ s->last_job };
}

void tr_store_exit(const struct tr_error *err)
{
	tr_kv_exit(err);
}

void tr_job_queue_add(struct tr_job_queue *q, uint64_t job)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->v[i] == job)
			return;
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 16;
		q->v = tr_xrealloc(q->v, q->cap * sizeof(*q->v));
	}
	q->v[q->n++] = job;
}

void tr_job_queue_shift(struct tr_job_queue *q)
{
	tr_assert(q->n > 0);
	q->n--;
	memmove(q->v, q->v + 1, q->n * sizeof(*q->v));
	if (q->n == 0) {
		free(q->v);
		*q = (struct tr_job_queue){ 0 };
	}
}

/* ------------------------------------------------------------------ rows */

static int check_row(const struct tr_element *e, const struct tr_buf *last,
	struct tr_error *err)
{
	if (tr_datum_is_null(e->key))
		return tr_error_set(err, TR_ECORRUPT, "a row with a null key");
	if (last->len > 0 && tr_slice_compare(e->key,
				     tr_slice_of(last->data, last->len)) <= 0)
		return tr_error_set(
			err, TR_ECORRUPT, "rows that are not in order of keys");
	return 0;
}

static void count_row(
	const struct tr_element *e, struct tr_block_totals *totals)
{
	totals->records++;
	totals->raw_bytes += tr_varint_len((uint32_t)e->key.n) + e->key.n +
			     tr_varint_len((uint32_t)e->value.n) + e->value.n;
	tr_digest_add_element(&totals->digest, e->key, e->value);
}

int tr_store_rows_check(struct tr_slice payload, struct tr_buf *scratch,
	struct tr_buf *last, struct tr_block_totals *totals,
	struct tr_error *err)
{
	struct tr_block_totals t = { .stored_bytes = payload.n };
	struct tr_block_reader r;
	struct tr_element e;
	int rc;
	tr_block_reader_init(&r, payload, scratch);
	while ((rc = tr_block_reader_take(&r, &e, err)) > 0) {
		rc = check_row(&e, last, err);
		if (rc != 0)
			break;
		count_row(&e, &t);
		if (t.raw_bytes + t.records * TR_STORE_ROW_BYTES >
			TR_STORE_TXN_BYTES_MAX) {
			rc = tr_error_set(err, TR_ELIMIT,
				"more than %llu bytes of rows in one message",
				(unsigned long long)TR_STORE_TXN_BYTES_MAX);
			break;
		}
		tr_buf_reset(last);
		rc = tr_buf_append(last, e.key.p, e.key.n);
		if (rc != 0) {
			tr_error_set(err, rc,
				"no memory for a key of %zu bytes", e.key.n);
			break;
		}
	}
	if (rc == 0)
		*totals = t;
	return rc;
}

/* ----------------------------------------------------------------- apply */

/* The items of one job, in as many transactions as their bytes need. */
struct job_batch {
	struct tr_joblog log;
	const struct tr_store_item *items;
	size_t n;
	uint64_t job;
	size_t from;
	size_t next; /* the first item not in the transaction */
};

/* 0: it belongs to the job list alone. */
static uint64_t job_of(const struct tr_store_item *item)
{
	const Tranche__V1__JournalRecord *r = item->record;
	if (!r)
		return item->run.job.v;
	switch (r->record_case) {
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_PLAN_STORED:
		return r->plan_stored->plan->job;
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED:
		return r->task_finished->job;
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_UNFINISHED:
		return r->task_unfinished->job;
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_BATCH_COMMITTED:
		return r->batch_committed->job;
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_ENDED:
		return r->job_ended->job;
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_LOG_LINES:
		return r->log_lines->job;
	default:
		return 0;
	}
}

static int apply_some(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct job_batch *b = arg;
	b->log.txn = txn;
	int rc = tr_joblog_begin(&b->log, err);
	b->next = b->from;
	while (rc == 0 && b->next < b->n &&
		b->log.bytes < TR_STORE_TXN_BYTES_MAX) {
		if (job_of(&b->items[b->next]) == b->job)
			rc = tr_joblog_apply(&b->log, &b->items[b->next], err);
		b->next++;
	}
	return rc;
}

static void hit_failpoints(const struct tr_joblog *log)
{
	if (log->plans > 0)
		(void)TR_FP("plan.after_write");
	if (log->chunks > 0)
		(void)TR_FP("run.after_append");
	if (log->commits > 0)
		(void)TR_FP("commit.after");
}

/* Whether an item may come late, when its job is gone. */
static bool may_be_late(const struct tr_store_item *item)
{
	if (!item->record)
		return true;
	switch (item->record->record_case) {
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED:
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_UNFINISHED:
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_LOG_LINES:
		return true;
	default:
		return false;
	}
}

static int refuse_unknown(const struct job_batch *b, struct tr_error *err)
{
	for (size_t i = b->from; i < b->n; i++)
		if (job_of(&b->items[i]) == b->job &&
			!may_be_late(&b->items[i]))
			return tr_error_set(err, TR_ENOTFOUND, "no job %llu",
				(unsigned long long)b->job);
	return 0;
}

static int apply_job(struct job_batch *b, struct tr_error *err)
{
	struct tr_store *s = b->log.store;
	Tranche__V1__JobStatus *status;
	int rc = tr_joblist_get(s, b->job, &status, err);
	if (rc == TR_ENOTFOUND)
		return refuse_unknown(b, err);
	if (rc != 0)
		return rc;
	b->log.job_uuid = status->job_uuid;
	while (rc == 0 && b->from < b->n) {
		rc = tr_job_update(s, b->job, apply_some, b, err);
		if (rc == 0)
			hit_failpoints(&b->log);
		b->from = b->next;
	}
	tr_msg_free(status);
	tr_job_queue_add(&s->todo, b->job);
	return rc;
}

static int apply_jobs(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint64_t job = job_of(&items[i]);
		bool is_done = job == 0;
		for (size_t k = 0; !is_done && k < i; k++)
			is_done = job_of(&items[k]) == job;
		if (is_done)
			continue;
		struct job_batch b = {
			.log = { .store = s },
			.items = items,
			.n = n,
			.job = job,
			.from = i,
		};
		rc = apply_job(&b, err);
	}
	return rc;
}

static int check_terms(const struct tr_store *s,
	const struct tr_store_item *items, size_t n, struct tr_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].record && items[i].record->term != s->term)
			return tr_error_set(err, TR_EFENCED,
				"a record of term %llu in a store of term %llu",
				(unsigned long long)items[i].record->term,
				(unsigned long long)s->term);
	return 0;
}

int tr_store_apply(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err)
{
	int rc = check_terms(s, items, n, err);
	if (rc == 0)
		rc = tr_joblist_submit(s, items, n, err);
	if (rc == 0)
		rc = apply_jobs(s, items, n, err);
	if (rc == 0)
		rc = tr_joblist_end(s, items, n, err);
	return rc;
}
