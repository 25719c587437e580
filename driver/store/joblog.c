#include "driver/store/joblog.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "driver/store/layout.h"
#include "driver/store/run.h"
#include "driver/store/view.h"

#define ULL(v) ((unsigned long long)(v))

static int bind_uuid(struct tr_joblog *j, struct tr_error *err)
{
	struct tr_slice name = tr_slice_of_text(TR_META_JOB_UUID);
	struct tr_slice ours = tr_slice_of_text(j->job_uuid);
	struct tr_slice theirs;
	int rc = tr_kv_get(j->txn, TR_JOB_META, name, &theirs, err);
	if (rc == TR_ENOTFOUND)
		return tr_kv_put(j->txn, TR_JOB_META, name, &ours, 1, err);
	if (rc == 0 && !tr_slice_equal(ours, theirs))
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is of another job than the job list says",
			tr_kv_path(j->txn->kv));
	return rc;
}

int tr_joblog_begin(struct tr_joblog *j, struct tr_error *err)
{
	struct tr_slice end;
	j->bytes = 0;
	j->plans = 0;
	j->commits = 0;
	j->chunks = 0;
	int rc = bind_uuid(j, err);
	if (rc == 0)
		rc = tr_meta_get64(j->txn, TR_JOB_META, TR_META_LAST_BATCH,
			&j->last_batch, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_get(
		j->txn, TR_JOB_META, tr_slice_of_text(TR_META_END), &end, err);
	j->is_ended = rc == 0;
	return rc == TR_ENOTFOUND ? 0 : rc;
}

static int put(struct tr_joblog *j, enum tr_job_db db, struct tr_slice key,
	const void *msg, struct tr_error *err)
{
	struct tr_buf *pack = &j->store->pack;
	int rc = tr_store_put_msg(j->txn, db, key, msg, pack, err);
	j->bytes += pack->len;
	return rc;
}

static int late(struct tr_error *err, const char *what, uint64_t job)
{
	return tr_error_set(err, TR_EINVAL, "%s for job %llu, which has ended",
		what, ULL(job));
}

/* ------------------------------------------------------------------ plan */

/* I1: for each batch one plan. */
static int compare_plan(struct tr_joblog *j, const Tranche__V1__BatchPlan *plan,
	struct tr_slice stored, struct tr_error *err)
{
	struct tr_buf *pack = &j->store->pack;
	tr_buf_reset(pack);
	int rc = tr_msg_pack(pack, plan);
	if (rc != 0)
		return tr_error_set(err, rc, "a plan that is too large");
	if (tr_slice_equal(tr_slice_of(pack->data, pack->len), stored))
		return 0;
	return tr_error_set(err, TR_EEXIST,
		"a different plan for batch %llu of job %llu is stored",
		ULL(plan->batch), ULL(plan->job));
}

/* I2: batches in order, at most two plans open, none without the one before. */
static int check_order(struct tr_joblog *j, const Tranche__V1__BatchPlan *plan,
	struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_slice before;
	int rc = 0;
	bool is_second = plan->batch == j->last_batch + 2;
	if (is_second)
		rc = tr_kv_get(j->txn, TR_JOB_PLANS,
			tr_key64(key, plan->batch - 1), &before, err);
	if (rc == TR_ENOTFOUND ||
		(plan->batch != j->last_batch + 1 && !is_second))
		return tr_error_set(err, TR_EINVAL,
			"batch %llu of job %llu is planned out of order: %llu "
			"is the last one committed",
			ULL(plan->batch), ULL(plan->job), ULL(j->last_batch));
	return rc;
}

static int store_plan(struct tr_joblog *j, const Tranche__V1__PlanStored *r,
	struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	const Tranche__V1__BatchPlan *plan = r->plan;
	struct tr_slice stored;
	struct tr_slice at = tr_key64(key, plan->batch);
	int rc = tr_kv_get(j->txn, TR_JOB_PLANS, at, &stored, err);
	if (rc == 0)
		return compare_plan(j, plan, stored, err);
	if (rc != TR_ENOTFOUND)
		return rc;
	if (j->is_ended)
		return late(err, "a plan", plan->job);
	rc = check_order(j, plan, err);
	if (rc != 0)
		return rc;
	rc = TR_FP("plan.before_write");
	if (rc != 0)
		return tr_error_set(err, rc, "failpoint");
	j->plans++;
	return put(j, TR_JOB_PLANS, at, plan, err);
}

/* ----------------------------------------------------------------- tasks */

static bool is_late(const struct tr_joblog *j, uint64_t batch)
{
	return j->is_ended || batch <= j->last_batch;
}

static int finish_task(struct tr_joblog *j, const Tranche__V1__TaskFinished *r,
	struct tr_error *err)
{
	uint8_t key[TR_TASK_KEY];
	if (is_late(j, r->batch))
		return 0;
	return put(j, TR_JOB_FINISHED,
		tr_task_key(key, r->batch, r->stage, r->lane), r, err);
}

/* The record stays: after a restart the next result is compared with it. */
static int unfinish_task(struct tr_joblog *j,
	const Tranche__V1__TaskUnfinished *r, struct tr_error *err)
{
	uint8_t key[TR_TASK_KEY];
	void *found = NULL;
	if (is_late(j, r->batch))
		return 0;
	struct tr_slice at = tr_task_key(key, r->batch, r->stage, r->lane);
	int rc = tr_store_get_msg(j->txn, TR_JOB_FINISHED, at,
		&tranche__v1__task_finished__descriptor, &found, err);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	Tranche__V1__TaskFinished *task = found;
	task->unfinished = true;
	rc = put(j, TR_JOB_FINISHED, at, task, err);
	tr_msg_free(task);
	return rc;
}

static int write_rows(struct tr_joblog *j, const struct tr_store_item *item,
	struct tr_error *err)
{
	uint64_t written = 0;
	if (is_late(j, item->run.batch))
		return 0;
	int rc = tr_run_write(j->txn, &item->run, item->payload, item->begins,
		&j->store->scratch, &written, err);
	j->bytes += written;
	j->chunks++;
	return rc;
}

static int put_tasks(struct tr_joblog *j, uint64_t batch,
	Tranche__V1__TaskRow *const *tasks, size_t n, struct tr_error *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint8_t key[TR_TASK_KEY];
		rc = put(j, TR_JOB_TASKS,
			tr_task_key(
				key, batch, tasks[i]->stage, tasks[i]->lane),
			tasks[i], err);
	}
	return rc;
}

/* ---------------------------------------------------------------- commit */

static const char *table_of(const Tranche__V1__CommittedRun *r)
{
	return r->table && r->table[0] ? r->table : NULL;
}

static bool is_same_view(
	const Tranche__V1__CommittedRun *a, const Tranche__V1__CommittedRun *b)
{
	const char *x = table_of(a);
	const char *y = table_of(b);
	if (!x || !y)
		return !x && !y && a->operator_ == b->operator_;
	return strcmp(x, y) == 0;
}

/* The rows that were written must be as many as the commit says. */
static int add_run(struct tr_joblog *j, uint64_t batch,
	const Tranche__V1__CommittedRun *r, struct tr_view *v,
	struct tr_error *err)
{
	const struct tr_store_run whose = {
		.batch = batch,
		.op = r->operator_,
		.lane = r->lane,
		.attempt = { r->attempt },
	};
	struct tr_run run = { 0 };
	/* What an attempt without rows has left is not its result. */
	if (r->records == 0)
		return 0;
	int rc = tr_run_take(j->txn, &whose, &run, err);
	if (rc != 0 && rc != TR_ENOTFOUND)
		return rc;
	if (run.records != r->records)
		return tr_error_set(err,
			rc == TR_ENOTFOUND ? TR_ENOTFOUND : TR_ECORRUPT,
			"operator %u, lane %u: %llu rows are stored, the "
			"commit says %llu",
			r->operator_, r->lane, ULL(run.records),
			ULL(r->records));
	v->runs[v->n_runs++] = run.id;
	v->records += run.records;
	v->bytes += run.bytes;
	return 0;
}

/* Makes the runs of one table or output current; `first` is one of them. */
static int publish(struct tr_joblog *j, const Tranche__V1__BatchCommitted *c,
	size_t first, bool *is_done, struct tr_error *err)
{
	const Tranche__V1__CommittedRun *r = c->runs[first];
	struct tr_view_name name;
	struct tr_view v = {
		.batch = c->batch,
		.op = r->operator_,
		.layers = 1,
		.runs = tr_xcalloc(c->n_runs, sizeof(*v.runs)),
	};
	int rc = 0;
	if (tr_view_name(&name, table_of(r), r->operator_) != 0)
		rc = tr_error_set(err, TR_ELIMIT,
			"the name of a table is too long: '%s'", r->table);
	for (size_t i = first; rc == 0 && i < c->n_runs; i++) {
		if (is_done[i] || !is_same_view(r, c->runs[i]))
			continue;
		is_done[i] = true;
		rc = add_run(j, c->batch, c->runs[i], &v, err);
	}
	if (rc == 0)
		rc = tr_view_publish(j->txn, &name, &v,
			r->mode == TRANCHE__V1__STORE_MODE__STORE_UPSERT, err);
	tr_view_fini(&v);
	return rc;
}

static int publish_all(struct tr_joblog *j,
	const Tranche__V1__BatchCommitted *c, struct tr_error *err)
{
	int rc = 0;
	bool *is_done = tr_xcalloc(c->n_runs, sizeof(*is_done));
	for (size_t i = 0; rc == 0 && i < c->n_runs; i++)
		if (!is_done[i])
			rc = publish(j, c, i, is_done, err);
	free(is_done);
	return rc;
}

static int check_commit(struct tr_joblog *j,
	const Tranche__V1__BatchCommitted *c, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_slice plan;
	if (j->is_ended)
		return late(err, "a commit", c->job);
	if (c->batch != j->last_batch + 1)
		return tr_error_set(err, TR_EINVAL,
			"batch %llu of job %llu is committed out of order: "
			"%llu is the last one",
			ULL(c->batch), ULL(c->job), ULL(j->last_batch));
	int rc = tr_kv_get(
		j->txn, TR_JOB_PLANS, tr_key64(key, c->batch), &plan, err);
	if (rc == TR_ENOTFOUND)
		return tr_error_set(err, TR_ENOTFOUND,
			"batch %llu of job %llu is committed without a plan",
			ULL(c->batch), ULL(c->job));
	return rc;
}

static int commit_batch(struct tr_joblog *j,
	const Tranche__V1__BatchCommitted *c, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	if (c->batch == j->last_batch)
		return 0; /* this very record, again */
	int rc = check_commit(j, c, err);
	if (rc != 0)
		return rc;
	rc = TR_FP("commit.before");
	if (rc != 0)
		return tr_error_set(err, rc, "failpoint");
	Tranche__V1__BatchCommitted bare = *c;
	bare.n_tasks = 0;
	rc = publish_all(j, c, err);
	if (rc == 0)
		rc = put(
			j, TR_JOB_COMMITS, tr_key64(key, c->batch), &bare, err);
	if (rc == 0)
		rc = put_tasks(j, c->batch, c->tasks, c->n_tasks, err);
	if (rc == 0)
		rc = tr_meta_put64(
			j->txn, TR_JOB_META, TR_META_LAST_BATCH, c->batch, err);
	j->last_batch = c->batch;
	j->commits++;
	return rc;
}

/* ------------------------------------------------------------------- end */

static int check_end(struct tr_joblog *j, const Tranche__V1__JobEnded *r,
	struct tr_error *err)
{
	void *msg;
	int rc = tr_store_get_msg(j->txn, TR_JOB_META,
		tr_slice_of_text(TR_META_END),
		&tranche__v1__job_ended__descriptor, &msg, err);
	if (rc != 0)
		return rc;
	const Tranche__V1__JobEnded *end = msg;
	if (end->state != r->state)
		rc = tr_error_set(err, TR_EEXIST,
			"job %llu has ended otherwise before", ULL(r->job));
	tr_msg_free(msg);
	return rc;
}

static int end_job(struct tr_joblog *j, const Tranche__V1__JobEnded *r,
	struct tr_error *err)
{
	if (j->is_ended)
		return check_end(j, r, err);
	Tranche__V1__JobEnded bare = *r;
	bare.n_tasks = 0;
	/* Tasks of a batch that did not get to its commit, or of the last. */
	uint64_t batch = j->last_batch +
			 (r->state == TRANCHE__V1__JOB_STATE__JOB_DONE ? 0 : 1);
	int rc = put(j, TR_JOB_META, tr_slice_of_text(TR_META_END), &bare, err);
	if (rc == 0)
		rc = put_tasks(j, batch, r->tasks, r->n_tasks, err);
	j->is_ended = true;
	return rc;
}

/* ----------------------------------------------------------------- apply */

int tr_joblog_apply(struct tr_joblog *j, const struct tr_store_item *item,
	struct tr_error *err)
{
	const Tranche__V1__JournalRecord *r = item->record;
	if (!r)
		return write_rows(j, item, err);
	switch (r->record_case) {
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_PLAN_STORED:
		return store_plan(j, r->plan_stored, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED:
		return finish_task(j, r->task_finished, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_UNFINISHED:
		return unfinish_task(j, r->task_unfinished, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_BATCH_COMMITTED:
		return commit_batch(j, r->batch_committed, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_ENDED:
		return end_job(j, r->job_ended, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_LOG_LINES:
		return tr_joblog_add_lines(j, r->log_lines, err);
	default:
		return 0;
	}
}
