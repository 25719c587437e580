#include "executor/op/graph.h"

#include "common/base/xalloc.h"
#include "executor/op/combine.h"
#include "executor/op/fold.h"
#include "executor/op/gather.h"
#include "executor/op/source.h"
#include "executor/op/split.h"
#include "executor/op/store.h"
#include "executor/op/usercall.h"
#include "executor/op/userfold.h"
#include "executor/op/wordcount.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

/*
 * An operator is entered at one node and left at one, mostly the same. split
 * is entered at two when count_by_value and something else follow it, and left
 * at none when nothing else does.
 */
struct place {
	struct tr_node *in[2];
	uint32_t n_in;
	struct tr_node *leave;
	bool made;
};

struct build {
	struct tr_exec *x;
	const struct tr_stage *stage;
	struct place places[TR_OPERATORS_MAX];
};

static const Tranche__V1__Operator *operator_at(
	const struct build *b, uint32_t id)
{
	return b->x->opts.plan->operators[id];
}

static struct tr_node *add_node(struct tr_exec *x, struct tr_node *n)
{
	x->nodes = tr_xrealloc(
		x->nodes, (x->n_nodes + 1) * sizeof(struct tr_node *));
	x->nodes[x->n_nodes++] = n;
	return n;
}

static void connect(struct tr_node *from, struct tr_node *to)
{
	from->out = tr_xrealloc(
		from->out, (from->n_out + 1) * sizeof(struct tr_node *));
	from->out[from->n_out++] = to;
}

/* union passes on what it gets. */
static void pass_free(struct tr_node *n)
{
	tr_node_fini(n);
	tr_xfree(n);
}

static struct tr_node *pass_new(
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	static const struct tr_node_ops pass_ops = {
		.push = tr_node_push_out,
		.free = pass_free,
	};
	struct tr_node *n = tr_xcalloc(1, sizeof(*n));
	tr_node_init(n, &pass_ops, x, op);
	return n;
}

static uint32_t stage_of_root(const struct build *b, uint32_t op)
{
	const struct tr_stages *st = b->x->opts.stages;
	uint32_t i = 0;
	while (st->s[i].root != op)
		tr_assert(++i < st->n);
	return i;
}

static struct tr_node *write_side_new(
	struct build *b, const Tranche__V1__Operator *op)
{
	uint32_t stage = stage_of_root(b, op->id);
	switch ((int)op->kind) {
	case OP(COUNT):
	case OP(TAKE):
	case OP(PRINT):
		return tr_gather_new(b->x, op, stage);
	default:
		return op->reducer == TRANCHE__V1__REDUCER__REDUCER_USER
			       ? tr_userfold_new(b->x, op, stage)
			       : tr_combine_new(b->x, op, stage);
	}
}

static struct tr_node *narrow_new(
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	switch ((int)op->kind) {
	case OP(UNION):
		return pass_new(x, op);
	case OP(SPLIT):
		return tr_split_new(x, op);
	case OP(STORE):
		return tr_store_new(x, op);
	default:
		return tr_usercall_new(x, op);
	}
}

static bool is_fused(const struct build *b, const struct tr_stage_edge *e)
{
	return e->shuffle && operator_at(b, e->from)->kind == OP(SPLIT) &&
	       operator_at(b, e->to)->kind == OP(COUNT_BY_VALUE);
}

static void add_entry(struct place *p, struct tr_node *n)
{
	tr_assert(p->n_in < TR_ARRAY_LEN(p->in));
	p->in[p->n_in++] = n;
}

/*
 * A split: with a fused node for the first count_by_value behind it, and an
 * ordinary one for everything else.
 */
static void make_split(struct build *b, struct place *p, uint32_t id)
{
	const Tranche__V1__Operator *op = operator_at(b, id);
	bool others = false;
	for (uint32_t i = 0; i < b->stage->n_edges; i++) {
		const struct tr_stage_edge *e = &b->stage->edges[i];
		if (e->from != id)
			continue;
		if (!is_fused(b, e) || p->n_in > 0) {
			others = true;
			continue;
		}
		add_entry(p, add_node(b->x, tr_wordcount_new(b->x, op,
						    operator_at(b, e->to),
						    stage_of_root(b, e->to))));
		b->places[e->to].made = true;
	}
	if (!others)
		return;
	p->leave = add_node(b->x, tr_split_new(b->x, op));
	add_entry(p, p->leave);
}

static void make_place(struct build *b, const struct tr_stage_edge *e)
{
	struct place *p = &b->places[e->to];
	const Tranche__V1__Operator *op = operator_at(b, e->to);
	p->made = true;
	if (op->kind == OP(SPLIT)) {
		make_split(b, p, e->to);
		return;
	}
	p->leave = add_node(b->x,
		e->shuffle ? write_side_new(b, op) : narrow_new(b->x, op));
	add_entry(p, p->leave);
}

/*
 * Two paths from the root to one operator: what it gets first would depend on
 * where batches end. Records one by one make it a matter of the plan.
 */
static bool has_joining_paths(const struct build *b)
{
	uint32_t inputs[TR_OPERATORS_MAX] = { 0 };
	for (uint32_t i = 0; i < b->stage->n_edges; i++)
		if (++inputs[b->stage->edges[i].to] > 1)
			return true;
	return false;
}

static struct tr_node *root_new(
	struct build *b, const Tranche__V1__Operator *op)
{
	switch (b->stage->kind) {
	case TR_STAGE_SOURCE:
		return tr_source_new(
			b->x, op, has_joining_paths(b) ? 1 : TR_BATCH_ELEMS);
	case TR_STAGE_GATHER:
		return tr_gather_read_new(b->x, op);
	case TR_STAGE_HASH:
		break;
	}
	return op->reducer == TRANCHE__V1__REDUCER__REDUCER_USER
		       ? tr_userfold_read_new(b->x, op)
		       : tr_fold_new(b->x, op);
}

static void make_root(struct build *b)
{
	const Tranche__V1__Operator *op = operator_at(b, b->stage->root);
	struct tr_node *root = add_node(b->x, root_new(b, op));
	struct place *p = &b->places[op->id];
	b->x->root = p->leave = root;
	p->made = true;
	if (op->kind == OP(STORE)) {
		p->leave = add_node(b->x, tr_store_new(b->x, op));
		connect(root, p->leave);
	}
}

static bool has_function(const Tranche__V1__Operator *op)
{
	switch ((int)op->kind) {
	case OP(MAP):
	case OP(FILTER):
	case OP(FLAT_MAP):
	case OP(MAP_VALUES):
	case OP(KEY_BY):
		return true;
	default:
		return op->reducer == TRANCHE__V1__REDUCER__REDUCER_USER;
	}
}

bool tr_exec_needs_program(const Tranche__V1__JobPlan *plan)
{
	for (size_t i = 0; i < plan->n_operators; i++)
		if (has_function(plan->operators[i]))
			return true;
	return false;
}

static int check(const struct tr_exec *x, struct tr_error *err)
{
	const struct tr_exec_opts *o = &x->opts;
	if (o->stage >= o->stages->n)
		return tr_error_set(err, TR_EINVAL,
			"stage %u of a job that has %u", o->stage,
			o->stages->n);
	for (uint32_t i = 0; i < o->stages->n; i++)
		if (o->lanes[i] == 0)
			return tr_error_set(
				err, TR_EINVAL, "stage %u has no lanes", i);
	if (!o->program && tr_exec_needs_program(o->plan))
		return tr_error_set(err, TR_EINVAL,
			"the plan has functions and there is no program");
	return 0;
}

int tr_graph_build(struct tr_exec *x, struct tr_error *err)
{
	int rc = check(x, err);
	if (rc != 0)
		return rc;
	struct build *b = tr_xcalloc(1, sizeof(*b));
	b->x = x;
	b->stage = &x->opts.stages->s[x->opts.stage];
	make_root(b);
	for (uint32_t i = 0; i < b->stage->n_edges; i++) {
		const struct tr_stage_edge *e = &b->stage->edges[i];
		struct place *to = &b->places[e->to];
		if (!to->made)
			make_place(b, e);
		for (uint32_t k = 0; k < to->n_in; k++)
			connect(b->places[e->from].leave, to->in[k]);
	}
	tr_xfree(b);
	return 0;
}

void tr_graph_free(struct tr_exec *x)
{
	for (uint32_t i = 0; i < x->n_nodes; i++)
		x->nodes[i]->ops->free(x->nodes[i]);
	tr_xfree(x->nodes);
}
