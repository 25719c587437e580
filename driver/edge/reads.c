/*
 * Requests that read the store: jobs that have ended, logs, tables. They run
 * on pool threads, each one short read transaction, so that a cold disk never
 * holds the loop up.
 */
#include <string.h>

#include "common/base/xalloc.h"
#include "driver/edge/driver.h"

struct read_work {
	struct tr_work work;
	struct tr_driver *d;
	struct tr_conn_id conn;
	enum tr_kind kind;
	void *request;         /* the unpacked message, owned */
	struct tr_buf payload; /* of the request */
	uint64_t request_id;
	/* The answer. */
	int rc;
	struct tr_error err;
	Tranche__V1__JobStatus **jobs;
	size_t n_jobs;
	Tranche__V1__JobStatus *status;
	Tranche__V1__BatchPlan *plan;
	Tranche__V1__TaskRow **tasks;
	size_t n_tasks;
	Tranche__V1__StoredLogLine **lines;
	size_t n_lines;
	bool more;
	struct tr_buf out;
	uint64_t batch, records;
	bool found;
};

static void work_free(struct tr_work *work)
{
	struct read_work *w = (struct read_work *)work;
	tr_store_jobs_free(w->jobs, w->n_jobs);
	tr_store_logs_free(w->lines, w->n_lines);
	for (size_t i = 0; i < w->n_tasks; i++)
		tr_msg_free(w->tasks[i]);
	tr_xfree(w->tasks);
	tr_msg_free(w->status);
	tr_msg_free(w->plan);
	tr_msg_free(w->request);
	tr_buf_fini(&w->payload);
	tr_buf_fini(&w->out);
	tr_xfree(w);
}

static struct tr_slice slice_of(const struct tr_buf *b)
{
	/* An empty key is not an absent one. */
	static const uint8_t none = 0;
	return (struct tr_slice){ b->len ? b->data : &none, b->len };
}

/* ------------------------------------------------------- on pool threads */

static void read_list(struct read_work *w)
{
	const Tranche__V1__JobListRequest *m = w->request;
	w->rc = tr_store_job_list(
		w->d->store, m->active_only, &w->jobs, &w->n_jobs, &w->err);
}

static void read_status(struct read_work *w, const char *name)
{
	struct tr_job_id id;
	w->rc = tr_store_job_find(w->d->store, name, &id, &w->err);
	if (w->rc == 0)
		w->rc = tr_store_job_status(
			w->d->store, id, &w->status, &w->err);
}

/* All pages of the task history, up to what one reply shows. */
static void read_tasks(struct read_work *w, struct tr_job_id id)
{
	struct tr_lane_id from = { 0, 0 };
	bool more = true;
	while (more && w->n_tasks < TR_SHOW_ROWS_MAX) {
		Tranche__V1__TaskRow **page;
		size_t n;
		if (tr_store_tasks(w->d->store, id, 0, from, &page, &n, &more,
			    &w->err) != 0)
			return; /* failed before it was planned */
		if (n == 0) {
			tr_store_tasks_free(page, n);
			return;
		}
		w->tasks = tr_xrealloc(
			w->tasks, (w->n_tasks + n) * sizeof(*w->tasks));
		memcpy(w->tasks + w->n_tasks, page, n * sizeof(*page));
		w->n_tasks += n;
		from = (struct tr_lane_id){ page[n - 1]->stage,
			page[n - 1]->lane + 1 };
		/* The rows live on in w->tasks; only the array goes. */
		tr_xfree(page);
	}
}

static void read_show(struct read_work *w)
{
	const Tranche__V1__JobShowRequest *m = w->request;
	struct tr_job_id id;
	read_status(w, m->job);
	if (w->rc != 0)
		return;
	w->rc = tr_store_job_find(w->d->store, m->job, &id, &w->err);
	if (w->rc != 0)
		return;
	struct tr_error ignored; /* a job may end before it has a plan */
	if (tr_store_plan(w->d->store, id, 0, &w->plan, &ignored) == 0)
		read_tasks(w, id);
}

static void read_logs(struct read_work *w)
{
	const Tranche__V1__JobLogsRequest *m = w->request;
	struct tr_job_id id;
	uint64_t dropped;
	w->rc = tr_store_job_find(w->d->store, m->job, &id, &w->err);
	if (w->rc != 0)
		return;
	w->rc = tr_store_logs(w->d->store, id, m->after, &w->lines, &w->n_lines,
		&w->more, &dropped, &w->err);
	/* The job is known: it has no lines before it has a plan. */
	if (w->rc == TR_ENOTFOUND)
		w->rc = 0;
}

static void read_get(struct read_work *w)
{
	const Tranche__V1__TableGetRequest *m = w->request;
	struct tr_store_table table = { .name = m->table };
	w->rc = tr_store_job_find(w->d->store, m->job, &table.job, &w->err);
	if (w->rc != 0)
		return;
	w->err.text[0] = '\0';
	w->rc = tr_store_get(w->d->store, &table, slice_of(&w->payload),
		&w->out, &w->batch, &w->err);
	w->found = w->rc == 0;
	/* No such key is an answer, no such table an error with a text. */
	if (w->rc == TR_ENOTFOUND && w->err.text[0] == '\0')
		w->rc = 0;
}

static void read_scan(struct read_work *w)
{
	const Tranche__V1__TableScanRequest *m = w->request;
	struct tr_store_table table = { .name = m->output ? NULL : m->table,
		.op = m->operator_,
		.batch = m->batch };
	struct tr_store_page page;
	size_t n = m->prefix_bytes;
	if (n > w->payload.len) {
		w->rc = tr_error_set(&w->err, TR_EPROTO,
			"the prefix is longer than the payload");
		return;
	}
	struct tr_slice all = slice_of(&w->payload);
	struct tr_store_scan scan = { .prefix = { all.p, n },
		.limit = m->limit };
	if (m->after)
		scan.after = (struct tr_slice){ all.p + n, all.n - n };
	w->rc = tr_store_job_find(w->d->store, m->job, &table.job, &w->err);
	if (w->rc == 0)
		w->rc = tr_store_scan(
			w->d->store, &table, &scan, &w->out, &page, &w->err);
	if (w->rc != 0)
		return;
	w->records = page.records;
	w->batch = page.batch;
	w->more = page.more;
}

static void work_run(struct tr_work *work, void *state)
{
	struct read_work *w = (struct read_work *)work;
	(void)state;
	switch ((int)w->kind) {
	case TR_KIND_JOB_LIST:
		read_list(w);
		break;
	case TR_KIND_WATCH:
		read_status(w, ((Tranche__V1__WatchRequest *)w->request)->job);
		break;
	case TR_KIND_JOB_CANCEL:
		read_status(
			w, ((Tranche__V1__JobCancelRequest *)w->request)->job);
		break;
	case TR_KIND_JOB_SHOW:
		read_show(w);
		break;
	case TR_KIND_JOB_LOGS:
		read_logs(w);
		break;
	case TR_KIND_TABLE_GET:
		read_get(w);
		break;
	case TR_KIND_TABLE_SCAN:
		read_scan(w);
		break;
	default:
		tr_assert(false);
	}
}

/* ---------------------------------------------------------- on the loop */

static void send(struct read_work *w, enum tr_kind kind, const void *msg)
{
	struct tr_slice payload = { w->out.data, w->out.len };
	if (tr_driver_send(w->d, w->conn, kind, msg, payload) != TR_ELIMIT)
		return;
	tr_error_set(&w->err, TR_ELIMIT,
		"the answer is larger than one message: ask for less");
	tr_control_ack(w->d, w->conn, w->request_id, &w->err);
}

/* What runs now is newer than what is stored of it. */
static void send_list(struct read_work *w)
{
	Tranche__V1__Envelope env = tr_driver_env(w->d, NULL, w->request_id);
	Tranche__V1__JobListReply m = TRANCHE__V1__JOB_LIST_REPLY__INIT;
	for (size_t i = 0; i < w->n_jobs; i++) {
		struct tr_job_id id = { tr_msg_env(w->jobs[i]->env)->job };
		struct tr_edge_job *j = tr_driver_job(w->d, id);
		if (!j)
			continue;
		tr_msg_free(w->jobs[i]);
		w->jobs[i] = tr_edge_job_status(
			j, tr_store_term(w->d->store).v, w->d->wall_ms);
	}
	m.env = &env;
	m.n_jobs = w->n_jobs;
	m.jobs = w->jobs;
	send(w, TR_KIND_JOB_LIST_REPLY, &m);
}

static void send_show(struct read_work *w)
{
	Tranche__V1__JobShowReply m = TRANCHE__V1__JOB_SHOW_REPLY__INIT;
	m.status = w->status;
	m.plan = w->plan;
	m.n_tasks = w->n_tasks;
	m.tasks = w->tasks;
	tr_control_show(w->d, w->conn, w->request_id, &m);
}

static void send_logs(struct read_work *w)
{
	Tranche__V1__Envelope env = tr_driver_env(w->d, NULL, w->request_id);
	Tranche__V1__JobLogsReply m = TRANCHE__V1__JOB_LOGS_REPLY__INIT;
	m.env = &env;
	m.n_lines = w->n_lines;
	m.lines = w->lines;
	m.more = w->more;
	send(w, TR_KIND_JOB_LOGS_REPLY, &m);
}

static void send_get(struct read_work *w)
{
	Tranche__V1__Envelope env = tr_driver_env(w->d, NULL, w->request_id);
	Tranche__V1__TableGetReply m = TRANCHE__V1__TABLE_GET_REPLY__INIT;
	m.env = &env;
	m.found = w->found;
	m.batch = w->batch;
	send(w, TR_KIND_TABLE_GET_REPLY, &m);
}

static void send_scan(struct read_work *w)
{
	Tranche__V1__Envelope env = tr_driver_env(w->d, NULL, w->request_id);
	Tranche__V1__TableScanReply m = TRANCHE__V1__TABLE_SCAN_REPLY__INIT;
	m.env = &env;
	m.records = w->records;
	m.more = w->more;
	m.batch = w->batch;
	send(w, TR_KIND_TABLE_SCAN_REPLY, &m);
}

/* It may have become known while the store was asked. */
static void send_watch(struct read_work *w)
{
	const Tranche__V1__WatchRequest *m = w->request;
	struct tr_edge_job *j = tr_driver_job(
		w->d, (struct tr_job_id){ tr_msg_env(w->status->env)->job });
	struct tr_peer *p = tr_driver_peer(w->d, w->conn);
	if (j && p)
		tr_watch_add(w->d, p, j, w->request_id, m->interval_ms);
	else
		tr_control_status(w->d, w->conn, w->request_id, w->status);
}

/* A cancel that found no active job: it has ended, or never was. */
static void send_cancel(struct read_work *w)
{
	tr_error_set(&w->err, TR_EINVAL, "the job has ended already");
	tr_control_ack(w->d, w->conn, w->request_id, &w->err);
}

static void work_done(struct tr_work *work)
{
	struct read_work *w = (struct read_work *)work;
	if (w->rc != 0) {
		tr_control_ack(w->d, w->conn, w->request_id, &w->err);
		return;
	}
	switch ((int)w->kind) {
	case TR_KIND_JOB_LIST:
		send_list(w);
		break;
	case TR_KIND_WATCH:
		send_watch(w);
		break;
	case TR_KIND_JOB_CANCEL:
		send_cancel(w);
		break;
	case TR_KIND_JOB_SHOW:
		send_show(w);
		break;
	case TR_KIND_JOB_LOGS:
		send_logs(w);
		break;
	case TR_KIND_TABLE_GET:
		send_get(w);
		break;
	case TR_KIND_TABLE_SCAN:
		send_scan(w);
		break;
	default:
		tr_assert(false);
	}
}

struct tr_pool *tr_reads_pool(struct tr_driver *d)
{
	struct tr_pool_opts opts = { .name = "read",
		.threads = TR_READ_THREADS,
		.queue_max = TR_READ_QUEUE_MAX };
	return tr_pool_new(&opts, d->mailbox);
}

/* Every request's first field is its envelope. */
static uint64_t request_id_of(const void *request)
{
	const Tranche__V1__JobListRequest *any = request;
	return tr_msg_env(any->env)->request_id;
}

void tr_reads_submit(struct tr_driver *d, struct tr_conn_id conn,
	enum tr_kind kind, void *request, struct tr_slice payload)
{
	struct read_work *w = tr_xcalloc(1, sizeof(*w));
	w->work = (struct tr_work){
		.run = work_run, .done = work_done, .free = work_free
	};
	w->d = d;
	w->conn = conn;
	w->kind = kind;
	w->request = request;
	w->request_id = request_id_of(request);
	tr_buf_init(&w->payload, 2 * TR_KEY_DATUM_MAX);
	tr_buf_init(&w->out, TR_SCAN_REPLY_MAX + TR_KEY_MAX + TR_VALUE_MAX);
	int rc = tr_buf_append(&w->payload, payload.p, payload.n);
	if (rc == 0)
		rc = tr_pool_submit(d->readers, &w->work);
	if (rc == 0)
		return;
	if (rc == TR_ELIMIT)
		tr_error_set(&w->err, rc, "the key is longer than %llu bytes",
			(unsigned long long)TR_KEY_MAX);
	else
		tr_error_set(&w->err, TR_EAGAIN,
			"too many requests are waiting: try again later");
	tr_control_ack(d, conn, w->request_id, &w->err);
	work_free(&w->work);
}
