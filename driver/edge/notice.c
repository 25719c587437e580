/*
 * The core's word on jobs, tasks and executors, once what led to it is durable:
 * what clients are told, and what the tables show.
 */
#include <inttypes.h>

#include "common/log/log.h"
#include "driver/edge/driver.h"

static void job_refused(struct tr_driver *d, struct tr_edge_job *j, int code)
{
	struct tr_error err;
	tr_error_set(&err, code,
		"the driver takes no more jobs now: %u are active",
		TR_JOBS_ACTIVE_MAX);
	tr_submit_answer(d, j, &err);
	tr_driver_job_remove(d, j);
}

/* Whoever cancelled it learns how it ended. */
static void answer_cancels(struct tr_driver *d, struct tr_edge_job *j)
{
	struct tr_error err;
	tr_error_set(
		&err, TR_EINVAL, "the job ended before it could be cancelled");
	for (size_t i = 0; i < j->n_cancels; i++)
		tr_control_ack(d, (struct tr_conn_id){ j->cancels[i].conn },
			j->cancels[i].request_id,
			j->outcome == TR_CORE_JOB_CANCELLED ? NULL : &err);
	j->n_cancels = 0;
}

static void log_state(const struct tr_edge_job *j, bool ended)
{
	bool failed = ended && j->outcome != TR_CORE_JOB_DONE;
	tr_log_info(ended ? "job-ended" : "job-state",
		"job=%" PRIu64 " state=%d code=%s text=%s", j->id.v,
		(int)tr_edge_job_state(j),
		tr_err_name(failed ? j->error.code : TR_OK),
		TR_LOG_STR(failed ? j->error.text : ""));
}

static void job_state(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	bool ended = n->job_state == TR_CORE_JOB_ENDING;
	j->state = n->job_state;
	j->outcome = n->outcome;
	j->changed++;
	j->durable = true;
	tr_submit_answer(d, j, NULL);
	log_state(j, ended);
	tr_watch_tell(d, j, ended);
	if (!ended)
		return;
	answer_cancels(d, j);
	tr_driver_job_remove(d, j);
}

static void task_started(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	struct tr_peer *p = tr_driver_member(d, n->executor);
	struct tr_edge_task *t = tr_edge_job_task(j, n->ref.lane);
	if (!n->adopted || !t)
		return; /* launch() made the row */
	/* Its row was made when it was held. */
	struct tr_edge_attempt *a = tr_edge_attempt_find(t, n->ref.attempt);
	if (!a)
		return;
	a->outcome = TR_EDGE_RUNNING;
	a->ended_ms = 0;
	if (p)
		tr_peer_begin(p, n->ref.attempt);
	tr_edge_task_changed(j, n->ref.lane);
}

static void task_ended(struct tr_driver *d, struct tr_edge_job *j,
	const struct tr_core_notice *n)
{
	static const enum tr_edge_outcome outcomes[] = {
		[TR_CORE_TASK_END_DONE] = TR_EDGE_DONE,
		[TR_CORE_TASK_END_FAILED] = TR_EDGE_FAILED,
		[TR_CORE_TASK_END_LOST] = TR_EDGE_LOST,
		[TR_CORE_TASK_END_CANCELLED] = TR_EDGE_CANCELLED,
	};
	struct tr_edge_task *t = tr_edge_job_task(j, n->ref.lane);
	struct tr_edge_attempt *a =
		t ? tr_edge_attempt_find(t, n->ref.attempt) : NULL;
	struct tr_peer *p = tr_driver_member(d, n->executor);
	if (!a)
		return;
	a->ended_ms = d->wall_ms;
	a->outcome = outcomes[n->task_end];
	if (p && n->task_end == TR_CORE_TASK_END_DONE)
		p->tasks_done++;
	if (p && n->task_end == TR_CORE_TASK_END_FAILED)
		p->tasks_failed++;
	tr_edge_task_changed(j, n->ref.lane);
}

static void executor_state(struct tr_driver *d, const struct tr_core_notice *n)
{
	static const char *const names[] = {
		[TR_CORE_EXECUTOR_FREE] = "executor-gone",
		[TR_CORE_EXECUTOR_JOINING] = "executor-joining",
		[TR_CORE_EXECUTOR_ACTIVE] = "executor-active",
		[TR_CORE_EXECUTOR_DRAINING] = "executor-draining",
		[TR_CORE_EXECUTOR_LOST] = "executor-lost",
	};
	struct tr_peer *p = tr_driver_member(d, n->executor);
	if (p)
		p->state = n->executor_state;
	tr_log(n->executor_state == TR_CORE_EXECUTOR_LOST ? TR_LOG_WARN
							  : TR_LOG_INFO,
		names[n->executor_state], "exec=%" PRIu64, n->executor.v);
}

static void log_job(const char *evt, const struct tr_core_notice *n)
{
	tr_log_warn(evt,
		"job=%" PRIu64 " batch=%" PRIu64
		" stage=%u lane=%u exec=%" PRIu64,
		n->ref.job.v, n->ref.batch, n->ref.lane.stage, n->ref.lane.lane,
		n->executor.v);
}

void tr_notice(struct tr_driver *d, const struct tr_core_notice *n)
{
	if (n->kind == TR_CORE_NOTICE_EXECUTOR_STATE) {
		executor_state(d, n);
		return;
	}
	struct tr_edge_job *j = tr_driver_job(d, n->ref.job);
	if (!j)
		return; /* its end is known already */
	switch (n->kind) {
	case TR_CORE_NOTICE_JOB_REFUSED:
		job_refused(d, j, n->error);
		break;
	case TR_CORE_NOTICE_PLAN_WANTED:
		j->durable = true;
		tr_submit_answer(d, j, NULL);
		tr_planning_start(d, j);
		break;
	case TR_CORE_NOTICE_JOB_STATE:
		job_state(d, j, n);
		break;
	case TR_CORE_NOTICE_JOB_WAITS:
		log_job("job-waits", n);
		break;
	case TR_CORE_NOTICE_TASK_STARTED:
		task_started(d, j, n);
		break;
	case TR_CORE_NOTICE_TASK_ENDED:
		task_ended(d, j, n);
		break;
	case TR_CORE_NOTICE_NONDETERMINISM:
		j->nondeterministic++;
		log_job("nondeterministic", n);
		break;
	case TR_CORE_NOTICE_EXCLUDED:
		log_job("executor-excluded", n);
		break;
	case TR_CORE_NOTICE_EXECUTOR_STATE:
		break;
	}
}
