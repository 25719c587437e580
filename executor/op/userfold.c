#include "executor/op/userfold.h"

#include "common/base/xalloc.h"
#include "executor/op/combine.h"
#include "executor/op/usercall.h"
#include "executor/op/val.h"

/*
 * A batch's keys are looked up first; elements whose key had a value become
 * pairs. A slot that is in a pair has its accumulator's place, plus one, as
 * its mark, so that a key that comes twice has one accumulator.
 */
struct userfold {
	struct tr_combine combine;
	struct tr_userpairs pairs;
	struct tr_val accs[TR_BATCH_ELEMS];
	struct tr_slot *slots[TR_BATCH_ELEMS]; /* of accs */
	uint16_t n_accs;
};

static struct tr_val *acc_of(struct userfold *u, struct tr_slot *s)
{
	if (s->mark == 0) {
		u->accs[u->n_accs] = tr_slot_get(s);
		u->slots[u->n_accs++] = s;
		s->mark = u->n_accs;
	}
	return &u->accs[s->mark - 1];
}

static int add(struct userfold *u, const struct tr_elem *e)
{
	struct tr_combine *c = &u->combine;
	struct tr_slot *s;
	bool fresh;
	int rc = tr_combine_slot(c, e, &s, &fresh);
	if (rc != 0)
		return rc;
	if (fresh) {
		rc = tr_slot_set(&c->table, s, &e->value);
		return rc == 0 ? 0 : tr_node_no_memory(&c->node);
	}
	tr_userpairs_add(&u->pairs, &e->key, acc_of(u, s), &e->value, e);
	return 0;
}

static int put_back(struct userfold *u)
{
	int rc = 0;
	for (uint16_t i = 0; i < u->n_accs && rc == 0; i++) {
		u->slots[i]->mark = 0;
		rc = tr_slot_set(&u->combine.table, u->slots[i], &u->accs[i]);
	}
	u->n_accs = 0;
	return rc == 0 ? 0 : tr_node_no_memory(&u->combine.node);
}

static int userfold_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct userfold *u = (struct userfold *)n;
	/* Slots are held on to until the end of the batch. */
	if (tr_table_reserve(&u->combine.table, batch->n) != 0)
		return tr_node_no_memory(n);
	for (uint32_t i = 0; i < batch->n; i++) {
		int rc = add(u, &batch->elems[i]);
		if (rc != 0)
			return rc;
	}
	int rc = tr_userpairs_run(&u->pairs, n);
	return rc == 0 ? put_back(u) : rc;
}

static void userfold_free(struct tr_node *n)
{
	tr_combine_fini((struct tr_combine *)n);
	tr_xfree(n);
}

static const struct tr_node_ops userfold_ops = {
	.push = userfold_push,
	.finish = tr_combine_finish,
	.free = userfold_free,
};

struct tr_node *tr_userfold_new(
	struct tr_exec *x, const Tranche__V1__Operator *op, uint32_t stage)
{
	struct userfold *u = tr_xcalloc(1, sizeof(*u));
	tr_combine_init(&u->combine, &userfold_ops, x, op, stage);
	return &u->combine.node;
}
