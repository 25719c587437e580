/*
 * The driver's side of the cluster protocol: what executors say becomes events
 * of the core, what the core sends becomes frames.
 *
 * Nothing an executor says is believed without a look: ids that name no lane,
 * reports of attempts that are not its own, rows that do not match the receipt
 * and receipts that do not fit the range close the connection or fail the
 * attempt.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/data/block.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

static struct tr_attempt_ref ref_of(const Tranche__V1__Envelope *env)
{
	return (struct tr_attempt_ref){
		.job = { env->job },
		.batch = env->batch,
		.lane = { env->stage, env->lane },
		.attempt = { env->attempt },
	};
}

/* The attempt a message speaks of, if this driver knows it. */
static struct tr_edge_attempt *find_attempt(struct tr_driver *d,
	const Tranche__V1__Envelope *env, struct tr_edge_job **job)
{
	struct tr_attempt_ref ref = ref_of(env);
	struct tr_edge_job *j = tr_driver_job(d, ref.job);
	if (!j || !j->plan || j->plan->batch != ref.batch)
		return NULL;
	struct tr_edge_task *t = tr_edge_job_task(j, ref.lane);
	*job = j;
	return t ? tr_edge_attempt_find(t, ref.attempt) : NULL;
}

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

struct tr_core_digest tr_cluster_digest(const Tranche__V1__Receipt *r)
{
	struct tr_digest d = { 0, 0 };
	if (r && r->output_digest.len == TR_DIGEST_SIZE)
		d = tr_digest_load(r->output_digest.data);
	return (struct tr_core_digest){ .lo = d.lo, .hi = d.hi };
}

/*
 * A held task enters the core as done only when all of it is where it must be:
 * blocks at the executor. Rows it sends again after the registration, like a
 * task that is still running.
 */
static void feed_held(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__HeldTask *held)
{
	const Tranche__V1__Envelope *env = tr_msg_env(held->env);
	struct tr_core_event ev = { .kind = TR_CORE_TASK_HELD,
		.u.report = { .executor = p->executor,
			.term = tr_store_term(d->store),
			.ref = ref_of(env) } };
	struct tr_edge_job *j = tr_driver_job(d, ev.u.report.ref.job);
	struct tr_edge_task *t =
		j && j->plan && j->plan->batch == ev.u.report.ref.batch
			? tr_edge_job_task(j, ev.u.report.ref.lane)
			: NULL;
	if (t) {
		struct tr_edge_attempt *a =
			tr_edge_attempt_get(t, ev.u.report.ref.attempt,
				p->executor, p->name, d->wall_ms);
		const Tranche__V1__Receipt *r = held->receipt;
		if (held->done && r && r->n_outputs == 0) {
			ev.u.report.done = true;
			ev.u.report.has_blocks = r->n_blocks > 0;
			ev.u.report.digest = tr_cluster_digest(r);
			if (!a->receipt)
				a->receipt = tr_msg_copy(r);
			a->records = r->records_in;
			a->bytes = r->bytes_in;
		}
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
	tr_msg_free(m);
}

/* --------------------------------------------------------------- reports */

static struct tr_edge_rows *rows_of(struct tr_edge_attempt *a, uint32_t op)
{
	for (uint32_t i = 0; i < a->n_rows; i++)
		if (a->rows[i].op == op)
			return &a->rows[i];
	a->rows = tr_xrealloc(a->rows, (a->n_rows + 1) * sizeof(*a->rows));
	a->rows[a->n_rows] = (struct tr_edge_rows){ .op = op };
	return &a->rows[a->n_rows++];
}

/* Whether the operator is a sink of this job at all. */
static bool is_sink(const struct tr_edge_job *j, uint32_t op)
{
	return op < j->plan->plan->n_operators &&
	       tr_operator_is_sink(j->plan->plan->operators[op]->kind);
}

/*
 * Rows of a running attempt go to the store under a run nobody sees. After a
 * reconnect an executor sends from the first chunk again: those that are
 * stored are passed over.
 */
static bool on_rows(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev)
{
	struct tr_error err;
	struct tr_edge_job *j;
	struct tr_block_totals totals;
	Tranche__V1__ResultChunk *m = tr_msg_unpack(
		&tranche__v1__result_chunk__descriptor, ev->frame.body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return false;
	}
	bool kept = false;
	const Tranche__V1__Envelope *env = tr_msg_env(m->env);
	struct tr_edge_attempt *a = find_attempt(d, env, &j);
	if (!a || a->executor.v != p->executor.v || !is_sink(j, m->operator_))
		goto out;
	struct tr_edge_rows *rows = rows_of(a, m->operator_);
	if (m->seq < rows->next_seq || a->rows_error.code != 0)
		goto out;
	if (m->seq > rows->next_seq) {
		tr_error_set(&a->rows_error, TR_EPROTO,
			"result chunk %u came where %u was due", m->seq,
			rows->next_seq);
		goto out;
	}
	if (tr_store_rows_check(
		    ev->frame.payload, &d->rows, &totals, &a->rows_error) != 0)
		goto out;
	rows->next_seq++;
	rows->records += totals.records;
	tr_digest_merge(&rows->digest, totals.digest);
	struct tr_write *w = tr_write_new(1);
	w->items[0].payload = ev->frame.payload;
	w->items[0].run = (struct tr_store_run){ .job = j->id,
		.batch = env->batch,
		.op = m->operator_,
		.lane = env->lane,
		.attempt = { env->attempt } };
	w->keep = &ev->mail;
	tr_driver_write(d, w);
	kept = true;
out:
	tr_msg_free(m);
	return kept;
}

static int check_output(struct tr_edge_attempt *a,
	const Tranche__V1__OutputInfo *o, struct tr_error *err)
{
	const struct tr_edge_rows *rows = rows_of(a, o->operator_);
	if (rows->records != o->records || o->digest.len != TR_DIGEST_SIZE ||
		!tr_digest_equal(rows->digest, tr_digest_load(o->digest.data)))
		return tr_error_set(err, TR_ECORRUPT,
			"operator %u: %" PRIu64
			" rows came, the receipt says %" PRIu64
			" or another digest",
			o->operator_, rows->records, o->records);
	return 0;
}

static int check_blocks(const struct tr_edge_job *j,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	for (size_t i = 0; i < r->n_blocks; i++) {
		const Tranche__V1__BlockInfo *b = r->blocks[i];
		const Tranche__V1__BlockInfo *last =
			i ? r->blocks[i - 1] : NULL;
		if (b->stage >= j->stages->n ||
			b->lane >= j->lanes[b->stage].lanes ||
			(last && (b->stage < last->stage ||
					 (b->stage == last->stage &&
						 b->lane <= last->lane))))
			return tr_error_set(err, TR_EPROTO,
				"block %zu of the receipt is for no lane or "
				"out of order",
				i);
	}
	return 0;
}

/* Whether the receipt can be true, as far as can be seen from here. */
static int check_receipt(const struct tr_edge_job *j,
	const Tranche__V1__Envelope *env, struct tr_edge_attempt *a,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	const Tranche__V1__Range *range =
		j->lanes[env->stage].ranges[env->lane];
	if (!r)
		return tr_error_set(err, TR_EPROTO, "no receipt");
	if (a->rows_error.code != 0) {
		*err = a->rows_error;
		return err->code;
	}
	if (range && (r->position < range->until ||
			     (r->records_in &&
				     (r->first_offset < range->from ||
					     r->last_offset >= range->until))))
		return tr_error_set(err, TR_EPROTO,
			"the receipt's offsets are not those of the range: "
			"first %" PRId64 ", last %" PRId64 ", position %" PRId64
			", wanted [%" PRId64 ", %" PRId64 ")",
			r->first_offset, r->last_offset, r->position,
			range->from, range->until);
	for (size_t i = 0; i < r->n_outputs; i++) {
		if (!is_sink(j, r->outputs[i]->operator_))
			return tr_error_set(err, TR_EPROTO,
				"rows of an operator that is no sink");
		int rc = check_output(a, r->outputs[i], err);
		if (rc != 0)
			return rc;
	}
	return check_blocks(j, r, err);
}

static void set_attempt_error(
	struct tr_edge_attempt *a, const Tranche__V1__ErrorInfo *info)
{
	tr_msg_free(a->error);
	a->error = tr_msg_copy(info);
}

static void feed_failed(struct tr_driver *d, struct tr_peer *p,
	struct tr_edge_job *j, struct tr_edge_attempt *a,
	const Tranche__V1__TaskReport *m, const Tranche__V1__ErrorInfo *info)
{
	struct tr_attempt_ref ref = ref_of(m->env);
	struct tr_core_event ev = { .kind = TR_CORE_TASK_FAILED,
		.u.report = { .executor = p->executor,
			.term = { m->env->term },
			.ref = ref,
			.error = tr_err_from_name(info->code),
			.worker_died = m->worker_died } };
	if (ev.u.report.error == TR_OK)
		ev.u.report.error = TR_EPROTO;
	if (a && ev.u.report.error != TR_ECANCELED) {
		set_attempt_error(a, info);
		char where[640];
		const char *lane =
			j->lanes[ref.lane.stage].ranges[ref.lane.lane]
				? j->lanes[ref.lane.stage]
					  .ranges[ref.lane.lane]
					  ->topic
				: "";
		const Tranche__V1__Range *r =
			j->lanes[ref.lane.stage].ranges[ref.lane.lane];
		if (r)
			snprintf(where, sizeof(where),
				"%s-%u [%" PRId64 ", %" PRId64 "): %s", lane,
				r->partition, r->from, r->until, info->text);
		else
			snprintf(where, sizeof(where), "%s", info->text);
		tr_edge_job_set_error(j, ev.u.report.error, where, info->where,
			info->position);
		tr_log_warn("task-failed",
			"job=%" PRIu64 " batch=%" PRIu64
			" stage=%u lane=%u attempt=%" PRIu64 " exec=%" PRIu64
			" code=%s text=%s",
			ref.job.v, ref.batch, ref.lane.stage, ref.lane.lane,
			ref.attempt.v, p->executor.v, info->code,
			TR_LOG_STR(info->text));
	}
	tr_driver_step(d, &ev);
}

static void feed_lost_blocks(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__TaskReport *m)
{
	for (size_t i = 0; i < m->n_lost; i++) {
		struct tr_attempt_ref ref = ref_of(m->env);
		ref.lane = (struct tr_lane_id){ m->lost[i]->stage,
			m->lost[i]->lane };
		ref.attempt.v = m->lost[i]->attempt;
		struct tr_core_event ev = { .kind = TR_CORE_BLOCKS_LOST,
			.u.report = { .executor = p->executor,
				.term = { m->env->term },
				.ref = ref } };
		tr_driver_step(d, &ev);
	}
}

/*
 * A result of an attempt that is not known, or not this executor's, only frees
 * the slot that the core counts for it.
 */
static void feed_unknown(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__TaskReport *m)
{
	struct tr_core_event ev = { .kind = TR_CORE_TASK_FAILED,
		.u.report = { .executor = p->executor,
			.term = { m->env->term },
			.ref = ref_of(m->env),
			.error = TR_ECANCELED } };
	tr_driver_step(d, &ev);
}

static void feed_done(struct tr_driver *d, struct tr_peer *p,
	struct tr_edge_attempt *a, const Tranche__V1__TaskReport *m)
{
	struct tr_core_event ev = { .kind = TR_CORE_TASK_DONE,
		.u.report = { .executor = p->executor,
			.term = { m->env->term },
			.ref = ref_of(m->env),
			.has_blocks = m->receipt->n_blocks > 0,
			.digest = tr_cluster_digest(m->receipt) } };
	if (!a->receipt) {
		a->receipt = tr_msg_copy(m->receipt);
		a->records = m->receipt->records_in;
		a->bytes = m->receipt->bytes_in;
	}
	(void)TR_FP("drv.after_reply");
	tr_driver_step(d, &ev);
}

static void on_report(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_edge_job *j = NULL;
	Tranche__V1__TaskReport *m = tr_msg_unpack(
		&tranche__v1__task_report__descriptor, f->body, &err);
	if (!m || !m->env) {
		if (m)
			tr_error_set(&err, TR_EPROTO, "report of no attempt");
		tr_msg_free(m);
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	struct tr_edge_attempt *a = find_attempt(d, m->env, &j);
	if (a && a->executor.v != p->executor.v)
		a = NULL; /* not its own: the core will refuse it */
	if (a && !a->reported) {
		a->reported = true;
		p->busy -= p->busy > 0;
	}
	if (m->error) {
		feed_lost_blocks(d, p, m);
		feed_failed(d, p, j, a, m, m->error);
	} else if (!a) {
		feed_unknown(d, p, m);
	} else if (check_receipt(j, m->env, a, m->receipt, &err) != 0) {
		Tranche__V1__ErrorInfo info;
		tr_msg_error_info(&info, &err);
		feed_failed(d, p, j, a, m, &info);
	} else {
		feed_done(d, p, a, m);
	}
	tr_msg_free(m);
}

/* ------------------------------------------------ progress, logs, artefacts */

static void on_heartbeat(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_edge_job *j = NULL;
	Tranche__V1__Heartbeat *m = tr_msg_unpack(
		&tranche__v1__heartbeat__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	p->memory_bytes = m->memory_bytes;
	for (size_t i = 0; i < m->n_progress; i++) {
		const Tranche__V1__TaskProgress *t = m->progress[i];
		struct tr_edge_attempt *a =
			find_attempt(d, tr_msg_env(t->env), &j);
		if (!a || a->executor.v != p->executor.v ||
			a->outcome != TR_EDGE_RUNNING)
			continue;
		if (a->records != t->records)
			j->changed++;
		a->records = t->records;
		a->bytes = t->bytes;
	}
	tr_msg_free(m);
}

static void on_log(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_edge_job *j = NULL;
	Tranche__V1__JobLog *m =
		tr_msg_unpack(&tranche__v1__job_log__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	const Tranche__V1__Envelope *env = tr_msg_env(m->env);
	if (!find_attempt(d, env, &j) || m->n_lines == 0 ||
		j->log_lines > TR_JOB_LOG_LINES_MAX)
		goto out;
	j->log_lines += m->n_lines;
	Tranche__V1__JournalRecord r = TRANCHE__V1__JOURNAL_RECORD__INIT;
	Tranche__V1__LogLines s = TRANCHE__V1__LOG_LINES__INIT;
	Tranche__V1__StoredLogLine *lines =
		tr_xcalloc(m->n_lines, sizeof(*lines));
	Tranche__V1__StoredLogLine **list =
		tr_xcalloc(m->n_lines, sizeof(*list));
	for (size_t i = 0; i < m->n_lines; i++) {
		tranche__v1__stored_log_line__init(&lines[i]);
		lines[i].seq = ++j->log_seq;
		lines[i].time_ms = d->wall_ms;
		lines[i].stage = env->stage;
		lines[i].lane = env->lane;
		lines[i].attempt = env->attempt;
		lines[i].line = m->lines[i];
		list[i] = &lines[i];
	}
	s.job = j->id.v;
	s.n_lines = m->n_lines;
	s.lines = list;
	r.term = tr_store_term(d->store).v;
	r.record_case = TRANCHE__V1__JOURNAL_RECORD__RECORD_LOG_LINES;
	r.log_lines = &s;
	struct tr_write *w = tr_write_new(1);
	tr_write_record(w, 0, tr_msg_copy(&r));
	tr_driver_write(d, w);
	tr_xfree(list);
	tr_xfree(lines);
out:
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

bool tr_cluster_frame(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev)
{
	const struct tr_frame *f = &ev->frame;
	if (f->kind == TR_KIND_REGISTER) {
		on_register(d, p, f);
		return false;
	}
	if (p->executor.v == 0) {
		struct tr_error err;
		tr_error_set(&err, TR_EPROTO,
			"frame of kind %u before Register", f->kind);
		tr_driver_misbehaved(d, p, &err);
		return false;
	}
	heard(d, p);
	switch (f->kind) {
	case TR_KIND_HEARTBEAT:
		on_heartbeat(d, p, f);
		break;
	case TR_KIND_TASK_REPORT:
		on_report(d, p, f);
		break;
	case TR_KIND_RESULT_CHUNK:
		return on_rows(d, p, ev);
	case TR_KIND_JOB_LOG:
		on_log(d, p, f);
		break;
	case TR_KIND_ARTEFACT_REQUEST:
		on_artefact(d, p, f);
		break;
	case TR_KIND_DRAIN:
		tr_cluster_drain(d, p);
		break;
	default: {
		struct tr_error err;
		tr_error_set(&err, TR_EPROTO,
			"frame of kind %u, which executors do not send",
			f->kind);
		tr_driver_misbehaved(d, p, &err);
	}
	}
	return false;
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

/* ----------------------------------------------------------------- sends */

static bool was_told(const struct tr_peer *p, uint64_t job)
{
	for (size_t i = 0; i < p->n_jobs_told; i++)
		if (p->jobs_told[i] == job)
			return true;
	return false;
}

static int send_job_spec(
	struct tr_driver *d, struct tr_peer *p, const struct tr_edge_job *j)
{
	const Tranche__V1__BatchPlan *plan = j->plan;
	struct tr_attempt_ref ref = { .job = j->id, .batch = plan->batch };
	Tranche__V1__Envelope env = tr_driver_env(d, &ref, 0);
	Tranche__V1__JobSpec m = TRANCHE__V1__JOB_SPEC__INIT;
	m.env = &env;
	m.job_uuid = plan->job_uuid;
	m.artefact = plan->artefact;
	m.plan_digest = plan->plan_digest;
	m.n_arguments = plan->n_arguments;
	m.arguments = plan->arguments;
	m.kafka = plan->kafka;
	m.batch_time_ms = plan->batch_time_ms;
	m.seed = plan->seed;
	m.worker_memory = plan->worker_memory;
	m.task_timeout_ms = plan->task_timeout_ms;
	m.n_stages = plan->n_stages;
	m.stages = plan->stages;
	m.artefact_name = j->request->artefact_name;
	m.plan = plan->plan;
	int rc = tr_driver_send(
		d, p->conn, TR_KIND_JOB_SPEC, &m, (struct tr_slice){ 0 });
	if (rc != 0)
		return rc;
	p->jobs_told = tr_xrealloc(
		p->jobs_told, (p->n_jobs_told + 1) * sizeof(*p->jobs_told));
	p->jobs_told[p->n_jobs_told++] = j->id.v;
	return 0;
}

/* The block of `a` for (stage, lane), or NULL: it is empty. */
static const Tranche__V1__BlockInfo *block_for(
	const struct tr_edge_attempt *a, struct tr_lane_id to)
{
	size_t low = 0, high = a->receipt->n_blocks;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const Tranche__V1__BlockInfo *b = a->receipt->blocks[mid];
		if (b->stage == to.stage && b->lane == to.lane)
			return b;
		if (b->stage < to.stage ||
			(b->stage == to.stage && b->lane < to.lane))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A task's input blocks while its spec is put together. */
struct inputs {
	struct tr_driver *d;
	Tranche__V1__BlockRef *refs;
	Tranche__V1__BlockRef **list;
	size_t n, cap;
	char **urls;
	uint64_t *holders; /* executor of each url */
	size_t n_urls;
};

static uint32_t source_of(struct inputs *in, struct tr_executor_id holder)
{
	for (size_t i = 0; i < in->n_urls; i++)
		if (in->holders[i] == holder.v)
			return (uint32_t)i;
	const struct tr_peer *p = tr_driver_member(in->d, holder);
	in->urls = tr_xrealloc(in->urls, (in->n_urls + 1) * sizeof(*in->urls));
	in->holders = tr_xrealloc(
		in->holders, (in->n_urls + 1) * sizeof(*in->holders));
	/* A holder that has just gone: the fetch fails and says so. */
	in->urls[in->n_urls] = tr_xstrdup(p ? p->block_url : "");
	in->holders[in->n_urls] = holder.v;
	return (uint32_t)in->n_urls++;
}

static void add_input(struct inputs *in, struct tr_lane_id from,
	const struct tr_edge_attempt *a, const Tranche__V1__BlockInfo *b)
{
	if (in->n == in->cap) {
		in->cap = in->cap ? in->cap * 2 : 64;
		in->refs = tr_xrealloc(in->refs, in->cap * sizeof(*in->refs));
	}
	Tranche__V1__BlockRef *r = &in->refs[in->n++];
	tranche__v1__block_ref__init(r);
	r->stage = from.stage;
	r->lane = from.lane;
	r->attempt = a->id.v;
	r->source = source_of(in, a->executor);
	r->offset = b->offset;
	r->stored_bytes = b->stored_bytes;
	r->raw_bytes = b->raw_bytes;
	r->records = b->records;
	r->digest = b->digest;
}

/*
 * All blocks for a reduce lane, in plan order: stage, then lane. A result that
 * was undone since the core decided on this launch is named all the same: the
 * fetch fails and the task reports it lost, where leaving it out would lose
 * its records.
 */
static void collect_inputs(
	struct inputs *in, const struct tr_edge_job *j, struct tr_lane_id to)
{
	const struct tr_stage *st = &j->stages->s[to.stage];
	for (uint32_t i = 0; i < st->n_inputs; i++) {
		uint32_t s = st->inputs[i];
		for (uint32_t lane = 0; lane < j->lanes[s].lanes; lane++) {
			const struct tr_edge_attempt *a =
				tr_edge_task_last(&j->lanes[s].tasks[lane]);
			const Tranche__V1__BlockInfo *b =
				a && a->receipt ? block_for(a, to) : NULL;
			if (b)
				add_input(in, (struct tr_lane_id){ s, lane }, a,
					b);
		}
	}
	in->list = tr_xcalloc(in->n + 1, sizeof(*in->list));
	for (size_t i = 0; i < in->n; i++)
		in->list[i] = &in->refs[i];
}

static void inputs_fini(struct inputs *in)
{
	for (size_t i = 0; i < in->n_urls; i++)
		tr_xfree(in->urls[i]);
	tr_xfree(in->urls);
	tr_xfree(in->holders);
	tr_xfree(in->list);
	tr_xfree(in->refs);
}

/* Whether lane + 1 goes on where this lane's range ends. */
static bool is_continued(const struct tr_edge_stage *s, uint32_t lane)
{
	const Tranche__V1__Range *a = s->ranges[lane];
	const Tranche__V1__Range *b =
		lane + 1 < s->lanes ? s->ranges[lane + 1] : NULL;
	return a && b && a->partition == b->partition && a->until == b->from &&
	       strcmp(a->topic, b->topic) == 0;
}

static int send_task(struct tr_driver *d, struct tr_peer *p,
	const struct tr_edge_job *j, const struct tr_core_send *s)
{
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__TaskSpec m = TRANCHE__V1__TASK_SPEC__INIT;
	struct inputs in = { .d = d };
	const struct tr_edge_stage *st = &j->lanes[s->ref.lane.stage];
	m.env = &env;
	m.max_rate = s->rate;
	m.range = st->ranges[s->ref.lane.lane];
	m.stop_warm = !is_continued(st, s->ref.lane.lane);
	if (!m.range) {
		collect_inputs(&in, j, s->ref.lane);
		m.block_urls = in.urls;
		m.n_block_urls = in.n_urls;
		m.blocks = in.list;
		m.n_blocks = in.n;
	}
	int rc = tr_driver_send(
		d, p->conn, TR_KIND_TASK_SPEC, &m, (struct tr_slice){ 0 });
	inputs_fini(&in);
	return rc;
}

static void launch(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	struct tr_edge_job *j = tr_driver_job(d, s->ref.job);
	struct tr_edge_task *t = j ? tr_edge_job_task(j, s->ref.lane) : NULL;
	if (!t)
		return;
	if (t->n_attempts)
		j->retries++;
	tr_edge_attempt_get(
		t, s->ref.attempt, p->executor, p->name, d->wall_ms);
	p->busy++;
	j->changed++;
	(void)TR_FP("dispatch.each");
	int rc = was_told(p, j->id.v) ? 0 : send_job_spec(d, p, j);
	if (rc == 0)
		rc = send_task(d, p, j, s);
	if (rc != TR_ELIMIT)
		return;
	tr_edge_job_set_error(j, TR_ELIMIT,
		"a task of the job has more input blocks than one message "
		"holds: raise --max-range or lower the number of lanes",
		"", "");
	struct tr_core_event ev = { .kind = TR_CORE_JOB_CANCEL,
		.u.stop = { j->id, TR_ELIMIT } };
	tr_driver_step(d, &ev);
}

static void kill_task(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	if (p->registering) {
		struct tr_edge_job *j = tr_driver_job(d, s->ref.job);
		struct tr_edge_task *t =
			j ? tr_edge_job_task(j, s->ref.lane) : NULL;
		struct tr_edge_attempt *a =
			t ? tr_edge_attempt_find(t, s->ref.attempt) : NULL;
		if (a && a->outcome == TR_EDGE_RUNNING)
			a->outcome = TR_EDGE_CANCELLED;
		p->drops = tr_xrealloc(
			p->drops, (p->n_drops + 1) * sizeof(*p->drops));
		p->drops[p->n_drops++] = s->ref;
		return;
	}
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__TaskKill m = TRANCHE__V1__TASK_KILL__INIT;
	char reason[] = "not wanted any more";
	m.env = &env;
	m.reason = reason;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_TASK_KILL, &m, (struct tr_slice){ 0 });
}

static void registered(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__RegisterReply m = TRANCHE__V1__REGISTER_REPLY__INIT;
	Tranche__V1__Envelope *drops =
		tr_xcalloc(p->n_drops + 1, sizeof(*drops));
	Tranche__V1__Envelope **list =
		tr_xcalloc(p->n_drops + 1, sizeof(*list));
	for (size_t i = 0; i < p->n_drops; i++) {
		drops[i] = tr_driver_env(d, &p->drops[i], 0);
		list[i] = &drops[i];
	}
	m.env = &env;
	m.executor = p->executor.v;
	m.n_drop = p->n_drops;
	m.drop = list;
	m.draining = s->draining;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_REGISTER_REPLY, &m, (struct tr_slice){ 0 });
	tr_xfree(list);
	tr_xfree(drops);
	tr_xfree(p->drops);
	p->drops = NULL;
	p->n_drops = 0;
	p->registering = false;
}

static void send_drain(struct tr_driver *d, struct tr_peer *p, bool goodbye)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__Drain m = TRANCHE__V1__DRAIN__INIT;
	m.env = &env;
	m.goodbye = goodbye;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_DRAIN, &m, (struct tr_slice){ 0 });
}

static void end_job(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	for (size_t i = 0; i < p->n_jobs_told; i++)
		if (p->jobs_told[i] == s->ref.job.v)
			p->jobs_told[i--] = p->jobs_told[--p->n_jobs_told];
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__JobEnd m = TRANCHE__V1__JOB_END__INIT;
	m.env = &env;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_JOB_END, &m, (struct tr_slice){ 0 });
}

void tr_cluster_send(struct tr_driver *d, const struct tr_core_send *s)
{
	struct tr_peer *p = tr_driver_member(d, s->executor);
	if (!p)
		return; /* gone since: the core hears of it, or has */
	switch (s->kind) {
	case TR_CORE_SEND_LAUNCH:
		launch(d, p, s);
		break;
	case TR_CORE_SEND_KILL:
		kill_task(d, p, s);
		break;
	case TR_CORE_SEND_REGISTERED:
		registered(d, p, s);
		break;
	case TR_CORE_SEND_DRAIN:
		send_drain(d, p, false);
		break;
	case TR_CORE_SEND_GOODBYE:
		send_drain(d, p, true);
		tr_net_conn_finish(d->net, p->conn);
		break;
	case TR_CORE_SEND_CLOSE:
		tr_log_warn("executor-closed",
			"exec=%" PRIu64 " name=%s reason=%s", p->executor.v,
			TR_LOG_STR(p->name), tr_err_name(s->error));
		tr_net_conn_close(d->net, p->conn);
		break;
	case TR_CORE_SEND_JOB_END:
		end_job(d, p, s);
		break;
	}
}
