#include "executor/op/source.h"

#include "common/base/xalloc.h"
#include "executor/op/val.h"

struct source {
	struct tr_node node;
	uint32_t piece;
	struct tr_outbatch out; /* views: its arena stays empty */
	struct tr_origin origins[TR_BATCH_ELEMS];
};

static int32_t timestamp_type(enum tr_timestamp_type t)
{
	switch (t) {
	case TR_TIMESTAMP_CREATE:
		return 0;
	case TR_TIMESTAMP_APPEND:
		return 1;
	case TR_TIMESTAMP_NONE:
		break;
	}
	return -1;
}

static void make_elements(
	struct source *s, const struct tr_record_view *records, uint32_t n)
{
	const struct tr_exec_opts *o = &s->node.exec->opts;
	for (uint32_t i = 0; i < n; i++) {
		const struct tr_record_view *r = &records[i];
		s->origins[i] = (struct tr_origin){
			.topic = o->topic,
			.partition = o->partition,
			.timestamp_type = timestamp_type(r->timestamp_type),
			.offset = r->offset,
			.timestamp = r->timestamp_ms,
			.record = r,
		};
		s->out.batch.elems[i] = (struct tr_elem){
			.key = tr_val_slice(r->key),
			.value = tr_val_slice(r->value),
			.origin = &s->origins[i],
		};
	}
	s->out.batch.n = n;
}

static int push_piece(
	struct source *s, const struct tr_record_view *records, uint32_t n)
{
	bool made = false;
	for (uint32_t i = 0; i < s->node.n_out; i++) {
		struct tr_node *to = s->node.out[i];
		int rc;
		if (to->ops->push_records) {
			rc = to->ops->push_records(to, records, n);
		} else {
			if (!made)
				make_elements(s, records, n);
			made = true;
			rc = to->ops->push(to, &s->out.batch);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int source_push_records(struct tr_node *n,
	const struct tr_record_view *records, size_t n_records)
{
	struct source *s = (struct source *)n;
	while (n_records > 0) {
		uint32_t k =
			n_records < s->piece ? (uint32_t)n_records : s->piece;
		int rc = push_piece(s, records, k);
		if (rc != 0)
			return rc;
		records += k;
		n_records -= k;
	}
	return 0;
}

static void source_free(struct tr_node *n)
{
	struct source *s = (struct source *)n;
	tr_outbatch_fini(&s->out);
	tr_node_fini(n);
	tr_xfree(s);
}

static const struct tr_node_ops source_ops = {
	.push_records = source_push_records,
	.free = source_free,
};

struct tr_node *tr_source_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t piece)
{
	struct source *s = tr_xcalloc(1, sizeof(*s));
	tr_node_init(&s->node, &source_ops, x, op);
	tr_outbatch_init(&s->out, x);
	s->piece = piece;
	return &s->node;
}
