/*
 * The driver's side of the cluster protocol: who registers with what it still
 * holds, and which frame goes where. report.c has what executors say of
 * attempts, dispatch.c what they are told.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"
#include "driver/edge/receipt.h"

static void heard(struct tr_driver *d, struct tr_peer *p)
{
	/* The lease needs no more than a few reminders of its length. */
	if (d->now_ms - p->heard_ms < d->conf->lease_ms / 8)
		return;
	p->heard_ms = d->now_ms;
	struct tr_core_event ev = { .kind = TR_CORE_EXECUTOR_HEARD,
		.u.member = { p->executor } };
	tr_driver_step(d, &ev);
}

/* ---------------------------------------------------------- registration */

static int check_register(
	struct tr_peer *p, const Tranche__V1__Register *m, struct tr_error *err)
{
	if (p->executor.v != 0)
		return tr_error_set(err, TR_EPROTO, "registered twice");
	if (m->slots == 0 || m->slots > TR_SLOTS_PER_EXECUTOR_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%u slots; 1 to %u are possible", m->slots,
			TR_SLOTS_PER_EXECUTOR_MAX);
	if (m->n_held > TR_EXECUTOR_TASKS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%zu held tasks; the limit is %u", m->n_held,
			TR_EXECUTOR_TASKS_MAX);
	if (strlen(m->block_url) >= TR_NET_URL_MAX)
		return tr_error_set(err, TR_ELIMIT, "block url is too long");
	return 0;
}

static void add_member(struct tr_driver *d, struct tr_peer *p)
{
	p->executor.v = ++d->last_executor;
	d->members = tr_xrealloc(
		d->members, (d->n_members + 1) * sizeof(*d->members));
	d->members[d->n_members++] = p;
}

static void remove_member(struct tr_driver *d, const struct tr_peer *p)
{
	size_t i = 0;
	while (i < d->n_members && d->members[i] != p)
		i++;
	if (i == d->n_members)
		return;
	memmove(&d->members[i], &d->members[i + 1],
		(d->n_members - i - 1) * sizeof(*d->members));
	d->n_members--;
}

static uint64_t name_hash(const char *name)
{
	/* FNV-1a: the core only compares these. */
	uint64_t h = 0xcbf29ce484222325u;
	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x100000001b3u;
	return h;
}

/* ---- held tasks ---- */

/* An attempt of another executor that is connected is not for p to bring. */
static bool is_of_another(struct tr_driver *d, const struct tr_peer *p,
	const struct tr_edge_attempt *a)
{
	const struct tr_peer *other = tr_driver_member(d, a->executor);
	return other && other != p && strcmp(other->name, p->name) != 0;
}

/*
 * The lane's row for a held task that can be what it says: of a plan and a
 * term that this driver knows, with a receipt that fits. NULL: drop it.
 */
static struct tr_edge_attempt *admit(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, const Tranche__V1__HeldTask *held,
	struct tr_edge_job **job)
{
	struct tr_error err;
	struct tr_edge_job *j = tr_driver_job(d, ref->job);
	struct tr_edge_task *t = j && j->plan && j->plan->batch == ref->batch
					 ? tr_edge_job_task(j, ref->lane)
					 : NULL;
	if (!t || ref->attempt.v == 0 ||
		ref->attempt.v >> 32 > tr_store_term(d->store).v)
		return NULL;
	if (held->done &&
		tr_edge_receipt_check(j, ref->lane, held->receipt, &err) != 0) {
		tr_log_warn("held-refused", "name=%s job=%" PRIu64 " text=%s",
			TR_LOG_STR(p->name), ref->job.v, TR_LOG_STR(err.text));
		return NULL;
	}
	struct tr_edge_attempt *a = tr_edge_attempt_find(t, ref->attempt);
	if (a ? is_of_another(d, p, a) : !tr_edge_task_has_room(t))
		return NULL;
	*job = j;
	return tr_edge_attempt_get(
		t, ref->attempt, p->executor, p->name, d->wall_ms);
}

static void set_held_receipt(const struct tr_edge_job *j,
	struct tr_lane_id lane, struct tr_edge_attempt *a,
	const Tranche__V1__Receipt *r)
{
	/* What is stored of it stands. */
	if (a == tr_edge_task_last(&j->lanes[lane.stage].tasks[lane.lane]))
		return;
	tr_msg_free(a->receipt);
	a->receipt = tr_msg_copy(r);
	a->records = r->records_in;
	a->bytes = r->bytes_in;
}

/*
 * A held task enters the core as done only when all of it is where it must be:
 * blocks at the executor. Rows it sends again after the registration, and the
 * report behind them, like a task that is still running.
 */
static void feed_held(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__HeldTask *held)
{
	const Tranche__V1__Envelope *env = tr_msg_env(held->env);
	struct tr_edge_job *j;
	struct tr_core_event ev = { .kind = TR_CORE_TASK_HELD,
		.u.report = { .executor = p->executor,
			.term = tr_store_term(d->store),
			.ref = { .job = { env->job },
				.batch = env->batch,
				.lane = { env->stage, env->lane },
				.attempt = { env->attempt } } } };
	const struct tr_attempt_ref *ref = &ev.u.report.ref;
	struct tr_edge_attempt *a = admit(d, p, ref, held, &j);
	if (!a) {
		tr_peer_drop(p, ref);
		return;
	}
	tr_edge_attempt_forget_rows(a);
	if (held->done && !tr_edge_receipt_has_rows(held->receipt)) {
		const Tranche__V1__Receipt *r = held->receipt;
		ev.u.report.done = true;
		ev.u.report.has_blocks = r->n_blocks > 0;
		ev.u.report.digest = tr_edge_receipt_digest(r);
		set_held_receipt(j, ref->lane, a, r);
	}
	tr_driver_step(d, &ev);
}

/* Whether an operator drained this very process before it reconnected. */
static bool was_drained(const struct tr_driver *d, const struct tr_peer *p)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(d->drained); i++)
		if (d->drained[i][0] && strcmp(d->drained[i], p->instance) == 0)
			return true;
	return false;
}

void tr_cluster_drain(struct tr_driver *d, struct tr_peer *p)
{
	if (!was_drained(d, p))
		snprintf(d->drained[d->n_drained++ % TR_ARRAY_LEN(d->drained)],
			TR_NAME_MAX, "%s", p->instance);
	struct tr_core_event ev = { .kind = TR_CORE_EXECUTOR_DRAIN,
		.u.member = { p->executor } };
	tr_driver_step(d, &ev);
}

/* EXECUTOR_UP, its TASK_HELDs and EXECUTOR_READY: nothing between them. */
static void feed_registration(
	struct tr_driver *d, struct tr_peer *p, const Tranche__V1__Register *m)
{
	struct tr_core_event up = { .kind = TR_CORE_EXECUTOR_UP,
		.u.up = { .executor = p->executor,
			.node = name_hash(p->name),
			.slots = p->slots,
			.draining = was_drained(d, p) } };
	tr_driver_step(d, &up);
	for (size_t i = 0; i < m->n_held; i++)
		feed_held(d, p, m->held[i]);
	struct tr_core_event ready = { .kind = TR_CORE_EXECUTOR_READY,
		.u.member = { p->executor } };
	tr_driver_step(d, &ready);
}

static void on_register(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__Register *m = tr_msg_unpack(
		&tranche__v1__register__descriptor, f->body, &err);
	if (!m || check_register(p, m, &err) != 0) {
		tr_msg_free(m);
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	add_member(d, p);
	p->slots = m->slots;
	p->block_url = tr_xstrdup(m->block_url);
	snprintf(p->version, sizeof(p->version), "%s", m->version);
	p->registering = true;
	p->heard_ms = d->now_ms;
	p->connected_ms = d->wall_ms;
	tr_log_info("executor-registered",
		"exec=%" PRIu64 " name=%s slots=%u held=%zu peer=%s",
		p->executor.v, TR_LOG_STR(p->name), p->slots, m->n_held,
		p->address);
	feed_registration(d, p, m);
	tr_msg_free(m);
}

/* ----------------------------------------------------- other messages */

static void on_heartbeat(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__Heartbeat *m = tr_msg_unpack(
		&tranche__v1__heartbeat__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	p->memory_bytes = m->memory_bytes;
	for (size_t i = 0; i < m->n_progress; i++)
		tr_edge_report_progress(d, p, m->progress[i]);
	tr_msg_free(m);
}

static void on_artefact(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__ArtefactRequest *m = tr_msg_unpack(
		&tranche__v1__artefact_request__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	Tranche__V1__ArtefactReply reply = TRANCHE__V1__ARTEFACT_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	struct tr_slice payload = { 0 };
	struct tr_buf stored;
	tr_buf_init(&stored, TR_ARTEFACT_MAX);
	reply.env = m->env;
	reply.artefact = m->artefact;
	if (tr_store_artefact(d->store,
		    (struct tr_slice){ m->artefact.data, m->artefact.len },
		    &stored, &err) == 0) {
		payload = (struct tr_slice){ stored.data, stored.len };
	} else {
		tr_msg_error_info(&info, &err);
		reply.error = &info;
	}
	(void)tr_driver_send(
		d, p->conn, TR_KIND_ARTEFACT_REPLY, &reply, payload);
	tr_buf_fini(&stored);
	tr_msg_free(m);
}

static bool on_member_frame(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev)
{
	const struct tr_frame *f = &ev->frame;
	struct tr_error err;
	switch (f->kind) {
	case TR_KIND_HEARTBEAT:
		on_heartbeat(d, p, f);
		break;
	case TR_KIND_TASK_REPORT:
		tr_edge_report_task(d, p, f);
		break;
	case TR_KIND_RESULT_CHUNK:
		return tr_edge_report_rows(d, p, ev);
	case TR_KIND_JOB_LOG:
		tr_edge_report_log(d, p, f);
		break;
	case TR_KIND_ARTEFACT_REQUEST:
		on_artefact(d, p, f);
		break;
	case TR_KIND_DRAIN:
		tr_cluster_drain(d, p);
		break;
	default:
		tr_error_set(&err, TR_EPROTO,
			"frame of kind %u, which executors do not send",
			f->kind);
		tr_driver_misbehaved(d, p, &err);
		break;
	}
	return false;
}

bool tr_cluster_frame(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev)
{
	struct tr_error err;
	if (ev->frame.kind == TR_KIND_REGISTER) {
		on_register(d, p, &ev->frame);
		return false;
	}
	if (p->executor.v == 0) {
		tr_error_set(&err, TR_EPROTO,
			"frame of kind %u before Register", ev->frame.kind);
		tr_driver_misbehaved(d, p, &err);
		return false;
	}
	heard(d, p);
	return on_member_frame(d, p, ev);
}

void tr_cluster_down(struct tr_driver *d, struct tr_peer *p)
{
	if (p->executor.v == 0)
		return;
	remove_member(d, p);
	struct tr_core_event ev = { .kind = TR_CORE_EXECUTOR_DOWN,
		.u.member = { p->executor } };
	tr_driver_step(d, &ev);
}

void tr_cluster_heartbeat(struct tr_driver *d)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__Heartbeat m = TRANCHE__V1__HEARTBEAT__INIT;
	m.env = &env;
	for (size_t i = 0; i < d->n_members; i++)
		(void)tr_driver_send(d, d->members[i]->conn, TR_KIND_HEARTBEAT,
			&m, (struct tr_slice){ 0 });
}
