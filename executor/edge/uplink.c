#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "executor/edge/artefact.h"
#include "executor/edge/daemon.h"

Tranche__V1__Envelope tr_daemon_env(
	const struct tr_daemon *d, const struct tr_executor_ref *ref)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	env.term = tr_executor_term(d->core).v;
	if (ref) {
		env.job = ref->job.v;
		env.batch = ref->batch;
		env.stage = ref->lane.stage;
		env.lane = ref->lane.lane;
		env.attempt = ref->attempt.v;
	}
	return env;
}

struct tr_executor_ref tr_daemon_ref(const Tranche__V1__Envelope *env)
{
	return (struct tr_executor_ref){
		.job = { env->job },
		.batch = env->batch,
		.lane = { env->stage, env->lane },
		.attempt = { env->attempt },
	};
}

int tr_daemon_send(struct tr_daemon *d, struct tr_conn_id conn,
	enum tr_kind kind, const void *msg)
{
	tr_buf_reset(&d->out);
	int rc = tr_msg_pack(&d->out, msg);
	struct tr_frame f = {
		.kind = (uint8_t)kind,
		.body = tr_slice_of(d->out.data, d->out.len),
	};
	return rc ? rc : tr_net_send(d->net, conn, &f, TR_NET_FULL_CLOSE);
}

/* ------------------------------------------------------------ connection */

void tr_uplink_dial(struct tr_daemon *d)
{
	struct tr_error err;
	struct tr_net_endpoint to = {
		.url = d->conf->driver,
		.tls = d->tls.ca_file ? &d->tls : NULL,
		.insecure = d->conf->insecure,
	};
	if (tr_net_dial(d->net, &to, &d->driver, &err) == 0)
		return;
	tr_log_warn("driver-unreachable", "url=%s reason=%s",
		TR_LOG_STR(d->conf->driver), TR_LOG_STR(err.text));
	d->driver.v = 0;
	struct tr_executor_event ev = { .kind = TR_EXECUTOR_LINK_DOWN };
	tr_daemon_raise(d, &ev);
}

static void link_lost(struct tr_daemon *d)
{
	d->driver.v = 0;
	d->greeted = false;
	d->registered = false;
	d->paused = false;
	d->in_flight = 0;
}

void tr_uplink_hang_up(struct tr_daemon *d)
{
	tr_net_conn_close(d->net, d->driver);
	link_lost(d);
}

void tr_uplink_hello(struct tr_daemon *d)
{
	Tranche__V1__Hello m = TRANCHE__V1__HELLO__INIT;
	m.version_min = TR_PROTOCOL_MIN;
	m.version_max = TR_PROTOCOL_MAX;
	m.role = TRANCHE__V1__ROLE__ROLE_EXECUTOR;
	m.token = d->token;
	m.name = d->name;
	m.instance = d->instance;
	m.cluster_id = d->cluster;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_HELLO, &m);
}

static void on_greeted(struct tr_daemon *d, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_executor_event ev = { .kind = TR_EXECUTOR_GREETED };
	Tranche__V1__HelloReply *m = tr_msg_unpack(
		&tranche__v1__hello_reply__descriptor, f->body, &err);
	if (m && m->error)
		tr_msg_error_from(&err, m->error);
	if (!m || m->error) {
		tr_log_err("driver-refused", "url=%s code=%s reason=%s",
			TR_LOG_STR(d->conf->driver), tr_err_name(err.code),
			TR_LOG_STR(err.text));
		ev.refused = true;
		tr_msg_free(m);
		tr_daemon_raise(d, &ev);
		return;
	}
	ev.term.v = m->term;
	ev.heartbeat_ms = m->heartbeat_ms;
	if (ev.heartbeat_ms < 10 || ev.heartbeat_ms > TR_HEARTBEAT_MS_MAX)
		ev.heartbeat_ms = TR_HEARTBEAT_MS_MAX;
	d->dials_failed = 0;
	snprintf(d->cluster, sizeof(d->cluster), "%s", m->cluster_id);
	tr_net_conn_authenticated(d->net, d->driver);
	/* A driver that is silent for the lease has lost us, or is lost. */
	tr_net_conn_set_idle_deadline(d->net, d->driver,
		m->lease_ms >= TR_LEASE_MS_MIN ? m->lease_ms
					       : TR_LEASE_MS_DEFAULT);
	tr_msg_free(m);
	tr_daemon_raise(d, &ev);
}

/* ---------------------------------------------------------- registration */

struct held {
	Tranche__V1__HeldTask *tasks;
	Tranche__V1__HeldTask **list;
	Tranche__V1__Envelope *envs;
	void **reports; /* that own receipts */
	size_t n;
	size_t bytes;
};

/* The receipt of a finished attempt, or NULL: its outbox is broken. */
static Tranche__V1__TaskReport *receipt_of(
	struct tr_daemon *d, struct tr_attempt *a)
{
	char path[TR_SPOOL_PATH_MAX];
	struct tr_frame f;
	struct tr_error err;
	tr_spool_path(&d->spool, &a->ref, TR_SPOOL_OUTBOX, path);
	int rc = tr_outbox_report(&a->outbox, path, &d->frame, &f);
	tr_outbox_rest(&a->outbox);
	if (rc != 0)
		return NULL;
	return tr_msg_unpack(
		&tranche__v1__task_report__descriptor, f.body, &err);
}

/* False: one message cannot hold it as well. */
static bool hold(struct tr_daemon *d, struct held *h,
	const struct tr_executor_task *task)
{
	struct tr_attempt *a = tr_attempt_find(&d->attempts, task->ref.attempt);
	Tranche__V1__TaskReport *report =
		task->state == TR_EXECUTOR_DONE ? receipt_of(d, a) : NULL;
	Tranche__V1__HeldTask *t = &h->tasks[h->n];
	tranche__v1__held_task__init(t);
	h->envs[h->n] = tr_daemon_env(d, &task->ref);
	t->env = &h->envs[h->n];
	t->receipt = report ? report->receipt : NULL;
	t->done = t->receipt != NULL;
	a->receipt_told = t->done;
	size_t bytes = tranche__v1__held_task__get_packed_size(t) + 8;
	if (h->bytes + bytes > TR_FRAME_BODY_MAX - TR_KIB(4)) {
		tr_msg_free(report);
		return false;
	}
	h->bytes += bytes;
	h->list[h->n] = t;
	h->reports[h->n++] = report;
	return true;
}

/* Those that no message can hold are lost to the driver: so they are here. */
static void drop(struct tr_daemon *d, const struct tr_executor_task *task)
{
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_DROP,
		.term = { tr_daemon_env(d, NULL).term },
		.ref = task->ref,
	};
	tr_log_warn("held-dropped",
		"job=%" PRIu64 " attempt=%" PRIu64
		" reason=\"more is held than a registration can name\"",
		task->ref.job.v, task->ref.attempt.v);
	tr_daemon_raise(d, &ev);
}

static void held_fini(struct held *h)
{
	for (size_t i = 0; i < h->n; i++)
		tr_msg_free(h->reports[i]);
	tr_xfree(h->reports);
	tr_xfree(h->envs);
	tr_xfree(h->list);
	tr_xfree(h->tasks);
}

void tr_uplink_register(struct tr_daemon *d)
{
	struct tr_executor_counts c;
	tr_executor_count(d->core, &c);
	size_t max = (size_t)c.active + c.finished + 1;
	struct held h = {
		.tasks = tr_xcalloc(max, sizeof(*h.tasks)),
		.list = tr_xcalloc(max, sizeof(*h.list)),
		.envs = tr_xcalloc(max, sizeof(*h.envs)),
		.reports = tr_xcalloc(max, sizeof(*h.reports)),
	};
	const struct tr_executor_task *t = tr_executor_next(d->core, NULL);
	for (; t; t = tr_executor_next(d->core, t))
		if (!hold(d, &h, t))
			drop(d, t);
	Tranche__V1__Envelope env = tr_daemon_env(d, NULL);
	Tranche__V1__Register m = TRANCHE__V1__REGISTER__INIT;
	char version[] = TR_VERSION_TEXT;
	m.env = &env;
	m.slots = d->slots;
	m.block_url = d->block_url;
	m.n_held = h.n;
	m.held = h.list;
	m.version = version;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_REGISTER, &m);
	d->greeted = true;
	held_fini(&h);
}

static int on_registered(
	struct tr_daemon *d, const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__RegisterReply *m = tr_msg_unpack(
		&tranche__v1__register_reply__descriptor, f->body, err);
	if (!m)
		return err->code;
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_DROP,
		.term = { tr_msg_env(m->env)->term },
	};
	for (size_t i = 0; i < m->n_drop; i++) {
		ev.ref = tr_daemon_ref(m->drop[i]);
		tr_daemon_raise(d, &ev);
	}
	ev.kind = TR_EXECUTOR_REGISTERED;
	ev.draining = m->draining;
	tr_log_info("registered",
		"exec=%" PRIu64 " term=%" PRIu64 " dropped=%zu", m->executor,
		ev.term.v, m->n_drop);
	tr_daemon_raise(d, &ev);
	tr_msg_free(m);
	(void)TR_FP("exe.after_register");
	return 0;
}

/* -------------------------------------------------------------- messages */

static void describe(struct tr_daemon *d, const struct tr_process *p,
	Tranche__V1__TaskProgress *t, Tranche__V1__Envelope *env)
{
	struct tr_page_view v;
	const struct tr_executor_task *task =
		tr_executor_find(d->core, p->attempt);
	tr_page_read(p->page, &v);
	tranche__v1__task_progress__init(t);
	*env = tr_daemon_env(d, task ? &task->ref : NULL);
	t->env = env;
	/* The page may still tell of the attempt before. */
	if (v.attempt != p->attempt.v)
		return;
	t->records = v.records;
	t->bytes = v.bytes;
	t->position = v.position;
}

/* Anonymous memory of this process itself. */
static uint64_t own_memory(void)
{
	unsigned long long size, resident, shared;
	FILE *f = fopen("/proc/self/statm", "re");
	int n = f ? fscanf(f, "%llu %llu %llu", &size, &resident, &shared) : 0;
	if (f)
		fclose(f);
	return n == 3 && resident > shared
		       ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE)
		       : 0;
}

void tr_uplink_heartbeat(struct tr_daemon *d)
{
	Tranche__V1__TaskProgress tasks[TR_SLOTS_PER_EXECUTOR_MAX];
	Tranche__V1__Envelope envs[TR_SLOTS_PER_EXECUTOR_MAX];
	Tranche__V1__TaskProgress *list[TR_SLOTS_PER_EXECUTOR_MAX];
	Tranche__V1__Envelope env = tr_daemon_env(d, NULL);
	Tranche__V1__Heartbeat m = TRANCHE__V1__HEARTBEAT__INIT;
	m.env = &env;
	m.progress = list;
	m.memory_bytes = tr_processes_memory(d) + own_memory();
	for (struct tr_process *p = d->processes.all;
		p && m.n_progress < TR_SLOTS_PER_EXECUTOR_MAX; p = p->next) {
		if (!p->attempt.v || p->stopped)
			continue;
		size_t i = m.n_progress++;
		describe(d, p, &tasks[i], &envs[i]);
		list[i] = &tasks[i];
	}
	(void)!tr_daemon_send(d, d->driver, TR_KIND_HEARTBEAT, &m);
}

void tr_uplink_drain(struct tr_daemon *d)
{
	Tranche__V1__Envelope env = tr_daemon_env(d, NULL);
	Tranche__V1__Drain m = TRANCHE__V1__DRAIN__INIT;
	m.env = &env;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_DRAIN, &m);
}

void tr_uplink_get_artefact(struct tr_daemon *d, struct tr_job *job)
{
	struct tr_executor_ref ref = { .job = job->id };
	Tranche__V1__Envelope env = tr_daemon_env(d, &ref);
	Tranche__V1__ArtefactRequest m = TRANCHE__V1__ARTEFACT_REQUEST__INIT;
	m.env = &env;
	m.artefact = job->spec->artefact;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_ARTEFACT_REQUEST, &m);
}

static const char *refusal_text(
	struct tr_daemon *d, struct tr_job_id id, int error)
{
	const struct tr_job *job = tr_daemon_job(d, id);
	if (job && job->no_artefact.code == error && error != 0)
		return job->no_artefact.text;
	switch (error) {
	case TR_ECANCELED:
		return "stopped on the driver's word";
	case TR_ELOST:
		return "the executor is about to leave";
	case TR_ELIMIT:
		return "the executor has no room for another task";
	case TR_ENOTFOUND:
		return "the executor does not know the job";
	case TR_EPROTO:
		return "a task without attempt number";
	default:
		return "the executor could not get the job's artefact";
	}
}

void tr_uplink_refuse(
	struct tr_daemon *d, const struct tr_executor_ref *ref, int error)
{
	if (!d->greeted)
		return;
	struct tr_error err;
	tr_error_set(&err, error, "%s", refusal_text(d, ref->job, error));
	Tranche__V1__Envelope env = tr_daemon_env(d, ref);
	Tranche__V1__TaskReport m = TRANCHE__V1__TASK_REPORT__INIT;
	Tranche__V1__ErrorInfo info;
	tr_msg_error_info(&info, &err);
	m.env = &env;
	m.error = &info;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_TASK_REPORT, &m);
}

/* ----------------------------------------------------- from the driver */

static int on_job(
	struct tr_daemon *d, const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__JobSpec *m =
		tr_msg_unpack(&tranche__v1__job_spec__descriptor, f->body, err);
	if (!m)
		return err->code;
	if (m->artefact.len != TR_SHA256_SIZE) {
		tr_msg_free(m);
		return tr_error_set(
			err, TR_EPROTO, "a job's artefact is no SHA-256");
	}
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_JOB,
		.term = { tr_msg_env(m->env)->term },
		.ref = { .job = { tr_msg_env(m->env)->job } },
	};
	if (tr_daemon_job(d, ev.ref.job)) {
		tr_msg_free(m);
	} else {
		struct tr_job *job = tr_xcalloc(1, sizeof(*job));
		job->id = ev.ref.job;
		job->spec = m;
		job->next = d->jobs;
		d->jobs = job;
	}
	tr_daemon_raise(d, &ev);
	return 0;
}

static int on_task(
	struct tr_daemon *d, const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__TaskSpec *m = tr_msg_unpack(
		&tranche__v1__task_spec__descriptor, f->body, err);
	if (!m)
		return err->code;
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_TASK,
		.term = { tr_msg_env(m->env)->term },
		.ref = tr_daemon_ref(tr_msg_env(m->env)),
		.has_inputs = m->n_blocks > 0,
	};
	if (tr_attempt_find(&d->attempts, ev.ref.attempt))
		tr_msg_free(m);
	else
		tr_attempt_add(&d->attempts, &ev.ref, m);
	tr_daemon_raise(d, &ev);
	return 0;
}

/* Messages that are no more than their envelope to us. */
static int on_envelope(struct tr_daemon *d, const struct tr_frame *f,
	enum tr_executor_event_kind kind,
	const ProtobufCMessageDescriptor *type, struct tr_error *err)
{
	union {
		ProtobufCMessage *any;
		Tranche__V1__Drain *drain; /* env is the first field of all */
	} m = { tr_msg_unpack(type, f->body, err) };
	if (!m.any)
		return err->code;
	struct tr_executor_event ev = {
		.kind = kind,
		.term = { tr_msg_env(m.drain->env)->term },
		.ref = tr_daemon_ref(tr_msg_env(m.drain->env)),
		.goodbye = kind == TR_EXECUTOR_DRAIN && m.drain->goodbye,
	};
	tr_msg_free(m.any);
	tr_daemon_raise(d, &ev);
	return 0;
}

static int take_frame(
	struct tr_daemon *d, const struct tr_frame *f, struct tr_error *err)
{
	switch (f->kind) {
	case TR_KIND_HELLO_REPLY:
		on_greeted(d, f);
		return 0;
	case TR_KIND_REGISTER_REPLY:
		return on_registered(d, f, err);
	case TR_KIND_HEARTBEAT:
		return on_envelope(d, f, TR_EXECUTOR_HEARD,
			&tranche__v1__heartbeat__descriptor, err);
	case TR_KIND_JOB_SPEC:
		return on_job(d, f, err);
	case TR_KIND_JOB_END:
		return on_envelope(d, f, TR_EXECUTOR_JOB_END,
			&tranche__v1__job_end__descriptor, err);
	case TR_KIND_TASK_SPEC:
		return on_task(d, f, err);
	case TR_KIND_TASK_KILL:
		return on_envelope(d, f, TR_EXECUTOR_KILL,
			&tranche__v1__task_kill__descriptor, err);
	case TR_KIND_DRAIN:
		return on_envelope(d, f, TR_EXECUTOR_DRAIN,
			&tranche__v1__drain__descriptor, err);
	case TR_KIND_ARTEFACT_REPLY:
		return tr_artefact_arrived(d, f, err);
	default:
		tr_log_warn("frame-unknown", "kind=%u", f->kind);
		return 0;
	}
}

/*
 * What a driver said and nobody understood is not skipped: it would wait for
 * the answer. On a new connection it finds out what is here.
 */
static void on_frame(struct tr_daemon *d, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_executor_event down = { .kind = TR_EXECUTOR_LINK_DOWN };
	if (take_frame(d, f, &err) == 0)
		return;
	tr_log_err("driver-misbehaved", "url=%s kind=%u reason=%s",
		TR_LOG_STR(d->conf->driver), f->kind, TR_LOG_STR(err.text));
	tr_uplink_hang_up(d);
	tr_daemon_raise(d, &down);
}

/* A driver that is away for long is worth one line, not one per dial. */
static void log_down(struct tr_daemon *d, const struct tr_net_event *ev)
{
	bool dialled = ev->kind == TR_NET_DOWN;
	bool again = !dialled && d->dials_failed++ > 0;
	tr_log(again ? TR_LOG_DEBUG : TR_LOG_WARN,
		dialled ? "driver-lost" : "driver-unreachable",
		"url=%s reason=%s", TR_LOG_STR(d->conf->driver),
		TR_LOG_STR(ev->error->text));
}

void tr_uplink_event(struct tr_daemon *d, const struct tr_net_event *ev)
{
	struct tr_executor_event up = { .kind = TR_EXECUTOR_LINK_UP };
	struct tr_executor_event down = { .kind = TR_EXECUTOR_LINK_DOWN };
	switch (ev->kind) {
	case TR_NET_UP:
		tr_daemon_raise(d, &up);
		break;
	case TR_NET_FRAME:
		on_frame(d, &ev->frame);
		break;
	case TR_NET_DRAINED:
		if (d->leaving)
			tr_uplink_hang_up(d);
		else
			tr_pump_drained(d);
		break;
	case TR_NET_DOWN:
	case TR_NET_DIAL_FAILED:
		log_down(d, ev);
		link_lost(d);
		tr_daemon_raise(d, &down);
		break;
	}
}
