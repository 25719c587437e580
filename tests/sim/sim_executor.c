/*
 * An executor's edge around the real executor core: its connection, worker
 * processes that take their time and sometimes die, and its spool.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/err.h"
#include "common/base/xalloc.h"

static struct sim_event event_of(
	const struct sim *w, uint32_t node, enum sim_event_kind kind)
{
	return (struct sim_event){
		.kind = kind, .node = node, .epoch = w->executors[node].instance
	};
}

static uint64_t term_of(const struct sim_executor *x)
{
	struct tr_executor_counts counts;
	tr_executor_count(x->core, &counts);
	return counts.term.v;
}

static void send(struct sim *w, uint32_t node, struct sim_msg *msg)
{
	uint32_t conn = w->executors[node].conn;
	if (conn == SIM_NO_CONN)
		sim_msg_free(msg);
	else
		sim_send(w, conn, SIM_TO_DRIVER, msg);
}

/* -------------------------------------------------------------- reports */

static void send_output(
	struct sim *w, uint32_t node, const struct sim_output *o)
{
	struct sim_executor *x = &w->executors[node];
	struct sim_msg *msg = sim_msg(SIM_MSG_REPORT, term_of(x));
	msg->ref = o->ref;
	msg->output = tr_xmemdup(o, sizeof(*o));
	tr_xfree(x->last_report);
	x->last_report = tr_xmemdup(o, sizeof(*o));
	x->last_report_term = msg->term;
	send(w, node, msg);
}

static void send_report(
	struct sim *w, uint32_t node, const struct tr_executor_ref *ref)
{
	const struct sim_output *o = sim_output_find(
		&w->executors[node], ref->job.v, ref->attempt.v);
	tr_assert(o != NULL);
	send_output(w, node, o);
}

static void send_refusal(
	struct sim *w, uint32_t node, const struct tr_executor_action *a)
{
	struct sim_output refusal = { .ref = a->ref, .error = a->error };
	send_output(w, node, &refusal);
}

static bool is_finished(const struct tr_executor_task *t)
{
	return t->state == TR_EXECUTOR_DONE || t->state == TR_EXECUTOR_FAILED;
}

static void send_kept(struct sim *w, uint32_t node)
{
	const struct tr_executor *core = w->executors[node].core;
	const struct tr_executor_task *t = NULL;
	while ((t = tr_executor_next(core, t)) != NULL)
		if (is_finished(t))
			send_report(w, node, &t->ref);
}

void sim_executor_replay(struct sim *w, uint32_t node)
{
	const struct sim_executor *x = &w->executors[node];
	if (!x->alive || x->conn == SIM_NO_CONN || !x->last_report)
		return;
	struct sim_msg *msg = sim_msg(SIM_MSG_REPORT, x->last_report_term);
	msg->output = tr_xmemdup(x->last_report, sizeof(*x->last_report));
	sim_send(w, x->conn, SIM_TO_DRIVER, msg);
}

static void send_register(struct sim *w, uint32_t node)
{
	const struct sim_executor *x = &w->executors[node];
	struct sim_msg *msg = sim_msg(SIM_MSG_REGISTER, term_of(x));
	const struct tr_executor_task *t = NULL;
	struct tr_executor_counts counts;
	msg->slots = x->slots;
	tr_executor_count(x->core, &counts);
	msg->held = tr_xcalloc(
		counts.active + counts.finished + 1, sizeof(*msg->held));
	while ((t = tr_executor_next(x->core, t)) != NULL) {
		struct sim_held *held = &msg->held[msg->held_count++];
		held->finished = is_finished(t);
		held->output.ref = t->ref;
		if (held->finished)
			held->output = *sim_output_find(
				x, t->ref.job.v, t->ref.attempt.v);
	}
	send(w, node, msg);
	if (!w->healed && w->fault[SIM_REPLAY_REPORT] && sim_chance(w, 30))
		sim_executor_replay(w, node);
}

/* -------------------------------------------------------------- workers */

static bool worker_dies(struct sim *w, const struct tr_executor_ref *ref)
{
	if (w->jobs[ref->job.v - 1].poison)
		return true;
	if (w->healed || !w->fault[SIM_WORKER_DIES] || !sim_chance(w, 4))
		return false;
	w->struck[SIM_WORKER_DIES]++;
	return true;
}

static uint64_t work_ms(struct sim *w)
{
	return sim_chance(w, 25) ? sim_between(w, 200, 1500)
				 : sim_between(w, 1, 100);
}

static void run(
	struct sim *w, uint32_t node, const struct tr_executor_action *a)
{
	struct sim_event ev = event_of(w, node, SIM_EVENT_WORKER_DONE);
	if (worker_dies(w, &a->ref))
		ev.kind = SIM_EVENT_WORKER_GONE;
	ev.arg = a->ref.attempt.v;
	ev.more = a->worker.v;
	sim_after(w, work_ms(w), ev);
}

static void worker_ends(struct sim *w, const struct sim_event *ev)
{
	struct sim_executor *x = &w->executors[ev->node];
	struct tr_worker_id worker = { ev->more };
	const struct tr_executor_task *t = tr_executor_task_of(x->core, worker);
	if (!t || t->ref.attempt.v != ev->arg)
		return; /* it was stopped meanwhile */
	struct tr_executor_event next = { .worker = worker, .ref = t->ref };
	struct sim_output *o =
		sim_output_find(x, t->ref.job.v, t->ref.attempt.v);
	if (!o)
		o = sim_output_add(x, &t->ref);
	if (ev->kind == SIM_EVENT_WORKER_GONE) {
		o->error = TR_EKILLED;
		o->worker_died = true;
		next.kind = TR_EXECUTOR_WORKER_GONE;
	} else {
		const struct sim_task *task = sim_task_find(x, ev->arg);
		if (!task->reads_blocks)
			o->error = sim_compute(w, ev->node, task, o);
		if (!o->error && w->jobs[t->ref.job.v - 1].task_fails &&
			!w->healed && sim_chance(w, 25))
			o->error = sim_chance(w, 50) ? TR_EUSER : TR_EIO;
		next.kind = TR_EXECUTOR_WORKER_DONE;
		next.error = o->error;
	}
	sim_executor_feed(w, ev->node, &next);
}

static void fetched(struct sim *w, const struct sim_event *ev)
{
	struct sim_executor *x = &w->executors[ev->node];
	struct tr_attempt_id attempt = { ev->arg };
	const struct tr_executor_task *t = tr_executor_find(x->core, attempt);
	if (!t || t->state != TR_EXECUTOR_FETCHING)
		return;
	struct sim_output *o = sim_output_add(x, &t->ref);
	struct tr_executor_event next = { .kind = TR_EXECUTOR_INPUTS,
		.ref = t->ref };
	o->error = sim_compute(w, ev->node, sim_task_find(x, ev->arg), o);
	next.error = o->error;
	sim_executor_feed(w, ev->node, &next);
}

/* ----------------------------------------------------------- connection */

static void dialed(struct sim *w, uint32_t node)
{
	bool reached = w->driver.alive &&
		       !sim_is_blocked(w, node, SIM_DRIVER) &&
		       !sim_is_blocked(w, SIM_DRIVER, node);
	struct tr_executor_event ev = { .kind = TR_EXECUTOR_LINK_DOWN };
	if (reached) {
		w->executors[node].conn = sim_connect(w, node);
		ev.kind = TR_EXECUTOR_LINK_UP;
	}
	sim_executor_feed(w, node, &ev);
}

static void hang_up(struct sim *w, uint32_t node)
{
	struct sim_executor *x = &w->executors[node];
	if (x->conn == SIM_NO_CONN)
		return;
	sim_cut(w, x->conn, SIM_TO_DRIVER, false);
	x->conn = SIM_NO_CONN;
}

static struct tr_executor_event from_driver(
	enum tr_executor_event_kind kind, const struct sim_msg *msg)
{
	return (struct tr_executor_event){
		.kind = kind, .term = { msg->term }, .ref = msg->ref
	};
}

static void feed_simple(struct sim *w, uint32_t node,
	enum tr_executor_event_kind kind, const struct sim_msg *msg)
{
	struct tr_executor_event ev = from_driver(kind, msg);
	sim_executor_feed(w, node, &ev);
}

static void receive_registered(
	struct sim *w, uint32_t node, const struct sim_msg *msg)
{
	struct tr_executor_event ev = from_driver(TR_EXECUTOR_DROP, msg);
	for (size_t i = 0; i < msg->held_count; i++) {
		ev.ref = msg->held[i].output.ref;
		sim_executor_feed(w, node, &ev);
	}
	ev = from_driver(TR_EXECUTOR_REGISTERED, msg);
	ev.draining = msg->draining;
	sim_executor_feed(w, node, &ev);
}

static void receive_task(
	struct sim *w, uint32_t node, const struct sim_msg *msg)
{
	struct sim_executor *x = &w->executors[node];
	struct tr_executor_event ev = from_driver(TR_EXECUTOR_TASK, msg);
	struct tr_executor_counts counts;
	sim_check_task(w, msg->task);
	ev.has_inputs = msg->task->reads_blocks;
	sim_task_add(x, msg->task);
	sim_executor_feed(w, node, &ev);
	if (!x->alive)
		return;
	tr_executor_count(x->core, &counts);
	if (counts.active > x->slots)
		sim_fail(w, "executor %u has %u slots and runs %u tasks", node,
			x->slots, counts.active);
}

void sim_executor_receive(struct sim *w, uint32_t node, struct sim_msg *msg)
{
	struct tr_executor_event ev;
	switch (msg->kind) {
	case SIM_MSG_CLOSED:
		w->executors[node].conn = SIM_NO_CONN;
		feed_simple(w, node, TR_EXECUTOR_LINK_DOWN, msg);
		break;
	case SIM_MSG_HELLO_REPLY:
		ev = from_driver(TR_EXECUTOR_GREETED, msg);
		ev.heartbeat_ms = SIM_HEARTBEAT_MS;
		sim_executor_feed(w, node, &ev);
		break;
	case SIM_MSG_REGISTERED:
		receive_registered(w, node, msg);
		break;
	case SIM_MSG_JOB_SPEC:
		feed_simple(w, node, TR_EXECUTOR_JOB, msg);
		break;
	case SIM_MSG_TASK:
		receive_task(w, node, msg);
		break;
	case SIM_MSG_KILL:
		feed_simple(w, node, TR_EXECUTOR_KILL, msg);
		break;
	case SIM_MSG_JOB_END:
		feed_simple(w, node, TR_EXECUTOR_JOB_END, msg);
		break;
	case SIM_MSG_DRAIN:
		feed_simple(w, node, TR_EXECUTOR_DRAIN, msg);
		break;
	case SIM_MSG_HEARTBEAT:
		feed_simple(w, node, TR_EXECUTOR_HEARD, msg);
		break;
	case SIM_MSG_HELLO:
	case SIM_MSG_REGISTER:
	case SIM_MSG_REPORT:
		sim_fail(w, "an executor got message %d", (int)msg->kind);
	}
}

/* -------------------------------------------------------------- actions */

static void later(struct sim *w, uint32_t node, enum sim_event_kind kind,
	uint64_t arg, uint64_t ms)
{
	struct sim_event ev = event_of(w, node, kind);
	ev.arg = arg;
	sim_after(w, ms, ev);
}

static void perform_send(
	struct sim *w, uint32_t node, const struct tr_executor_action *a)
{
	uint64_t term = term_of(&w->executors[node]);
	switch (a->kind) {
	case TR_EXECUTOR_SEND_HELLO:
		send(w, node, sim_msg(SIM_MSG_HELLO, term));
		break;
	case TR_EXECUTOR_SEND_REGISTER:
		send_register(w, node);
		break;
	case TR_EXECUTOR_SEND_HEARTBEAT:
		send(w, node, sim_msg(SIM_MSG_HEARTBEAT, term));
		break;
	case TR_EXECUTOR_SEND_DRAIN:
		send(w, node, sim_msg(SIM_MSG_DRAIN, term));
		break;
	case TR_EXECUTOR_SEND_KEPT:
		send_kept(w, node);
		break;
	case TR_EXECUTOR_SEND_REPORT:
		send_report(w, node, &a->ref);
		break;
	case TR_EXECUTOR_SEND_REFUSAL:
		send_refusal(w, node, a);
		break;
	default:
		tr_assert(a->kind == TR_EXECUTOR_SEND_HELLO);
	}
}

static void leave(struct sim *w, uint32_t node)
{
	sim_executor_crash(w, node, false);
	sim_after(w, sim_between(w, 300, 3000),
		(struct sim_event){
			.kind = SIM_EVENT_EXECUTOR_START, .node = node });
}

static void perform(
	struct sim *w, uint32_t node, const struct tr_executor_action *a)
{
	struct sim_executor *x = &w->executors[node];
	switch (a->kind) {
	case TR_EXECUTOR_DIAL:
		later(w, node, SIM_EVENT_DIALED, 0, sim_between(w, 1, 15));
		break;
	case TR_EXECUTOR_HANG_UP:
		hang_up(w, node);
		break;
	case TR_EXECUTOR_GET_ARTEFACT:
		later(w, node, SIM_EVENT_ARTEFACT, a->ref.job.v,
			sim_between(w, 1, 10));
		break;
	case TR_EXECUTOR_GET_INPUTS:
		later(w, node, SIM_EVENT_INPUTS, a->ref.attempt.v,
			sim_between(w, 1, 25));
		break;
	case TR_EXECUTOR_SPAWN:
	case TR_EXECUTOR_STOP:
		break;
	case TR_EXECUTOR_RUN:
		run(w, node, a);
		break;
	case TR_EXECUTOR_FORGET_TASK:
		sim_spool_forget(x, a->ref.job.v, a->ref.attempt.v);
		break;
	case TR_EXECUTOR_FORGET_JOB:
		sim_spool_forget(x, a->ref.job.v, 0);
		break;
	case TR_EXECUTOR_LEAVE:
		leave(w, node);
		break;
	case TR_EXECUTOR_ACTIONS:
		break;
	case TR_EXECUTOR_SEND_HELLO:
	case TR_EXECUTOR_SEND_REGISTER:
	case TR_EXECUTOR_SEND_HEARTBEAT:
	case TR_EXECUTOR_SEND_DRAIN:
	case TR_EXECUTOR_SEND_KEPT:
	case TR_EXECUTOR_SEND_REPORT:
	case TR_EXECUTOR_SEND_REFUSAL:
		perform_send(w, node, a);
		break;
	}
}

static void arm(struct sim *w, uint32_t node, uint64_t at_ms)
{
	struct sim_executor *x = &w->executors[node];
	if (at_ms == UINT64_MAX || (x->tick_at && x->tick_at <= at_ms))
		return;
	x->tick_at = at_ms > w->now_ms ? at_ms : w->now_ms + 1;
	later(w, node, SIM_EVENT_EXECUTOR_TICK, 0, x->tick_at - w->now_ms);
}

void sim_executor_feed(
	struct sim *w, uint32_t node, struct tr_executor_event *ev)
{
	struct sim_executor *x = &w->executors[node];
	struct tr_executor_update *u = w->executor_update;
	if (!x->alive)
		return;
	ev->now_ms = w->now_ms;
	tr_executor_step(x->core, ev, u);
	tr_executor_check(x->core);
	sim_hash(w, (uint64_t)ev->kind << 8 | node);
	for (size_t i = 0; i < u->n && x->alive; i++) {
		sim_hash(w, (uint64_t)u->actions[i].kind);
		sim_say(w, "executor %u action %d job %llu lane %u/%u", node,
			(int)u->actions[i].kind,
			(unsigned long long)u->actions[i].ref.job.v,
			u->actions[i].ref.lane.stage,
			u->actions[i].ref.lane.lane);
		perform(w, node, &u->actions[i]);
	}
	if (x->alive)
		arm(w, node, u->next_deadline_ms);
}

/* An artefact comes over the connection; without one it is asked for again. */
static void artefact(struct sim *w, const struct sim_event *ev)
{
	struct tr_executor_event next = { .kind = TR_EXECUTOR_ARTEFACT };
	if (w->executors[ev->node].conn == SIM_NO_CONN)
		return;
	next.ref.job.v = ev->arg;
	sim_executor_feed(w, ev->node, &next);
}

void sim_executor_event(struct sim *w, const struct sim_event *ev)
{
	struct tr_executor_event tick = { .kind = TR_EXECUTOR_TICK };
	switch (ev->kind) {
	case SIM_EVENT_EXECUTOR_TICK:
		w->executors[ev->node].tick_at = 0;
		sim_executor_feed(w, ev->node, &tick);
		break;
	case SIM_EVENT_DIALED:
		dialed(w, ev->node);
		break;
	case SIM_EVENT_ARTEFACT:
		artefact(w, ev);
		break;
	case SIM_EVENT_INPUTS:
		fetched(w, ev);
		break;
	case SIM_EVENT_WORKER_DONE:
	case SIM_EVENT_WORKER_GONE:
		worker_ends(w, ev);
		break;
	default:
		tr_assert(ev->kind == SIM_EVENT_EXECUTOR_TICK);
	}
}

/* -------------------------------------------------------- start and end */

void sim_executor_start(struct sim *w, uint32_t node)
{
	struct sim_executor *x = &w->executors[node];
	struct tr_executor_opts opts = { .slots = x->slots,
		.tasks_max = SIM_OUTPUTS - 8,
		.worker_idle_ms = 500,
		.drain_timeout_ms = 3000,
		.seed = tr_rng_next(&w->rng) };
	struct tr_executor_event start = { .kind = TR_EXECUTOR_START };
	sim_say(w, "executor %u starts", node);
	x->alive = true;
	x->instance++;
	x->paused_until = 0;
	x->tick_at = 0;
	x->conn = SIM_NO_CONN;
	x->core = tr_executor_new(&opts);
	sim_executor_feed(w, node, &start);
}

void sim_executor_fini(struct sim *w, uint32_t node)
{
	struct sim_executor *x = &w->executors[node];
	if (!x->alive)
		return;
	tr_executor_free(x->core);
	sim_spool_clear(x);
	x->core = NULL;
	x->alive = false;
}

void sim_executor_crash(struct sim *w, uint32_t node, bool reset)
{
	struct sim_executor *x = &w->executors[node];
	if (!x->alive)
		return;
	sim_say(w, "executor %u ends", node);
	if (x->conn != SIM_NO_CONN)
		sim_cut(w, x->conn, SIM_TO_DRIVER, reset);
	sim_executor_fini(w, node);
}
