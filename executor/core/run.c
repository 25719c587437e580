#include "common/base/err.h"
#include "executor/core/state.h"

/* ------------------------------------------------------------------ jobs */

struct job *tr_job_find(struct tr_executor *x, struct tr_job_id id)
{
	for (uint32_t i = 0; i < TR_JOBS_ACTIVE_MAX; i++)
		if (x->jobs[i].id.v == id.v)
			return &x->jobs[i];
	return NULL;
}

static void get_artefact(struct tr_executor *x, struct tr_job_id id)
{
	tr_executor_act(x, TR_EXECUTOR_GET_ARTEFACT)->ref.job = id;
}

/* Beyond the limit nothing is remembered, and its tasks are refused. */
void tr_job_begin(struct tr_executor *x, struct tr_job_id id)
{
	if (id.v == 0 || tr_job_find(x, id))
		return;
	struct job *job = tr_job_find(x, (struct tr_job_id){ 0 });
	if (!job)
		return;
	*job = (struct job){ .id = id };
	get_artefact(x, id);
}

static void task_remove(struct tr_executor *x, struct tr_executor_task *task)
{
	tr_job_find(x, task->ref.job)->tasks--;
	tr_tasks_remove(&x->tasks, task);
}

static void refuse(
	struct tr_executor *x, const struct tr_executor_ref *ref, int error)
{
	struct tr_executor_action *a =
		tr_executor_act(x, TR_EXECUTOR_SEND_REFUSAL);
	a->ref = *ref;
	a->error = error;
}

/* --------------------------------------------------------------- workers */

static struct tr_slot *slot_of(
	const struct tr_executor *x, const struct tr_executor_task *task)
{
	struct tr_slot *slot = &x->slots.slots[task->slot];
	tr_assert(slot->state == TR_SLOT_BUSY);
	tr_assert(slot->attempt.v == task->ref.attempt.v);
	return slot;
}

static void stop_worker(struct tr_executor *x, struct tr_slot *slot)
{
	if (slot->worker.v)
		tr_executor_act(x, TR_EXECUTOR_STOP)->worker = slot->worker;
	*slot = (struct tr_slot){ .state = TR_SLOT_EMPTY };
}

/* The attempt is over; its worker, if it has one, waits for the next. */
static void release(struct tr_executor *x, struct tr_slot *slot)
{
	slot->state = slot->worker.v ? TR_SLOT_IDLE : TR_SLOT_EMPTY;
	slot->attempt.v = 0;
	slot->idle_since_ms = x->now_ms;
}

static void spawn(struct tr_executor *x, struct tr_slot *slot)
{
	slot->worker = tr_slots_new_worker(&x->slots);
	struct tr_executor_action *a = tr_executor_act(x, TR_EXECUTOR_SPAWN);
	a->ref.job = slot->job;
	a->worker = slot->worker;
	a->slot = tr_slot_index(&x->slots, slot);
}

/* Its inputs are there, or it needs none. */
static void run(struct tr_executor *x, struct tr_executor_task *task)
{
	struct tr_slot *slot = slot_of(x, task);
	if (!slot->worker.v)
		spawn(x, slot);
	tr_tasks_set_state(&x->tasks, task, TR_EXECUTOR_RUNNING);
	struct tr_executor_action *a = tr_executor_act(x, TR_EXECUTOR_RUN);
	a->ref = task->ref;
	a->worker = slot->worker;
	a->slot = task->slot;
}

static void assign(struct tr_executor *x, struct tr_executor_task *task,
	struct tr_slot *slot)
{
	bool warm =
		slot->state == TR_SLOT_IDLE && slot->job.v == task->ref.job.v;
	if (!warm)
		stop_worker(x, slot);
	slot->state = TR_SLOT_BUSY;
	slot->job = task->ref.job;
	slot->attempt = task->ref.attempt;
	task->slot = tr_slot_index(&x->slots, slot);
	if (!warm)
		spawn(x, slot);
	if (task->has_inputs) {
		tr_tasks_set_state(&x->tasks, task, TR_EXECUTOR_FETCHING);
		tr_executor_act(x, TR_EXECUTOR_GET_INPUTS)->ref = task->ref;
	} else {
		run(x, task);
	}
}

static void schedule(struct tr_executor *x)
{
	struct tr_executor_task *task = tr_tasks_next(&x->tasks, NULL);
	uint32_t waiting = x->tasks.by_state[TR_EXECUTOR_WAITING];
	for (; waiting; task = tr_tasks_next(&x->tasks, task)) {
		if (task->state != TR_EXECUTOR_WAITING)
			continue;
		waiting--;
		if (!tr_job_find(x, task->ref.job)->artefact_here)
			continue;
		struct tr_slot *slot = tr_slots_pick(&x->slots, task->ref.job);
		if (!slot)
			return;
		assign(x, task, slot);
	}
}

void tr_job_artefact(struct tr_executor *x, struct tr_job_id id, int error)
{
	struct job *job = tr_job_find(x, id);
	/* What is here stays, also when an answer comes twice. */
	if (!job || id.v == 0 || job->artefact_here)
		return;
	job->artefact_here = error == 0;
	if (error == 0) {
		schedule(x);
		return;
	}
	struct tr_executor_task *task = tr_tasks_next(&x->tasks, NULL), *next;
	for (; task; task = next) {
		next = tr_tasks_next(&x->tasks, task);
		if (task->ref.job.v != id.v)
			continue;
		refuse(x, &task->ref, error);
		task_remove(x, task);
		x->failed++;
	}
	job->artefact_failed = true; /* the next task asks again */
}

/* ----------------------------------------------------------------- tasks */

static bool is_full(const struct tr_executor *x)
{
	return tr_tasks_active(&x->tasks) >=
	       x->opts.slots * TR_EXECUTOR_ACTIVE_PER_SLOT;
}

/* Why the task cannot be taken, or 0. TR_ELOST: another executor may. */
static int why_refused(struct tr_executor *x, const struct tr_executor_event *e)
{
	if (e->ref.attempt.v == 0)
		return TR_EPROTO;
	if (x->terminating || x->driver_drains)
		return TR_ELOST;
	if (e->ref.job.v == 0 || !tr_job_find(x, e->ref.job))
		return TR_ENOTFOUND;
	if (is_full(x) || x->tasks.n == x->tasks.cap)
		return TR_ELIMIT;
	return 0;
}

void tr_task_begin(struct tr_executor *x, const struct tr_executor_event *e)
{
	struct tr_executor_task *task =
		tr_tasks_find(&x->tasks, e->ref.attempt);
	if (task) {
		if (!tr_task_is_active(task))
			tr_executor_act(x, TR_EXECUTOR_SEND_REPORT)->ref =
				task->ref;
		return;
	}
	int error = why_refused(x, e);
	if (error != 0) {
		refuse(x, &e->ref, error);
		x->refused++;
		return;
	}
	task = tr_tasks_add(&x->tasks, &e->ref);
	tr_assert(task != NULL);
	task->has_inputs = e->has_inputs;
	struct job *job = tr_job_find(x, e->ref.job);
	job->tasks++;
	if (job->artefact_failed) {
		job->artefact_failed = false;
		get_artefact(x, job->id);
	}
	schedule(x);
}

/* Frees what it uses and removes it, without a word to the driver. */
static void task_end(struct tr_executor *x, struct tr_executor_task *task)
{
	switch (task->state) {
	case TR_EXECUTOR_RUNNING:
		stop_worker(x, slot_of(x, task));
		break;
	case TR_EXECUTOR_FETCHING:
		release(x, slot_of(x, task));
		break;
	case TR_EXECUTOR_WAITING:
	case TR_EXECUTOR_DONE:
	case TR_EXECUTOR_FAILED:
	case TR_EXECUTOR_TASK_STATES:
		break;
	}
	tr_executor_act(x, TR_EXECUTOR_FORGET_TASK)->ref = task->ref;
	task_remove(x, task);
}

static void kill_task(struct tr_executor *x, struct tr_executor_task *task)
{
	bool active = tr_task_is_active(task);
	struct tr_executor_ref ref = task->ref;
	task_end(x, task);
	if (active) {
		x->cancelled++;
		refuse(x, &ref, TR_ECANCELED);
	}
}

void tr_task_kill(struct tr_executor *x, struct tr_attempt_id attempt)
{
	struct tr_executor_task *task = tr_tasks_find(&x->tasks, attempt);
	if (!task)
		return;
	kill_task(x, task);
	schedule(x);
}

static void end_tasks_of(struct tr_executor *x, struct tr_job_id id)
{
	struct tr_executor_task *task = tr_tasks_next(&x->tasks, NULL), *next;
	for (; task; task = next) {
		next = tr_tasks_next(&x->tasks, task);
		if (task->ref.job.v != id.v)
			continue;
		if (tr_task_is_active(task))
			kill_task(x, task);
		else /* its files go with the job's */
			task_remove(x, task);
	}
}

void tr_job_end(struct tr_executor *x, struct tr_job_id id)
{
	struct job *job = tr_job_find(x, id);
	if (!job || id.v == 0)
		return;
	end_tasks_of(x, id);
	for (uint32_t i = 0; i < x->slots.n; i++) {
		struct tr_slot *slot = &x->slots.slots[i];
		if (slot->state == TR_SLOT_IDLE && slot->job.v == id.v)
			stop_worker(x, slot);
	}
	tr_assert(job->tasks == 0);
	job->id.v = 0;
	tr_executor_act(x, TR_EXECUTOR_FORGET_JOB)->ref.job = id;
	schedule(x);
}

void tr_jobs_registered(struct tr_executor *x)
{
	for (uint32_t i = 0; i < TR_JOBS_ACTIVE_MAX; i++) {
		struct job *job = &x->jobs[i];
		if (job->id.v && job->tasks == 0)
			tr_job_end(x, job->id);
		else if (job->id.v && !job->artefact_here)
			get_artefact(x, job->id);
	}
}

static void finish(
	struct tr_executor *x, struct tr_executor_task *task, int error)
{
	tr_tasks_set_state(
		&x->tasks, task, error ? TR_EXECUTOR_FAILED : TR_EXECUTOR_DONE);
	if (error)
		x->failed++;
	else
		x->done++;
	tr_executor_act(x, TR_EXECUTOR_SEND_REPORT)->ref = task->ref;
}

void tr_task_inputs(struct tr_executor *x, struct tr_attempt_id a, int error)
{
	struct tr_executor_task *task = tr_tasks_find(&x->tasks, a);
	if (!task || task->state != TR_EXECUTOR_FETCHING)
		return;
	if (error == 0) {
		run(x, task);
		return;
	}
	release(x, slot_of(x, task));
	finish(x, task, error);
	schedule(x);
}

void tr_worker_done(struct tr_executor *x, const struct tr_executor_event *e)
{
	struct tr_slot *slot = tr_slots_by_worker(&x->slots, e->worker);
	struct tr_executor_task *task =
		tr_tasks_find(&x->tasks, e->ref.attempt);
	if (!slot || !task || task->state != TR_EXECUTOR_RUNNING ||
		slot->attempt.v != e->ref.attempt.v)
		return;
	release(x, slot);
	finish(x, task, e->error);
	schedule(x);
}

void tr_worker_gone(struct tr_executor *x, struct tr_worker_id worker)
{
	struct tr_slot *slot = tr_slots_by_worker(&x->slots, worker);
	if (!slot)
		return;
	slot->worker.v = 0;
	if (slot->state == TR_SLOT_IDLE)
		slot->state = TR_SLOT_EMPTY;
	struct tr_executor_task *task = tr_tasks_find(&x->tasks, slot->attempt);
	if (!task || task->state != TR_EXECUTOR_RUNNING)
		return; /* one that fetches gets a new worker later */
	release(x, slot);
	finish(x, task, TR_EKILLED);
	schedule(x);
}

/* ------------------------------------------------------------------ time */

static uint64_t idle_until(
	const struct tr_executor *x, const struct tr_slot *slot)
{
	return slot->state == TR_SLOT_IDLE
		       ? slot->idle_since_ms + x->opts.worker_idle_ms
		       : UINT64_MAX;
}

void tr_run_tick(struct tr_executor *x)
{
	for (uint32_t i = 0; i < x->slots.n; i++)
		if (x->now_ms >= idle_until(x, &x->slots.slots[i]))
			stop_worker(x, &x->slots.slots[i]);
}

uint64_t tr_run_deadline(const struct tr_executor *x)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < x->slots.n; i++) {
		uint64_t t = idle_until(x, &x->slots.slots[i]);
		if (t < first)
			first = t;
	}
	return first;
}
