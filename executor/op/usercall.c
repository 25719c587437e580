#include "executor/op/usercall.h"

#include <stdio.h>

#include "common/base/xalloc.h"

struct usercall {
	struct tr_node node;
	struct tr_emitter emitter;
	struct tr_outbatch out;
	struct tr_node *only; /* takes elements one by one; or NULL */
	int behind;           /* code of a node behind that failed */
};

static int collect(struct usercall *u, const struct tr_elem *elem)
{
	if (tr_outbatch_put(&u->out, elem) != 0)
		return tr_node_no_memory(&u->node);
	return tr_outbatch_is_full(&u->out)
		       ? tr_outbatch_flush(&u->out, &u->node)
		       : 0;
}

static int emit(struct tr_emitter *e, const struct tr_elem *elem)
{
	struct usercall *u =
		(struct usercall *)((char *)e -
				    offsetof(struct usercall, emitter));
	/* User code may catch what we return, and go on: it stays failed. */
	if (u->behind == 0)
		u->behind = u->only ? u->only->ops->push_one(u->only, elem)
				    : collect(u, elem);
	return u->behind;
}

/* The program set code and text. */
static int fail_in_user_code(struct tr_node *n,
	const struct tr_user_error *where, const struct tr_elem *elem)
{
	struct tr_exec_failure *f = &n->exec->failure;
	tr_exec_place(n->exec, n->op, elem);
	if (where->where[0])
		snprintf(f->where, sizeof(f->where), "%s", where->where);
	return f->err.code;
}

static int usercall_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct usercall *u = (struct usercall *)n;
	struct tr_exec_opts *o = &n->exec->opts;
	struct tr_user_error where = { .index = UINT32_MAX };
	bool one_by_one = n->n_out == 1 && n->out[0]->ops->push_one;
	u->only = one_by_one ? n->out[0] : NULL;
	atomic_store_explicit(&o->page->op, n->op->id, memory_order_relaxed);
	int rc = o->program->ops->apply(o->program, n->op->id, n->op->kind,
		batch, &u->emitter, &where, tr_node_error(n));
	tr_page_beat(o->page);
	if (u->behind != 0)
		return u->behind;
	if (rc != 0)
		return fail_in_user_code(n, &where,
			where.index < batch->n ? &batch->elems[where.index]
					       : NULL);
	return tr_outbatch_flush(&u->out, n);
}

static void usercall_free(struct tr_node *n)
{
	struct usercall *u = (struct usercall *)n;
	tr_outbatch_fini(&u->out);
	tr_node_fini(n);
	tr_xfree(u);
}

static const struct tr_node_ops usercall_ops = {
	.push = usercall_push,
	.free = usercall_free,
};

struct tr_node *tr_usercall_new(
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	struct usercall *u = tr_xcalloc(1, sizeof(*u));
	tr_node_init(&u->node, &usercall_ops, x, op);
	u->emitter.push = emit;
	tr_outbatch_init(&u->out, x);
	return &u->node;
}

int tr_userpairs_run(struct tr_userpairs *p, struct tr_node *n)
{
	if (p->n == 0)
		return 0;
	struct tr_exec_opts *o = &n->exec->opts;
	struct tr_user_error where = { .index = UINT32_MAX };
	uint32_t pairs = p->n;
	p->n = 0;
	atomic_store_explicit(&o->page->op, n->op->id, memory_order_relaxed);
	int rc = o->program->ops->reduce(o->program, n->op->id, p->keys,
		p->accs, p->values, pairs, &where, tr_node_error(n));
	tr_page_beat(o->page);
	if (rc == 0)
		return 0;
	return fail_in_user_code(
		n, &where, where.index < pairs ? p->elems[where.index] : NULL);
}
