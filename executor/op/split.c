#include "executor/op/split.h"

#include <stdio.h>

#include "common/base/xalloc.h"
#include "executor/op/val.h"
#include "executor/op/words.h"

struct split {
	struct tr_node node;
	struct tr_outbatch out; /* views: its arena stays empty */
	struct tr_words words;
};

int tr_split_text(struct tr_node *n, const Tranche__V1__Operator *split,
	const struct tr_elem *e, struct tr_slice *text)
{
	if (e->value.type == TR_VAL_BYTES) {
		*text = tr_slice_of(e->value.p, e->value.len);
		return 0;
	}
	if (e->value.type == TR_VAL_NULL) {
		*text = TR_SLICE_ABSENT;
		return 0;
	}
	tr_error_set(tr_node_error(n), TR_EUSER,
		"cannot split a value of type %s", tr_val_type_name(&e->value));
	return tr_node_fail_op(n, split, e);
}

static int put_words(
	struct split *s, const struct tr_elem *e, const uint8_t *text, size_t k)
{
	for (size_t i = 0; i < k; i++) {
		uint32_t from = s->words.edge[2 * i];
		uint32_t until = s->words.edge[2 * i + 1];
		struct tr_elem_batch *b = &s->out.batch;
		b->elems[b->n++] = (struct tr_elem){
			.value = tr_val_slice(
				tr_slice_of(text + from, until - from)),
			.origin = e->origin,
		};
		if (b->n == TR_BATCH_ELEMS) {
			int rc = tr_outbatch_flush(&s->out, &s->node);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}

static int split_element(struct split *s, const struct tr_elem *e)
{
	struct tr_slice text;
	int rc = tr_split_text(&s->node, s->node.op, e, &text);
	if (rc != 0)
		return rc;
	tr_words_init(&s->words, text.p, text.n);
	size_t k;
	while ((k = tr_words_next(&s->words)) > 0) {
		rc = put_words(s, e, text.p, k);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int split_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct split *s = (struct split *)n;
	for (uint32_t i = 0; i < batch->n; i++) {
		int rc = split_element(s, &batch->elems[i]);
		if (rc != 0)
			return rc;
	}
	return tr_outbatch_flush(&s->out, n);
}

static void split_free(struct tr_node *n)
{
	struct split *s = (struct split *)n;
	tr_outbatch_fini(&s->out);
	tr_node_fini(n);
	tr_xfree(s);
}

static const struct tr_node_ops split_ops = {
	.push = split_push,
	.free = split_free,
};

struct tr_node *tr_split_new(struct tr_exec *x, const Tranche__V1__Operator *op)
{
	struct split *s = tr_xcalloc(1, sizeof(*s));
	tr_node_init(&s->node, &split_ops, x, op);
	tr_outbatch_init(&s->out, x);
	return &s->node;
}
