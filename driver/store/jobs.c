/* Reading the job list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "driver/store/joblist.h"
#include "driver/store/layout.h"

static int no_job(struct tr_error *err, uint64_t job)
{
	return tr_error_set(
		err, TR_ENOTFOUND, "no job %llu", (unsigned long long)job);
}

int tr_store_artefact(struct tr_store *s, struct tr_slice sha256,
	struct tr_buf *out, struct tr_error *err)
{
	struct tr_kv_txn txn;
	struct tr_slice bytes;
	if (sha256.n != TR_STORE_ARTEFACT_ID)
		return tr_error_set(
			err, TR_ENOTFOUND, "no name of an artefact");
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_get(&txn, TR_CLUSTER_ARTEFACTS, sha256, &bytes, err);
	if (rc == TR_ENOTFOUND)
		rc = tr_error_set(err, rc, "no such artefact is stored");
	if (rc == 0) {
		rc = tr_buf_append(out, bytes.p, bytes.n);
		if (rc != 0)
			tr_error_set(
				err, rc, "an artefact of %zu bytes", bytes.n);
	}
	tr_kv_abort(&txn);
	return rc;
}

int tr_store_request(struct tr_store *s, const char *request_uuid,
	struct tr_job_id *job, struct tr_error *err)
{
	struct tr_kv_txn txn;
	struct tr_slice v;
	struct tr_slice uuid = tr_slice_of_text(request_uuid);
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = TR_ENOTFOUND;
	if (uuid.n > 0 && uuid.n <= TR_KV_KEY_MAX)
		rc = tr_kv_get(&txn, TR_CLUSTER_REQUESTS, uuid, &v, err);
	if (rc == 0 && v.n == TR_KEY64)
		job->v = tr_be_get64(v.p);
	else if (rc == 0)
		rc = tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: a request without a job",
			tr_kv_path(s->cluster));
	else if (rc == TR_ENOTFOUND)
		tr_error_set(err, rc, "no such request is stored");
	tr_kv_abort(&txn);
	return rc;
}

int tr_store_job_status(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__JobStatus **out, struct tr_error *err)
{
	int rc = tr_joblist_get(s, job.v, out, err);
	return rc == TR_ENOTFOUND ? no_job(err, job.v) : rc;
}

int tr_store_submitted(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__JobSubmitted **out, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_kv_txn txn;
	void *msg;
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = tr_store_get_msg(&txn, TR_CLUSTER_SUBMITS, tr_key64(key, job.v),
		&tranche__v1__job_submitted__descriptor, &msg, err);
	tr_kv_abort(&txn);
	if (rc == 0)
		*out = msg;
	return rc == TR_ENOTFOUND ? no_job(err, job.v) : rc;
}

/* ------------------------------------------------------------------ list */

struct list {
	bool active_only;
	Tranche__V1__JobStatus **jobs;
	size_t n;
	size_t cap;
};

static void list_add(struct list *l, Tranche__V1__JobStatus *status)
{
	if (l->active_only && tr_job_state_is_end(status->state)) {
		tr_msg_free(status);
		return;
	}
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->jobs = tr_xrealloc(
			l->jobs, l->cap * sizeof(Tranche__V1__JobStatus *));
	}
	l->jobs[l->n++] = status;
}

static int list_all(struct list *l, struct tr_kv_txn *txn, struct tr_error *err)
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
		list_add(l, msg);
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	return rc;
}

int tr_store_job_list(struct tr_store *s, bool active_only,
	Tranche__V1__JobStatus ***jobs, size_t *n, struct tr_error *err)
{
	struct list l = { .active_only = active_only };
	struct tr_kv_txn txn;
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = list_all(&l, &txn, err);
	tr_kv_abort(&txn);
	if (rc != 0) {
		tr_store_jobs_free(l.jobs, l.n);
		return rc;
	}
	*jobs = l.jobs;
	*n = l.n;
	return 0;
}

void tr_store_jobs_free(Tranche__V1__JobStatus **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tr_msg_free(jobs[i]);
	free(jobs);
}

/* ------------------------------------------------------------------ find */

static bool parse_number(const char *text, uint64_t *v)
{
	if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*v = strtoull(text, NULL, 10);
	return errno == 0;
}

int tr_store_job_find(struct tr_store *s, const char *text,
	struct tr_job_id *job, struct tr_error *err)
{
	uint64_t number = 0;
	bool is_number = parse_number(text, &number);
	uint64_t found = 0;
	Tranche__V1__JobStatus **jobs;
	size_t n;
	int rc = tr_store_job_list(s, false, &jobs, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = n; i > 0 && found == 0; i--)
		if (is_number && jobs[i - 1]->env->job == number)
			found = number;
	for (size_t i = n; i > 0 && found == 0; i--)
		if (strcmp(jobs[i - 1]->name, text) == 0)
			found = jobs[i - 1]->env->job;
	tr_store_jobs_free(jobs, n);
	if (found == 0)
		return tr_error_set(
			err, TR_ENOTFOUND, "no job '%s': see job list", text);
	job->v = found;
	return 0;
}
