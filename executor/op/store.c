#include "executor/op/store.h"

#include "common/base/xalloc.h"
#include "executor/op/blockout.h"
#include "executor/op/val.h"

struct store {
	struct tr_node node;
	struct tr_blockout out;
	bool closed;
	struct tr_buf key;
	struct tr_buf last_key; /* encoded; empty: none yet */
};

static int put(struct store *s, const struct tr_elem *e)
{
	if (e->key.type == TR_VAL_NULL) {
		tr_error_set(tr_node_error(&s->node), TR_EUSER,
			"cannot store an element whose key is null");
		return tr_node_fail(&s->node, e);
	}
	tr_buf_reset(&s->key);
	if (tr_buf_reserve(&s->key, tr_val_encoded_max(&e->key)) != 0)
		return tr_node_no_memory(&s->node);
	s->key.len = tr_val_encode(&e->key, s->key.data);
	struct tr_slice key = tr_slice_of(s->key.data, s->key.len);
	/* Stages are built so that it does (common/plan/stages.h). */
	tr_assert(
		s->last_key.len == 0 ||
		tr_slice_compare(tr_slice_of(s->last_key.data, s->last_key.len),
			key) < 0);
	int rc = tr_blockout_put_val(&s->out, key, &e->value, e);
	struct tr_buf spare = s->last_key;
	s->last_key = s->key;
	s->key = spare;
	return rc;
}

static int store_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct store *s = (struct store *)n;
	for (uint32_t i = 0; i < batch->n; i++) {
		int rc = put(s, &batch->elems[i]);
		if (rc != 0)
			return rc;
	}
	return tr_node_push_out(n, batch);
}

static int store_finish(struct tr_node *n)
{
	struct store *s = (struct store *)n;
	s->closed = true;
	return tr_blockout_close(&s->out);
}

static void store_free(struct tr_node *n)
{
	struct store *s = (struct store *)n;
	if (!s->closed)
		tr_blockout_abandon(&s->out);
	tr_buf_fini(&s->key);
	tr_buf_fini(&s->last_key);
	tr_node_fini(n);
	tr_xfree(s);
}

static const struct tr_node_ops store_ops = {
	.push = store_push,
	.finish = store_finish,
	.free = store_free,
};

struct tr_node *tr_store_new(struct tr_exec *x, const Tranche__V1__Operator *op)
{
	struct store *s = tr_xcalloc(1, sizeof(*s));
	tr_node_init(&s->node, &store_ops, x, op);
	tr_blockout_open_run(&s->out, &s->node);
	/* A key beyond the limit is refused by its length, not by the buffer.
	 */
	tr_buf_init(&s->key, TR_VALUE_DATUM_MAX);
	tr_buf_init(&s->last_key, TR_VALUE_DATUM_MAX);
	return &s->node;
}
