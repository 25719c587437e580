/*
 * The driver's side of the control protocol: what clients ask and hear.
 *
 * Requests that change something are answered when the change is durable.
 * What can be read from memory is answered at once, what is in the store by
 * reads.c. A client that waits for a job has a watch: it hears of changes at
 * most once per interval, and of the end always.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/xalloc.h"
#include "common/base/sha256.h"
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

/* ---------------------------------------------------------------- submit */

static int check_submit(const Tranche__V1__SubmitRequest *m,
	struct tr_slice artefact, struct tr_error *err)
{
	uint8_t sha[TR_STORE_ARTEFACT_ID];
	if (artefact.n == 0 || artefact.n > TR_ARTEFACT_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"the artefact has %zu bytes; 1 to %" PRIu64
			" are possible",
			artefact.n, (uint64_t)TR_ARTEFACT_MAX);
	tr_sha256(artefact.p, artefact.n, sha);
	if (m->artefact.len != sizeof(sha) ||
		memcmp(sha, m->artefact.data, sizeof(sha)) != 0)
		return tr_error_set(err, TR_ECORRUPT,
			"the artefact's SHA-256 is not what the request says");
	if (m->n_arguments > TR_JOB_ARGS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%zu arguments, the limit is %u", m->n_arguments,
			TR_JOB_ARGS_MAX);
	if (strlen(m->request_uuid) != 32 || strlen(m->name) >= TR_NAME_MAX)
		return tr_error_set(err, TR_EINVAL,
			"a request id of 32 hex digits and a name of at most "
			"%u bytes are needed",
			TR_NAME_MAX - 1);
	return 0;
}

/* The driver's own cluster serves jobs that name none. */
static void fill_kafka(const struct tr_driver *d, Tranche__V1__SubmitRequest *m)
{
	if (!m->kafka) {
		m->kafka = tr_xmalloc(sizeof(*m->kafka));
		tranche__v1__kafka_conf__init(m->kafka);
	}
	Tranche__V1__KafkaConf *k = m->kafka;
	const struct tr_conf_kafka *own = &d->conf->kafka;
	if (k->bootstrap[0] || !own->bootstrap)
		return;
	k->bootstrap = tr_xstrdup(own->bootstrap);
	size_t n = k->n_properties + own->properties.n;
	Tranche__V1__Property **all = tr_xcalloc(n + 1, sizeof(*all));
	/* The user's come last: librdkafka takes the later of two. */
	for (size_t i = 0; i < own->properties.n; i++) {
		const char *text = own->properties.items[i];
		const char *eq = strchr(text, '=');
		if (!eq)
			continue;
		Tranche__V1__Property *p = tr_xmalloc(sizeof(*p));
		tranche__v1__property__init(p);
		p->name = tr_xmemdup(text, (size_t)(eq - text) + 1);
		p->name[eq - text] = '\0';
		p->value = tr_xstrdup(eq + 1);
		all[i] = p;
	}
	for (size_t i = 0; i < k->n_properties; i++)
		all[own->properties.n + i] = k->properties[i];
	tr_xfree(k->properties);
	k->properties = all;
	k->n_properties = n;
}

static void submit_reply(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, struct tr_job_id job, const struct tr_error *err)
{
	struct tr_attempt_ref ref = { .job = job };
	Tranche__V1__Envelope env = tr_driver_env(d, &ref, request_id);
	Tranche__V1__SubmitReply m = TRANCHE__V1__SUBMIT_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	m.env = &env;
	if (err) {
		tr_msg_error_info(&info, err);
		m.error = &info;
	}
	(void)tr_driver_send(
		d, conn, TR_KIND_SUBMIT_REPLY, &m, (struct tr_slice){ 0 });
}

/* The job that this request made earlier, on this driver or one before it. */
static bool find_request(struct tr_driver *d, const char *uuid,
	struct tr_job_id *job, bool *durable)
{
	struct tr_error err;
	for (struct tr_edge_job *j = d->jobs; j; j = j->next) {
		if (strcmp(j->request->request_uuid, uuid) == 0) {
			*job = j->id;
			*durable = j->durable;
			return true;
		}
	}
	*durable = true;
	return tr_store_request(d->store, uuid, job, &err) == 0;
}

static void new_uuid(char out[33])
{
	uint8_t raw[16];
	ssize_t n = getrandom(raw, sizeof(raw), 0);
	tr_assert(n == sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static void add_waiter(
	struct tr_edge_job *j, struct tr_conn_id conn, uint64_t request_id)
{
	j->waiters = tr_xrealloc(
		j->waiters, (j->n_waiters + 1) * sizeof(*j->waiters));
	j->waiters[j->n_waiters++] =
		(struct tr_edge_waiter){ conn.v, request_id };
}

static void start_job(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, struct tr_slice artefact)
{
	char uuid[33];
	struct tr_job_id id = { ++d->last_job };
	new_uuid(uuid);
	struct tr_edge_job *j = tr_edge_job_new(id, uuid, d->wall_ms, m);
	/* Lines of a later term come after all of an earlier one. */
	j->log_seq = tr_store_term(d->store).v << 32;
	j->artefact = tr_xmemdup(artefact.p, artefact.n);
	j->artefact_len = artefact.n;
	add_waiter(j, p->conn, tr_msg_env(m->env)->request_id);
	tr_driver_job_add(d, j);
	tr_log_info("job-submitted", "job=%" PRIu64 " name=%s by=%s", id.v,
		TR_LOG_STR(m->name), TR_LOG_STR(p->name));
	struct tr_core_event ev = { .kind = TR_CORE_JOB_ADD,
		.u.job = { .job = id,
			.weight = m->weight,
			.max_attempts = m->max_attempts,
			.max_rate = m->max_rate } };
	tr_driver_step(d, &ev);
}

static void on_submit(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_job_id job = { 0 };
	bool durable;
	uint64_t id = tr_msg_env(m->env)->request_id;
	if (check_submit(m, f->payload, &err) != 0) {
		submit_reply(d, p->conn, id, job, &err);
	} else if (m->dry_run) {
		fill_kafka(d, m);
		tr_planning_dry_run(d, p->conn, m, f->payload);
		return;
	} else if (find_request(d, m->request_uuid, &job, &durable)) {
		if (durable)
			submit_reply(d, p->conn, id, job, NULL);
		else
			add_waiter(tr_driver_job(d, job), p->conn, id);
	} else {
		fill_kafka(d, m);
		start_job(d, p, m, f->payload);
	}
	tr_msg_free(m);
}

static void answer_waiters(
	struct tr_driver *d, struct tr_edge_job *j, const struct tr_error *err)
{
	for (size_t i = 0; i < j->n_waiters; i++)
		submit_reply(d, (struct tr_conn_id){ j->waiters[i].conn },
			j->waiters[i].request_id, j->id, err);
	j->n_waiters = 0;
}

/* ---------------------------------------------------------------- watches */

static void send_watch(struct tr_driver *d, struct tr_peer *p,
	struct tr_watch *w, const struct tr_edge_job *j)
{
	Tranche__V1__JobStatus *st =
		tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	tr_control_status(d, p->conn, w->request_id, st);
	tr_msg_free(st);
	w->seen = j->changed;
	w->next_ms = d->now_ms + w->interval_ms;
}

static void remove_watch(
	struct tr_driver *d, struct tr_peer *p, struct tr_watch *w)
{
	struct tr_watch **at = &p->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	tr_xfree(w);
	d->n_watches--;
}

static void on_watch(
	struct tr_driver *d, struct tr_peer *p, Tranche__V1__WatchRequest *m)
{
	struct tr_error err;
	uint64_t id = tr_msg_env(m->env)->request_id;
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(
			d, p->conn, TR_KIND_WATCH, m, (struct tr_slice){ 0 });
		return;
	}
	if (d->n_watches == TR_WATCHES_MAX) {
		tr_error_set(&err, TR_ELIMIT,
			"%u clients are watching jobs already", TR_WATCHES_MAX);
		tr_control_ack(d, p->conn, id, &err);
	} else {
		struct tr_watch *w = tr_xcalloc(1, sizeof(*w));
		w->job = j->id;
		w->request_id = id;
		w->interval_ms = m->interval_ms > TR_WATCH_INTERVAL_MS_MIN
					 ? m->interval_ms
					 : TR_WATCH_INTERVAL_MS_MIN;
		w->next = p->watches;
		p->watches = w;
		d->n_watches++;
		send_watch(d, p, w, j);
	}
	tr_msg_free(m);
}

uint64_t tr_control_tick(struct tr_driver *d)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; d->n_watches && i < d->n_peers; i++) {
		struct tr_peer *p = d->peers[i];
		for (struct tr_watch *w = p ? p->watches : NULL; w;
			w = w->next) {
			struct tr_edge_job *j = tr_driver_job(d, w->job);
			if (!j)
				continue;
			if (w->next_ms <= d->now_ms && w->seen != j->changed)
				send_watch(d, p, w, j);
			if (w->next_ms > d->now_ms && w->next_ms < next)
				next = w->next_ms;
		}
	}
	return next;
}

/* Everybody who watches the job hears of it now. */
static void tell_watchers(struct tr_driver *d, struct tr_edge_job *j, bool last)
{
	for (uint32_t i = 0; d->n_watches && i < d->n_peers; i++) {
		struct tr_peer *p = d->peers[i];
		for (struct tr_watch *w = p ? p->watches : NULL, *next; w;
			w = next) {
			next = w->next;
			if (w->job.v != j->id.v)
				continue;
			send_watch(d, p, w, j);
			if (last)
				remove_watch(d, p, w);
		}
	}
}

void tr_control_down(struct tr_driver *d, struct tr_peer *p)
{
	while (p->watches)
		remove_watch(d, p, p->watches);
}

/* ---------------------------------------------------------------- notices */

static void job_refused(struct tr_driver *d, struct tr_edge_job *j, int code)
{
	struct tr_error err;
	tr_error_set(&err, code,
		"the driver takes no more jobs now: %u are active",
		TR_JOBS_ACTIVE_MAX);
	answer_waiters(d, j, &err);
	tr_driver_job_remove(d, j);
}

static void job_state(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	j->state = n->job_state;
	j->outcome = n->outcome;
	j->changed++;
	j->durable = true;
	answer_waiters(d, j, NULL);
	bool ended = n->job_state == TR_CORE_JOB_ENDING;
	tr_log_info(ended ? "job-ended" : "job-state",
		"job=%" PRIu64 " state=%d code=%s text=%s", j->id.v,
		(int)tr_edge_job_state(j), tr_err_name(j->error.code),
		TR_LOG_STR(j->error.text));
	tell_watchers(d, j, ended);
	if (ended)
		tr_driver_job_remove(d, j);
}

static void task_started(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	struct tr_peer *p = tr_driver_member(d, n->executor);
	struct tr_edge_task *t = tr_edge_job_task(j, n->ref.lane);
	if (!n->adopted || !t)
		return; /* launch() made the row */
	struct tr_edge_attempt *a = tr_edge_attempt_get(
		t, n->ref.attempt, n->executor, p ? p->name : NULL, d->wall_ms);
	if (a->outcome == TR_EDGE_LOST)
		a->outcome = TR_EDGE_RUNNING;
	if (p && a->outcome == TR_EDGE_RUNNING)
		p->busy++;
}

static void task_ended(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	struct tr_edge_task *t = tr_edge_job_task(j, n->ref.lane);
	struct tr_edge_attempt *a =
		t ? tr_edge_attempt_find(t, n->ref.attempt) : NULL;
	struct tr_peer *p = tr_driver_member(d, n->executor);
	if (!a)
		return;
	a->ended_ms = d->wall_ms;
	switch (n->task_end) {
	case TR_CORE_TASK_END_DONE:
		a->outcome = TR_EDGE_DONE;
		break;
	case TR_CORE_TASK_END_FAILED:
		a->outcome = TR_EDGE_FAILED;
		break;
	case TR_CORE_TASK_END_LOST:
		a->outcome = TR_EDGE_LOST;
		break;
	case TR_CORE_TASK_END_CANCELLED:
		a->outcome = TR_EDGE_CANCELLED;
		break;
	}
	if (p && n->task_end == TR_CORE_TASK_END_DONE)
		p->tasks_done++;
	if (p && n->task_end == TR_CORE_TASK_END_FAILED)
		p->tasks_failed++;
	j->changed++;
}

static void executor_state(struct tr_driver *d, const struct tr_core_notice *n)
{
	static const char *const names[] = {
		[TR_CORE_EXECUTOR_FREE] = "executor-gone",
		[TR_CORE_EXECUTOR_JOINING] = "executor-joining",
		[TR_CORE_EXECUTOR_ACTIVE] = "executor-active",
		[TR_CORE_EXECUTOR_DRAINING] = "executor-draining",
		[TR_CORE_EXECUTOR_LOST] = "executor-lost",
	};
	struct tr_peer *p = tr_driver_member(d, n->executor);
	if (p)
		p->state = n->executor_state;
	tr_log(n->executor_state == TR_CORE_EXECUTOR_LOST ? TR_LOG_WARN
							  : TR_LOG_INFO,
		names[n->executor_state], "exec=%" PRIu64, n->executor.v);
}

static void log_job(const char *evt, const struct tr_core_notice *n)
{
	tr_log_warn(evt,
		"job=%" PRIu64 " batch=%" PRIu64
		" stage=%u lane=%u exec=%" PRIu64,
		n->ref.job.v, n->ref.batch, n->ref.lane.stage, n->ref.lane.lane,
		n->executor.v);
}

void tr_control_notice(struct tr_driver *d, const struct tr_core_notice *n)
{
	if (n->kind == TR_CORE_NOTICE_EXECUTOR_STATE) {
		executor_state(d, n);
		return;
	}
	struct tr_edge_job *j = tr_driver_job(d, n->ref.job);
	if (!j)
		return; /* its end is known already */
	switch (n->kind) {
	case TR_CORE_NOTICE_JOB_REFUSED:
		job_refused(d, j, n->error);
		break;
	case TR_CORE_NOTICE_PLAN_WANTED:
		j->durable = true;
		answer_waiters(d, j, NULL);
		tr_planning_start(d, j);
		break;
	case TR_CORE_NOTICE_JOB_STATE:
		job_state(d, j, n);
		break;
	case TR_CORE_NOTICE_JOB_WAITS:
		log_job("job-waits", n);
		break;
	case TR_CORE_NOTICE_TASK_STARTED:
		task_started(d, j, n);
		break;
	case TR_CORE_NOTICE_TASK_ENDED:
		task_ended(d, j, n);
		break;
	case TR_CORE_NOTICE_NONDETERMINISM:
		j->nondeterministic++;
		log_job("nondeterministic", n);
		break;
	case TR_CORE_NOTICE_EXCLUDED:
		log_job("executor-excluded", n);
		break;
	case TR_CORE_NOTICE_EXECUTOR_STATE:
		break;
	}
}

/* --------------------------------------------------------------- requests */

static void on_show(
	struct tr_driver *d, struct tr_peer *p, Tranche__V1__JobShowRequest *m)
{
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(d, p->conn, TR_KIND_JOB_SHOW, m,
			(struct tr_slice){ 0 });
		return;
	}
	Tranche__V1__Envelope env =
		tr_driver_env(d, NULL, tr_msg_env(m->env)->request_id);
	Tranche__V1__JobShowReply r = TRANCHE__V1__JOB_SHOW_REPLY__INIT;
	size_t n;
	Tranche__V1__TaskRow **rows = tr_edge_job_rows(j, &n);
	r.env = &env;
	r.status = tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	r.plan = j->plan;
	r.tasks = rows;
	r.n_tasks = n < TR_SHOW_ROWS_MAX ? n : TR_SHOW_ROWS_MAX;
	if (tr_driver_send(d, p->conn, TR_KIND_JOB_SHOW_REPLY, &r,
		    (struct tr_slice){ 0 }) == TR_ELIMIT) {
		struct tr_error err;
		tr_error_set(&err, TR_ELIMIT,
			"the job is too large to be shown in one message");
		tr_control_ack(d, p->conn, env.request_id, &err);
	}
	tr_edge_rows_free(rows, n);
	tr_msg_free(r.status);
	tr_msg_free(m);
}

static void on_cancel(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__JobCancelRequest *m)
{
	struct tr_edge_job *j = tr_driver_job_named(d, m->job);
	if (!j) {
		tr_reads_submit(d, p->conn, TR_KIND_JOB_CANCEL, m,
			(struct tr_slice){ 0 });
		return;
	}
	uint64_t id = tr_msg_env(m->env)->request_id;
	tr_log_info("job-cancel", "job=%" PRIu64 " by=%s", j->id.v,
		TR_LOG_STR(p->name));
	tr_edge_job_set_error(j, TR_ECANCELED, "cancelled by a client", "", "");
	struct tr_core_event ev = { .kind = TR_CORE_JOB_CANCEL,
		.u.stop = { j->id, TR_ECANCELED } };
	tr_driver_step(d, &ev);
	tr_control_ack(d, p->conn, id, NULL);
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
	r->busy = p->busy;
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
		on_submit(d, p, m, f);
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
