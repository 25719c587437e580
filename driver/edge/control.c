/*
 * The driver's side of the control protocol: what clients ask and hear.
 *
 * Requests that change something are answered when the change is durable.
 * What can be read from memory is answered at once, what is in the store by
 * reads.c. submit.c and watch.c have the longer stories.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

void tr_control_ack(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, const struct tr_error *err)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, request_id);
	Tranche__V1__Ack m = TRANCHE__V1__ACK__INIT;
	Tranche__V1__ErrorInfo info;
	m.env = &env;
	if (err) {
		tr_msg_error_info(&info, err);
		m.error = &info;
	}
	(void)tr_driver_send(d, conn, TR_KIND_ACK, &m, (struct tr_slice){ 0 });
}

void tr_control_status(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, Tranche__V1__JobStatus *status)
{
	if (status->env)
		status->env->request_id = request_id;
	(void)tr_driver_send(
		d, conn, TR_KIND_JOB_STATUS, status, (struct tr_slice){ 0 });
}

/* Tries again with less until a message holds it. */
void tr_control_show(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, Tranche__V1__JobShowReply *reply)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, request_id);
	Tranche__V1__JobShowReply m = *reply;
	Tranche__V1__BatchPlan plan;
	m.env = &env;
	if (m.n_tasks > TR_SHOW_ROWS_MAX)
		m.n_tasks = TR_SHOW_ROWS_MAX;
	int rc = tr_driver_send(
		d, conn, TR_KIND_JOB_SHOW_REPLY, &m, (struct tr_slice){ 0 });
	if (m.plan) {
		plan = *m.plan;
		plan.n_ranges = 0;
		m.plan = &plan;
	}
	while (rc == TR_ELIMIT && m.n_tasks > 0) {
		rc = tr_driver_send(d, conn, TR_KIND_JOB_SHOW_REPLY, &m,
			(struct tr_slice){ 0 });
		m.n_tasks /= 4;
	}
	if (rc != TR_ELIMIT)
		return;
	struct tr_error err;
	tr_error_set(&err, TR_ELIMIT,
		"the job is too large to be shown in one message");
	tr_control_ack(d, conn, request_id, &err);
}

static void on_watch(
	struct tr_driver *d, struct tr_peer *p, Tranche__V1__WatchRequest *m)
{
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(
			d, p->conn, TR_KIND_WATCH, m, (struct tr_slice){ 0 });
		return;
	}
	tr_watch_add(d, p, j, tr_msg_env(m->env)->request_id, m->interval_ms);
	tr_msg_free(m);
}

static void on_show(
	struct tr_driver *d, struct tr_peer *p, Tranche__V1__JobShowRequest *m)
{
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(d, p->conn, TR_KIND_JOB_SHOW, m,
			(struct tr_slice){ 0 });
		return;
	}
	Tranche__V1__JobShowReply r = TRANCHE__V1__JOB_SHOW_REPLY__INIT;
	r.status = tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	r.plan = j->plan;
	r.tasks = tr_edge_job_rows(j, TR_SHOW_ROWS_MAX, &r.n_tasks);
	tr_control_show(d, p->conn, tr_msg_env(m->env)->request_id, &r);
	tr_store_tasks_free(r.tasks, r.n_tasks);
	tr_msg_free(r.status);
	tr_msg_free(m);
}

/* Answered when the job's end is durable (notice.c). */
static void on_cancel(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__JobCancelRequest *m)
{
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(d, p->conn, TR_KIND_JOB_CANCEL, m,
			(struct tr_slice){ 0 });
		return;
	}
	tr_log_info("job-cancel", "job=%" PRIu64 " by=%s", j->id.v,
		TR_LOG_STR(p->name));
	tr_edge_waiters_add(&j->cancels, &j->n_cancels, p->conn.v,
		tr_msg_env(m->env)->request_id);
	struct tr_core_event ev = { .kind = TR_CORE_JOB_CANCEL,
		.u.stop = { j->id, TR_ECANCELED } };
	tr_driver_step(d, &ev);
	tr_msg_free(m);
}

static const char *state_text(const struct tr_peer *p)
{
	switch (p->state) {
	case TR_CORE_EXECUTOR_ACTIVE:
		return "active";
	case TR_CORE_EXECUTOR_DRAINING:
		return "draining";
	case TR_CORE_EXECUTOR_LOST:
		return "lost";
	case TR_CORE_EXECUTOR_FREE:
	case TR_CORE_EXECUTOR_JOINING:
	case TR_CORE_EXECUTOR_STATES:
		break;
	}
	return "joining";
}

static Tranche__V1__ExecutorRow *executor_row(const struct tr_peer *p)
{
	Tranche__V1__ExecutorRow *r = tr_xmalloc(sizeof(*r));
	tranche__v1__executor_row__init(r);
	r->id = p->executor.v;
	r->name = tr_xstrdup(p->name);
	r->address = tr_xstrdup(p->address);
	r->state = tr_xstrdup(state_text(p));
	r->slots = p->slots;
	r->busy = p->n_running;
	r->memory_bytes = p->memory_bytes;
	r->tasks_done = p->tasks_done;
	r->tasks_failed = p->tasks_failed;
	r->connected_ms = p->connected_ms;
	r->version = tr_xstrdup(p->version);
	return r;
}

static void on_executor_list(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__ExecutorListRequest *m)
{
	Tranche__V1__Envelope env =
		tr_driver_env(d, NULL, tr_msg_env(m->env)->request_id);
	Tranche__V1__ExecutorListReply r =
		TRANCHE__V1__EXECUTOR_LIST_REPLY__INIT;
	Tranche__V1__ExecutorRow **rows =
		tr_xcalloc(d->n_members + 1, sizeof(*rows));
	for (size_t i = 0; i < d->n_members; i++)
		rows[i] = executor_row(d->members[i]);
	r.env = &env;
	r.n_executors = d->n_members;
	r.executors = rows;
	(void)tr_driver_send(d, p->conn, TR_KIND_EXECUTOR_LIST_REPLY, &r,
		(struct tr_slice){ 0 });
	for (size_t i = 0; i < r.n_executors; i++)
		tr_msg_free(rows[i]);
	tr_xfree(rows);
	tr_msg_free(m);
}

static void on_executor_drain(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__ExecutorDrainRequest *m)
{
	struct tr_error err;
	char id[24];
	bool found = false;
	for (size_t i = 0; i < d->n_members && !found; i++) {
		struct tr_peer *e = d->members[i];
		snprintf(id, sizeof(id), "%" PRIu64, e->executor.v);
		if (strcmp(e->name, m->executor) != 0 &&
			strcmp(id, m->executor) != 0)
			continue;
		found = true;
		tr_cluster_drain(d, e);
	}
	tr_error_set(&err, TR_ENOTFOUND,
		"no executor '%s': see tranche executor list", m->executor);
	tr_control_ack(d, p->conn, tr_msg_env(m->env)->request_id,
		found ? NULL : &err);
	tr_msg_free(m);
}

/* A request's type, and whether readers may make it. */
struct request {
	const ProtobufCMessageDescriptor *type;
	bool changes;
};

static struct request request_of(uint8_t kind)
{
	switch (kind) {
	case TR_KIND_SUBMIT:
		return (struct request){
			&tranche__v1__submit_request__descriptor, true
		};
	case TR_KIND_WATCH:
		return (struct request){
			&tranche__v1__watch_request__descriptor, false
		};
	case TR_KIND_JOB_LIST:
		return (struct request){
			&tranche__v1__job_list_request__descriptor, false
		};
	case TR_KIND_JOB_SHOW:
		return (struct request){
			&tranche__v1__job_show_request__descriptor, false
		};
	case TR_KIND_JOB_LOGS:
		return (struct request){
			&tranche__v1__job_logs_request__descriptor, false
		};
	case TR_KIND_JOB_CANCEL:
		return (struct request){
			&tranche__v1__job_cancel_request__descriptor, true
		};
	case TR_KIND_EXECUTOR_LIST:
		return (struct request){
			&tranche__v1__executor_list_request__descriptor, false
		};
	case TR_KIND_EXECUTOR_DRAIN:
		return (struct request){
			&tranche__v1__executor_drain_request__descriptor, true
		};
	case TR_KIND_TABLE_GET:
		return (struct request){
			&tranche__v1__table_get_request__descriptor, false
		};
	case TR_KIND_TABLE_SCAN:
		return (struct request){
			&tranche__v1__table_scan_request__descriptor, false
		};
	default:
		return (struct request){ NULL, false };
	}
}

static void dispatch(struct tr_driver *d, struct tr_peer *p, void *m,
	const struct tr_frame *f)
{
	switch (f->kind) {
	case TR_KIND_SUBMIT:
		tr_submit(d, p, m, f->payload);
		break;
	case TR_KIND_WATCH:
		on_watch(d, p, m);
		break;
	case TR_KIND_JOB_SHOW:
		on_show(d, p, m);
		break;
	case TR_KIND_JOB_CANCEL:
		on_cancel(d, p, m);
		break;
	case TR_KIND_EXECUTOR_LIST:
		on_executor_list(d, p, m);
		break;
	case TR_KIND_EXECUTOR_DRAIN:
		on_executor_drain(d, p, m);
		break;
	default:
		tr_reads_submit(
			d, p->conn, (enum tr_kind)f->kind, m, f->payload);
		break;
	}
}

void tr_control_frame(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	struct request r = request_of(f->kind);
	if (!r.type) {
		tr_error_set(&err, TR_EPROTO,
			"frame of kind %u, which clients do not send", f->kind);
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	/* All requests begin with their envelope, so any will do to read it. */
	Tranche__V1__JobListRequest *m = tr_msg_unpack(r.type, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	if (r.changes && p->role != TRANCHE__V1__ROLE__ROLE_SUBMITTER) {
		tr_error_set(&err, TR_EAUTH,
			"a reader's token may look, not change: use a "
			"submitter's");
		tr_control_ack(
			d, p->conn, tr_msg_env(m->env)->request_id, &err);
		tr_msg_free(m);
		return;
	}
	dispatch(d, p, m, f);
}
