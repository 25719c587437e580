/*
 * The driver's edge: turns messages into events of the real core, keeps its
 * updates in order until their records are durable, and knows what the core
 * does not (outputs, where blocks are).
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "driver/core/render.h"
#include "driver/core/transition.h"

/* -------------------------------------------------------------- lookups */

struct sim_registration *sim_driver_registration(
	struct sim *w, uint64_t executor)
{
	struct sim_driver *d = &w->driver;
	for (size_t i = d->registrations_count; i-- > 0;)
		if (d->registrations[i].executor == executor)
			return &d->registrations[i];
	return NULL;
}

static struct sim_received *find_received(
	const struct sim *w, uint64_t job, uint64_t attempt)
{
	const struct sim_driver *d = &w->driver;
	for (size_t i = d->received_count; i-- > 0;)
		if (d->received[i].attempt == attempt &&
			d->received[i].job == job)
			return &d->received[i];
	return NULL;
}

const struct sim_content *sim_driver_received(
	const struct sim *w, uint64_t job, uint64_t attempt)
{
	const struct sim_received *r = find_received(w, job, attempt);
	return r ? &r->content : NULL;
}

static void receive_content(struct sim *w, uint64_t job, uint64_t attempt,
	const struct sim_content *content)
{
	struct sim_driver *d = &w->driver;
	struct sim_received *r = find_received(w, job, attempt);
	if (!r) {
		if (d->received_count == d->received_room) {
			d->received_room =
				d->received_room ? 2 * d->received_room : 64;
			d->received = tr_xrealloc(d->received,
				d->received_room * sizeof(*d->received));
		}
		r = &d->received[d->received_count++];
		r->attempt = attempt;
		r->job = job;
	}
	r->content = *content;
}

/* ----------------------------------------------------------------- step */

static void print_line(const char *line, void *context)
{
	sim_say(context, "    %s", line);
}

static void trace(struct sim *w, const struct tr_core_event *ev)
{
	char line[TR_CORE_LINE_MAX];
	if (!w->trace)
		return;
	tr_core_render_event(ev, line);
	sim_say(w, "driver %s", line);
	tr_core_render_update(w->update, print_line, w);
}

static void hash_ref(struct sim *w, const struct tr_attempt_ref *ref)
{
	sim_hash(w, ref->job.v << 32 | ref->lane.stage << 16 | ref->lane.lane);
	sim_hash(w, ref->attempt.v);
}

static void hash_update(struct sim *w, const struct tr_core_update *u)
{
	for (size_t i = 0; i < u->records_count; i++) {
		sim_hash(w, (uint64_t)u->records[i].kind);
		hash_ref(w, &u->records[i].ref);
	}
	for (size_t i = 0; i < u->sends_count; i++) {
		sim_hash(
			w, (uint64_t)u->sends[i].kind << 32 | u->sends[i].rate);
		sim_hash(w, u->sends[i].executor.v);
		hash_ref(w, &u->sends[i].ref);
	}
	for (size_t i = 0; i < u->commits_count; i++)
		sim_hash(w, u->commits[i].job.v);
	for (size_t i = 0; i < u->notices_count; i++) {
		sim_hash(w, (uint64_t)u->notices[i].kind);
		hash_ref(w, &u->notices[i].ref);
	}
	sim_hash(w, u->next_deadline_ms);
}

/* The attempts that the core counts on, by its notices. */
static void note_attempts(struct sim *w, const struct tr_core_update *u)
{
	struct sim_driver *d = &w->driver;
	for (size_t i = 0; i < u->notices_count; i++) {
		const struct tr_core_notice *n = &u->notices[i];
		if (n->kind == TR_CORE_NOTICE_TASK_STARTED) {
			tr_assert(d->wanted_count < TR_ARRAY_LEN(d->wanted));
			d->wanted[d->wanted_count++] = n->ref.attempt.v;
		} else if (n->kind == TR_CORE_NOTICE_TASK_ENDED) {
			size_t k = 0;
			while (d->wanted[k] != n->ref.attempt.v)
				k++;
			d->wanted[k] = d->wanted[--d->wanted_count];
		} else if (n->kind == TR_CORE_NOTICE_EXECUTOR_STATE) {
			sim_driver_registration(w, n->executor.v)->live =
				n->executor_state != TR_CORE_EXECUTOR_LOST;
		}
	}
}

/* Finished lanes are where their attempt ran. */
static void note_locations(struct sim *w, const struct tr_core_update *u)
{
	for (size_t i = 0; i < u->records_count; i++) {
		const struct tr_core_record *r = &u->records[i];
		if (r->kind != TR_CORE_RECORD_TASK_FINISHED)
			continue;
		const struct tr_lane_id at = r->ref.lane;
		w->driver.at[r->ref.job.v - 1][at.stage][at.lane] =
			(struct sim_location){ .attempt = r->ref.attempt.v,
				.executor = r->executor.v };
	}
}

static void queue_update(struct sim *w, const struct tr_core_update *u)
{
	struct sim_driver *d = &w->driver;
	for (size_t i = 0; i < u->records_count; i++)
		sim_disk_append(w, &u->records[i]);
	if (u->sends_count + u->commits_count + u->notices_count == 0)
		return;
	struct sim_pending *p = tr_xcalloc(1, sizeof(*p));
	p->records = d->appended;
	p->sends_count = u->sends_count;
	p->commits_count = u->commits_count;
	p->notices_count = u->notices_count;
	p->sends = tr_xmemdup(
		u->sends, (u->sends_count + 1) * sizeof(u->sends[0]));
	p->commits = tr_xmemdup(
		u->commits, (u->commits_count + 1) * sizeof(u->commits[0]));
	p->notices = tr_xmemdup(
		u->notices, (u->notices_count + 1) * sizeof(u->notices[0]));
	if (d->tail)
		d->tail->next = p;
	else
		d->head = p;
	d->tail = p;
}

static void free_pending(struct sim_pending *p)
{
	tr_xfree(p->sends);
	tr_xfree(p->commits);
	tr_xfree(p->notices);
	tr_xfree(p);
}

void sim_driver_release(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	while (d->head && d->head->records <= d->durable) {
		struct sim_pending *p = d->head;
		d->head = p->next;
		if (!d->head)
			d->tail = NULL;
		sim_perform(w, p);
		free_pending(p);
	}
}

static void arm(struct sim *w, uint64_t at_ms)
{
	struct sim_driver *d = &w->driver;
	if (at_ms == UINT64_MAX || (d->tick_at && d->tick_at <= at_ms))
		return;
	d->tick_at = at_ms > w->now_ms ? at_ms : w->now_ms + 1;
	sim_after(w, d->tick_at - w->now_ms,
		(struct sim_event){
			.kind = SIM_EVENT_DRIVER_TICK, .epoch = d->process });
}

static void step(struct sim *w, struct tr_core_event *ev)
{
	struct tr_core_update *u = w->update;
	ev->now_ms = w->now_ms;
	tr_core_step(w->driver.core, ev, u);
	trace(w, ev);
	tr_core_check(w->driver.core);
	hash_update(w, u);
	sim_check_report(w, ev, u);
	note_attempts(w, u);
	note_locations(w, u);
	queue_update(w, u);
}

void sim_driver_feed(struct sim *w, struct tr_core_event *ev)
{
	step(w, ev);
	while (w->update->more) {
		struct tr_core_event next = { .kind = TR_CORE_CONTINUE };
		step(w, &next);
	}
	sim_check_driver(w, ev);
	arm(w, w->update->next_deadline_ms);
	sim_driver_release(w);
	sim_disk_sync(w);
}

void sim_driver_tick(struct sim *w)
{
	struct tr_core_event ev = { .kind = TR_CORE_TICK };
	w->driver.tick_at = 0;
	sim_driver_feed(w, &ev);
}

/* ------------------------------------------------------------- messages */

static void hello(struct sim *w, uint32_t conn)
{
	struct sim_msg *reply = sim_msg(SIM_MSG_HELLO_REPLY, w->disk.term);
	sim_send(w, conn, SIM_TO_EXECUTOR, reply);
}

static struct tr_attempt_ref core_ref(const struct tr_executor_ref *ref)
{
	return (struct tr_attempt_ref){ .job = ref->job,
		.batch = ref->batch,
		.lane = ref->lane,
		.attempt = ref->attempt };
}

static struct tr_core_event report_event(enum tr_core_event_kind kind,
	uint64_t executor, uint64_t term, const struct tr_executor_ref *ref)
{
	struct tr_core_event ev = { .kind = kind };
	ev.u.report.executor.v = executor;
	ev.u.report.term.v = term;
	ev.u.report.ref = core_ref(ref);
	return ev;
}

/*
 * A result is whole only with its rows, which come with the report: its lane
 * counts as running until the executor repeats that.
 */
static bool counts_as_done(const struct sim *w, const struct sim_held *held)
{
	const struct tr_executor_ref *ref = &held->output.ref;
	return held->finished && held->output.error == 0 &&
	       !sim_is_sink(&w->jobs[ref->job.v - 1], ref->lane.stage);
}

static void hold(struct sim *w, uint64_t executor, const struct sim_held *held)
{
	struct tr_core_event ev = report_event(
		TR_CORE_TASK_HELD, executor, w->disk.term, &held->output.ref);
	ev.u.report.done = counts_as_done(w, held);
	if (ev.u.report.done) {
		const struct sim_content *content = &held->output.content;
		receive_content(w, held->output.ref.job.v,
			held->output.ref.attempt.v, content);
		ev.u.report.has_blocks = true;
		ev.u.report.digest.lo = content->digest;
	}
	sim_driver_feed(w, &ev);
}

static struct sim_registration *add_registration(
	struct sim *w, uint32_t conn, struct sim_msg *msg)
{
	struct sim_driver *d = &w->driver;
	tr_assert(d->registrations_count < SIM_REGISTRATIONS);
	struct sim_registration *r =
		&d->registrations[d->registrations_count++];
	*r = (struct sim_registration){ .executor = w->disk.term << 20 |
						    ++d->executors,
		.conn = conn,
		.slots = msg->slots,
		.heard_ms = w->now_ms,
		.held_count = msg->held_count,
		.held = msg->held };
	msg->held = NULL;
	r->drops = tr_xcalloc(r->held_count + 1, sizeof(*r->drops));
	w->conns[conn].executor = r->executor;
	return r;
}

static void member_event(
	struct sim *w, enum tr_core_event_kind kind, uint64_t executor)
{
	struct tr_core_event ev = { .kind = kind };
	ev.u.member.executor.v = executor;
	sim_driver_feed(w, &ev);
}

static void register_executor(struct sim *w, uint32_t conn, struct sim_msg *msg)
{
	uint32_t node = w->conns[conn].node;
	struct sim_registration *r = add_registration(w, conn, msg);
	struct tr_core_event up = { .kind = TR_CORE_EXECUTOR_UP };
	up.u.up.executor.v = r->executor;
	up.u.up.node = node + 1;
	up.u.up.slots = r->slots;
	up.u.up.draining = w->driver.drained[node];
	sim_driver_feed(w, &up);
	for (size_t i = 0; i < r->held_count; i++)
		hold(w, r->executor, &r->held[i]);
	/* A registration that the edge gives up half way. */
	bool bad = !w->healed && sim_chance(w, 1);
	member_event(w, bad ? TR_CORE_EXECUTOR_DOWN : TR_CORE_EXECUTOR_READY,
		r->executor);
	if (bad)
		sim_cut(w, conn, SIM_TO_EXECUTOR, false);
}

static void forget_taken(struct sim_registration *r, uint64_t attempt)
{
	for (size_t i = 0; i < r->taken_count; i++)
		if (r->taken[i] == attempt) {
			r->taken[i] = r->taken[--r->taken_count];
			return;
		}
}

static void note_report(struct sim_registration *r, uint64_t attempt)
{
	forget_taken(r, attempt);
	if (!r->replied && r->early_count < SIM_SLOTS_MAX)
		r->early[r->early_count++] = attempt;
}

static void report(
	struct sim *w, struct sim_registration *r, const struct sim_msg *msg)
{
	const struct sim_output *o = msg->output;
	if (msg->term == w->disk.term)
		note_report(r, o->ref.attempt.v);
	for (size_t i = 0; i < o->lost_count; i++) {
		struct tr_core_event lost = report_event(
			TR_CORE_BLOCKS_LOST, r->executor, msg->term, &o->ref);
		lost.u.report.ref.lane.stage = o->lost[i].stage;
		lost.u.report.ref.lane.lane = o->lost[i].lane;
		lost.u.report.ref.attempt.v = o->lost[i].attempt;
		sim_driver_feed(w, &lost);
	}
	struct tr_core_event ev =
		report_event(o->error ? TR_CORE_TASK_FAILED : TR_CORE_TASK_DONE,
			r->executor, msg->term, &o->ref);
	ev.u.report.error = o->error;
	ev.u.report.worker_died = o->worker_died;
	if (!o->error) {
		const struct sim_job *j = &w->jobs[o->ref.job.v - 1];
		receive_content(w, o->ref.job.v, o->ref.attempt.v, &o->content);
		ev.u.report.has_blocks = !sim_is_sink(j, o->ref.lane.stage);
		ev.u.report.digest.lo = o->content.digest;
	}
	sim_driver_feed(w, &ev);
}

static void receive_registered(
	struct sim *w, struct sim_registration *r, const struct sim_msg *msg)
{
	r->heard_ms = w->now_ms;
	member_event(w, TR_CORE_EXECUTOR_HEARD, r->executor);
	if (msg->kind == SIM_MSG_REPORT) {
		report(w, r, msg);
	} else if (msg->kind == SIM_MSG_DRAIN) {
		r->asked_to_leave = true;
		member_event(w, TR_CORE_EXECUTOR_DRAIN, r->executor);
	}
}

void sim_driver_receive(struct sim *w, uint32_t conn, struct sim_msg *msg)
{
	uint64_t executor = w->conns[conn].executor;
	if (msg->kind == SIM_MSG_HELLO)
		hello(w, conn);
	else if (msg->kind == SIM_MSG_REGISTER)
		register_executor(w, conn, msg);
	else if (executor && msg->kind == SIM_MSG_CLOSED)
		member_event(w, TR_CORE_EXECUTOR_DOWN, executor);
	else if (executor)
		receive_registered(
			w, sim_driver_registration(w, executor), msg);
}

/* ----------------------------------------------------------------- jobs */

static void plan_event(
	struct sim *w, uint32_t job, struct tr_core_stage_plan *stages)
{
	const struct sim_job *j = &w->jobs[job];
	struct tr_core_event ev = { .kind = TR_CORE_JOB_PLANNED };
	for (uint32_t s = 0; s < j->stages; s++)
		stages[s] = (struct tr_core_stage_plan){ .lanes = j->lanes[s],
			.upstream = j->upstream[s],
			.groups = j->upstream[s] ? NULL : j->partition[s] };
	ev.u.plan.job.v = job + 1;
	ev.u.plan.batch = 1;
	ev.u.plan.stages_count = j->stages;
	ev.u.plan.stages = stages;
	sim_driver_feed(w, &ev);
}

void sim_driver_planned(struct sim *w, uint32_t job)
{
	struct tr_core_stage_plan stages[SIM_STAGES];
	if (w->jobs[job].plan_fails) {
		struct tr_core_event ev = { .kind = TR_CORE_JOB_PLAN_FAILED };
		ev.u.stop.job.v = job + 1;
		ev.u.stop.error = TR_EUSER;
		sim_driver_feed(w, &ev);
		return;
	}
	sim_plan_make(w, job, &w->driver.planned[job]);
	plan_event(w, job, stages);
}

void sim_driver_commit(struct sim *w, uint32_t job)
{
	sim_check_commit(w, job);
	w->disk.jobs[job].committed = true;
	sim_after(w, sim_below(w, 4),
		(struct sim_event){ .kind = SIM_EVENT_COMMITTED,
			.arg = job,
			.epoch = w->driver.process });
}

/* -------------------------------------------------------- start and end */

static void recover_lane(
	struct sim *w, uint32_t job, uint32_t stage, uint32_t lane)
{
	const struct sim_disk_lane *l = &w->disk.jobs[job].lanes[stage][lane];
	if (!l->known)
		return;
	receive_content(w, job + 1, l->attempt, &l->content);
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_TASK };
	ev.u.recover.ref = (struct tr_attempt_ref){ .job = { job + 1 },
		.batch = 1,
		.lane = { .stage = stage, .lane = lane },
		.attempt = { l->attempt } };
	ev.u.recover.digest.lo = l->content.digest;
	ev.u.recover.has_blocks = !sim_is_sink(&w->jobs[job], stage);
	ev.u.recover.unfinished = !l->finished;
	sim_driver_feed(w, &ev);
}

static void recover_plan(struct sim *w, uint32_t job)
{
	const struct sim_job *j = &w->jobs[job];
	struct tr_core_stage_plan stages[SIM_STAGES];
	plan_event(w, job, stages);
	for (uint32_t s = 0; s < j->stages; s++)
		for (uint32_t l = 0; l < j->lanes[s]; l++)
			recover_lane(w, job, s, l);
}

static void recover_job(struct sim *w, uint32_t job)
{
	const struct sim_disk_job *d = &w->disk.jobs[job];
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_JOB };
	if (!d->exists || d->ended)
		return;
	ev.u.job.job.v = job + 1;
	ev.u.job.weight = w->jobs[job].weight;
	ev.u.job.max_rate = w->jobs[job].max_rate;
	ev.u.job.committed = d->committed;
	sim_driver_feed(w, &ev);
	if (d->plan.id && !d->committed)
		recover_plan(w, job);
}

/* Clients that wait ask the new process how things stand. */
static void answer_client(struct sim *w, uint32_t job)
{
	const struct sim_disk_job *d = &w->disk.jobs[job];
	struct sim_job *j = &w->jobs[job];
	if (j->state == SIM_JOB_SENT && !d->exists) {
		j->state = SIM_JOB_NEW;
		sim_after(w, sim_between(w, 50, 300),
			(struct sim_event){
				.kind = SIM_EVENT_SUBMIT, .arg = job });
	} else if (j->state == SIM_JOB_SENT) {
		j->state = SIM_JOB_ACCEPTED;
	}
	if (j->state == SIM_JOB_ACCEPTED && d->ended) {
		j->state = SIM_JOB_ENDED;
		j->outcome = d->outcome;
		j->error = d->error;
	}
}

static void limits_of(struct tr_core_limits *l)
{
	tr_core_limits_default(l);
	l->executors = 3 * SIM_EXECUTORS;
	l->slots_per_executor = SIM_SLOTS_MAX;
	l->jobs = SIM_JOBS_AT_ONCE;
	l->stages = SIM_STAGES;
	l->tasks = SIM_JOBS * SIM_STAGES * SIM_LANES;
	l->lease_ms = SIM_LEASE_MS;
	l->grace_ms = SIM_GRACE_MS;
	l->backoff_ms_min = 50;
	l->backoff_ms_max = 2000;
	l->losses_per_task = 100;
	l->executor_failures = 3;
}

void sim_driver_start(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	struct tr_core_limits limits;
	limits_of(&limits);
	bool drained[SIM_EXECUTORS];
	memcpy(drained, d->drained, sizeof(drained));
	*d = (struct sim_driver){ .alive = true, .process = d->process + 1 };
	memcpy(d->drained, drained, sizeof(drained));
	d->records = tr_xcalloc(SIM_RECORDS, sizeof(*d->records));
	d->core = tr_core_new(&limits);
	w->disk.term++;
	sim_say(w, "driver starts, term %llu",
		(unsigned long long)w->disk.term);
	struct tr_core_event ev = { .kind = TR_CORE_INIT };
	ev.u.init.term.v = w->disk.term;
	ev.u.init.seed = tr_rng_next(&w->rng);
	sim_driver_feed(w, &ev);
	for (uint32_t i = 0; i < w->jobs_count; i++)
		recover_job(w, i);
	ev = (struct tr_core_event){ .kind = TR_CORE_RECOVER_END };
	sim_driver_feed(w, &ev);
	for (uint32_t i = 0; i < w->jobs_count; i++)
		answer_client(w, i);
}

static void count_transitions(struct sim *w)
{
	uint64_t *taken = w->taken;
	for (int t = 0; t < TR_TABLES; t++) {
		size_t rows;
		(void)tr_transitions((enum tr_state_table)t, &rows);
		for (size_t i = 0; i < rows; i++)
			*taken++ += tr_transition_taken(
				w->driver.core, (enum tr_state_table)t, i);
	}
}

void sim_driver_fini(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	if (!d->alive)
		return;
	count_transitions(w);
	tr_core_free(d->core);
	while (d->head) {
		struct sim_pending *p = d->head;
		d->head = p->next;
		free_pending(p);
	}
	for (size_t i = 0; i < d->registrations_count; i++) {
		tr_xfree(d->registrations[i].held);
		tr_xfree(d->registrations[i].drops);
	}
	tr_xfree(d->received);
	tr_xfree(d->records);
	d->alive = false;
}

void sim_driver_crash(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	if (!d->alive)
		return;
	sim_say(w, "driver crashes");
	sim_disk_crash(w);
	sim_driver_fini(w);
	d->paused_until = 0;
	for (size_t i = 0; i < w->conns_count; i++)
		if (w->conns[i].driver == d->process)
			sim_cut(w, (uint32_t)i, SIM_TO_EXECUTOR,
				sim_chance(w, 50));
	sim_after(w, sim_between(w, 50, 2500),
		(struct sim_event){
			.kind = SIM_EVENT_DRIVER_START, .epoch = d->process });
}
