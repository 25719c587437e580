#include "executor/op/userfold.h"

#include "common/base/xalloc.h"
#include "executor/op/merge.h"
#include "executor/op/usercall.h"
#include "executor/op/val.h"

enum {
	ARENA_CHUNK = 64 << 10,
	ARENA_BATCH = 256 << 10
};

/*
 * Elements come sorted by key. A batch of them becomes groups, one per key,
 * and pairs, the group's accumulator and a further value each. One call folds
 * all pairs; then every group but the last is done, which may go on in the
 * next batch and moves to the other arena.
 */
struct userread {
	struct tr_node node;
	struct tr_outbatch out;
	struct tr_arena arenas[2];
	unsigned arena; /* in use */
	struct tr_val keys[TR_BATCH_ELEMS];
	struct tr_val accs[TR_BATCH_ELEMS];
	uint32_t n_groups;
	struct tr_userpairs pairs;
};

static int emit_group(struct userread *u, uint32_t i)
{
	struct tr_elem e = { .key = u->keys[i], .value = u->accs[i] };
	if (tr_outbatch_put(&u->out, &e) != 0)
		return tr_node_no_memory(&u->node);
	return tr_outbatch_is_full(&u->out)
		       ? tr_outbatch_flush(&u->out, &u->node)
		       : 0;
}

static int carry_last_group(struct userread *u)
{
	struct tr_arena *other = &u->arenas[1 - u->arena];
	uint32_t last = u->n_groups - 1;
	if (tr_val_copy(&u->keys[last], other) != 0 ||
		tr_val_copy(&u->accs[last], other) != 0)
		return tr_node_no_memory(&u->node);
	u->keys[0] = u->keys[last];
	u->accs[0] = u->accs[last];
	u->n_groups = 1;
	tr_arena_reset(&u->arenas[u->arena]);
	u->arena = 1 - u->arena;
	return 0;
}

static int reduce_batch(struct userread *u, bool last)
{
	int rc = tr_userpairs_run(&u->pairs, &u->node);
	uint32_t done = u->n_groups - (last || u->n_groups == 0 ? 0 : 1);
	for (uint32_t i = 0; i < done && rc == 0; i++)
		rc = emit_group(u, i);
	if (rc != 0)
		return rc;
	return last ? tr_outbatch_flush(&u->out, &u->node)
		    : carry_last_group(u);
}

static bool is_last_group(const struct userread *u, const struct tr_val *key)
{
	return u->n_groups > 0 &&
	       tr_val_compare(&u->keys[u->n_groups - 1], key) == 0;
}

static int take(struct userread *u, const struct tr_element *e)
{
	struct tr_arena *arena = &u->arenas[u->arena];
	struct tr_val key = tr_val_decode(e->key);
	struct tr_val value = tr_val_decode(e->value);
	if (tr_val_copy(&value, arena) != 0)
		return tr_node_no_memory(&u->node);
	if (is_last_group(u, &key)) {
		uint32_t g = u->n_groups - 1;
		tr_userpairs_add(
			&u->pairs, &u->keys[g], &u->accs[g], &value, NULL);
	} else {
		if (tr_val_copy(&key, arena) != 0)
			return tr_node_no_memory(&u->node);
		u->keys[u->n_groups] = key;
		u->accs[u->n_groups++] = value;
	}
	if (u->pairs.n == TR_BATCH_ELEMS || u->n_groups == TR_BATCH_ELEMS ||
		arena->used >= ARENA_BATCH)
		return reduce_batch(u, false);
	return 0;
}

static int userread_pull(
	struct tr_node *n, const struct tr_exec_input *inputs, size_t n_inputs)
{
	struct userread *u = (struct userread *)n;
	struct tr_merge m;
	int rc = tr_merge_open(&m, n, inputs, n_inputs, false);
	struct tr_element e;
	while (rc == 0 && (rc = tr_merge_next(&m, &e)) > 0)
		rc = take(u, &e);
	tr_merge_close(&m);
	return rc == 0 ? reduce_batch(u, true) : rc;
}

static void userread_free(struct tr_node *n)
{
	struct userread *u = (struct userread *)n;
	tr_outbatch_fini(&u->out);
	tr_arena_fini(&u->arenas[0]);
	tr_arena_fini(&u->arenas[1]);
	tr_node_fini(n);
	tr_xfree(u);
}

static const struct tr_node_ops userread_ops = {
	.pull = userread_pull,
	.free = userread_free,
};

struct tr_node *tr_userfold_read_new(
	struct tr_exec *x, const Tranche__V1__Operator *op)
{
	struct userread *u = tr_xcalloc(1, sizeof(*u));
	tr_node_init(&u->node, &userread_ops, x, op);
	tr_outbatch_init(&u->out, x);
	tr_arena_init(&u->arenas[0], &x->budget, ARENA_CHUNK);
	tr_arena_init(&u->arenas[1], &x->budget, ARENA_CHUNK);
	return &u->node;
}
