#include "common/plan/stages.h"

#include <string.h>

#include "common/base/xalloc.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

/* What an operator is, independent of where it stands. */
struct trait {
	const char *name;
	uint32_t inputs_min, inputs_max;
	enum tr_stage_kind shuffle; /* TR_STAGE_SOURCE: does not shuffle */
	bool unique_keys;           /* its output has each key once, by lane */
	bool keeps_keys;            /* passes that property on */
	bool passes_input;          /* followers see its input, unshuffled */
};

#define ONE_INPUT .inputs_min = 1, .inputs_max = 1
#define GATHERS   ONE_INPUT, .shuffle = TR_STAGE_GATHER
#define BY_KEY    ONE_INPUT, .shuffle = TR_STAGE_HASH, .unique_keys = true

static const struct trait traits[] = {
	[OP(SOURCE)] = { .name = "source" },
	[OP(MAP)] = { .name = "map", ONE_INPUT },
	[OP(FILTER)] = { .name = "filter", ONE_INPUT, .keeps_keys = true },
	[OP(FLAT_MAP)] = { .name = "flat_map", ONE_INPUT },
	[OP(MAP_VALUES)] = { .name = "map_values",
		ONE_INPUT,
		.keeps_keys = true },
	[OP(KEY_BY)] = { .name = "key_by", ONE_INPUT },
	[OP(REDUCE_BY_KEY)] = { .name = "reduce_by_key", BY_KEY },
	[OP(COUNT)] = { .name = "count", GATHERS },
	[OP(COUNT_BY_VALUE)] = { .name = "count_by_value", BY_KEY },
	[OP(COUNT_BY_KEY)] = { .name = "count_by_key", BY_KEY },
	/* Pairs are distinct, keys may come again. */
	[OP(DISTINCT)] = { .name = "distinct",
		ONE_INPUT,
		.shuffle = TR_STAGE_HASH },
	[OP(UNION)] = { .name = "union",
		.inputs_min = 1,
		.inputs_max = TR_OPERATORS_MAX },
	[OP(SPLIT)] = { .name = "split", ONE_INPUT },
	[OP(STORE)] = { .name = "store", BY_KEY },
	[OP(PRINT)] = { .name = "print", GATHERS, .passes_input = true },
	[OP(TAKE)] = { .name = "take", GATHERS },
};

static const struct trait *trait_of(const Tranche__V1__Operator *op)
{
	tr_assert(op->kind < TR_ARRAY_LEN(traits) && traits[op->kind].name);
	return &traits[op->kind];
}

bool tr_operator_is_sink(Tranche__V1__OperatorKind kind)
{
	return kind == OP(STORE) || kind == OP(PRINT);
}

const char *tr_operator_name(Tranche__V1__OperatorKind kind)
{
	if (kind >= TR_ARRAY_LEN(traits) || !traits[kind].name)
		return "unknown operator";
	return traits[kind].name;
}

/* Per operator, while stages are made. */
struct build {
	const Tranche__V1__JobPlan *plan;
	struct tr_stages *st;
	bool unique[TR_OPERATORS_MAX];   /* output: each key once, by lane */
	bool shuffles[TR_OPERATORS_MAX]; /* as it stands in this plan */
};

static int bad(const Tranche__V1__Operator *op, int code, const char *what,
	struct tr_error *err)
{
	return tr_error_set(err, code, "%s: %s (operator %u) %s",
		op->where[0] ? op->where : "plan", tr_operator_name(op->kind),
		op->id, what);
}

static int check_source(const Tranche__V1__Operator *op, struct tr_error *err)
{
	if (op->topic[0] == '\0' && op->n_ranges == 0)
		return bad(op, TR_EINVAL, "has neither topic nor ranges", err);
	if (strlen(op->topic) > TR_TOPIC_NAME_MAX)
		return bad(
			op, TR_ELIMIT, "names a topic that is too long", err);
	for (size_t i = 0; i < op->n_ranges; i++) {
		const Tranche__V1__Range *r = op->ranges[i];
		if (r->topic[0] == '\0' || r->from < 0 || r->until < r->from ||
			r->partition > INT32_MAX)
			return bad(op, TR_EINVAL,
				"has a range that is not topic, partition, "
				"0 <= from <= until",
				err);
		if (strlen(r->topic) > TR_TOPIC_NAME_MAX)
			return bad(op, TR_ELIMIT,
				"names a topic that is too long", err);
	}
	return 0;
}

static int check_operator(
	const Tranche__V1__JobPlan *plan, uint32_t i, struct tr_error *err)
{
	const Tranche__V1__Operator *op = plan->operators[i];
	if (op->kind >= TR_ARRAY_LEN(traits) || !traits[op->kind].name)
		return tr_error_set(err, TR_EINVAL,
			"plan: operator %u has unknown kind %d", i,
			(int)op->kind);
	const struct trait *t = trait_of(op);
	if (op->id != i)
		return bad(op, TR_EINVAL, "is out of order", err);
	if (op->n_inputs < t->inputs_min || op->n_inputs > t->inputs_max)
		return bad(
			op, TR_EINVAL, "has the wrong number of inputs", err);
	for (size_t k = 0; k < op->n_inputs; k++)
		if (op->inputs[k] >= i)
			return bad(op, TR_EINVAL,
				"has an input that comes later", err);
	if (op->kind == OP(SOURCE))
		return check_source(op, err);
	if (op->kind == OP(STORE) && op->table[0] == '\0')
		return bad(op, TR_EINVAL, "has no table name", err);
	if (strlen(op->table) > TR_TABLE_NAME_MAX)
		return bad(op, TR_ELIMIT,
			"has a table name of more than 127 bytes", err);
	if (op->kind == OP(REDUCE_BY_KEY) &&
		(op->reducer < TRANCHE__V1__REDUCER__REDUCER_SUM ||
			op->reducer > TRANCHE__V1__REDUCER__REDUCER_USER))
		return bad(op, TR_EINVAL, "has no such reducer", err);
	return 0;
}

static int check_tables(const Tranche__V1__JobPlan *plan, struct tr_error *err)
{
	bool sink = false;
	for (size_t i = 0; i < plan->n_operators; i++) {
		const Tranche__V1__Operator *a = plan->operators[i];
		sink = sink || tr_operator_is_sink(a->kind);
		if (a->kind != OP(STORE))
			continue;
		for (size_t k = 0; k < i; k++) {
			const Tranche__V1__Operator *b = plan->operators[k];
			if (b->kind == OP(STORE) &&
				strcmp(a->table, b->table) == 0)
				return bad(a, TR_EINVAL,
					"stores to a table that another store "
					"of this job writes",
					err);
		}
	}
	if (!sink)
		return tr_error_set(err, TR_EINVAL,
			"the job has no result: end it with store or print");
	return 0;
}

static int check_plan(const Tranche__V1__JobPlan *plan, struct tr_error *err)
{
	if (plan->version != 1)
		return tr_error_set(err, TR_EVERSION,
			"plan of version %u, this build knows version 1",
			plan->version);
	if (plan->n_operators > TR_OPERATORS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"the job has %zu operators, the limit is %u",
			plan->n_operators, TR_OPERATORS_MAX);
	for (uint32_t i = 0; i < plan->n_operators; i++) {
		int rc = check_operator(plan, i, err);
		if (rc != 0)
			return rc;
	}
	return check_tables(plan, err);
}

/* Decides for each operator whether it shuffles and what its output is. */
static void classify(struct build *b)
{
	for (uint32_t i = 0; i < b->plan->n_operators; i++) {
		const Tranche__V1__Operator *op = b->plan->operators[i];
		const struct trait *t = trait_of(op);
		bool unique_in = op->n_inputs == 1 && b->unique[op->inputs[0]];
		b->shuffles[i] = t->shuffle != TR_STAGE_SOURCE &&
				 !(op->kind == OP(STORE) && unique_in);
		b->unique[i] =
			t->unique_keys ||
			((t->keeps_keys || t->passes_input) && unique_in);
	}
}

static void add_edge(
	struct tr_stage *s, uint32_t from, uint32_t to, bool shuffle)
{
	s->edges = tr_xrealloc(s->edges, (s->n_edges + 1) * sizeof(*s->edges));
	s->edges[s->n_edges++] = (struct tr_stage_edge){
		.from = from, .to = to, .shuffle = shuffle
	};
}

/* By `from`; of one `from` in the order of making. */
static void sort_edges(struct tr_stage *s, uint32_t n_operators)
{
	uint32_t at[TR_OPERATORS_MAX + 1] = { 0 };
	struct tr_stage_edge *sorted = tr_xcalloc(s->n_edges, sizeof(*sorted));
	for (uint32_t i = 0; i < s->n_edges; i++)
		at[s->edges[i].from + 1]++;
	for (uint32_t i = 0; i < n_operators; i++)
		at[i + 1] += at[i];
	for (uint32_t i = 0; i < s->n_edges; i++)
		sorted[at[s->edges[i].from]++] = s->edges[i];
	tr_xfree(s->edges);
	s->edges = sorted;
}

/*
 * Adds the edges of one stage. Operators are visited in id order, which is
 * topological, so one pass finds all that the root reaches.
 */
static void walk(struct build *b, struct tr_stage *s)
{
	bool here[TR_OPERATORS_MAX] = { false };
	/* A print's own stage holds its rows; its followers are upstream. */
	here[s->root] = s->kind == TR_STAGE_SOURCE ||
			!trait_of(b->plan->operators[s->root])->passes_input;
	for (uint32_t to = s->root + 1; to < b->plan->n_operators; to++) {
		const Tranche__V1__Operator *op = b->plan->operators[to];
		for (size_t k = 0; k < op->n_inputs; k++) {
			if (!here[op->inputs[k]])
				continue;
			add_edge(s, op->inputs[k], to, b->shuffles[to]);
			if (!b->shuffles[to] || trait_of(op)->passes_input)
				here[to] = true;
		}
	}
	sort_edges(s, (uint32_t)b->plan->n_operators);
}

static void connect_stages(struct tr_stages *st)
{
	for (uint32_t t = 0; t < st->n; t++) {
		struct tr_stage *to = &st->s[t];
		to->inputs = tr_xcalloc(st->n, sizeof(*to->inputs));
		for (uint32_t f = 0; f < st->n; f++) {
			const struct tr_stage *from = &st->s[f];
			for (uint32_t e = 0; e < from->n_edges; e++) {
				if (!from->edges[e].shuffle ||
					from->edges[e].to != to->root)
					continue;
				to->inputs[to->n_inputs++] = f;
				break;
			}
		}
	}
}

int tr_stages_new(const Tranche__V1__JobPlan *plan, struct tr_stages **out,
	struct tr_error *err)
{
	int rc = check_plan(plan, err);
	if (rc != 0)
		return rc;
	struct build b = { .plan = plan, .st = tr_xcalloc(1, sizeof(*b.st)) };
	classify(&b);
	for (uint32_t i = 0; i < plan->n_operators; i++) {
		const Tranche__V1__Operator *op = plan->operators[i];
		if (op->kind != OP(SOURCE) && !b.shuffles[i])
			continue;
		if (b.st->n == TR_STAGES_MAX) {
			tr_stages_free(b.st);
			return tr_error_set(err, TR_ELIMIT,
				"the job has more than %u stages",
				TR_STAGES_MAX);
		}
		struct tr_stage *s = &b.st->s[b.st->n++];
		s->root = i;
		s->kind = trait_of(op)->shuffle;
		walk(&b, s);
	}
	connect_stages(b.st);
	*out = b.st;
	return 0;
}

void tr_stages_free(struct tr_stages *st)
{
	if (!st)
		return;
	for (uint32_t i = 0; i < st->n; i++) {
		tr_xfree(st->s[i].edges);
		tr_xfree(st->s[i].inputs);
	}
	tr_xfree(st);
}
