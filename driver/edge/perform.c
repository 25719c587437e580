/*
 * Performing updates: store, then send, then commit, then reply.
 *
 * Updates wait in a queue. An update's records go to the store thread at once;
 * its sends leave when these, and everything before them, are durable; its
 * commits go to the store thread after its sends; its notices (replies to
 * clients, mostly) follow when the commits are durable. Writes come back in
 * the order they were put, so one number says what is durable.
 *
 * A crash between any two of these steps is a case the simulator knows
 * (tests/sim); docs/core.md has the order and why.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

struct tr_pending {
	struct tr_pending *next;
	uint64_t records_seq; /* durable up to here: sends may leave */
	uint64_t commits_seq;
	bool sent;
	size_t n_sends, n_commits, n_notices;
	struct tr_core_send *sends;
	struct tr_core_commit *commits;
	struct tr_core_notice *notices;
};

static void pending_free(struct tr_pending *p)
{
	tr_xfree(p->sends);
	tr_xfree(p->commits);
	tr_xfree(p->notices);
	tr_xfree(p);
}

void tr_driver_pending_free(struct tr_driver *d)
{
	for (struct tr_pending *p = d->pending, *next; p; p = next) {
		next = p->next;
		pending_free(p);
	}
	d->pending = NULL;
}

void tr_driver_write(struct tr_driver *d, struct tr_write *w)
{
	w->seq = ++d->write_seq;
	tr_writer_put(d->writer, w);
}

/* ------------------------------------------------- records of the journal */

static struct tr_edge_job *must_job(struct tr_driver *d, struct tr_job_id id)
{
	struct tr_edge_job *j = tr_driver_job(d, id);
	tr_assert(j != NULL);
	return j;
}

Tranche__V1__JournalRecord *tr_driver_record(const struct tr_driver *d,
	Tranche__V1__JournalRecord__RecordCase record_case)
{
	Tranche__V1__JournalRecord *r = tr_xmalloc(sizeof(*r));
	tranche__v1__journal_record__init(r);
	r->term = tr_store_term(d->store).v;
	r->record_case = record_case;
	return r;
}

static void put_job(struct tr_driver *d, struct tr_edge_job *j,
	struct tr_write *w, size_t i)
{
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_SUBMITTED);
	Tranche__V1__JobSubmitted *s = tr_xmalloc(sizeof(*s));
	tranche__v1__job_submitted__init(s);
	s->job = j->id.v;
	s->job_uuid = tr_xstrdup(j->uuid);
	s->submitted_ms = j->submitted_ms;
	s->request = tr_msg_copy(j->request);
	r->job_submitted = s;
	tr_write_record(w, i, r);
	/* It is the job's until this is durable: planning comes after. */
	w->items[i].payload = (struct tr_slice){ j->artefact, j->artefact_len };
}

static void put_plan(struct tr_driver *d, struct tr_edge_job *j,
	struct tr_write *w, size_t i)
{
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_PLAN_STORED);
	r->plan_stored = tr_xmalloc(sizeof(*r->plan_stored));
	tranche__v1__plan_stored__init(r->plan_stored);
	r->plan_stored->plan = tr_msg_copy(j->plan);
	tr_write_record(w, i, r);
}

static Tranche__V1__TaskFinished *new_finished(struct tr_driver *d,
	const struct tr_core_record *rec, const struct tr_edge_attempt *a)
{
	const struct tr_peer *p = tr_driver_member(d, rec->executor);
	Tranche__V1__TaskFinished *s = tr_xmalloc(sizeof(*s));
	tranche__v1__task_finished__init(s);
	s->job = rec->ref.job.v;
	s->batch = rec->ref.batch;
	s->stage = rec->ref.lane.stage;
	s->lane = rec->ref.lane.lane;
	s->attempt = rec->ref.attempt.v;
	s->executor = tr_xstrdup(a->executor_name ? a->executor_name : "");
	s->instance = tr_xstrdup(p ? p->instance : "");
	s->block_url = tr_xstrdup(p ? p->block_url : "");
	s->receipt = tr_msg_copy(a->receipt);
	return s;
}

static void put_finished(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_record *rec, struct tr_write *w, size_t i)
{
	struct tr_edge_task *t = tr_edge_job_task(j, rec->ref.lane);
	struct tr_edge_attempt *a =
		t ? tr_edge_attempt_find(t, rec->ref.attempt) : NULL;
	tr_assert(a && a->receipt);
	a->outcome = TR_EDGE_DONE;
	a->ended_ms = d->wall_ms;
	tr_edge_task_finish(j, rec->ref.lane, a);
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED);
	r->task_finished = new_finished(d, rec, a);
	tr_write_record(w, i, r);
}

static void put_unfinished(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_record *rec, struct tr_write *w, size_t i)
{
	tr_edge_task_unfinish(j, rec->ref.lane);
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_UNFINISHED);
	Tranche__V1__TaskUnfinished *s = tr_xmalloc(sizeof(*s));
	tranche__v1__task_unfinished__init(s);
	s->job = rec->ref.job.v;
	s->batch = rec->ref.batch;
	s->stage = rec->ref.lane.stage;
	s->lane = rec->ref.lane.lane;
	r->task_unfinished = s;
	tr_write_record(w, i, r);
}

/* What is to be said when the core ends a job for a reason of its own. */
static const char *reason_text(int code)
{
	switch (code) {
	case TR_ECANCELED:
		return "cancelled by a client";
	case TR_ELOST:
		return "a task was lost with its executor too often";
	case TR_ELIMIT:
		return "the job's tasks do not fit the driver's task table "
		       "beside those of other jobs: raise --max-range, or "
		       "submit again when they have ended";
	case TR_ENONDET:
		return "a task that ran again gave another result than "
		       "before, which had been read: the job's functions, or "
		       "a compacted topic, do not give the same twice";
	default:
		return tr_err_name(code);
	}
}

/*
 * The end is decided, and is what the record says, but until that is durable
 * nobody may see it: the job looks as before.
 */
static Tranche__V1__JobStatus *end_status(struct tr_driver *d,
	struct tr_edge_job *j, const struct tr_core_record *rec)
{
	enum tr_core_job_state state = j->state;
	enum tr_core_outcome outcome = j->outcome;
	if (rec->outcome != TR_CORE_JOB_DONE && j->error.code != rec->error)
		tr_edge_job_set_error(
			j, rec->error, reason_text(rec->error), "", "");
	j->ending = true;
	j->ended_ms = d->wall_ms;
	j->state = TR_CORE_JOB_ENDING;
	j->outcome = rec->outcome;
	Tranche__V1__JobStatus *st =
		tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	j->state = state;
	j->outcome = outcome;
	return st;
}

static void put_end(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_record *rec, struct tr_write *w, size_t i)
{
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_ENDED);
	Tranche__V1__JobEnded *s = tr_xmalloc(sizeof(*s));
	tranche__v1__job_ended__init(s);
	s->job = j->id.v;
	s->status = end_status(d, j, rec);
	s->state = s->status->state;
	s->ended_ms = j->ended_ms;
	if (s->status->error)
		s->error = tr_msg_copy(s->status->error);
	if (rec->outcome != TR_CORE_JOB_DONE && j->stages)
		s->tasks = tr_edge_job_rows(j, SIZE_MAX, &s->n_tasks);
	r->job_ended = s;
	tr_write_record(w, i, r);
}

static void put_record(struct tr_driver *d, const struct tr_core_record *rec,
	struct tr_write *w, size_t i)
{
	struct tr_edge_job *j = must_job(d, rec->ref.job);
	switch (rec->kind) {
	case TR_CORE_RECORD_JOB:
		put_job(d, j, w, i);
		break;
	case TR_CORE_RECORD_PLAN:
		put_plan(d, j, w, i);
		break;
	case TR_CORE_RECORD_TASK_FINISHED:
		put_finished(d, j, rec, w, i);
		break;
	case TR_CORE_RECORD_TASK_UNFINISHED:
		put_unfinished(d, j, rec, w, i);
		break;
	case TR_CORE_RECORD_JOB_END:
		put_end(d, j, rec, w, i);
		break;
	}
}

/* ------------------------------------------------------------- commit(b) */

static Tranche__V1__CommittedRun *new_run(const struct tr_edge_job *j,
	uint32_t lane, const struct tr_edge_attempt *a,
	const Tranche__V1__OutputInfo *o)
{
	Tranche__V1__CommittedRun *run = tr_xmalloc(sizeof(*run));
	const Tranche__V1__Operator *op =
		j->plan->plan->operators[o->operator_];
	tranche__v1__committed_run__init(run);
	run->operator_ = o->operator_;
	run->lane = lane;
	run->attempt = a->id.v;
	if (op->kind == TRANCHE__V1__OPERATOR_KIND__OP_STORE)
		run->table = tr_xstrdup(op->table);
	run->mode = op->store_mode;
	run->records = o->records;
	run->bytes = o->bytes;
	return run;
}

/*
 * One run per lane of each sink, also without rows: a checked receipt has an
 * output for every sink of its stage, and a stage with sinks has lanes.
 */
static void put_runs(
	const struct tr_edge_job *j, Tranche__V1__BatchCommitted *c)
{
	size_t n = 0;
	for (uint32_t s = 0; s < j->stages->n; s++)
		n += (size_t)j->lanes[s].lanes * j->lanes[s].n_sinks;
	c->runs = tr_xcalloc(n + 1, sizeof(*c->runs));
	for (uint32_t s = 0; s < j->stages->n; s++)
		for (uint32_t k = 0; k < j->lanes[s].lanes; k++) {
			const struct tr_edge_attempt *a =
				tr_edge_task_result(&j->lanes[s].tasks[k]);
			tr_assert(a && a->receipt);
			for (size_t o = 0; o < a->receipt->n_outputs; o++)
				c->runs[c->n_runs++] = new_run(
					j, k, a, a->receipt->outputs[o]);
		}
	tr_assert(c->n_runs == n);
}

static void put_commit(struct tr_driver *d, struct tr_edge_job *j,
	struct tr_write *w, size_t i)
{
	Tranche__V1__JournalRecord *r = tr_driver_record(
		d, TRANCHE__V1__JOURNAL_RECORD__RECORD_BATCH_COMMITTED);
	Tranche__V1__BatchCommitted *c = tr_xmalloc(sizeof(*c));
	tranche__v1__batch_committed__init(c);
	c->job = j->id.v;
	c->batch = j->plan->batch;
	c->committed_ms = d->wall_ms;
	c->status =
		tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	c->tasks = tr_edge_job_rows(j, SIZE_MAX, &c->n_tasks);
	put_runs(j, c);
	r->batch_committed = c;
	tr_write_record(w, i, r);
}

static void start_commits(struct tr_driver *d, struct tr_pending *p)
{
	if (p->n_commits == 0)
		return;
	struct tr_write *w = tr_write_new(p->n_commits);
	for (size_t i = 0; i < p->n_commits; i++)
		put_commit(d, must_job(d, p->commits[i].job), w, i);
	(void)TR_FP("commit.before");
	tr_driver_write(d, w);
	p->commits_seq = w->seq;
}

static void finish_commits(struct tr_driver *d, const struct tr_pending *p)
{
	if (p->n_commits)
		(void)TR_FP("commit.after");
	for (size_t i = 0; i < p->n_commits; i++) {
		struct tr_core_event ev = { .kind = TR_CORE_COMMITTED,
			.u.committed = {
				p->commits[i].job, p->commits[i].batch } };
		tr_driver_step(d, &ev);
	}
}

/* ----------------------------------------------------------------- order */

static void queue_update(struct tr_driver *d)
{
	const struct tr_core_update *u = d->update;
	d->core_deadline_ms = u->next_deadline_ms;
	if (!u->records_count && !u->sends_count && !u->commits_count &&
		!u->notices_count)
		return;
	struct tr_pending *p = tr_xcalloc(1, sizeof(*p));
	p->n_sends = u->sends_count;
	p->n_commits = u->commits_count;
	p->n_notices = u->notices_count;
	p->sends = tr_xmemdup(u->sends, p->n_sends * sizeof(*p->sends));
	p->commits = tr_xmemdup(u->commits, p->n_commits * sizeof(*p->commits));
	p->notices = tr_xmemdup(u->notices, p->n_notices * sizeof(*p->notices));
	if (u->records_count) {
		struct tr_write *w = tr_write_new(u->records_count);
		for (size_t i = 0; i < u->records_count; i++)
			put_record(d, &u->records[i], w, i);
		tr_driver_write(d, w);
		p->records_seq = w->seq;
	}
	*d->pending_tail = p;
	d->pending_tail = &p->next;
}

void tr_driver_perform(struct tr_driver *d)
{
	/* Sends and notices may step the core: what follows is queued. */
	if (d->performing)
		return;
	d->performing = true;
	struct tr_pending *p;
	while ((p = d->pending) && p->records_seq <= d->durable_seq) {
		if (!p->sent) {
			for (size_t i = 0; i < p->n_sends; i++)
				tr_dispatch(d, &p->sends[i]);
			p->sent = true;
			start_commits(d, p);
		}
		if (p->commits_seq > d->durable_seq)
			break;
		finish_commits(d, p);
		for (size_t i = 0; i < p->n_notices; i++)
			tr_notice(d, &p->notices[i]);
		d->pending = p->next;
		if (!d->pending)
			d->pending_tail = &d->pending;
		pending_free(p);
	}
	d->performing = false;
}

void tr_driver_step(struct tr_driver *d, struct tr_core_event *ev)
{
	ev->now_ms = d->now_ms;
	tr_core_step(d->core, ev, d->update);
	queue_update(d);
	while (d->update->more) {
		struct tr_core_event go_on = { .kind = TR_CORE_CONTINUE,
			.now_ms = d->now_ms };
		tr_core_step(d->core, &go_on, d->update);
		queue_update(d);
	}
	tr_driver_perform(d);
}
