#include "driver/edge/job.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"

struct tr_edge_job *tr_edge_job_new(struct tr_job_id id, const char *uuid,
	int64_t submitted_ms, const Tranche__V1__SubmitRequest *request)
{
	struct tr_edge_job *j = tr_xcalloc(1, sizeof(*j));
	j->id = id;
	snprintf(j->uuid, sizeof(j->uuid), "%s", uuid);
	j->submitted_ms = submitted_ms;
	j->request = tr_msg_copy(request);
	j->state = TR_CORE_JOB_PLANNING;
	return j;
}

static void attempt_fini(struct tr_edge_attempt *a)
{
	tr_xfree(a->executor_name);
	tr_msg_free(a->error);
	tr_msg_free(a->receipt);
	tr_xfree(a->rows);
}

void tr_edge_job_free(struct tr_edge_job *j)
{
	if (!j)
		return;
	for (uint32_t s = 0; j->stages && s < j->stages->n; s++) {
		for (uint32_t i = 0; i < j->lanes[s].lanes; i++) {
			struct tr_edge_task *t = &j->lanes[s].tasks[i];
			for (uint32_t k = 0; k < t->n_attempts; k++)
				attempt_fini(&t->attempts[k]);
			tr_xfree(t->attempts);
		}
		tr_xfree(j->lanes[s].tasks);
		tr_xfree(j->lanes[s].ranges);
	}
	tr_xfree(j->lanes);
	tr_stages_free(j->stages);
	tr_msg_free(j->plan);
	tr_msg_free(j->request);
	tr_xfree(j->artefact);
	tr_xfree(j->waiters);
	tr_xfree(j);
}

static int check_stages(const struct tr_stages *st,
	const Tranche__V1__BatchPlan *plan, struct tr_error *err)
{
	if (plan->n_stages != st->n)
		return tr_error_set(err, TR_EINVAL,
			"the plan has %zu stages, its operators make %u",
			plan->n_stages, st->n);
	for (size_t i = 0; i < plan->n_stages; i++)
		if (plan->stages[i]->id != i ||
			plan->stages[i]->root != st->s[i].root ||
			plan->stages[i]->lanes > TR_LANES_MAX)
			return tr_error_set(err, TR_EINVAL,
				"stage %zu of the plan is not what its "
				"operators make",
				i);
	return 0;
}

static void lay_out(struct tr_edge_job *j)
{
	const Tranche__V1__BatchPlan *p = j->plan;
	j->lanes = tr_xcalloc(j->stages->n, sizeof(*j->lanes));
	for (uint32_t i = 0; i < j->stages->n; i++) {
		struct tr_edge_stage *s = &j->lanes[i];
		s->lanes = p->stages[i]->lanes;
		s->tasks = tr_xcalloc(s->lanes + 1, sizeof(*s->tasks));
		s->ranges = tr_xcalloc(s->lanes + 1, sizeof(*s->ranges));
		j->tasks_total += s->lanes;
		if (j->stages->s[i].kind == TR_STAGE_SOURCE)
			j->ranges_total += s->lanes;
	}
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__LaneRange *r = p->ranges[i];
		j->lanes[r->stage].ranges[r->lane] = r->range;
		j->records_total +=
			(uint64_t)(r->range->until - r->range->from);
	}
}

static int check_ranges(const struct tr_stages *st,
	const Tranche__V1__BatchPlan *plan, struct tr_error *err)
{
	for (size_t i = 0; i < plan->n_ranges; i++) {
		const Tranche__V1__LaneRange *r = plan->ranges[i];
		if (!r->range || r->stage >= st->n ||
			st->s[r->stage].kind != TR_STAGE_SOURCE ||
			r->lane >= plan->stages[r->stage]->lanes)
			return tr_error_set(err, TR_EINVAL,
				"range %zu of the plan belongs to no lane", i);
	}
	return 0;
}

int tr_edge_job_set_plan(struct tr_edge_job *j, Tranche__V1__BatchPlan *plan,
	struct tr_error *err)
{
	struct tr_stages *st;
	if (!plan->plan || !plan->kafka)
		return tr_error_set(err, TR_EINVAL, "the plan is incomplete");
	int rc = tr_stages_new(plan->plan, &st, err);
	if (rc != 0)
		return rc;
	rc = check_stages(st, plan, err);
	if (rc == 0)
		rc = check_ranges(st, plan, err);
	if (rc != 0) {
		tr_stages_free(st);
		return rc;
	}
	j->stages = st;
	j->plan = plan;
	lay_out(j);
	return 0;
}

struct tr_edge_task *tr_edge_job_task(
	struct tr_edge_job *j, struct tr_lane_id lane)
{
	if (!j->stages || lane.stage >= j->stages->n ||
		lane.lane >= j->lanes[lane.stage].lanes)
		return NULL;
	return &j->lanes[lane.stage].tasks[lane.lane];
}

struct tr_edge_attempt *tr_edge_attempt_find(
	struct tr_edge_task *t, struct tr_attempt_id id)
{
	for (uint32_t i = t->n_attempts; i-- > 0;)
		if (t->attempts[i].id.v == id.v)
			return &t->attempts[i];
	return NULL;
}

/* Makes room by dropping the oldest attempt that does not count. */
static void forget_oldest(struct tr_edge_task *t)
{
	uint32_t i = 0;
	while (i + 1 == t->done || i + 1 == t->last)
		i++;
	attempt_fini(&t->attempts[i]);
	memmove(&t->attempts[i], &t->attempts[i + 1],
		(t->n_attempts - i - 1) * sizeof(t->attempts[0]));
	t->n_attempts--;
	t->forgotten++;
	if (t->done > i + 1)
		t->done--;
	if (t->last > i + 1)
		t->last--;
}

struct tr_edge_attempt *tr_edge_attempt_get(struct tr_edge_task *t,
	struct tr_attempt_id id, struct tr_executor_id executor,
	const char *executor_name, int64_t now_ms)
{
	struct tr_edge_attempt *a = tr_edge_attempt_find(t, id);
	if (!a) {
		if (t->n_attempts == TR_ATTEMPTS_KEPT)
			forget_oldest(t);
		t->attempts = tr_xrealloc(t->attempts,
			(t->n_attempts + 1) * sizeof(*t->attempts));
		a = &t->attempts[t->n_attempts++];
		*a = (struct tr_edge_attempt){ .id = id, .started_ms = now_ms };
	}
	a->executor = executor;
	if (executor_name) {
		tr_xfree(a->executor_name);
		a->executor_name = tr_xstrdup(executor_name);
	}
	return a;
}

const struct tr_edge_attempt *tr_edge_task_result(const struct tr_edge_task *t)
{
	return t->done ? &t->attempts[t->done - 1] : NULL;
}

const struct tr_edge_attempt *tr_edge_task_last(const struct tr_edge_task *t)
{
	return t->last ? &t->attempts[t->last - 1] : NULL;
}

void tr_edge_task_set_done(
	struct tr_edge_task *t, const struct tr_edge_attempt *a)
{
	t->done = (uint32_t)(a - t->attempts) + 1;
	t->last = t->done;
}

void tr_edge_job_set_error(struct tr_edge_job *j, int code, const char *text,
	const char *where, const char *position)
{
	tr_error_set(&j->error, code, "%s", text);
	snprintf(j->error_where, sizeof(j->error_where), "%s", where);
	snprintf(j->error_position, sizeof(j->error_position), "%s", position);
}

Tranche__V1__JobState tr_edge_job_state(const struct tr_edge_job *j)
{
	switch (j->state) {
	case TR_CORE_JOB_PLANNING:
		return TRANCHE__V1__JOB_STATE__JOB_PLANNING;
	case TR_CORE_JOB_RUNNING:
		return TRANCHE__V1__JOB_STATE__JOB_RUNNING;
	case TR_CORE_JOB_COMMITTING:
		return TRANCHE__V1__JOB_STATE__JOB_COMMITTING;
	case TR_CORE_JOB_FREE:
	case TR_CORE_JOB_ENDING:
	case TR_CORE_JOB_STATES:
		break;
	}
	switch (j->outcome) {
	case TR_CORE_JOB_FAILED:
		return TRANCHE__V1__JOB_STATE__JOB_FAILED;
	case TR_CORE_JOB_CANCELLED:
		return TRANCHE__V1__JOB_STATE__JOB_CANCELLED;
	case TR_CORE_JOB_DONE:
		break;
	}
	return TRANCHE__V1__JOB_STATE__JOB_DONE;
}

static void count_task(Tranche__V1__JobStatus *st, const struct tr_edge_task *t,
	bool reads_kafka)
{
	const struct tr_edge_attempt *best = tr_edge_task_result(t);
	for (uint32_t i = 0; !best && i < t->n_attempts; i++)
		if (t->attempts[i].outcome == TR_EDGE_RUNNING)
			best = &t->attempts[i];
	if (!best)
		return;
	if (best->outcome == TR_EDGE_RUNNING)
		st->tasks_running++;
	if (!reads_kafka)
		return;
	st->records += best->records;
	st->bytes += best->bytes;
}

static Tranche__V1__ErrorInfo *error_info(const struct tr_edge_job *j)
{
	Tranche__V1__ErrorInfo *e = tr_xmalloc(sizeof(*e));
	tranche__v1__error_info__init(e);
	e->code = tr_xstrdup(tr_err_name(j->error.code));
	e->text = tr_xstrdup(j->error.text);
	e->where = tr_xstrdup(j->error_where);
	e->position = tr_xstrdup(j->error_position);
	return e;
}

/* The rows of one sink over the lanes that are done. */
static Tranche__V1__TableInfo *table_info(
	const struct tr_edge_job *j, const Tranche__V1__Operator *op)
{
	Tranche__V1__TableInfo *t = tr_xmalloc(sizeof(*t));
	tranche__v1__table_info__init(t);
	t->name = tr_xstrdup(op->table);
	t->operator_ = op->id;
	t->output = op->kind != TRANCHE__V1__OPERATOR_KIND__OP_STORE;
	t->batch = j->plan->batch;
	for (uint32_t s = 0; s < j->stages->n; s++) {
		for (uint32_t i = 0; i < j->lanes[s].lanes; i++) {
			const struct tr_edge_attempt *a =
				tr_edge_task_result(&j->lanes[s].tasks[i]);
			for (size_t k = 0;
				a && a->receipt && k < a->receipt->n_outputs;
				k++) {
				if (a->receipt->outputs[k]->operator_ != op->id)
					continue;
				t->records += a->receipt->outputs[k]->records;
				t->bytes += a->receipt->outputs[k]->bytes;
			}
		}
	}
	return t;
}

static void put_tables(Tranche__V1__JobStatus *st, const struct tr_edge_job *j)
{
	const Tranche__V1__JobPlan *p = j->plan->plan;
	st->tables = tr_xcalloc(p->n_operators + 1, sizeof(*st->tables));
	for (size_t i = 0; i < p->n_operators; i++)
		if (tr_operator_is_sink(p->operators[i]->kind))
			st->tables[st->n_tables++] =
				table_info(j, p->operators[i]);
	st->notes = tr_xcalloc(j->plan->n_notes + 1, sizeof(*st->notes));
	for (size_t i = 0; i < j->plan->n_notes; i++)
		st->notes[st->n_notes++] = tr_xstrdup(j->plan->notes[i]);
}

Tranche__V1__JobStatus *tr_edge_job_status(
	const struct tr_edge_job *j, uint64_t term, int64_t now_ms)
{
	Tranche__V1__JobStatus *st = tr_xmalloc(sizeof(*st));
	tranche__v1__job_status__init(st);
	st->env = tr_xmalloc(sizeof(*st->env));
	tranche__v1__envelope__init(st->env);
	st->env->job = j->id.v;
	st->env->term = term;
	st->env->batch = j->plan ? j->plan->batch : 0;
	st->name = tr_xstrdup(j->request->name);
	st->job_uuid = tr_xstrdup(j->uuid);
	st->state = tr_edge_job_state(j);
	if (j->error.code != 0 && (j->state == TR_CORE_JOB_ENDING &&
					  j->outcome != TR_CORE_JOB_DONE))
		st->error = error_info(j);
	st->submitted_ms = j->submitted_ms;
	st->ended_ms = j->state == TR_CORE_JOB_ENDING ? now_ms : 0;
	st->ranges_total = j->ranges_total;
	st->ranges_done = j->ranges_done;
	st->tasks_total = j->tasks_total;
	st->tasks_done = j->tasks_done;
	st->records_total = j->records_total;
	st->retries = j->retries;
	st->nondeterministic = j->nondeterministic;
	st->term = term;
	st->elapsed_ms = now_ms > j->submitted_ms
				 ? (uint64_t)(now_ms - j->submitted_ms)
				 : 0;
	for (uint32_t s = 0; j->stages && s < j->stages->n; s++)
		for (uint32_t i = 0; i < j->lanes[s].lanes; i++)
			count_task(st, &j->lanes[s].tasks[i],
				j->stages->s[s].kind == TR_STAGE_SOURCE);
	if (j->plan)
		put_tables(st, j);
	return st;
}

static const char *outcome_text(const struct tr_edge_attempt *a)
{
	switch (a->outcome) {
	case TR_EDGE_RUNNING:
		return "running";
	case TR_EDGE_DONE:
		return "done";
	case TR_EDGE_FAILED:
		return "failed";
	case TR_EDGE_LOST:
		return "lost";
	case TR_EDGE_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}

static Tranche__V1__AttemptRow *attempt_row(
	const struct tr_edge_attempt *a, uint32_t number)
{
	Tranche__V1__AttemptRow *r = tr_xmalloc(sizeof(*r));
	tranche__v1__attempt_row__init(r);
	r->number = number;
	r->attempt = a->id.v;
	r->executor = tr_xstrdup(a->executor_name ? a->executor_name : "");
	r->outcome = tr_xstrdup(outcome_text(a));
	r->error = a->error ? tr_msg_copy(a->error) : NULL;
	r->started_ms = a->started_ms;
	r->ended_ms = a->ended_ms;
	r->records = a->records;
	return r;
}

static Tranche__V1__TaskRow *task_row(
	const struct tr_edge_job *j, uint32_t stage, uint32_t lane)
{
	const struct tr_edge_task *t = &j->lanes[stage].tasks[lane];
	const struct tr_edge_attempt *done = tr_edge_task_result(t);
	Tranche__V1__TaskRow *r = tr_xmalloc(sizeof(*r));
	tranche__v1__task_row__init(r);
	r->stage = stage;
	r->lane = lane;
	r->state = tr_xstrdup(
		done            ? "done"
		: t->n_attempts ? outcome_text(&t->attempts[t->n_attempts - 1])
				: "waiting");
	if (j->lanes[stage].ranges[lane])
		r->range = tr_msg_copy(j->lanes[stage].ranges[lane]);
	if (done && done->receipt) {
		/* Where blocks lie is of no use once the task is history. */
		Tranche__V1__Receipt receipt = *done->receipt;
		receipt.n_blocks = 0;
		r->receipt = tr_msg_copy(&receipt);
	}
	r->attempts = tr_xcalloc(t->n_attempts + 1, sizeof(*r->attempts));
	for (uint32_t i = 0; i < t->n_attempts; i++)
		r->attempts[r->n_attempts++] =
			attempt_row(&t->attempts[i], t->forgotten + i + 1);
	return r;
}

Tranche__V1__TaskRow **tr_edge_job_rows(const struct tr_edge_job *j, size_t *n)
{
	Tranche__V1__TaskRow **rows =
		tr_xcalloc(j->tasks_total + 1, sizeof(*rows));
	*n = 0;
	for (uint32_t s = 0; j->stages && s < j->stages->n; s++)
		for (uint32_t i = 0; i < j->lanes[s].lanes; i++)
			rows[(*n)++] = task_row(j, s, i);
	return rows;
}

void tr_edge_rows_free(Tranche__V1__TaskRow **rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tr_msg_free(rows[i]);
	tr_xfree(rows);
}
