#include "executor/op/combine.h"

#include "common/base/xalloc.h"
#include "executor/op/drain.h"
#include "executor/op/pairkey.h"
#include "executor/op/reduce.h"
#include "executor/op/val.h"

#define OP(suffix)    TRANCHE__V1__OPERATOR_KIND__OP_##suffix
#define REDUCER(name) TRANCHE__V1__REDUCER__REDUCER_##name

Tranche__V1__Reducer tr_combine_reducer(const Tranche__V1__Operator *op)
{
	switch ((int)op->kind) {
	case OP(COUNT_BY_VALUE):
	case OP(COUNT_BY_KEY):
		return REDUCER(COUNT);
	case OP(STORE):
		return REDUCER(LAST);
	case OP(REDUCE_BY_KEY):
		return op->reducer;
	default:
		return REDUCER(NONE);
	}
}

static const struct tr_val *key_of(
	const struct tr_combine *c, const struct tr_elem *e)
{
	return c->node.op->kind == OP(COUNT_BY_VALUE) ? &e->value : &e->key;
}

static int check_key(struct tr_combine *c, const struct tr_elem *e)
{
	const struct tr_val *key = key_of(c, e);
	if (c->node.op->kind == OP(STORE) && key->type == TR_VAL_NULL) {
		tr_error_set(tr_node_error(&c->node), TR_EUSER,
			"cannot store an element whose key is null; give it a "
			"key with key_by");
		return tr_node_fail(&c->node, e);
	}
	size_t max = key->type == TR_VAL_BYTES ? TR_KEY_MAX : TR_KEY_DATUM_MAX;
	if (tr_val_has_bytes(key) && key->len > max)
		return tr_node_too_large(&c->node, e, "key", key->len, max);
	/* Of distinct the value is a part of the table's key. */
	if (c->reducer == REDUCER(NONE) && tr_val_has_bytes(&e->value) &&
		e->value.len > TR_VALUE_MAX)
		return tr_node_too_large(
			&c->node, e, "value", e->value.len, TR_VALUE_MAX);
	return 0;
}

static int encode_key(struct tr_combine *c, const struct tr_elem *e)
{
	tr_buf_reset(&c->key);
	if (c->reducer == REDUCER(NONE))
		return tr_pairkey_encode(&c->key, &e->key, &e->value);
	const struct tr_val *key = key_of(c, e);
	int rc = tr_buf_reserve(&c->key, tr_val_encoded_max(key));
	if (rc == 0)
		c->key.len = tr_val_encode(key, c->key.data);
	return rc;
}

/* Short texts, which most keys are, need no copy of their encoding. */
static struct tr_slot *put_text(
	struct tr_combine *c, const struct tr_val *key, bool *fresh)
{
	if (tr_table_reserve(&c->table, 1) != 0)
		return NULL;
	return tr_table_put_short(&c->table,
		tr_shortkey_tagged(
			tr_shortkey_of(key->p, key->len), TR_TAG_BYTES),
		key->len + 1, fresh);
}

static struct tr_slot *put_any(
	struct tr_combine *c, const struct tr_elem *e, bool *fresh)
{
	if (encode_key(c, e) != 0)
		return NULL;
	return tr_table_put(
		&c->table, tr_slice_of(c->key.data, c->key.len), fresh);
}

int tr_combine_slot(struct tr_combine *c, const struct tr_elem *e,
	struct tr_slot **slot, bool *fresh)
{
	const struct tr_val *key = key_of(c, e);
	if (c->reducer != REDUCER(NONE) && key->type == TR_VAL_BYTES &&
		key->len < TR_TABLE_INLINE_KEY) {
		*slot = put_text(c, key, fresh);
	} else {
		int rc = check_key(c, e);
		if (rc != 0)
			return rc;
		*slot = put_any(c, e, fresh);
	}
	return *slot ? 0 : tr_node_no_memory(&c->node);
}

static int fold(struct tr_combine *c, struct tr_slot *s, bool fresh,
	const struct tr_elem *e)
{
	struct tr_error *err = tr_node_error(&c->node);
	struct tr_val acc = tr_slot_get(s);
	int rc = fresh ? tr_reduce_first(c->reducer, &acc, &e->value, err)
		       : tr_reduce(c->reducer, &acc, &e->value, err);
	if (rc != 0)
		return tr_node_fail(&c->node, e);
	rc = tr_slot_set(&c->table, s, &acc);
	return rc == 0 ? 0 : tr_node_no_memory(&c->node);
}

static int combine_push_one(struct tr_node *n, const struct tr_elem *e)
{
	struct tr_combine *c = (struct tr_combine *)n;
	struct tr_slot *slot;
	bool fresh;
	int rc = tr_combine_slot(c, e, &slot, &fresh);
	if (rc != 0 || c->reducer == REDUCER(NONE))
		return rc;
	if (c->reducer != REDUCER(COUNT))
		return fold(c, slot, fresh, e);
	slot->i++;
	return 0;
}

static int combine_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	for (uint32_t i = 0; i < batch->n; i++) {
		int rc = combine_push_one(n, &batch->elems[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int tr_combine_finish(struct tr_node *n)
{
	struct tr_combine *c = (struct tr_combine *)n;
	int rc = tr_drain(n, &c->table, c->stage, c->reducer == REDUCER(NONE));
	tr_table_fini(&c->table);
	return rc;
}

static void combine_free(struct tr_node *n)
{
	tr_combine_fini((struct tr_combine *)n);
	tr_xfree(n);
}

void tr_combine_init(struct tr_combine *c, const struct tr_node_ops *ops,
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage)
{
	tr_node_init(&c->node, ops, x, op);
	tr_table_init(&c->table, &x->budget);
	c->reducer = tr_combine_reducer(op);
	c->stage = stage;
	tr_buf_init(&c->key,
		TR_KEY_DATUM_MAX + TR_VALUE_DATUM_MAX + sizeof(uint64_t));
}

void tr_combine_fini(struct tr_combine *c)
{
	tr_table_fini(&c->table);
	tr_buf_fini(&c->key);
	tr_node_fini(&c->node);
}

static const struct tr_node_ops combine_ops = {
	.push = combine_push,
	.push_one = combine_push_one,
	.finish = tr_combine_finish,
	.free = combine_free,
};

struct tr_node *tr_combine_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage)
{
	struct tr_combine *c = tr_xcalloc(1, sizeof(*c));
	tr_combine_init(c, &combine_ops, x, op, stage);
	return &c->node;
}
