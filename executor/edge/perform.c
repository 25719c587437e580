#include <inttypes.h>

#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "executor/edge/artefact.h"
#include "executor/edge/daemon.h"

struct tr_job *tr_daemon_job(struct tr_daemon *d, struct tr_job_id id)
{
	struct tr_job *job = d->jobs;
	while (job && job->id.v != id.v)
		job = job->next;
	return job;
}

void tr_daemon_forget_job(struct tr_daemon *d, struct tr_job_id id)
{
	struct tr_job **link = &d->jobs;
	while (*link && (*link)->id.v != id.v)
		link = &(*link)->next;
	struct tr_job *job = *link;
	if (!job)
		return;
	*link = job->next;
	tr_artefact_forget(d, job);
	tr_msg_free(job->spec);
	tr_xfree(job);
}

/* Attempts of the job, and its folder as a whole. */
static void forget_job(struct tr_daemon *d, struct tr_job_id id)
{
	for (size_t i = 0; i < TR_ATTEMPT_BUCKETS; i++) {
		struct tr_attempt *a = d->attempts.buckets[i], *next;
		for (; a; a = next) {
			next = a->chain;
			if (a->ref.job.v == id.v &&
				!tr_executor_find(d->core, a->ref.attempt))
				tr_attempt_forget(d, a);
		}
	}
	tr_spool_remove_job(&d->spool, id);
	tr_daemon_forget_job(d, id);
	tr_log_info("job-forgotten", "job=%" PRIu64, id.v);
}

/*
 * Everything kept is sent again: the driver tells results apart that it has.
 * The receipt of an attempt without results went with the registration, unless
 * the attempt has ended since.
 */
static void send_kept(struct tr_daemon *d)
{
	d->registered = true;
	const struct tr_executor_task *t = tr_executor_next(d->core, NULL);
	for (; t; t = tr_executor_next(d->core, t)) {
		struct tr_attempt *a =
			tr_attempt_find(&d->attempts, t->ref.attempt);
		if (a->receipt_told && !a->outbox.has_results &&
			a->outbox.broken.code == 0) {
			a->outbox.sent = a->outbox.end;
			continue;
		}
		tr_outbox_rewind(&a->outbox);
		tr_pump_add(d, a);
	}
}

static void send_report(struct tr_daemon *d, const struct tr_executor_ref *ref)
{
	struct tr_attempt *a = tr_attempt_find(&d->attempts, ref->attempt);
	if (tr_outbox_waiting(&a->outbox) == 0)
		tr_outbox_rewind_to_report(&a->outbox);
	tr_pump_add(d, a);
}

static void refuse(struct tr_daemon *d, const struct tr_executor_action *act)
{
	struct tr_attempt *a = tr_attempt_find(&d->attempts, act->ref.attempt);
	tr_uplink_refuse(d, &act->ref, act->error);
	if (a && !tr_executor_find(d->core, act->ref.attempt))
		tr_attempt_remove(d, a);
}

static void spawn(struct tr_daemon *d, const struct tr_executor_action *act)
{
	struct tr_error err;
	struct tr_job *job = tr_daemon_job(d, act->ref.job);
	tr_assert(job != NULL);
	if (tr_process_spawn(d, act->worker, act->slot, job, &err) == 0)
		return;
	tr_log_err("worker-not-started", "job=%" PRIu64 " reason=%s",
		act->ref.job.v, TR_LOG_STR(err.text));
	d->not_started = act->worker;
	d->not_started_why = err;
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_WORKER_GONE,
		.worker = act->worker,
	};
	tr_daemon_raise(d, &ev);
}

/* Why the core's worker is no process. */
static int why_not_started(const struct tr_daemon *d,
	struct tr_worker_id worker, struct tr_error *err)
{
	if (d->not_started.v != worker.v)
		return tr_error_set(err, TR_EKILLED, "its worker has ended");
	*err = d->not_started_why;
	tr_error_prefix(err, "no worker could be started");
	return err->code;
}

static void run(struct tr_daemon *d, const struct tr_executor_action *act)
{
	struct tr_error err;
	struct tr_attempt *a = tr_attempt_find(&d->attempts, act->ref.attempt);
	struct tr_process *p = tr_process_find(d, act->worker);
	int rc = p ? tr_process_run(d, p, a, &err)
		   : why_not_started(d, act->worker, &err);
	if (rc == 0)
		return;
	tr_attempt_fail(d, a, &err, NULL, false);
	struct tr_executor_event ev = {
		.kind = p ? TR_EXECUTOR_WORKER_DONE : TR_EXECUTOR_WORKER_GONE,
		.worker = act->worker,
		.ref = act->ref,
		.error = rc,
	};
	tr_daemon_raise(d, &ev);
}

static void stop(struct tr_daemon *d, struct tr_worker_id worker)
{
	struct tr_process *p = tr_process_find(d, worker);
	if (p)
		tr_process_stop(p);
}

static void leave(struct tr_daemon *d)
{
	d->leaving = true;
	d->leave_by_ms = d->now_ms + TR_LEAVE_MS;
	tr_net_close(d->net);
	/* When our last words are out there is nothing to wait for. */
	if (d->driver.v)
		tr_net_conn_notify_drained(d->net, d->driver, 0);
}

static void perform(struct tr_daemon *d, const struct tr_executor_action *act)
{
	switch (act->kind) {
	case TR_EXECUTOR_DIAL:
		tr_uplink_dial(d);
		break;
	case TR_EXECUTOR_HANG_UP:
		tr_uplink_hang_up(d);
		break;
	case TR_EXECUTOR_SEND_HELLO:
		tr_uplink_hello(d);
		break;
	case TR_EXECUTOR_SEND_REGISTER:
		tr_uplink_register(d);
		break;
	case TR_EXECUTOR_SEND_HEARTBEAT:
		tr_uplink_heartbeat(d);
		break;
	case TR_EXECUTOR_SEND_DRAIN:
		tr_uplink_drain(d);
		break;
	case TR_EXECUTOR_SEND_KEPT:
		send_kept(d);
		break;
	case TR_EXECUTOR_SEND_REPORT:
		send_report(d, &act->ref);
		break;
	case TR_EXECUTOR_SEND_REFUSAL:
		refuse(d, act);
		break;
	case TR_EXECUTOR_GET_ARTEFACT:
		tr_artefact_get(d, act->ref.job);
		break;
	case TR_EXECUTOR_GET_INPUTS:
		tr_fetch_start(
			d, tr_attempt_find(&d->attempts, act->ref.attempt));
		break;
	case TR_EXECUTOR_SPAWN:
		spawn(d, act);
		break;
	case TR_EXECUTOR_STOP:
		stop(d, act->worker);
		break;
	case TR_EXECUTOR_RUN:
		run(d, act);
		break;
	case TR_EXECUTOR_FORGET_TASK:
		tr_attempt_remove(
			d, tr_attempt_find(&d->attempts, act->ref.attempt));
		break;
	case TR_EXECUTOR_FORGET_JOB:
		forget_job(d, act->ref.job);
		break;
	case TR_EXECUTOR_LEAVE:
		leave(d);
		break;
	case TR_EXECUTOR_ACTIONS:
		break;
	}
}

void tr_daemon_perform(
	struct tr_daemon *d, const struct tr_executor_update *update)
{
	for (size_t i = 0; i < update->n; i++)
		perform(d, &update->actions[i]);
}
