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

void tr_edge_attempt_forget_rows(struct tr_edge_attempt *a)
{
	for (uint32_t i = 0; i < a->n_rows; i++)
		tr_buf_fini(&a->rows[i].last);
	tr_xfree(a->rows);
	a->rows = NULL;
	a->n_rows = 0;
	a->rows_error.code = 0;
}

static void attempt_fini(struct tr_edge_attempt *a)
{
	tr_edge_attempt_forget_rows(a);
	tr_xfree(a->executor_name);
	tr_msg_free(a->error);
	tr_msg_free(a->receipt);
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
		tr_xfree(j->lanes[s].sinks);
	}
	tr_xfree(j->lanes);
	tr_stages_free(j->stages);
	tr_msg_free(j->plan);
	tr_msg_free(j->request);
	tr_xfree(j->artefact);
	tr_msg_free(j->committed);
	tr_xfree(j->sums);
	tr_xfree(j->waiters);
	tr_xfree(j->cancels);
	tr_xfree(j);
}

void tr_edge_waiters_add(struct tr_edge_waiter **list, size_t *n, uint64_t conn,
	uint64_t request_id)
{
	*list = tr_xrealloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = (struct tr_edge_waiter){ conn, request_id };
}

/* What a stage reads decides how many lanes it may have. */
static bool are_lanes_right(enum tr_stage_kind kind, uint32_t lanes)
{
	switch (kind) {
	case TR_STAGE_SOURCE:
		return lanes <= TR_LANES_MAX;
	case TR_STAGE_HASH:
		return lanes >= 1 && lanes <= TR_REDUCE_LANES_MAX;
	case TR_STAGE_GATHER:
		break;
	}
	return lanes == 1;
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
			!are_lanes_right(st->s[i].kind, plan->stages[i]->lanes))
			return tr_error_set(err, TR_EINVAL,
				"stage %zu of the plan is not what its "
				"operators make",
				i);
	return 0;
}

static void add_sink(struct tr_edge_job *j, uint32_t stage, uint32_t op)
{
	struct tr_edge_stage *s = &j->lanes[stage];
	if (!tr_operator_is_sink(j->plan->plan->operators[op]->kind))
		return;
	s->sinks = tr_xrealloc(s->sinks, (s->n_sinks + 1) * sizeof(*s->sinks));
	s->sinks[s->n_sinks++] = op;
}

/* A stage gives the rows of its root and of what follows without a shuffle. */
static void find_sinks(struct tr_edge_job *j, uint32_t stage)
{
	const struct tr_stage *s = &j->stages->s[stage];
	add_sink(j, stage, s->root);
	for (uint32_t i = 0; i < s->n_edges; i++)
		if (!s->edges[i].shuffle)
			add_sink(j, stage, s->edges[i].to);
}

static void lay_out(struct tr_edge_job *j)
{
	const Tranche__V1__BatchPlan *p = j->plan;
	j->lanes = tr_xcalloc(j->stages->n, sizeof(*j->lanes));
	j->sums = tr_xcalloc(p->plan->n_operators, sizeof(*j->sums));
	for (uint32_t i = 0; i < j->stages->n; i++) {
		struct tr_edge_stage *s = &j->lanes[i];
		s->lanes = p->stages[i]->lanes;
		s->tasks = tr_xcalloc(s->lanes + 1, sizeof(*s->tasks));
		s->ranges = tr_xcalloc(s->lanes + 1, sizeof(*s->ranges));
		j->tasks_total += s->lanes;
		if (j->stages->s[i].kind == TR_STAGE_SOURCE)
			j->ranges_total += s->lanes;
		find_sinks(j, i);
	}
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__LaneRange *r = p->ranges[i];
		j->lanes[r->stage].ranges[r->lane] = r->range;
		j->records_total +=
			(uint64_t)(r->range->until - r->range->from);
	}
}

/* Each lane of a source has its range, in order of stage and lane. */
static int check_ranges(const struct tr_stages *st,
	const Tranche__V1__BatchPlan *plan, struct tr_error *err)
{
	size_t n = 0;
	for (uint32_t s = 0; s < st->n; s++) {
		uint32_t lanes = plan->stages[s]->lanes;
		for (uint32_t i = 0;
			st->s[s].kind == TR_STAGE_SOURCE && i < lanes;
			i++, n++) {
			const Tranche__V1__LaneRange *r =
				n < plan->n_ranges ? plan->ranges[n] : NULL;
			if (!r || !r->range || r->stage != s || r->lane != i ||
				r->range->from > r->range->until)
				return tr_error_set(err, TR_EINVAL,
					"the plan has no range for stage %u "
					"lane %u",
					s, i);
		}
	}
	if (n != plan->n_ranges)
		return tr_error_set(err, TR_EINVAL,
			"the plan has ranges that belong to no lane");
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

/* The oldest attempt that neither runs nor counts; n_attempts: none. */
static uint32_t find_oldest(const struct tr_edge_task *t)
{
	uint32_t i = 0;
	while (i < t->n_attempts &&
		(i + 1 == t->done || i + 1 == t->last ||
			t->attempts[i].outcome == TR_EDGE_RUNNING))
		i++;
	return i;
}

bool tr_edge_task_has_room(const struct tr_edge_task *t)
{
	return t->n_attempts < TR_ATTEMPTS_KEPT ||
	       find_oldest(t) < t->n_attempts;
}

static void forget_oldest(struct tr_edge_task *t)
{
	uint32_t i = find_oldest(t);
	if (i == t->n_attempts)
		return;
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
		if (t->n_attempts >= TR_ATTEMPTS_KEPT)
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

struct tr_edge_rows *tr_edge_attempt_rows(
	struct tr_edge_attempt *a, uint32_t op)
{
	for (uint32_t i = 0; i < a->n_rows; i++)
		if (a->rows[i].op == op)
			return &a->rows[i];
	a->rows = tr_xrealloc(a->rows, (a->n_rows + 1) * sizeof(*a->rows));
	struct tr_edge_rows *rows = &a->rows[a->n_rows++];
	*rows = (struct tr_edge_rows){ .op = op };
	tr_buf_init(&rows->last, TR_KEY_DATUM_MAX);
	return rows;
}

static char *copy_cut(const char *text, size_t max)
{
	size_t n = strnlen(text, max);
	char *copy = tr_xmalloc(n + 1);
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}

void tr_edge_attempt_set_error(
	struct tr_edge_attempt *a, const Tranche__V1__ErrorInfo *info)
{
	Tranche__V1__ErrorInfo *e = tr_xmalloc(sizeof(*e));
	tranche__v1__error_info__init(e);
	e->code = copy_cut(info->code, TR_NAME_MAX);
	e->text = copy_cut(info->text, TR_ERROR_TEXT_MAX);
	e->where = copy_cut(info->where, TR_ERROR_TEXT_MAX);
	e->position = copy_cut(info->position, TR_ERROR_TEXT_MAX);
	tr_msg_free(a->error);
	a->error = e;
}

/* ------------------------------------------------------------------ counts */

void tr_edge_task_changed(struct tr_edge_job *j, struct tr_lane_id lane)
{
	struct tr_edge_task *t = &j->lanes[lane.stage].tasks[lane.lane];
	const struct tr_edge_attempt *best = tr_edge_task_result(t);
	for (uint32_t i = 0; !best && i < t->n_attempts; i++)
		if (t->attempts[i].outcome == TR_EDGE_RUNNING)
			best = &t->attempts[i];
	j->tasks_running -= t->running;
	j->records -= t->records;
	j->bytes -= t->bytes;
	t->running = best && !t->done;
	t->records = t->bytes = 0;
	if (best && j->stages->s[lane.stage].kind == TR_STAGE_SOURCE) {
		t->records = best->records;
		t->bytes = best->bytes;
	}
	j->tasks_running += t->running;
	j->records += t->records;
	j->bytes += t->bytes;
	j->changed++;
}

static void count_done(struct tr_edge_job *j, uint32_t stage,
	const Tranche__V1__Receipt *r, bool add)
{
	bool is_range = j->stages->s[stage].kind == TR_STAGE_SOURCE;
	j->tasks_done += add ? 1 : (uint64_t)-1;
	if (is_range)
		j->ranges_done += add ? 1 : (uint64_t)-1;
	for (size_t i = 0; i < r->n_outputs; i++) {
		const Tranche__V1__OutputInfo *o = r->outputs[i];
		struct tr_edge_sum *sum = &j->sums[o->operator_];
		sum->records += add ? o->records : -o->records;
		sum->bytes += add ? o->bytes : -o->bytes;
	}
}

void tr_edge_task_unfinish(struct tr_edge_job *j, struct tr_lane_id lane)
{
	struct tr_edge_task *t = &j->lanes[lane.stage].tasks[lane.lane];
	if (!t->done)
		return;
	count_done(j, lane.stage, t->attempts[t->done - 1].receipt, false);
	t->done = 0;
	tr_edge_task_changed(j, lane);
}

void tr_edge_task_finish(struct tr_edge_job *j, struct tr_lane_id lane,
	const struct tr_edge_attempt *a)
{
	struct tr_edge_task *t = &j->lanes[lane.stage].tasks[lane.lane];
	tr_assert(a->receipt);
	tr_edge_task_unfinish(j, lane);
	t->done = (uint32_t)(a - t->attempts) + 1;
	t->last = t->done;
	count_done(j, lane.stage, a->receipt, true);
	tr_edge_task_changed(j, lane);
}

/* ------------------------------------------------------------------- error */

void tr_edge_job_set_error(struct tr_edge_job *j, int code, const char *text,
	const char *where, const char *position)
{
	if (j->ending)
		return;
	tr_error_set(&j->error, code, "%s", text);
	snprintf(j->error_where, sizeof(j->error_where), "%s", where);
	snprintf(j->error_position, sizeof(j->error_position), "%s", position);
}
