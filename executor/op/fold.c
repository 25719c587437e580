#include "executor/op/fold.h"

#include "common/base/xalloc.h"
#include "executor/op/combine.h"
#include "executor/op/merge.h"
#include "executor/op/reduce.h"
#include "executor/op/val.h"

#define REDUCER(name) TRANCHE__V1__REDUCER__REDUCER_##name

struct fold {
	struct tr_node node;
	struct tr_outbatch out;
	Tranche__V1__Reducer reducer; /* NONE: distinct */
	bool open;                    /* key and acc are those of a key */
	struct tr_buf key;            /* encoded; for distinct the value too */
	size_t key_n;
	struct tr_val acc;
	struct tr_buf acc_bytes; /* of acc, where it has any */
};

/* Elements of blocks die with the next one: acc keeps a copy. */
static int keep(struct fold *f)
{
	if (!tr_val_has_bytes(&f->acc) || f->acc.p == f->acc_bytes.data)
		return 0;
	tr_buf_reset(&f->acc_bytes);
	if (tr_buf_append(&f->acc_bytes, f->acc.p, f->acc.len) != 0)
		return tr_node_no_memory(&f->node);
	/* Empty bytes are not absent: their address is not NULL. */
	if (f->acc.len > 0)
		f->acc.p = f->acc_bytes.data;
	else
		f->acc.p = (const uint8_t *)"";
	return 0;
}

static int emit_key(struct fold *f)
{
	struct tr_slice key = tr_slice_of(f->key.data, f->key_n);
	struct tr_elem e = { .key = tr_val_decode(key), .value = f->acc };
	f->open = false;
	if (tr_outbatch_put(&f->out, &e) != 0)
		return tr_node_no_memory(&f->node);
	if (!tr_outbatch_is_full(&f->out))
		return 0;
	tr_page_beat(f->node.exec->opts.page);
	return tr_outbatch_flush(&f->out, &f->node);
}

static int begin_key(struct fold *f, const struct tr_element *e)
{
	f->open = true;
	f->key_n = e->key.n;
	tr_buf_reset(&f->key);
	int rc = tr_buf_append(&f->key, e->key.p, e->key.n);
	if (rc == 0 && f->reducer == REDUCER(NONE))
		rc = tr_buf_append(&f->key, e->value.p, e->value.n);
	if (rc != 0)
		return tr_node_no_memory(&f->node);
	f->acc = tr_val_decode(e->value);
	return keep(f);
}

static bool is_same(const struct fold *f, const struct tr_element *e)
{
	if (!f->open || f->key_n != e->key.n ||
		memcmp(f->key.data, e->key.p, e->key.n) != 0)
		return false;
	return f->reducer != REDUCER(NONE) ||
	       (f->key.len == e->key.n + e->value.n &&
		       memcmp(f->key.data + f->key_n, e->value.p, e->value.n) ==
			       0);
}

static int fold_in(struct fold *f, const struct tr_element *e)
{
	if (f->reducer == REDUCER(NONE))
		return 0;
	struct tr_val v = tr_val_decode(e->value);
	int rc = tr_reduce(f->reducer, &f->acc, &v, tr_node_error(&f->node));
	if (rc != 0) {
		char text[TR_VAL_TEXT_MAX];
		struct tr_val key = tr_val_decode(e->key);
		tr_error_prefix(tr_node_error(&f->node), "key '%s'",
			tr_val_to_text(&key, text));
		return tr_node_fail(&f->node, NULL);
	}
	return keep(f);
}

static int take(struct fold *f, const struct tr_element *e)
{
	if (is_same(f, e))
		return fold_in(f, e);
	if (f->open) {
		int rc = emit_key(f);
		if (rc != 0)
			return rc;
	}
	return begin_key(f, e);
}

static int fold_all(struct fold *f, struct tr_merge *m)
{
	struct tr_element e;
	int rc;
	while ((rc = tr_merge_next(m, &e)) > 0) {
		rc = take(f, &e);
		if (rc != 0)
			return rc;
	}
	if (rc == 0 && f->open)
		rc = emit_key(f);
	return rc == 0 ? tr_outbatch_flush(&f->out, &f->node) : rc;
}

static int fold_pull(
	struct tr_node *n, const struct tr_exec_input *inputs, size_t n_inputs)
{
	struct fold *f = (struct fold *)n;
	struct tr_merge m;
	int rc = tr_merge_open(
		&m, n, inputs, n_inputs, f->reducer == REDUCER(NONE));
	if (rc == 0)
		rc = fold_all(f, &m);
	tr_merge_close(&m);
	return rc;
}

static void fold_free(struct tr_node *n)
{
	struct fold *f = (struct fold *)n;
	tr_outbatch_fini(&f->out);
	tr_buf_fini(&f->key);
	tr_buf_fini(&f->acc_bytes);
	tr_node_fini(n);
	tr_xfree(f);
}

static const struct tr_node_ops fold_ops = {
	.pull = fold_pull,
	.free = fold_free,
};

struct tr_node *tr_fold_new(struct tr_exec *x, const Tranche__V1__Operator *op)
{
	struct fold *f = tr_xcalloc(1, sizeof(*f));
	tr_node_init(&f->node, &fold_ops, x, op);
	tr_outbatch_init(&f->out, x);
	f->reducer = tr_combine_reducer(op);
	if (f->reducer == REDUCER(COUNT)) /* partial counts are added */
		f->reducer = REDUCER(SUM);
	tr_buf_init(&f->key, TR_KEY_DATUM_MAX + TR_VALUE_DATUM_MAX);
	tr_buf_init(&f->acc_bytes, TR_VALUE_DATUM_MAX);
	return &f->node;
}
