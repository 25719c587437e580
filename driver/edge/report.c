/*
 * What executors say of attempts: rows, progress, and the report at the end.
 *
 * A peer is believed only what it can know: of attempts that it was given and
 * has not reported, rows for sinks of their stage in order of keys, and a
 * receipt that fits range, plan and rows. Anything else fails the attempt, or
 * is passed over; it never reaches the store.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"
#include "driver/edge/receipt.h"

static struct tr_attempt_ref ref_of(const Tranche__V1__Envelope *env)
{
	return (struct tr_attempt_ref){
		.job = { env->job },
		.batch = env->batch,
		.lane = { env->stage, env->lane },
		.attempt = { env->attempt },
	};
}

/* The attempt that a message speaks of, if it is one of p's. */
static struct tr_edge_attempt *find_attempt(struct tr_driver *d,
	const struct tr_peer *p, const struct tr_attempt_ref *ref,
	struct tr_edge_job **job)
{
	struct tr_edge_job *j = tr_driver_job(d, ref->job);
	if (!j || !j->plan || j->plan->batch != ref->batch)
		return NULL;
	struct tr_edge_task *t = tr_edge_job_task(j, ref->lane);
	struct tr_edge_attempt *a =
		t ? tr_edge_attempt_find(t, ref->attempt) : NULL;
	*job = j;
	return a && a->executor.v == p->executor.v ? a : NULL;
}

/* ------------------------------------------------------------------ rows */

static bool is_sink(const struct tr_edge_stage *s, uint32_t op)
{
	for (uint32_t i = 0; i < s->n_sinks; i++)
		if (s->sinks[i] == op)
			return true;
	return false;
}

/* Whether the chunk is the next one, and right. */
static bool take_rows(struct tr_driver *d, struct tr_edge_attempt *a,
	const Tranche__V1__ResultChunk *m, struct tr_slice payload)
{
	struct tr_block_totals totals;
	struct tr_edge_rows *rows = tr_edge_attempt_rows(a, m->operator_);
	if (m->seq < rows->next_seq || a->rows_error.code != 0)
		return false;
	if (m->seq > rows->next_seq) {
		tr_error_set(&a->rows_error, TR_EPROTO,
			"result chunk %u came where %u was due", m->seq,
			rows->next_seq);
		return false;
	}
	if (tr_store_rows_check(payload, &d->rows, &rows->last, &totals,
		    &a->rows_error) != 0)
		return false;
	rows->next_seq++;
	rows->records += totals.records;
	tr_digest_merge(&rows->digest, totals.digest);
	return true;
}

/*
 * Rows go to the store under a run nobody sees. The first chunk begins the run
 * anew: what an earlier connection or driver has stored of it does not mix
 * with these, as an executor sends all of them again after it registered.
 */
static void write_rows(struct tr_driver *d, const struct tr_attempt_ref *ref,
	const Tranche__V1__ResultChunk *m, struct tr_net_event *ev)
{
	struct tr_write *w = tr_write_new(1);
	w->items[0].payload = ev->frame.payload;
	w->items[0].begins = m->seq == 0;
	w->items[0].run = (struct tr_store_run){ .job = ref->job,
		.batch = ref->batch,
		.op = m->operator_,
		.lane = ref->lane.lane,
		.attempt = ref->attempt };
	w->keep = &ev->mail;
	tr_driver_write(d, w);
}

bool tr_edge_report_rows(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev)
{
	struct tr_error err;
	struct tr_edge_job *j;
	Tranche__V1__ResultChunk *m = tr_msg_unpack(
		&tranche__v1__result_chunk__descriptor, ev->frame.body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return false;
	}
	struct tr_attempt_ref ref = ref_of(tr_msg_env(m->env));
	struct tr_edge_attempt *a = find_attempt(d, p, &ref, &j);
	bool kept = a && tr_peer_runs(p, ref.attempt) &&
		    is_sink(&j->lanes[ref.lane.stage], m->operator_) &&
		    take_rows(d, a, m, ev->frame.payload);
	if (kept)
		write_rows(d, &ref, m, ev);
	tr_msg_free(m);
	return kept;
}

/* --------------------------------------------------------------- receipt */

static int check_rows(struct tr_edge_attempt *a,
	const Tranche__V1__OutputInfo *o, struct tr_error *err)
{
	const struct tr_edge_rows *rows = tr_edge_attempt_rows(a, o->operator_);
	if (rows->records == o->records &&
		tr_digest_equal(rows->digest, tr_digest_load(o->digest.data)))
		return 0;
	return tr_error_set(err, TR_ECORRUPT,
		"operator %u: %" PRIu64 " rows came, the receipt says %" PRIu64
		" or another digest",
		o->operator_, rows->records, o->records);
}

static int check_receipt(const struct tr_edge_job *j, struct tr_lane_id lane,
	struct tr_edge_attempt *a, const Tranche__V1__Receipt *r,
	struct tr_error *err)
{
	int rc = tr_edge_receipt_check(j, lane, r, err);
	if (rc != 0)
		return rc;
	if (a->rows_error.code != 0) {
		*err = a->rows_error;
		return err->code;
	}
	for (size_t i = 0; rc == 0 && i < r->n_outputs; i++)
		rc = check_rows(a, r->outputs[i], err);
	return rc;
}

/* ---------------------------------------------------------------- failed */

/* "topic-partition [from, until): " before what went wrong. */
static void explain(struct tr_edge_job *j, const struct tr_attempt_ref *ref,
	int code, const Tranche__V1__ErrorInfo *info)
{
	char text[TR_ERROR_TEXT_MAX];
	const Tranche__V1__Range *r =
		j->lanes[ref->lane.stage].ranges[ref->lane.lane];
	int n = 0;
	if (r)
		n = snprintf(text, sizeof(text),
			"%.*s-%u [%" PRId64 ", %" PRId64 "): ",
			TR_TOPIC_NAME_MAX, r->topic, r->partition, r->from,
			r->until);
	snprintf(text + n, sizeof(text) - (size_t)n, "%s", info->text);
	tr_edge_job_set_error(j, code, text, info->where, info->position);
}

static void log_failed(const struct tr_peer *p,
	const struct tr_attempt_ref *ref, const Tranche__V1__ErrorInfo *info)
{
	tr_log_warn("task-failed",
		"job=%" PRIu64 " batch=%" PRIu64
		" stage=%u lane=%u attempt=%" PRIu64 " exec=%" PRIu64
		" code=%s text=%s",
		ref->job.v, ref->batch, ref->lane.stage, ref->lane.lane,
		ref->attempt.v, p->executor.v,
		tr_err_name(tr_err_from_name(info->code)),
		TR_LOG_STR(info->text));
}

static void feed_failed(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, int error, bool worker_died)
{
	struct tr_core_event ev = { .kind = TR_CORE_TASK_FAILED,
		.u.report = { .executor = p->executor,
			.term = tr_store_term(d->store),
			.ref = *ref,
			.error = error,
			.worker_died = worker_died } };
	tr_driver_step(d, &ev);
}

void tr_edge_report_failed(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, const Tranche__V1__ErrorInfo *info,
	bool worker_died)
{
	struct tr_edge_job *j;
	int error = tr_err_from_name(info->code);
	struct tr_edge_attempt *a = find_attempt(d, p, ref, &j);
	if (error == TR_OK)
		error = TR_EPROTO;
	/* One that is not wanted any more is no reason for anything. */
	if (a && a->outcome == TR_EDGE_RUNNING && error != TR_ECANCELED) {
		tr_edge_attempt_set_error(a, info);
		explain(j, ref, error, info);
		log_failed(p, ref, info);
	}
	if (a)
		tr_edge_attempt_forget_rows(a);
	feed_failed(d, p, ref, error, worker_died);
}

static bool reads(const struct tr_edge_job *j, uint32_t stage, uint32_t from)
{
	const struct tr_stage *s = &j->stages->s[stage];
	for (uint32_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i] == from)
			return true;
	return false;
}

/* A task can miss only what its stage reads. */
static void feed_lost_blocks(struct tr_driver *d, struct tr_peer *p,
	const struct tr_edge_job *j, const struct tr_attempt_ref *reader,
	const Tranche__V1__TaskReport *m)
{
	for (size_t i = 0; i < m->n_lost; i++) {
		const Tranche__V1__BlockRef *b = m->lost[i];
		if (!reads(j, reader->lane.stage, b->stage))
			continue;
		struct tr_attempt_ref ref = *reader;
		ref.lane = (struct tr_lane_id){ b->stage, b->lane };
		ref.attempt.v = b->attempt;
		struct tr_core_event ev = { .kind = TR_CORE_BLOCKS_LOST,
			.u.report = { .executor = p->executor,
				.term = tr_store_term(d->store),
				.ref = ref } };
		tr_driver_step(d, &ev);
	}
}

/* ------------------------------------------------------------------ done */

static void feed_done(struct tr_driver *d, struct tr_peer *p,
	struct tr_edge_attempt *a, const struct tr_attempt_ref *ref,
	const Tranche__V1__Receipt *r)
{
	struct tr_core_event ev = { .kind = TR_CORE_TASK_DONE,
		.u.report = { .executor = p->executor,
			.term = tr_store_term(d->store),
			.ref = *ref,
			.has_blocks = r->n_blocks > 0,
			.digest = tr_edge_receipt_digest(r) } };
	tr_edge_attempt_forget_rows(a);
	tr_msg_free(a->receipt);
	a->receipt = tr_msg_copy(r);
	a->records = r->records_in;
	a->bytes = r->bytes_in;
	(void)TR_FP("drv.after_reply");
	tr_driver_step(d, &ev);
}

static void take_report(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, const Tranche__V1__TaskReport *m)
{
	struct tr_error err;
	struct tr_edge_job *j = NULL;
	struct tr_edge_attempt *a = find_attempt(d, p, ref, &j);
	if (m->error) {
		if (a)
			feed_lost_blocks(d, p, j, ref, m);
		tr_edge_report_failed(d, p, ref, m->error, m->worker_died);
	} else if (!a) {
		/* Its job has ended: it only frees its slot. */
		feed_failed(d, p, ref, TR_ECANCELED, false);
	} else if (check_receipt(j, ref->lane, a, m->receipt, &err) != 0) {
		Tranche__V1__ErrorInfo info;
		tr_msg_error_info(&info, &err);
		tr_edge_report_failed(d, p, ref, &info, false);
	} else {
		feed_done(d, p, a, ref, m->receipt);
	}
}

void tr_edge_report_task(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__TaskReport *m = tr_msg_unpack(
		&tranche__v1__task_report__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	const Tranche__V1__Envelope *env = tr_msg_env(m->env);
	struct tr_attempt_ref ref = ref_of(env);
	/* An old term's, or one more for the same attempt, says nothing. */
	if (env->term == tr_store_term(d->store).v &&
		tr_peer_end(p, ref.attempt))
		take_report(d, p, &ref, m);
	tr_msg_free(m);
}

/* -------------------------------------------------------------- progress */

void tr_edge_report_progress(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__TaskProgress *m)
{
	struct tr_edge_job *j;
	struct tr_attempt_ref ref = ref_of(tr_msg_env(m->env));
	struct tr_edge_attempt *a = find_attempt(d, p, &ref, &j);
	if (!a || a->outcome != TR_EDGE_RUNNING ||
		!tr_peer_runs(p, ref.attempt) ||
		(a->records == m->records && a->bytes == m->bytes))
		return;
	a->records = m->records;
	a->bytes = m->bytes;
	tr_edge_task_changed(j, ref.lane);
}

/* ------------------------------------------------------------------- log */

/* The line as it is kept; what is too long is cut in place. */
static void cut_line(Tranche__V1__LogLine *line)
{
	if (strnlen(line->text, TR_LOG_LINE_MAX) == TR_LOG_LINE_MAX)
		line->text[TR_LOG_LINE_MAX] = '\0';
	if (strnlen(line->position, TR_LOG_LINE_MAX) == TR_LOG_LINE_MAX)
		line->position[TR_LOG_LINE_MAX] = '\0';
}

static Tranche__V1__StoredLogLine *new_line(struct tr_driver *d,
	struct tr_edge_job *j, const struct tr_attempt_ref *ref,
	Tranche__V1__LogLine *line)
{
	Tranche__V1__StoredLogLine *s = tr_xmalloc(sizeof(*s));
	tranche__v1__stored_log_line__init(s);
	s->seq = ++j->log_seq;
	s->time_ms = d->wall_ms;
	s->stage = ref->lane.stage;
	s->lane = ref->lane.lane;
	s->attempt = ref->attempt.v;
	s->line = line;
	return s;
}

/* One line more than the limit lets the store count what it does not keep. */
static void write_lines(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_attempt_ref *ref, Tranche__V1__JobLog *m)
{
	uint64_t room = TR_JOB_LOG_LINES_MAX + 1 - j->log_lines;
	size_t n = m->n_lines < room ? m->n_lines : (size_t)room;
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_LOG_LINES);
	Tranche__V1__LogLines *s = tr_xmalloc(sizeof(*s));
	tranche__v1__log_lines__init(s);
	r->log_lines = s;
	s->job = j->id.v;
	s->lines = tr_xcalloc(n, sizeof(*s->lines));
	for (size_t i = 0; i < n; i++) {
		cut_line(m->lines[i]);
		s->lines[s->n_lines++] = new_line(d, j, ref, m->lines[i]);
		m->lines[i] = NULL; /* the record's now */
	}
	j->log_lines += n;
	struct tr_write *w = tr_write_new(1);
	tr_write_record(w, 0, r);
	tr_driver_write(d, w);
}

/* The lines that were taken leave holes, which nobody may free. */
static void close_up(Tranche__V1__JobLog *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_lines; i++)
		if (m->lines[i])
			m->lines[n++] = m->lines[i];
	m->n_lines = n;
}

void tr_edge_report_log(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	struct tr_edge_job *j;
	Tranche__V1__JobLog *m =
		tr_msg_unpack(&tranche__v1__job_log__descriptor, f->body, &err);
	if (!m) {
		tr_driver_misbehaved(d, p, &err);
		return;
	}
	struct tr_attempt_ref ref = ref_of(tr_msg_env(m->env));
	if (find_attempt(d, p, &ref, &j) && tr_peer_runs(p, ref.attempt) &&
		m->n_lines > 0 && j->log_lines <= TR_JOB_LOG_LINES_MAX) {
		write_lines(d, j, &ref, m);
		close_up(m);
	}
	tr_msg_free(m);
}
