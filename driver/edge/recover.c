/*
 * Start after a stop or a crash: what the journal says of jobs that have not
 * ended goes back into the core, with the contents behind it. Plans are taken
 * as stored; only lanes without a stored result run again.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"
#include "driver/edge/receipt.h"

static int recover_job(struct tr_driver *d, const Tranche__V1__JobSubmitted *s,
	struct tr_error *err)
{
	if (!s->request)
		return tr_error_set(err, TR_ECORRUPT,
			"job %" PRIu64 " has no request", s->job);
	struct tr_edge_job *j = tr_edge_job_new((struct tr_job_id){ s->job },
		s->job_uuid, s->submitted_ms, s->request);
	j->durable = true;
	j->log_seq = tr_store_term(d->store).v << 32;
	tr_driver_job_add(d, j);
	d->recovering = (struct tr_core_job_event){ .job = j->id,
		.weight = s->request->weight,
		.max_attempts = s->request->max_attempts,
		.max_rate = s->request->max_rate };
	tr_log_info("job-recovered", "job=%" PRIu64, s->job);
	return 0;
}

/*
 * RECOVER_JOB says whether commit(b) is stored, which the journal's order
 * tells with the record after JobSubmitted: so it is fed one record late.
 */
static void flush_job(struct tr_driver *d)
{
	if (d->recovering.job.v == 0)
		return;
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_JOB,
		.u.job = d->recovering };
	d->recovering.job.v = 0;
	tr_driver_step(d, &ev);
}

static int recover_plan(struct tr_driver *d, const Tranche__V1__PlanStored *s,
	struct tr_error *err)
{
	if (!s->plan)
		return tr_error_set(err, TR_ECORRUPT, "a plan is empty");
	struct tr_edge_job *j =
		tr_driver_job(d, (struct tr_job_id){ s->plan->job });
	if (!j)
		return tr_error_set(err, TR_ECORRUPT,
			"a plan of job %" PRIu64 ", which is not there",
			s->plan->job);
	Tranche__V1__BatchPlan *plan = tr_msg_copy(s->plan);
	int rc = tr_edge_job_set_plan(j, plan, err);
	if (rc != 0) {
		tr_msg_free(plan);
		return rc;
	}
	tr_planning_feed(d, j);
	return 0;
}

static int recover_task(struct tr_driver *d, const Tranche__V1__TaskFinished *s,
	struct tr_error *err)
{
	struct tr_edge_job *j = tr_driver_job(d, (struct tr_job_id){ s->job });
	struct tr_lane_id lane = { s->stage, s->lane };
	struct tr_edge_task *t = j ? tr_edge_job_task(j, lane) : NULL;
	if (!t || j->plan->batch != s->batch)
		return tr_error_set(err, TR_ECORRUPT,
			"a result of job %" PRIu64 " stage %u lane %u, which "
			"its plan does not have",
			s->job, s->stage, s->lane);
	int rc = tr_edge_receipt_check(j, lane, s->receipt, err);
	if (rc != 0)
		return tr_error_prefix(
			err, "a stored result of job %" PRIu64, s->job);
	struct tr_edge_attempt *a =
		tr_edge_attempt_get(t, (struct tr_attempt_id){ s->attempt },
			(struct tr_executor_id){ 0 }, s->executor, d->wall_ms);
	a->receipt = tr_msg_copy(s->receipt);
	a->outcome = TR_EDGE_DONE;
	a->records = s->receipt->records_in;
	a->bytes = s->receipt->bytes_in;
	a->ended_ms = d->wall_ms;
	tr_edge_task_finish(j, lane, a);
	if (s->unfinished)
		tr_edge_task_unfinish(j, lane);
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_TASK,
		.u.recover = { .ref = { .job = j->id,
				       .batch = s->batch,
				       .lane = lane,
				       .attempt = { s->attempt } },
			.digest = tr_edge_receipt_digest(s->receipt),
			.has_blocks = s->receipt->n_blocks > 0,
			.unfinished = s->unfinished } };
	tr_driver_step(d, &ev);
	return 0;
}

/* Only the job's end is missing: its status is what the commit says. */
static void recover_commit(
	struct tr_driver *d, const Tranche__V1__BatchCommitted *c)
{
	struct tr_edge_job *j = tr_driver_job(d, d->recovering.job);
	d->recovering.committed = true;
	if (j && c->status)
		j->committed = tr_msg_copy(c->status);
}

static int recover_record(
	void *arg, const Tranche__V1__JournalRecord *r, struct tr_error *err)
{
	struct tr_driver *d = arg;
	if (r->record_case ==
		TRANCHE__V1__JOURNAL_RECORD__RECORD_BATCH_COMMITTED)
		recover_commit(d, r->batch_committed);
	flush_job(d);
	switch (r->record_case) {
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_SUBMITTED:
		return recover_job(d, r->job_submitted, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_PLAN_STORED:
		return recover_plan(d, r->plan_stored, err);
	case TRANCHE__V1__JOURNAL_RECORD__RECORD_TASK_FINISHED:
		return recover_task(d, r->task_finished, err);
	default:
		return 0;
	}
}

int tr_driver_recover(struct tr_driver *d, struct tr_error *err)
{
	int rc = tr_store_recover(d->store, recover_record, d, err);
	if (rc != 0)
		return rc;
	flush_job(d);
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_END };
	tr_driver_step(d, &ev);
	return 0;
}
