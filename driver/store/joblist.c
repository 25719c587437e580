#include "driver/store/joblist.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/bounds.h"
#include "driver/store/folder.h"
#include "driver/store/layout.h"

#define ULL(v) ((unsigned long long)(v))

int tr_joblist_put(struct tr_store *s, struct tr_kv_txn *txn,
	enum tr_cluster_db db, uint64_t job, const void *msg,
	struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	return tr_store_put_msg(
		txn, db, tr_key64(key, job), msg, &s->pack, err);
}

int tr_joblist_status(struct tr_kv_txn *txn, uint64_t job,
	Tranche__V1__JobStatus **out, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	void *msg;
	int rc = tr_store_get_msg(txn, TR_CLUSTER_JOBS, tr_key64(key, job),
		&tranche__v1__job_status__descriptor, &msg, err);
	if (rc == 0)
		*out = msg;
	return rc;
}

int tr_joblist_get(struct tr_store *s, uint64_t job,
	Tranche__V1__JobStatus **out, struct tr_error *err)
{
	struct tr_kv_txn txn;
	int rc = tr_kv_read(s->cluster, &txn, err);
	if (rc != 0)
		return rc;
	rc = tr_joblist_status(&txn, job, out, err);
	tr_kv_abort(&txn);
	return rc;
}

/* ------------------------------------------------------------------ open */

static int make_cluster_id(
	struct tr_kv_txn *txn, char text[33], struct tr_error *err)
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return tr_error_set(
			err, TR_EIO, "no random bytes: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	struct tr_slice v = tr_slice_of(text, 32);
	return tr_kv_put(txn, TR_CLUSTER_META,
		tr_slice_of_text(TR_META_CLUSTER_ID), &v, 1, err);
}

static int load_cluster_id(
	struct tr_kv_txn *txn, char text[33], struct tr_error *err)
{
	struct tr_slice v;
	int rc = tr_kv_get(txn, TR_CLUSTER_META,
		tr_slice_of_text(TR_META_CLUSTER_ID), &v, err);
	if (rc == TR_ENOTFOUND)
		return make_cluster_id(txn, text, err);
	if (rc != 0)
		return rc;
	if (v.n != 32)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: its cluster id is cut",
			tr_kv_path(txn->kv));
	memcpy(text, v.p, 32);
	text[32] = '\0';
	return 0;
}

static int next_term(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct tr_store *s = arg;
	uint64_t term;
	int rc = tr_meta_get64(txn, TR_CLUSTER_META, TR_META_TERM, &term, err);
	if (rc == 0)
		rc = tr_meta_put64(
			txn, TR_CLUSTER_META, TR_META_TERM, term + 1, err);
	if (rc == 0)
		rc = tr_meta_get64(txn, TR_CLUSTER_META, TR_META_LAST_JOB,
			&s->last_job, err);
	if (rc == 0)
		rc = load_cluster_id(txn, s->cluster_id, err);
	s->term = term + 1;
	return rc;
}

/* Numbers are not used twice, even where the list lost a job (a restored
 * backup): its folder is still there. */
static int pass_job(void *arg, uint64_t job, struct tr_error *err)
{
	(void)err;
	struct tr_store *s = arg;
	if (job > s->last_job)
		s->last_job = job;
	return 0;
}

int tr_joblist_open(struct tr_store *s, struct tr_error *err)
{
	char path[PATH_MAX];
	const struct tr_kv_opts opts = {
		.path = tr_folder_cluster(path, s->path),
		.schema = &tr_store_cluster_schema,
		.map_bytes = s->envs.map_bytes,
	};
	int rc = tr_kv_open(&s->cluster, &opts, err);
	if (rc == 0)
		rc = tr_kv_update(s->cluster, next_term, s, err);
	if (rc == 0)
		rc = tr_folder_each_job(s->path, pass_job, s, err);
	return rc;
}

/* ---------------------------------------------------------------- submit */

struct submit {
	struct tr_store *store;
	const struct tr_store_item *items;
	size_t n;
	size_t next; /* the first item not in the transaction */
	size_t from;
	uint64_t last_job;
};

/* 0: new; 1: the very same job is there; or an error. */
static int find_twin(struct tr_store *s, struct tr_kv_txn *txn,
	const Tranche__V1__JobSubmitted *r, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_slice stored;
	int rc = tr_kv_get(
		txn, TR_CLUSTER_SUBMITS, tr_key64(key, r->job), &stored, err);
	if (rc != 0)
		return rc == TR_ENOTFOUND ? 0 : rc;
	tr_buf_reset(&s->pack);
	rc = tr_msg_pack(&s->pack, r);
	if (rc == 0 &&
		tr_slice_equal(tr_slice_of(s->pack.data, s->pack.len), stored))
		return 1;
	return tr_error_set(err, TR_EEXIST,
		"job %llu was submitted before, as something else",
		ULL(r->job));
}

static int put_request(struct tr_kv_txn *txn,
	const Tranche__V1__JobSubmitted *r, struct tr_error *err)
{
	uint8_t be[TR_KEY64];
	struct tr_slice uuid = tr_slice_of_text(r->request->request_uuid);
	struct tr_slice job = tr_key64(be, r->job);
	if (uuid.n == 0)
		return 0;
	if (uuid.n > TR_KV_KEY_MAX)
		return tr_error_set(
			err, TR_ELIMIT, "a request id of %zu bytes", uuid.n);
	int rc = tr_kv_insert(txn, TR_CLUSTER_REQUESTS, uuid, &job, 1, err);
	if (rc == TR_EEXIST)
		return tr_error_set(err, TR_EEXIST,
			"request '%s' is another job's",
			r->request->request_uuid);
	return rc;
}

static int put_artefact(struct tr_kv_txn *txn,
	const Tranche__V1__JobSubmitted *r, struct tr_slice bytes,
	struct tr_error *err)
{
	uint8_t key[TR_USE_KEY];
	struct tr_slice sha256 = tr_slice_of(
		r->request->artefact.data, r->request->artefact.len);
	struct tr_slice there;
	if (sha256.n != TR_STORE_ARTEFACT_ID)
		return tr_error_set(err, TR_EINVAL,
			"job %llu names its artefact with %zu bytes",
			ULL(r->job), sha256.n);
	int rc = tr_kv_get(txn, TR_CLUSTER_ARTEFACTS, sha256, &there, err);
	if (rc == TR_ENOTFOUND && !bytes.p)
		return tr_error_set(err, TR_ENOTFOUND,
			"the artefact of job %llu is not stored", ULL(r->job));
	if (rc == TR_ENOTFOUND)
		rc = tr_kv_put(
			txn, TR_CLUSTER_ARTEFACTS, sha256, &bytes, 1, err);
	if (rc != 0)
		return rc;
	return tr_kv_put(txn, TR_CLUSTER_USES, tr_use_key(key, sha256, r->job),
		NULL, 0, err);
}

static int put_first_status(struct tr_store *s, struct tr_kv_txn *txn,
	const Tranche__V1__JobSubmitted *r, struct tr_error *err)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__JobStatus status;
	tranche__v1__job_status__init(&status);
	env.job = r->job;
	env.term = s->term;
	status.env = &env;
	status.name = r->request->name;
	status.state = TRANCHE__V1__JOB_STATE__JOB_PLANNING;
	status.submitted_ms = r->submitted_ms;
	status.job_uuid = r->job_uuid;
	status.term = s->term;
	return tr_joblist_put(s, txn, TR_CLUSTER_JOBS, r->job, &status, err);
}

static int submit_one(struct submit *b, struct tr_kv_txn *txn,
	const struct tr_store_item *item, uint64_t *bytes, struct tr_error *err)
{
	const Tranche__V1__JobSubmitted *r = item->record->job_submitted;
	struct tr_store *s = b->store;
	int rc = find_twin(s, txn, r, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = put_request(txn, r, err);
	if (rc == 0)
		rc = put_artefact(txn, r, item->payload, err);
	if (rc == 0)
		rc = put_first_status(s, txn, r, err);
	if (rc == 0)
		rc = tr_joblist_put(s, txn, TR_CLUSTER_SUBMITS, r->job, r, err);
	*bytes += item->payload.n + s->pack.len;
	if (r->job > b->last_job)
		b->last_job = r->job;
	return rc;
}

static bool is_submit(const struct tr_store_item *item)
{
	return item->record &&
	       item->record->record_case ==
		       TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_SUBMITTED;
}

static int submit_some(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct submit *b = arg;
	uint64_t bytes = 0;
	b->last_job = b->store->last_job;
	for (b->next = b->from;
		b->next < b->n && bytes < TR_STORE_TXN_BYTES_MAX; b->next++) {
		if (!is_submit(&b->items[b->next]))
			continue;
		int rc = submit_one(b, txn, &b->items[b->next], &bytes, err);
		if (rc != 0)
			return rc;
	}
	return tr_meta_put64(
		txn, TR_CLUSTER_META, TR_META_LAST_JOB, b->last_job, err);
}

int tr_joblist_submit(struct tr_store *s, const struct tr_store_item *items,
	size_t n, struct tr_error *err)
{
	struct submit b = { .store = s, .items = items, .n = n };
	while (b.from < n) {
		while (b.from < n && !is_submit(&items[b.from]))
			b.from++;
		if (b.from == n)
			break;
		int rc = tr_kv_update(s->cluster, submit_some, &b, err);
		if (rc != 0)
			return rc;
		s->last_job = b.last_job;
		b.from = b.next;
	}
	return 0;
}
