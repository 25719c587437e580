#include "executor/op/exec.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

#include "common/base/xalloc.h"
#include "common/data/block.h"
#include "executor/op/graph.h"
#include "executor/op/node.h"

int tr_exec_new(const struct tr_exec_opts *opts, struct tr_exec **out,
	struct tr_error *err)
{
	struct tr_exec *x = tr_xcalloc(1, sizeof(*x));
	x->opts = *opts;
	x->budget.max = opts->memory_bytes;
	tr_block_scratch_init(&x->chunk_scratch);
	tr_buf_init(&x->datum, TR_VALUE_DATUM_MAX);
	int rc = tr_graph_build(x, err);
	if (rc != 0) {
		tr_exec_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

void tr_exec_free(struct tr_exec *x)
{
	if (!x)
		return;
	tr_graph_free(x);
	tr_buf_fini(&x->chunk_scratch);
	tr_buf_fini(&x->datum);
	tr_xfree(x->result.blocks);
	tr_xfree(x->result.outputs);
	tr_xfree(x);
}

static void show_batch(struct tr_exec *x, const struct tr_record_view *first,
	const struct tr_record_view *last)
{
	struct tr_page *p = x->opts.page;
	atomic_store_explicit(&p->op, x->root->op->id, memory_order_relaxed);
	atomic_store_explicit(&p->first, first->offset, memory_order_relaxed);
	atomic_store_explicit(&p->last, last->offset, memory_order_relaxed);
	tr_page_set_state(p, TR_PAGE_RUNNING);
}

int tr_exec_records(
	struct tr_exec *x, const struct tr_record_view *records, size_t n)
{
	tr_assert(x->root->ops->push_records);
	if (n == 0)
		return 0;
	show_batch(x, &records[0], &records[n - 1]);
	x->result.records_in += n;
	return x->root->ops->push_records(x->root, records, n);
}

int tr_exec_blocks(
	struct tr_exec *x, const struct tr_exec_input *inputs, size_t n)
{
	tr_assert(x->root->ops->pull);
	atomic_store_explicit(
		&x->opts.page->op, x->root->op->id, memory_order_relaxed);
	tr_page_set_state(x->opts.page, TR_PAGE_RUNNING);
	return x->root->ops->pull(x->root, inputs, n);
}

int tr_exec_finish(struct tr_exec *x)
{
	tr_page_set_state(x->opts.page, TR_PAGE_WRITING);
	for (uint32_t i = 0; i < x->n_nodes; i++) {
		struct tr_node *n = x->nodes[i];
		if (!n->ops->finish)
			continue;
		atomic_store_explicit(
			&x->opts.page->op, n->op->id, memory_order_relaxed);
		int rc = n->ops->finish(n);
		if (rc != 0)
			return rc;
	}
	return 0;
}

const struct tr_exec_result *tr_exec_result(const struct tr_exec *x)
{
	return &x->result;
}

const struct tr_exec_failure *tr_exec_failure(const struct tr_exec *x)
{
	return &x->failure;
}

/* Numbers as eight little-endian bytes, so that hosts agree. */
static void add_number(XXH3_state_t *h, uint64_t v)
{
	uint8_t b[8];
	for (unsigned i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)(v >> (8 * i));
	XXH3_128bits_update(h, b, sizeof(b));
}

static void add_part(XXH3_state_t *h, uint64_t kind, uint64_t where,
	uint64_t lane, uint64_t records, struct tr_digest digest)
{
	add_number(h, kind);
	add_number(h, where);
	add_number(h, lane);
	add_number(h, records);
	add_number(h, digest.lo);
	add_number(h, digest.hi);
}

struct tr_digest tr_exec_output_digest(const struct tr_exec *x)
{
	const struct tr_exec_result *r = &x->result;
	XXH3_state_t *h = XXH3_createState();
	tr_assert(h);
	XXH3_128bits_reset(h);
	for (size_t i = 0; i < r->n_blocks; i++)
		add_part(h, 0, r->blocks[i].stage, r->blocks[i].lane,
			r->blocks[i].records, r->blocks[i].digest);
	for (size_t i = 0; i < r->n_outputs; i++)
		add_part(h, 1, r->outputs[i].op, 0, r->outputs[i].records,
			r->outputs[i].digest);
	XXH128_hash_t sum = XXH3_128bits_digest(h);
	XXH3_freeState(h);
	return (struct tr_digest){ .lo = sum.low64, .hi = sum.high64 };
}
