#include "driver/ctl/stagetext.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/plan/stages.h"

typedef void operator_fn(
	void *arg, const Tranche__V1__Operator *op, bool writes);

/*
 * The stage's operators in the order of their making: the root, those inside,
 * and at its end the write sides of the shuffles it feeds.
 */
static void each_operator(const Tranche__V1__JobPlan *plan,
	const struct tr_stage *s, operator_fn *fn, void *arg)
{
	bool inside[TR_OPERATORS_MAX] = { false };
	bool writes[TR_OPERATORS_MAX] = { false };
	inside[s->root] = true;
	for (uint32_t i = 0; i < s->n_edges; i++) {
		inside[s->edges[i].to] = true;
		writes[s->edges[i].to] = s->edges[i].shuffle;
	}
	for (uint32_t i = 0; i < plan->n_operators; i++)
		if (inside[i])
			fn(arg, plan->operators[i], writes[i]);
}

struct text {
	char *out;
	size_t size, len;
};

static void put_operator(
	void *arg, const Tranche__V1__Operator *op, bool writes)
{
	struct text *t = arg;
	const char *detail = op->topic[0] ? op->topic : op->table;
	char part[320];
	/* A write side only combines and hands on. */
	int n = snprintf(part, sizeof(part), "%s%s%s%s%s%s",
		t->len ? " → " : "", writes ? "⇢ " : "",
		tr_operator_name(op->kind), *detail ? "(" : "", detail,
		*detail ? ")" : "");
	if (n < 0 || (size_t)n >= t->size - t->len)
		return;
	memcpy(t->out + t->len, part, (size_t)n + 1);
	t->len += (size_t)n;
}

const char *tr_stage_text(char *out, size_t size,
	const Tranche__V1__BatchPlan *plan, uint32_t stage)
{
	struct tr_stages *st;
	struct tr_error err;
	struct text t = { .out = out, .size = size };
	snprintf(out, size, "?");
	if (!plan->plan || tr_stages_new(plan->plan, &st, &err) != 0)
		return out;
	if (stage < st->n)
		each_operator(plan->plan, &st->s[stage], put_operator, &t);
	tr_stages_free(st);
	return out;
}

static void put_name(void *arg, const Tranche__V1__Operator *op, bool writes)
{
	if (!writes)
		json_array_append_new(
			arg, json_string(tr_operator_name(op->kind)));
}

json_t *tr_stages_json(const Tranche__V1__BatchPlan *plan)
{
	json_t *list = json_array();
	struct tr_stages *st;
	struct tr_error err;
	if (!plan->plan || tr_stages_new(plan->plan, &st, &err) != 0)
		return list;
	for (uint32_t i = 0; i < st->n && i < plan->n_stages; i++) {
		json_t *names = json_array();
		each_operator(plan->plan, &st->s[i], put_name, names);
		json_array_append_new(
			list, json_pack("{s:i,s:i,s:o}", "stage", (int)i,
				      "lanes", (int)plan->stages[i]->lanes,
				      "operators", names));
	}
	tr_stages_free(st);
	return list;
}
