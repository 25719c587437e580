#include "executor/op/node.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/xalloc.h"
#include "executor/op/val.h"

enum {
	/* A batch ends here too, so that large values do not pile up. */
	BATCH_BYTES = 256 << 10,
	ARENA_CHUNK = 64 << 10
};

void tr_node_init(struct tr_node *n, const struct tr_node_ops *ops,
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	n->ops = ops;
	n->exec = x;
	n->op = op;
}

void tr_node_fini(struct tr_node *n)
{
	tr_xfree(n->out);
}

static void set_position(struct tr_exec *x, const char *topic,
	uint32_t partition, int64_t offset)
{
	snprintf(x->failure.position, sizeof(x->failure.position),
		"%s-%u@%" PRId64, topic, partition, offset);
}

void tr_exec_place(struct tr_exec *x, const Tranche__V1__Operator *op,
	const struct tr_elem *elem)
{
	struct tr_exec_failure *f = &x->failure;
	snprintf(f->where, sizeof(f->where), "%s", op->where);
	if (elem && elem->origin)
		set_position(x, elem->origin->topic, elem->origin->partition,
			elem->origin->offset);
}

int tr_exec_at_record(
	struct tr_exec *x, const struct tr_record_view *record, int rc)
{
	set_position(x, x->opts.topic, x->opts.partition, record->offset);
	return rc;
}

int tr_node_fail_op(struct tr_node *n, const Tranche__V1__Operator *op,
	const struct tr_elem *elem)
{
	tr_exec_place(n->exec, op, elem);
	return tr_error_prefix(
		tr_node_error(n), "%s", tr_operator_name(op->kind));
}

int tr_node_fail(struct tr_node *n, const struct tr_elem *elem)
{
	return tr_node_fail_op(n, n->op, elem);
}

int tr_node_no_memory(struct tr_node *n)
{
	tr_exec_place(n->exec, n->op, NULL);
	return tr_error_set(tr_node_error(n), TR_ENOMEM,
		"operator %s at %s needs more than %" PRIu64
		" bytes; raise --memory, up to the executors' worker_memory, "
		"or lower --max-range",
		tr_operator_name(n->op->kind), n->op->where,
		n->exec->budget.max);
}

int tr_node_too_large(struct tr_node *n, const struct tr_elem *elem,
	const char *what, uint64_t bytes, uint64_t max)
{
	tr_error_set(tr_node_error(n), TR_ELIMIT,
		"a %s of %" PRIu64 " bytes is over the limit of %" PRIu64, what,
		bytes, max);
	return tr_node_fail(n, elem);
}

void tr_outbatch_init(struct tr_outbatch *b, struct tr_exec *x)
{
	tr_arena_init(&b->arena, &x->budget, ARENA_CHUNK);
	b->batch = (struct tr_elem_batch){
		.elems = tr_xcalloc(TR_BATCH_ELEMS, sizeof(struct tr_elem)),
		.arena = &b->arena,
	};
}

void tr_outbatch_fini(struct tr_outbatch *b)
{
	tr_xfree(b->batch.elems);
	tr_arena_fini(&b->arena);
}

bool tr_outbatch_is_full(const struct tr_outbatch *b)
{
	return b->batch.n == TR_BATCH_ELEMS || b->arena.used >= BATCH_BYTES;
}

int tr_outbatch_put(struct tr_outbatch *b, const struct tr_elem *elem)
{
	tr_assert(b->batch.n < TR_BATCH_ELEMS);
	struct tr_elem copy = *elem;
	int rc = tr_val_copy(&copy.key, &b->arena);
	if (rc == 0)
		rc = tr_val_copy(&copy.value, &b->arena);
	if (rc == 0)
		b->batch.elems[b->batch.n++] = copy;
	return rc;
}

void tr_outbatch_clear(struct tr_outbatch *b)
{
	b->batch.n = 0;
	tr_arena_reset(&b->arena);
}

int tr_outbatch_flush(struct tr_outbatch *b, struct tr_node *n)
{
	int rc = b->batch.n > 0 ? tr_node_push_out(n, &b->batch) : 0;
	tr_outbatch_clear(b);
	return rc;
}
