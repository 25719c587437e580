/* Reading a job's plans, task history and log lines. */
#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "driver/store/layout.h"
#include "driver/store/state.h"

/* The batch of the last row of a database whose keys begin with one; 0: none */
static int newest_batch(struct tr_kv_txn *txn, enum tr_job_db db,
	uint64_t *batch, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, db, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_last(&c, &row, err);
	if (rc >= 0)
		*batch = rc > 0 ? tr_be_get64(row.key.p) : 0;
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

int tr_store_plan(struct tr_store *s, struct tr_job_id job, uint64_t batch,
	Tranche__V1__BatchPlan **out, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_job_txn t;
	void *msg;
	int rc = tr_job_read(s, job.v, &t, err);
	if (rc != 0)
		return rc;
	if (batch == 0)
		rc = newest_batch(&t.txn, TR_JOB_PLANS, &batch, err);
	if (rc == 0)
		rc = tr_store_get_msg(&t.txn, TR_JOB_PLANS,
			tr_key64(key, batch),
			&tranche__v1__batch_plan__descriptor, &msg, err);
	tr_job_read_end(&t);
	if (rc == TR_ENOTFOUND)
		return tr_error_set(err, rc, "job %llu has no such plan",
			(unsigned long long)job.v);
	if (rc == 0)
		*out = msg;
	return rc;
}

/* ----------------------------------------------------------- pages of rows */

struct page {
	const ProtobufCMessageDescriptor *type;
	void **msgs; /* TR_STORE_PAGE_ROWS */
	size_t n;
	bool more;
};

static void page_free(struct page *p)
{
	for (size_t i = 0; i < p->n; i++)
		tr_msg_free(p->msgs[i]);
	free(p->msgs);
}

/* Rows from a key on whose keys begin as it does, in `same` bytes. */
static int page_load(struct page *p, struct tr_kv_txn *txn, enum tr_job_db db,
	struct tr_slice from, size_t same, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, db, err);
	if (rc != 0)
		return rc;
	p->msgs = tr_xcalloc(TR_STORE_PAGE_ROWS, sizeof(void *));
	rc = tr_kv_cursor_seek(&c, from, &row, err);
	while (rc > 0 && memcmp(row.key.p, from.p, same) == 0) {
		p->more = p->n == TR_STORE_PAGE_ROWS;
		if (p->more)
			break;
		rc = tr_store_unpack(p->type, row.value, &p->msgs[p->n], err);
		if (rc != 0)
			break;
		p->n++;
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

int tr_store_tasks(struct tr_store *s, struct tr_job_id job, uint64_t batch,
	struct tr_lane_id from, Tranche__V1__TaskRow ***tasks, size_t *n,
	bool *more, struct tr_error *err)
{
	uint8_t key[TR_TASK_KEY];
	struct page p = { .type = &tranche__v1__task_row__descriptor };
	struct tr_job_txn t;
	int rc = tr_job_read(s, job.v, &t, err);
	if (rc != 0)
		return rc;
	if (batch == 0)
		rc = newest_batch(&t.txn, TR_JOB_TASKS, &batch, err);
	if (rc == 0)
		rc = page_load(&p, &t.txn, TR_JOB_TASKS,
			tr_task_key(key, batch, from.stage, from.lane),
			TR_KEY64, err);
	tr_job_read_end(&t);
	if (rc != 0) {
		page_free(&p);
		return rc;
	}
	*tasks = (Tranche__V1__TaskRow **)p.msgs;
	*n = p.n;
	*more = p.more;
	return 0;
}

void tr_store_tasks_free(Tranche__V1__TaskRow **tasks, size_t n)
{
	page_free(&(struct page){ .msgs = (void **)tasks, .n = n });
}

int tr_store_logs(struct tr_store *s, struct tr_job_id job, uint64_t after,
	Tranche__V1__StoredLogLine ***lines, size_t *n, bool *more,
	uint64_t *dropped, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	uint64_t lost = 0;
	struct page p = { .type = &tranche__v1__stored_log_line__descriptor };
	struct tr_job_txn t;
	int rc = tr_job_read(s, job.v, &t, err);
	if (rc != 0)
		return rc;
	if (after < UINT64_MAX)
		rc = page_load(&p, &t.txn, TR_JOB_LOGS,
			tr_key64(key, after + 1), 0, err);
	if (rc == 0)
		rc = tr_meta_get64(
			&t.txn, TR_JOB_META, TR_META_LOG_DROPPED, &lost, err);
	tr_job_read_end(&t);
	if (rc != 0) {
		page_free(&p);
		return rc;
	}
	*lines = (Tranche__V1__StoredLogLine **)p.msgs;
	*n = p.n;
	*more = p.more;
	*dropped = lost;
	return 0;
}

void tr_store_logs_free(Tranche__V1__StoredLogLine **lines, size_t n)
{
	page_free(&(struct page){ .msgs = (void **)lines, .n = n });
}
