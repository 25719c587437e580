/*
 * Performing an update whose records are durable: send, commit, reply.
 */
#include "tests/sim/sim.h"

#include "common/base/check.h"
#include "common/base/xalloc.h"

static struct tr_executor_ref executor_ref(const struct tr_attempt_ref *ref)
{
	return (struct tr_executor_ref){ .job = ref->job,
		.batch = ref->batch,
		.lane = ref->lane,
		.attempt = ref->attempt };
}

static void send(struct sim *w, const struct sim_registration *r,
	enum sim_msg_kind kind, const struct tr_attempt_ref *ref)
{
	struct sim_msg *msg = sim_msg(kind, w->disk.term);
	msg->ref = executor_ref(ref);
	sim_send(w, r->conn, SIM_TO_EXECUTOR, msg);
}

/* --------------------------------------------------------------- launch */

static void add_input(
	struct sim *w, struct sim_task *task, uint32_t stage, uint32_t lane)
{
	const struct sim_location *at =
		&w->driver.at[task->ref.job.v - 1][stage][lane];
	struct sim_input *in = &task->inputs[task->inputs_count++];
	if (!at->attempt)
		sim_fail(w, "a lane is launched before its input exists");
	*in = (struct sim_input){
		.stage = stage, .lane = lane, .attempt = at->attempt
	};
	const struct sim_registration *r =
		sim_driver_registration(w, at->executor);
	if (!r)
		sim_fail(w, "a lane is launched whose input nobody holds");
	in->node = w->conns[r->conn].node;
	in->instance = w->conns[r->conn].instance;
}

static void fill_task(struct sim *w, struct sim_task *task)
{
	uint32_t job = (uint32_t)task->ref.job.v - 1;
	const struct sim_job *j = &w->jobs[job];
	struct tr_lane_id at = task->ref.lane;
	const struct sim_plan *plan = w->disk.jobs[job].plan.id
					      ? &w->disk.jobs[job].plan
					      : &w->driver.planned[job];
	task->plan = plan->id;
	task->range = plan->ranges[at.stage][at.lane];
	task->reads_blocks = j->upstream[at.stage] != 0;
	for (uint32_t s = 0; s < at.stage; s++)
		for (uint32_t l = 0; l < j->lanes[s]; l++)
			if (j->upstream[at.stage] >> s & 1)
				add_input(w, task, s, l);
}

static void take_slot(
	struct sim *w, struct sim_registration *r, uint64_t attempt)
{
	if (r->taken_count >= r->slots)
		sim_fail(w, "executor %llu has %u slots and gets one task more",
			(unsigned long long)r->executor, r->slots);
	r->taken[r->taken_count++] = attempt;
}

static void launch(
	struct sim *w, struct sim_registration *r, const struct tr_core_send *s)
{
	struct sim_conn *c = &w->conns[r->conn];
	struct sim_msg *msg = sim_msg(SIM_MSG_TASK, w->disk.term);
	msg->ref = executor_ref(&s->ref);
	msg->task = tr_xcalloc(1, sizeof(*msg->task));
	msg->task->ref = msg->ref;
	fill_task(w, msg->task);
	take_slot(w, r, s->ref.attempt.v);
	if (!c->jobs_told[s->ref.job.v - 1])
		send(w, r, SIM_MSG_JOB_SPEC, &s->ref);
	c = &w->conns[r->conn];
	c->jobs_told[s->ref.job.v - 1] = true;
	sim_send(w, r->conn, SIM_TO_EXECUTOR, msg);
}

/* --------------------------------------------------------- registration */

static bool is_dropped(const struct sim_registration *r, uint64_t attempt)
{
	for (size_t i = 0; i < r->drops_count; i++)
		if (r->drops[i] == attempt)
			return true;
	return false;
}

static bool is_reported(const struct sim_registration *r, uint64_t attempt)
{
	for (size_t i = 0; i < r->early_count; i++)
		if (r->early[i] == attempt)
			return true;
	return false;
}

static void keep(
	struct sim *w, struct sim_registration *r, const struct sim_held *held)
{
	const struct tr_executor_ref *ref = &held->output.ref;
	uint32_t job = (uint32_t)ref->job.v - 1;
	bool has_blocks = !sim_is_sink(&w->jobs[job], ref->lane.stage);
	if (held->finished && held->output.error == 0 && has_blocks)
		w->driver.at[job][ref->lane.stage][ref->lane.lane] =
			(struct sim_location){ .attempt = ref->attempt.v,
				.executor = r->executor };
	else if (!is_reported(r, ref->attempt.v))
		take_slot(w, r, ref->attempt.v);
}

static void registered(struct sim *w, struct sim_registration *r, bool draining)
{
	struct sim_msg *msg = sim_msg(SIM_MSG_REGISTERED, w->disk.term);
	msg->draining = draining;
	msg->held = tr_xcalloc(r->held_count + 1, sizeof(*msg->held));
	for (size_t i = 0; i < r->held_count; i++) {
		const struct sim_held *held = &r->held[i];
		if (is_dropped(r, held->output.ref.attempt.v))
			msg->held[msg->held_count++] = *held;
		else
			keep(w, r, held);
	}
	r->replied = true;
	sim_send(w, r->conn, SIM_TO_EXECUTOR, msg);
}

static void kill_attempt(struct sim *w, struct sim_registration *r,
	const struct tr_attempt_ref *ref)
{
	if (r->replied) {
		send(w, r, SIM_MSG_KILL, ref);
		return;
	}
	tr_assert(r->drops_count <= r->held_count);
	r->drops[r->drops_count++] = ref->attempt.v;
}

/* -------------------------------------------------------------- perform */

static void perform_send(struct sim *w, const struct tr_core_send *s)
{
	struct sim_registration *r = sim_driver_registration(w, s->executor.v);
	tr_assert(r != NULL);
	switch (s->kind) {
	case TR_CORE_SEND_LAUNCH:
		launch(w, r, s);
		break;
	case TR_CORE_SEND_KILL:
		kill_attempt(w, r, &s->ref);
		break;
	case TR_CORE_SEND_REGISTERED:
		registered(w, r, s->draining);
		break;
	case TR_CORE_SEND_DRAIN:
		send(w, r, SIM_MSG_DRAIN, &s->ref);
		break;
	case TR_CORE_SEND_GOODBYE:
		/* The operator's drain leaves it connected and idle. */
		if (r->asked_to_leave)
			sim_cut(w, r->conn, SIM_TO_EXECUTOR, false);
		break;
	case TR_CORE_SEND_CLOSE:
		sim_cut(w, r->conn, SIM_TO_EXECUTOR, false);
		break;
	case TR_CORE_SEND_JOB_END:
		w->conns[r->conn].jobs_told[s->ref.job.v - 1] = false;
		send(w, r, SIM_MSG_JOB_END, &s->ref);
		break;
	}
}

static void tell_client(struct sim *w, const struct tr_core_notice *n)
{
	struct sim_job *j = &w->jobs[n->ref.job.v - 1];
	const struct sim_disk_job *d = &w->disk.jobs[n->ref.job.v - 1];
	if (!d->exists)
		sim_fail(w, "a client hears of a job that is not stored");
	if (j->state == SIM_JOB_SENT)
		j->state = SIM_JOB_ACCEPTED;
	if (n->job_state != TR_CORE_JOB_ENDING || j->state == SIM_JOB_ENDED)
		return;
	if (!d->ended)
		sim_fail(w, "a client hears of an end that is not stored");
	j->state = SIM_JOB_ENDED;
	j->outcome = (uint32_t)n->outcome;
	j->error = n->error;
}

static void perform_notice(struct sim *w, const struct tr_core_notice *n)
{
	if (n->kind == TR_CORE_NOTICE_JOB_STATE) {
		tell_client(w, n);
	} else if (n->kind == TR_CORE_NOTICE_PLAN_WANTED) {
		sim_after(w, sim_between(w, 5, 120),
			(struct sim_event){ .kind = SIM_EVENT_PLANNED,
				.arg = n->ref.job.v - 1,
				.epoch = w->driver.process });
	} else if (n->kind == TR_CORE_NOTICE_JOB_REFUSED) {
		w->jobs[n->ref.job.v - 1].state = SIM_JOB_NEW;
		sim_after(w, sim_between(w, 100, 500),
			(struct sim_event){ .kind = SIM_EVENT_SUBMIT,
				.arg = n->ref.job.v - 1 });
	}
}

void sim_perform(struct sim *w, const struct sim_pending *p)
{
	for (size_t i = 0; i < p->sends_count; i++)
		perform_send(w, &p->sends[i]);
	for (size_t i = 0; i < p->commits_count; i++)
		sim_after(w, sim_between(w, 1, 10),
			(struct sim_event){ .kind = SIM_EVENT_COMMIT,
				.arg = p->commits[i].job.v - 1,
				.epoch = w->driver.process });
	for (size_t i = 0; i < p->notices_count; i++)
		perform_notice(w, &p->notices[i]);
}
