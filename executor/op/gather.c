#include "executor/op/gather.h"

#include "common/base/xalloc.h"
#include "executor/op/blockin.h"
#include "executor/op/blockout.h"
#include "executor/op/picks.h"
#include "executor/op/rows.h"
#include "executor/op/val.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

struct gather {
	struct tr_node node;
	uint32_t stage; /* write side: that reads the block */
	int64_t count;
	struct tr_picks picks;
	struct tr_buf key; /* one encoded key */
	struct tr_buf value;
	struct tr_outbatch out; /* read side of count and take */
};

static int encode(struct tr_buf *out, const struct tr_val *v)
{
	tr_buf_reset(out);
	int rc = tr_buf_reserve(out, tr_val_encoded_max(v));
	if (rc == 0)
		out->len = tr_val_encode(v, out->data);
	return rc;
}

static int pick(struct gather *g, const struct tr_elem *e)
{
	if (tr_val_has_bytes(&e->key) && e->key.len > TR_KEY_DATUM_MAX)
		return tr_node_too_large(
			&g->node, e, "key", e->key.len, TR_KEY_MAX);
	int rc = encode(&g->value, &e->value);
	if (rc == TR_ELIMIT)
		return tr_node_too_large(
			&g->node, e, "value", e->value.len, TR_VALUE_MAX);
	if (rc != 0 || encode(&g->key, &e->key) != 0)
		return tr_node_no_memory(&g->node);
	rc = tr_picks_add(&g->picks, tr_slice_of(g->key.data, g->key.len),
		tr_slice_of(g->value.data, g->value.len));
	return rc == 0 ? 0 : tr_node_no_memory(&g->node);
}

static int pick_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct gather *g = (struct gather *)n;
	for (uint32_t i = 0; i < batch->n; i++) {
		if (tr_picks_is_full(&g->picks))
			break;
		int rc = pick(g, &batch->elems[i]);
		if (rc != 0)
			return rc;
	}
	return tr_node_push_out(n, batch);
}

static int write_picks(struct gather *g, struct tr_blockout *out)
{
	tr_picks_sort(&g->picks);
	for (uint64_t i = 0; i < g->picks.n; i++) {
		const struct tr_pick *p = &g->picks.picks[i];
		int rc = tr_blockout_put(
			out, tr_pick_key(p), tr_pick_value(p), NULL);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int write_count(struct gather *g, struct tr_blockout *out)
{
	struct tr_val v = tr_val_int(g->count);
	return g->count == 0
		       ? 0
		       : tr_blockout_put_val(out, tr_datum_null(), &v, NULL);
}

static int gather_finish(struct tr_node *n)
{
	struct gather *g = (struct gather *)n;
	struct tr_blockout out;
	tr_blockout_open(&out, n, g->stage, 0);
	int rc = n->op->kind == OP(COUNT) ? write_count(g, &out)
					  : write_picks(g, &out);
	if (rc == 0)
		return tr_blockout_close(&out);
	tr_blockout_abandon(&out);
	return rc;
}

static int count_push_one(struct tr_node *n, const struct tr_elem *e)
{
	(void)e;
	((struct gather *)n)->count++;
	return 0;
}

static int count_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	((struct gather *)n)->count += batch->n;
	return 0;
}

static int count_push_records(struct tr_node *n,
	const struct tr_record_view *records, size_t n_records)
{
	(void)records;
	((struct gather *)n)->count += (int64_t)n_records;
	return 0;
}

static void gather_free(struct tr_node *n)
{
	struct gather *g = (struct gather *)n;
	tr_picks_fini(&g->picks);
	tr_buf_fini(&g->key);
	tr_buf_fini(&g->value);
	if (g->out.batch.elems)
		tr_outbatch_fini(&g->out);
	tr_node_fini(n);
	tr_xfree(g);
}

static struct gather *gather_new(struct tr_exec *x,
	const Tranche__V1__Operator *op, const struct tr_node_ops *ops)
{
	struct gather *g = tr_xcalloc(1, sizeof(*g));
	tr_node_init(&g->node, ops, x, op);
	bool print = op->kind == OP(PRINT);
	uint64_t limit =
		print && op->limit == 0 ? TR_PRINT_ROWS_DEFAULT : op->limit;
	tr_picks_init(&g->picks, limit, print && op->top, &x->budget);
	tr_buf_init(&g->key, TR_VALUE_DATUM_MAX);
	tr_buf_init(&g->value, TR_VALUE_DATUM_MAX);
	return g;
}

struct tr_node *tr_gather_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage)
{
	static const struct tr_node_ops count_ops = {
		.push = count_push,
		.push_one = count_push_one,
		.push_records = count_push_records,
		.finish = gather_finish,
		.free = gather_free,
	};
	static const struct tr_node_ops pick_ops = {
		.push = pick_push,
		.finish = gather_finish,
		.free = gather_free,
	};
	struct gather *g = gather_new(
		x, op, op->kind == OP(COUNT) ? &count_ops : &pick_ops);
	g->stage = stage;
	return &g->node;
}

static int push_count(struct gather *g)
{
	struct tr_elem e = { .value = tr_val_int(g->count) };
	if (tr_outbatch_put(&g->out, &e) != 0)
		return tr_node_no_memory(&g->node);
	return tr_outbatch_flush(&g->out, &g->node);
}

static int push_picks(struct gather *g)
{
	for (uint64_t i = 0; i < g->picks.n; i++) {
		const struct tr_pick *p = &g->picks.picks[i];
		struct tr_elem e = {
			.key = tr_val_decode(tr_pick_key(p)),
			.value = tr_val_decode(tr_pick_value(p)),
		};
		if (tr_outbatch_put(&g->out, &e) != 0)
			return tr_node_no_memory(&g->node);
		if (!tr_outbatch_is_full(&g->out))
			continue;
		int rc = tr_outbatch_flush(&g->out, &g->node);
		if (rc != 0)
			return rc;
	}
	return tr_outbatch_flush(&g->out, &g->node);
}

static int take_element(struct gather *g, const struct tr_element *e)
{
	if (g->node.op->kind != OP(COUNT)) {
		int rc = tr_picks_add(&g->picks, e->key, e->value);
		return rc == 0 ? 0 : tr_node_no_memory(&g->node);
	}
	int64_t n = 0;
	if (!tr_datum_get_int(e->value, &n) ||
		__builtin_add_overflow(g->count, n, &g->count)) {
		tr_error_set(tr_node_error(&g->node), TR_ECORRUPT,
			"a partial count is no number");
		return tr_node_fail(&g->node, NULL);
	}
	return 0;
}

static int read_block(struct gather *g, const struct tr_exec_input *input)
{
	struct tr_blockin in;
	struct tr_element e;
	int rc;
	tr_blockin_open(&in, &g->node, input);
	while ((rc = tr_blockin_next(&in, &e)) > 0) {
		rc = take_element(g, &e);
		if (rc != 0)
			break;
	}
	tr_blockin_close(&in);
	return rc;
}

static int gather_pull(
	struct tr_node *n, const struct tr_exec_input *inputs, size_t n_inputs)
{
	struct gather *g = (struct gather *)n;
	for (size_t i = 0; i < n_inputs; i++) {
		int rc = read_block(g, &inputs[i]);
		if (rc != 0)
			return rc;
		tr_page_beat(n->exec->opts.page);
	}
	tr_picks_sort(&g->picks);
	switch ((int)n->op->kind) {
	case OP(COUNT):
		return push_count(g);
	case OP(TAKE):
		return push_picks(g);
	default:
		return tr_rows_write(n, &g->picks);
	}
}

struct tr_node *tr_gather_read_new(
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	static const struct tr_node_ops read_ops = {
		.pull = gather_pull,
		.free = gather_free,
	};
	struct gather *g = gather_new(x, op, &read_ops);
	tr_outbatch_init(&g->out, x);
	return &g->node;
}
