/*
 * The end of jobs: in the list, out of the list, and what the list missed of
 * either when the driver was killed.
 */
#include <string.h>

#include "common/base/bounds.h"
#include "driver/store/joblist.h"
#include "driver/store/layout.h"

#define ULL(v) ((unsigned long long)(v))

/* ------------------------------------------------------------------- end */

struct end {
	struct tr_store *store;
	const struct tr_store_item *items;
	size_t n;
	uint64_t ended; /* jobs that ended or were removed by this */
	uint64_t removed;
};

/* The list's row from the job's last record. */
static int put_end(struct tr_store *s, struct tr_kv_txn *txn,
	const Tranche__V1__JobEnded *r, bool *is_new, struct tr_error *err)
{
	Tranche__V1__JobStatus *old;
	int rc = tr_joblist_status(txn, r->job, &old, err);
	if (rc == TR_ENOTFOUND)
		return tr_error_set(
			err, TR_ENOTFOUND, "no job %llu to end", ULL(r->job));
	if (rc != 0)
		return rc;
	Tranche__V1__JobStatus status = r->status ? *r->status : *old;
	status.env = old->env;
	status.name = old->name;
	status.job_uuid = old->job_uuid;
	status.submitted_ms = old->submitted_ms;
	status.state = r->state;
	status.error = r->error;
	status.ended_ms = r->ended_ms;
	*is_new = !tr_job_state_is_end(old->state);
	if (*is_new)
		rc = tr_joblist_put(
			s, txn, TR_CLUSTER_JOBS, r->job, &status, err);
	tr_msg_free(old);
	return rc;
}

/* The artefact goes with the last job that uses it. */
static int drop_artefact(struct tr_kv_txn *txn, struct tr_slice sha256,
	uint64_t job, struct tr_error *err)
{
	uint8_t key[TR_USE_KEY];
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_del(
		txn, TR_CLUSTER_USES, tr_use_key(key, sha256, job), err);
	if (rc == 0)
		rc = tr_kv_cursor_open(&c, txn, TR_CLUSTER_USES, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_seek(&c, tr_use_key(key, sha256, 0), &row, err);
	bool is_used =
		rc > 0 && memcmp(row.key.p, key, TR_STORE_ARTEFACT_ID) == 0;
	tr_kv_cursor_close(&c);
	if (rc < 0 || is_used)
		return rc < 0 ? rc : 0;
	return tr_kv_del(txn, TR_CLUSTER_ARTEFACTS,
		tr_slice_of(key, TR_STORE_ARTEFACT_ID), err);
}

static int drop_submission(
	struct tr_kv_txn *txn, uint64_t job, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	void *msg;
	int rc = tr_store_get_msg(txn, TR_CLUSTER_SUBMITS, tr_key64(key, job),
		&tranche__v1__job_submitted__descriptor, &msg, err);
	if (rc != 0)
		return rc;
	const Tranche__V1__SubmitRequest *request =
		((const Tranche__V1__JobSubmitted *)msg)->request;
	struct tr_slice uuid = tr_slice_of_text(request->request_uuid);
	if (uuid.n > 0)
		rc = tr_kv_del(txn, TR_CLUSTER_REQUESTS, uuid, err);
	if (rc == 0)
		rc = drop_artefact(txn,
			tr_slice_of(
				request->artefact.data, request->artefact.len),
			job, err);
	if (rc == 0)
		rc = tr_kv_del(
			txn, TR_CLUSTER_SUBMITS, tr_key64(key, job), err);
	tr_msg_free(msg);
	return rc;
}

static int remove_job(
	struct tr_kv_txn *txn, uint64_t job, bool *is_new, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	Tranche__V1__JobStatus *status;
	*is_new = false;
	int rc = tr_joblist_status(txn, job, &status, err);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	bool is_ended = tr_job_state_is_end(status->state);
	tr_msg_free(status);
	if (!is_ended)
		return tr_error_set(err, TR_EINVAL,
			"job %llu has not ended and cannot be removed",
			ULL(job));
	*is_new = true;
	rc = drop_submission(txn, job, err);
	if (rc == 0)
		rc = tr_kv_del(txn, TR_CLUSTER_JOBS, tr_key64(key, job), err);
	if (rc == 0)
		rc = tr_kv_put(txn, TR_CLUSTER_REMOVALS, tr_key64(key, job),
			NULL, 0, err);
	return rc;
}

static int end_some(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct end *e = arg;
	e->ended = 0;
	e->removed = 0;
	for (size_t i = 0; i < e->n; i++) {
		const Tranche__V1__JournalRecord *r = e->items[i].record;
		bool is_new = false;
		int rc = 0;
		if (!r)
			continue;
		if (r->record_case ==
			TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_ENDED) {
			rc = put_end(e->store, txn, r->job_ended, &is_new, err);
			e->ended += is_new;
		} else if (r->record_case ==
			   TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_REMOVED) {
			rc = remove_job(txn, r->job_removed->job, &is_new, err);
			e->removed += is_new;
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool is_end(const struct tr_store_item *item)
{
	return item->record &&
	       (item->record->record_case ==
			       TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_ENDED ||
		       item->record->record_case ==
			       TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_REMOVED);
}

int tr_joblist_end(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err)
{
	struct end e = { .store = s, .items = items, .n = n };
	bool has_end = false;
	for (size_t i = 0; i < n; i++)
		has_end |= is_end(&items[i]);
	if (!has_end)
		return 0;
	int rc = tr_kv_update(s->cluster, end_some, &e, err);
	if (rc != 0)
		return rc;
	s->ended_jobs += e.ended;
	s->ended_jobs -= e.removed;
	for (size_t i = 0; i < n; i++) {
		const Tranche__V1__JournalRecord *r = items[i].record;
		if (r &&
			r->record_case ==
				TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_REMOVED)
			tr_job_queue_add(&s->removals, r->job_removed->job);
	}
	return 0;
}

/* --------------------------------------------------------------- removal */

static int forget(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	const uint64_t *job = arg;
	int rc = tr_kv_del(txn, TR_CLUSTER_REMOVALS, tr_key64(key, *job), err);
	return rc == TR_ENOTFOUND ? 0 : rc;
}

int tr_joblist_forget(struct tr_store *s, uint64_t job, struct tr_error *err)
{
	return tr_kv_update(s->cluster, forget, &job, err);
}

static int each_status(struct tr_kv_txn *txn,
	int (*fn)(void *arg, uint64_t job, const Tranche__V1__JobStatus *status,
		struct tr_error *err),
	void *arg, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, TR_CLUSTER_JOBS, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_first(&c, &row, err);
	while (rc > 0) {
		void *msg;
		rc = tr_store_unpack(&tranche__v1__job_status__descriptor,
			row.value, &msg, err);
		if (rc != 0)
			break;
		rc = fn(arg, tr_be_get64(row.key.p), msg, err);
		tr_msg_free(msg);
		if (rc != 0)
			break;
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	return rc;
}

static int take_first_ended(void *arg, uint64_t job,
	const Tranche__V1__JobStatus *status, struct tr_error *err)
{
	(void)err;
	uint64_t *oldest = arg;
	if (*oldest == 0 && tr_job_state_is_end(status->state))
		*oldest = job;
	return 0;
}

int tr_joblist_remove_oldest(struct tr_store *s, struct tr_error *err)
{
	uint64_t oldest = 0;
	struct tr_kv_txn txn;
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = each_status(&txn, take_first_ended, &oldest, err);
	tr_kv_abort(&txn);
	if (rc != 0 || oldest == 0)
		return rc;
	Tranche__V1__JobRemoved removed = TRANCHE__V1__JOB_REMOVED__INIT;
	Tranche__V1__JournalRecord record = TRANCHE__V1__JOURNAL_RECORD__INIT;
	removed.job = oldest;
	record.term = s->term;
	record.record_case = TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_REMOVED;
	record.job_removed = &removed;
	const struct tr_store_item item = { .record = &record };
	return tr_store_apply(s, &item, 1, err);
}

/* ---------------------------------------------------------------- repair */

struct repair {
	struct tr_store *store;
	struct tr_job_queue active;
	const Tranche__V1__JobEnded *end;
};

static int sort_job(void *arg, uint64_t job,
	const Tranche__V1__JobStatus *status, struct tr_error *err)
{
	(void)err;
	struct repair *r = arg;
	tr_job_queue_add(&r->store->todo, job);
	if (tr_job_state_is_end(status->state))
		r->store->ended_jobs++;
	else
		tr_job_queue_add(&r->active, job);
	return 0;
}

static int repeat_end(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct repair *r = arg;
	bool is_new;
	return put_end(r->store, txn, r->end, &is_new, err);
}

static int repair_job(struct repair *r, uint64_t job, struct tr_error *err)
{
	struct tr_job_txn t;
	void *msg;
	int rc = tr_job_read(r->store, job, &t, err);
	if (rc == TR_ENOTFOUND)
		return 0; /* submitted, and nothing since */
	if (rc != 0)
		return rc;
	rc = tr_store_get_msg(&t.txn, TR_JOB_META,
		tr_slice_of_text(TR_META_END),
		&tranche__v1__job_ended__descriptor, &msg, err);
	tr_job_read_end(&t);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	r->end = msg;
	rc = tr_kv_update(r->store->cluster, repeat_end, r, err);
	if (rc == 0)
		r->store->ended_jobs++;
	tr_msg_free(msg);
	return rc;
}

static int load_removals(
	struct tr_store *s, struct tr_kv_txn *txn, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, TR_CLUSTER_REMOVALS, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_first(&c, &row, err);
	for (; rc > 0; rc = tr_kv_cursor_next(&c, &row, err))
		tr_job_queue_add(&s->removals, tr_be_get64(row.key.p));
	tr_kv_cursor_close(&c);
	return rc;
}

int tr_joblist_repair(struct tr_store *s, struct tr_error *err)
{
	struct repair r = { .store = s };
	struct tr_kv_txn txn;
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = each_status(&txn, sort_job, &r, err);
	if (rc == 0)
		rc = load_removals(s, &txn, err);
	tr_kv_abort(&txn);
	for (size_t i = 0; rc == 0 && i < r.active.n; i++)
		rc = repair_job(&r, r.active.v[i], err);
	while (r.active.n > 0)
		tr_job_queue_shift(&r.active);
	return rc;
}
