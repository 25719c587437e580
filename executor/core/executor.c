#include "executor/core/executor.h"

#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "executor/core/state.h"

struct tr_executor *tr_executor_new(const struct tr_executor_opts *opts)
{
	tr_assert(opts->slots > 0);
	tr_assert(opts->slots <= TR_SLOTS_PER_EXECUTOR_MAX);
	struct tr_executor *x = tr_xcalloc(1, sizeof(*x));
	x->opts = *opts;
	tr_rng_init(&x->rng, opts->seed);
	tr_tasks_init(&x->tasks, opts->tasks_max);
	tr_slots_init(&x->slots, opts->slots);
	return x;
}

void tr_executor_free(struct tr_executor *x)
{
	if (!x)
		return;
	tr_tasks_fini(&x->tasks);
	tr_slots_fini(&x->slots);
	tr_xfree(x);
}

struct tr_executor_action *tr_executor_act(
	struct tr_executor *x, enum tr_executor_action_kind kind)
{
	struct tr_executor_update *u = x->update;
	tr_assert(u->n < TR_EXECUTOR_ACTIONS_MAX);
	struct tr_executor_action *a = &u->actions[u->n++];
	*a = (struct tr_executor_action){ .kind = kind };
	return a;
}

static void terminate(struct tr_executor *x)
{
	if (x->terminating)
		return;
	x->terminating = true;
	x->leave_at_ms = x->now_ms + x->opts.drain_timeout_ms;
	if (x->link == LINK_IS_UP)
		tr_executor_act(x, TR_EXECUTOR_SEND_DRAIN);
}

/*
 * It may go once nothing is left that somebody may want. While the driver is
 * away nobody can take what is kept; waiting for it could take for ever.
 */
static bool may_leave(const struct tr_executor *x)
{
	if (x->left)
		return false;
	if (x->goodbye)
		return true;
	if (!x->terminating)
		return false;
	if (x->now_ms >= x->leave_at_ms || x->tasks.n == 0)
		return true;
	return x->link != LINK_IS_UP && tr_tasks_active(&x->tasks) == 0;
}

static void leave_if_drained(struct tr_executor *x)
{
	if (!may_leave(x))
		return;
	x->left = true;
	tr_executor_act(x, TR_EXECUTOR_LEAVE);
}

static void tick(struct tr_executor *x)
{
	tr_link_tick(x);
	tr_run_tick(x);
}

/* Messages that the driver sends over an established connection. */
static void step_driver(
	struct tr_executor *x, const struct tr_executor_event *e)
{
	if (!tr_link_accepts(x, e->term))
		return;
	switch (e->kind) {
	case TR_EXECUTOR_DROP:
	case TR_EXECUTOR_KILL:
		tr_task_kill(x, e->ref.attempt);
		break;
	case TR_EXECUTOR_REGISTERED:
		tr_link_registered(x, e->draining);
		break;
	case TR_EXECUTOR_JOB:
		tr_job_begin(x, e->ref.job);
		break;
	case TR_EXECUTOR_JOB_END:
		tr_job_end(x, e->ref.job);
		break;
	case TR_EXECUTOR_TASK:
		tr_task_begin(x, e);
		break;
	case TR_EXECUTOR_DRAIN:
		x->driver_drains = true;
		x->goodbye = x->goodbye || e->goodbye;
		break;
	default: /* HEARD: its term was all it had to say */
		break;
	}
}

static void step_own(struct tr_executor *x, const struct tr_executor_event *e)
{
	switch (e->kind) {
	case TR_EXECUTOR_START:
		tr_link_start(x);
		break;
	case TR_EXECUTOR_LINK_UP:
		tr_link_up(x);
		break;
	case TR_EXECUTOR_LINK_DOWN:
		tr_link_down(x);
		break;
	case TR_EXECUTOR_GREETED:
		tr_link_greeted(x, e);
		break;
	case TR_EXECUTOR_ARTEFACT:
		tr_job_artefact(x, e->ref.job, e->error);
		break;
	case TR_EXECUTOR_INPUTS:
		tr_task_inputs(x, e->ref.attempt, e->error);
		break;
	case TR_EXECUTOR_WORKER_DONE:
		tr_worker_done(x, e);
		break;
	case TR_EXECUTOR_WORKER_GONE:
		tr_worker_gone(x, e->worker);
		break;
	case TR_EXECUTOR_TERMINATE:
		terminate(x);
		break;
	default: /* TICK: what is due happens in every step */
		break;
	}
}

static bool is_from_driver(enum tr_executor_event_kind kind)
{
	return kind >= TR_EXECUTOR_DROP && kind <= TR_EXECUTOR_DRAIN;
}

static uint64_t earliest(const struct tr_executor *x)
{
	uint64_t a = tr_link_deadline(x), b = tr_run_deadline(x);
	uint64_t first = a < b ? a : b;
	if (x->terminating && !x->left && x->leave_at_ms < first)
		first = x->leave_at_ms;
	return first;
}

void tr_executor_step(struct tr_executor *x,
	const struct tr_executor_event *event,
	struct tr_executor_update *update)
{
	tr_assert(event->now_ms >= x->now_ms);
	x->now_ms = event->now_ms;
	x->update = update;
	update->n = 0;
	if (is_from_driver(event->kind))
		step_driver(x, event);
	else
		step_own(x, event);
	tick(x);
	leave_if_drained(x);
	update->next_deadline_ms = earliest(x);
	x->update = NULL;
}

const struct tr_executor_task *tr_executor_next(
	const struct tr_executor *x, const struct tr_executor_task *prev)
{
	return tr_tasks_next(&x->tasks, prev);
}

const struct tr_executor_task *tr_executor_find(
	const struct tr_executor *x, struct tr_attempt_id attempt)
{
	return tr_tasks_find(&x->tasks, attempt);
}

bool tr_executor_has_job(const struct tr_executor *x, struct tr_job_id job)
{
	for (uint32_t i = 0; i < TR_JOBS_ACTIVE_MAX; i++)
		if (x->jobs[i].id.v == job.v && job.v != 0)
			return true;
	return false;
}

const struct tr_executor_task *tr_executor_task_of(
	const struct tr_executor *x, struct tr_worker_id worker)
{
	struct tr_slot *slot = tr_slots_by_worker(&x->slots, worker);
	if (!slot || slot->state != TR_SLOT_BUSY)
		return NULL;
	const struct tr_executor_task *task =
		tr_tasks_find(&x->tasks, slot->attempt);
	return task->state == TR_EXECUTOR_RUNNING ? task : NULL;
}

void tr_executor_count(
	const struct tr_executor *x, struct tr_executor_counts *out)
{
	uint32_t active = tr_tasks_active(&x->tasks);
	*out = (struct tr_executor_counts){
		.active = active,
		.finished = x->tasks.n - active,
		.stale = x->stale,
		.refused = x->refused,
		.done = x->done,
		.failed = x->failed,
		.cancelled = x->cancelled,
		.registered = x->link == LINK_IS_UP,
		.draining = x->terminating || x->driver_drains,
		.term = x->term,
	};
	for (uint32_t i = 0; i < x->slots.n; i++)
		out->workers += x->slots.slots[i].worker.v != 0;
	for (uint32_t i = 0; i < TR_JOBS_ACTIVE_MAX; i++)
		out->jobs += x->jobs[i].id.v != 0;
}

struct tr_term tr_executor_term(const struct tr_executor *x)
{
	return x->term;
}

static void check_slot(const struct tr_executor *x, const struct tr_slot *slot)
{
	if (slot->state == TR_SLOT_EMPTY) {
		tr_assert(slot->worker.v == 0);
		return;
	}
	if (slot->state == TR_SLOT_IDLE) {
		tr_assert(slot->worker.v != 0);
		return;
	}
	const struct tr_executor_task *task =
		tr_tasks_find(&x->tasks, slot->attempt);
	tr_assert(task != NULL);
	tr_assert(task->ref.job.v == slot->job.v);
	tr_assert(task->slot == tr_slot_index(&x->slots, slot));
	tr_assert(task->state == TR_EXECUTOR_RUNNING ||
		  task->state == TR_EXECUTOR_FETCHING);
	tr_assert(slot->worker.v != 0 || task->state == TR_EXECUTOR_FETCHING);
}

void tr_executor_check(const struct tr_executor *x)
{
	tr_tasks_check(&x->tasks);
	uint32_t busy = 0, tasks = 0;
	for (uint32_t i = 0; i < x->slots.n; i++) {
		check_slot(x, &x->slots.slots[i]);
		busy += x->slots.slots[i].state == TR_SLOT_BUSY;
	}
	tr_assert(busy == x->tasks.by_state[TR_EXECUTOR_RUNNING] +
				  x->tasks.by_state[TR_EXECUTOR_FETCHING]);
	for (uint32_t i = 0; i < TR_JOBS_ACTIVE_MAX; i++)
		if (x->jobs[i].id.v)
			tasks += x->jobs[i].tasks;
	tr_assert(tasks == x->tasks.n);
	tr_assert(tr_tasks_active(&x->tasks) <=
		  x->slots.n * TR_EXECUTOR_ACTIVE_PER_SLOT);
}
