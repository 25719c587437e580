/* What a driver must know at its start, as the records that made it. */
#include "common/base/bounds.h"
#include "driver/store/joblist.h"
#include "driver/store/layout.h"
#include "driver/store/state.h"

struct recovery {
	struct tr_store *store;
	tr_store_record_fn *fn;
	void *arg;
};

/* Gives one message, which is freed, to the caller's function as a record. */
static int give(const struct recovery *r,
	Tranche__V1__JournalRecord__RecordCase kind, void *msg,
	struct tr_error *err)
{
	Tranche__V1__JournalRecord record = TRANCHE__V1__JOURNAL_RECORD__INIT;
	record.term = r->store->term;
	record.record_case = kind;
	/* All members of the union are pointers to a message. */
	record.job_submitted = msg;
	int rc = r->fn(r->arg, &record, err);
	tr_msg_free(msg);
	return rc;
}

static int give_commit(const struct recovery *r, struct tr_kv_txn *txn,
	uint64_t batch, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	void *msg;
	if (batch == 0)
		return 0;
	int rc = tr_store_get_msg(txn, TR_JOB_COMMITS, tr_key64(key, batch),
		&tranche__v1__batch_committed__descriptor, &msg, err);
	if (rc == TR_ENOTFOUND)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: the last commit is missing",
			tr_kv_path(txn->kv));
	if (rc != 0)
		return rc;
	return give(r, TRANCHE__V1__JOURNAL_RECORD__RECORD_BATCH_COMMITTED, msg,
		err);
}

static int give_finished(const struct recovery *r, struct tr_kv_txn *txn,
	uint64_t batch, struct tr_error *err)
{
	uint8_t key[TR_TASK_KEY];
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_FINISHED, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_seek(&c, tr_task_key(key, batch, 0, 0), &row, err);
	while (rc > 0 && tr_be_get64(row.key.p) == batch) {
		void *msg;
		rc = tr_store_unpack(&tranche__v1__task_finished__descriptor,
			row.value, &msg, err);
		if (rc == 0)
			rc = give(r,
				TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED,
				msg, err);
		if (rc != 0)
			break;
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

static int give_batch(const struct recovery *r, struct tr_kv_txn *txn,
	uint64_t batch, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	Tranche__V1__PlanStored *stored;
	void *plan;
	int rc = tr_store_get_msg(txn, TR_JOB_PLANS, tr_key64(key, batch),
		&tranche__v1__batch_plan__descriptor, &plan, err);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	Tranche__V1__PlanStored outer = TRANCHE__V1__PLAN_STORED__INIT;
	Tranche__V1__JournalRecord record = TRANCHE__V1__JOURNAL_RECORD__INIT;
	stored = &outer;
	stored->plan = plan;
	record.term = r->store->term;
	record.record_case = TRANCHE__V1__JOURNAL_RECORD__RECORD_PLAN_STORED;
	record.plan_stored = stored;
	rc = r->fn(r->arg, &record, err);
	tr_msg_free(plan);
	return rc == 0 ? give_finished(r, txn, batch, err) : rc;
}

/* A job without an environment was submitted, and nothing since. */
static int give_job_env(
	const struct recovery *r, uint64_t job, struct tr_error *err)
{
	struct tr_job_txn t;
	uint64_t last = 0;
	int rc = tr_job_read(r->store, job, &t, err);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	rc = tr_meta_get64(&t.txn, TR_JOB_META, TR_META_LAST_BATCH, &last, err);
	if (rc == 0)
		rc = give_commit(r, &t.txn, last, err);
	if (rc == 0)
		rc = give_batch(r, &t.txn, last + 1, err);
	if (rc == 0)
		rc = give_batch(r, &t.txn, last + 2, err);
	tr_job_read_end(&t);
	return rc;
}

int tr_store_recover(struct tr_store *s, tr_store_record_fn *fn, void *arg,
	struct tr_error *err)
{
	struct recovery r = { .store = s, .fn = fn, .arg = arg };
	Tranche__V1__JobStatus **jobs;
	size_t n;
	int rc = tr_store_job_list(s, true, &jobs, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		Tranche__V1__JobSubmitted *submitted;
		struct tr_job_id job = { jobs[i]->env->job };
		rc = tr_store_submitted(s, job, &submitted, err);
		if (rc == 0)
			rc = give(&r,
				TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_SUBMITTED,
				submitted, err);
		if (rc == 0)
			rc = give_job_env(&r, job.v, err);
	}
	tr_store_jobs_free(jobs, n);
	return rc;
}
