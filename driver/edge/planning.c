/*
 * Planning runs on pool threads, each with a planner that keeps its Kafka
 * handle warm (driver/plan). A plan request goes out when the core wants one
 * or a client asks for a dry run, and comes back as work that is done.
 */
#include <inttypes.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/rng.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"
#include "driver/plan/planner.h"

struct plan_work {
	struct tr_work work;
	struct tr_driver *d;
	struct tr_conn_id conn; /* dry run: who asked */
	uint64_t request_id;
	struct tr_plan_request r;
	Tranche__V1__SubmitRequest *submit; /* owned */
	uint8_t *artefact;                  /* owned */
	char uuid[33];
	int rc;
	struct tr_error err;
	Tranche__V1__BatchPlan *plan;
};

static void work_free(struct tr_work *work)
{
	struct plan_work *w = (struct plan_work *)work;
	tr_msg_free(w->submit);
	tr_msg_free(w->plan);
	tr_xfree(w->artefact);
	tr_xfree(w);
}

static void work_run(struct tr_work *work, void *planner)
{
	struct plan_work *w = (struct plan_work *)work;
	w->rc = tr_planner_plan(planner, &w->r, &w->plan, &w->err);
}

static void *new_planner(void *arg)
{
	const struct tr_driver *d = arg;
	struct tr_planner_opts opts = { .worker_binary = d->worker,
		.plan_timeout_ms = d->conf->plan_timeout_ms,
		.secrets_dir = d->conf->job_secrets };
	return tr_planner_new(&opts);
}

static void free_planner(void *planner)
{
	tr_planner_free(planner);
}

struct tr_pool *tr_planning_pool(struct tr_driver *d)
{
	struct tr_pool_opts opts = { .name = "plan",
		.threads = TR_PLAN_THREADS,
		.queue_max = TR_PLAN_QUEUE_MAX,
		.state_new = new_planner,
		.state_free = free_planner,
		.arg = d };
	return tr_pool_new(&opts, d->mailbox);
}

/* The artefact is taken over. */
static struct plan_work *new_work(struct tr_driver *d,
	const Tranche__V1__SubmitRequest *submit, uint8_t *artefact, size_t n,
	void (*done)(struct tr_work *))
{
	struct tr_core_counts counts;
	struct plan_work *w = tr_xcalloc(1, sizeof(*w));
	tr_core_count(d->core, &counts);
	w->work = (struct tr_work){
		.run = work_run, .done = done, .free = work_free
	};
	w->d = d;
	w->submit = tr_msg_copy(submit);
	w->artefact = artefact;
	w->r = (struct tr_plan_request){ .submit = w->submit,
		.artefact = { artefact, n },
		.job_uuid = w->uuid,
		.term = tr_store_term(d->store),
		.batch = 1,
		.slots = counts.slots,
		.now_ms = d->wall_ms };
	return w;
}

/* ------------------------------------------------------------------- jobs */

static void feed_stages(
	struct tr_driver *d, struct tr_edge_job *j, uint32_t **groups)
{
	struct tr_core_stage_plan stages[TR_STAGES_MAX];
	struct tr_core_event ev = { .kind = TR_CORE_JOB_PLANNED,
		.u.plan = { .job = j->id,
			.batch = j->plan->batch,
			.stages_count = j->stages->n,
			.stages = stages } };
	for (uint32_t i = 0; i < j->stages->n; i++) {
		const struct tr_stage *s = &j->stages->s[i];
		stages[i] = (struct tr_core_stage_plan){
			.lanes = j->lanes[i].lanes,
			.groups = groups[i],
		};
		for (uint32_t k = 0; k < s->n_inputs; k++)
			stages[i].upstream |= UINT64_C(1) << s->inputs[k];
	}
	tr_driver_step(d, &ev);
}

void tr_planning_feed(struct tr_driver *d, struct tr_edge_job *j)
{
	uint32_t *groups[TR_STAGES_MAX] = { NULL };
	for (uint32_t i = 0; i < j->stages->n; i++) {
		const struct tr_edge_stage *s = &j->lanes[i];
		if (j->stages->s[i].kind != TR_STAGE_SOURCE)
			continue;
		/* Lanes of one partition stand together: a group each. */
		groups[i] = tr_xcalloc(s->lanes + 1, sizeof(uint32_t));
		for (uint32_t k = 1; k < s->lanes; k++) {
			const Tranche__V1__Range *a = s->ranges[k - 1];
			const Tranche__V1__Range *b = s->ranges[k];
			bool same = a && b && a->partition == b->partition &&
				    strcmp(a->topic, b->topic) == 0;
			groups[i][k] = groups[i][k - 1] + (same ? 0 : 1);
		}
	}
	feed_stages(d, j, groups);
	for (uint32_t i = 0; i < j->stages->n; i++)
		tr_xfree(groups[i]);
}

static void plan_failed(
	struct tr_driver *d, struct tr_edge_job *j, const struct tr_error *err)
{
	tr_edge_job_set_error(j, err->code, err->text, "", "");
	struct tr_core_event ev = { .kind = TR_CORE_JOB_PLAN_FAILED,
		.u.stop = { j->id, err->code } };
	tr_driver_step(d, &ev);
}

static void job_planned(struct tr_work *work)
{
	struct plan_work *w = (struct plan_work *)work;
	struct tr_driver *d = w->d;
	struct tr_edge_job *j = tr_driver_job(d, w->r.job);
	/* Cancelled meanwhile. */
	if (!j || j->ending || j->plan)
		return;
	if (w->rc == 0)
		w->rc = tr_edge_job_set_plan(j, w->plan, &w->err);
	if (w->rc != 0) {
		plan_failed(d, j, &w->err);
		return;
	}
	w->plan = NULL;
	tr_log_info("job-planned",
		"job=%" PRIu64 " batch=%" PRIu64 " stages=%u tasks=%" PRIu64
		" records=%" PRIu64,
		j->id.v, j->plan->batch, j->stages->n, j->tasks_total,
		j->records_total);
	(void)TR_FP("plan.before_store");
	tr_planning_feed(d, j);
}

/*
 * The artefact for planning, from the job or, after a restart, the store. It
 * has no other use in memory: executors get it from the store.
 */
static int take_artefact(struct tr_driver *d, struct tr_edge_job *j,
	uint8_t **artefact, size_t *n, struct tr_error *err)
{
	const ProtobufCBinaryData *sha = &j->request->artefact;
	struct tr_buf stored;
	int rc = 0;
	tr_buf_init(&stored, TR_ARTEFACT_MAX);
	if (!j->artefact)
		rc = tr_store_artefact(d->store,
			(struct tr_slice){ sha->data, sha->len }, &stored, err);
	if (rc != 0) {
		tr_buf_fini(&stored);
		return rc;
	}
	*n = j->artefact_len;
	*artefact = j->artefact ? j->artefact : tr_buf_take(&stored, n);
	j->artefact = NULL;
	j->artefact_len = 0;
	return 0;
}

void tr_planning_start(struct tr_driver *d, struct tr_edge_job *j)
{
	struct tr_error err;
	uint8_t *artefact;
	size_t n;
	if (j->plan) {
		/* A stored plan is never made again. */
		tr_planning_feed(d, j);
		return;
	}
	if (take_artefact(d, j, &artefact, &n, &err) != 0) {
		plan_failed(d, j, &err);
		return;
	}
	struct plan_work *w = new_work(d, j->request, artefact, n, job_planned);
	struct tr_rng rng;
	memcpy(w->uuid, j->uuid, sizeof(w->uuid));
	w->r.job = j->id;
	/* A job's randomness: fixed by what the job is. */
	tr_rng_init(&rng, j->id.v ^ (uint64_t)j->submitted_ms);
	w->r.seed = tr_rng_next(&rng);
	if (tr_pool_submit(d->planners, &w->work) == 0)
		return;
	work_free(&w->work);
	tr_error_set(&err, TR_ELIMIT,
		"%u plans are waiting already: submit again later",
		TR_PLAN_QUEUE_MAX);
	plan_failed(d, j, &err);
}

/* ---------------------------------------------------------------- dry runs */

static void dry_run_done(struct tr_work *work)
{
	struct plan_work *w = (struct plan_work *)work;
	struct tr_driver *d = w->d;
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, w->request_id);
	Tranche__V1__PlanReply m = TRANCHE__V1__PLAN_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	d->dry_runs--;
	m.env = &env;
	m.plan = w->plan;
	if (w->rc != 0) {
		tr_msg_error_info(&info, &w->err);
		m.error = &info;
	}
	if (tr_driver_send(d, w->conn, TR_KIND_PLAN_REPLY, &m,
		    (struct tr_slice){ 0 }) != TR_ELIMIT)
		return;
	tr_error_set(&w->err, TR_ELIMIT,
		"the plan is larger than one message: raise --max-range");
	tr_msg_error_info(&info, &w->err);
	m.plan = NULL;
	m.error = &info;
	(void)tr_driver_send(
		d, w->conn, TR_KIND_PLAN_REPLY, &m, (struct tr_slice){ 0 });
}

void tr_planning_dry_run(struct tr_driver *d, struct tr_conn_id conn,
	Tranche__V1__SubmitRequest *request, struct tr_slice artefact)
{
	struct tr_error err;
	uint64_t id = tr_msg_env(request->env)->request_id;
	struct plan_work *w = new_work(d, request,
		tr_xmemdup(artefact.p, artefact.n), artefact.n, dry_run_done);
	w->conn = conn;
	w->request_id = id;
	tr_msg_free(request);
	/* They leave room for the plans of jobs. */
	if (d->dry_runs < TR_DRY_RUNS_MAX &&
		tr_pool_submit(d->planners, &w->work) == 0) {
		d->dry_runs++;
		return;
	}
	work_free(&w->work);
	tr_error_set(&err, TR_ELIMIT,
		"%u plans are waiting already: try again later", d->dry_runs);
	tr_control_ack(d, conn, id, &err);
}
