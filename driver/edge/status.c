/* A job as messages: its status, its task table. */
#include "driver/edge/job.h"

#include "common/base/xalloc.h"

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
	t->output = op->kind != TRANCHE__V1__OPERATOR_KIND__OP_STORE;
	t->name = tr_xstrdup(t->output ? "" : op->table);
	t->operator_ = op->id;
	t->batch = j->plan->batch;
	t->records = j->sums[op->id].records;
	t->bytes = j->sums[op->id].bytes;
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

static Tranche__V1__Envelope *new_env(const struct tr_edge_job *j)
{
	Tranche__V1__Envelope *env = tr_xmalloc(sizeof(*env));
	tranche__v1__envelope__init(env);
	env->job = j->id.v;
	env->batch = j->plan ? j->plan->batch : 0;
	return env;
}

static void put_progress(
	Tranche__V1__JobStatus *st, const struct tr_edge_job *j)
{
	st->ranges_total = j->ranges_total;
	st->ranges_done = j->ranges_done;
	st->tasks_total = j->tasks_total;
	st->tasks_done = j->tasks_done;
	st->tasks_running = j->tasks_running;
	st->records_total = j->records_total;
	st->records = j->records;
	st->bytes = j->bytes;
	st->retries = j->retries;
	st->nondeterministic = j->nondeterministic;
	if (j->plan)
		put_tables(st, j);
}

/* The progress of a job that committed before this driver started is stored. */
static Tranche__V1__JobStatus *new_status(const struct tr_edge_job *j)
{
	if (j->committed)
		return tr_msg_copy(j->committed);
	Tranche__V1__JobStatus *st = tr_xmalloc(sizeof(*st));
	tranche__v1__job_status__init(st);
	st->env = new_env(j);
	st->name = tr_xstrdup(j->request->name);
	st->job_uuid = tr_xstrdup(j->uuid);
	st->submitted_ms = j->submitted_ms;
	put_progress(st, j);
	return st;
}

Tranche__V1__JobStatus *tr_edge_job_status(
	const struct tr_edge_job *j, uint64_t term, int64_t now_ms)
{
	Tranche__V1__JobStatus *st = new_status(j);
	bool ended = j->state == TR_CORE_JOB_ENDING;
	int64_t until = ended ? j->ended_ms : now_ms;
	if (!st->env)
		st->env = new_env(j);
	st->env->term = term;
	st->term = term;
	st->state = tr_edge_job_state(j);
	if (ended && j->outcome != TR_CORE_JOB_DONE && j->error.code != 0)
		st->error = error_info(j);
	st->ended_ms = ended ? j->ended_ms : 0;
	st->elapsed_ms = until > j->submitted_ms
				 ? (uint64_t)(until - j->submitted_ms)
				 : 0;
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

Tranche__V1__TaskRow **tr_edge_job_rows(
	const struct tr_edge_job *j, size_t max, size_t *n)
{
	size_t all = j->tasks_total < max ? j->tasks_total : max;
	Tranche__V1__TaskRow **rows = tr_xcalloc(all + 1, sizeof(*rows));
	*n = 0;
	for (uint32_t s = 0; j->stages && s < j->stages->n; s++)
		for (uint32_t i = 0; i < j->lanes[s].lanes && *n < all; i++)
			rows[(*n)++] = task_row(j, s, i);
	return rows;
}
