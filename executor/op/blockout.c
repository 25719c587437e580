#include "executor/op/blockout.h"

#include "common/base/xalloc.h"
#include "executor/op/val.h"

enum {
	/* Whoever merges blocks holds a chunk of each of them. */
	BLOCK_CHUNK_MIN = 4 << 10,
	BLOCK_CHUNK_MAX = 64 << 10,
	RUN_CHUNK = 256 << 10
};

static int take_block_chunk(void *arg, const uint8_t *p, size_t n)
{
	struct tr_blockout *b = arg;
	struct tr_exec *x = b->node->exec;
	b->sink_code = x->opts.block(
		x->opts.block_arg, tr_slice_of(p, n), &x->failure.err);
	if (b->sink_code == 0)
		x->block_at += n;
	return b->sink_code;
}

static int take_run_chunk(void *arg, const uint8_t *p, size_t n)
{
	struct tr_blockout *b = arg;
	struct tr_exec *x = b->node->exec;
	b->sink_code = x->opts.result(x->opts.result_arg, b->node->op->id,
		b->writer.chunk_records, tr_slice_of(p, n), &x->failure.err);
	return b->sink_code;
}

/* All lanes of this stage together: a quarter of a task's memory. */
static uint32_t block_chunk(const struct tr_exec *x)
{
	uint64_t n = x->opts.memory_bytes / 4 / x->opts.lanes[x->opts.stage];
	if (n < BLOCK_CHUNK_MIN)
		return BLOCK_CHUNK_MIN;
	return n > BLOCK_CHUNK_MAX ? BLOCK_CHUNK_MAX : (uint32_t)n;
}

void tr_blockout_open(
	struct tr_blockout *b, struct tr_node *n, uint32_t stage, uint32_t lane)
{
	*b = (struct tr_blockout){ .node = n, .stage = stage, .lane = lane };
	tr_block_writer_init(&b->writer, block_chunk(n->exec),
		&n->exec->chunk_scratch, take_block_chunk, b);
}

void tr_blockout_open_run(struct tr_blockout *b, struct tr_node *n)
{
	*b = (struct tr_blockout){ .node = n, .is_run = true };
	tr_block_writer_init(&b->writer, RUN_CHUNK, &n->exec->chunk_scratch,
		take_run_chunk, b);
}

static int fail(struct tr_blockout *b, int rc, const struct tr_elem *elem)
{
	if (b->sink_code != 0)
		return rc;
	if (rc == TR_ENOMEM)
		return tr_node_no_memory(b->node);
	tr_error_set(tr_node_error(b->node), rc,
		"cannot put out an element: %s", tr_err_name(rc));
	return tr_node_fail(b->node, elem);
}

int tr_blockout_put(struct tr_blockout *b, struct tr_slice key,
	struct tr_slice value, const struct tr_elem *elem)
{
	if (key.n > TR_KEY_DATUM_MAX)
		return tr_node_too_large(
			b->node, elem, "key", key.n, TR_KEY_DATUM_MAX);
	if (value.n > TR_VALUE_DATUM_MAX)
		return tr_node_too_large(
			b->node, elem, "value", value.n, TR_VALUE_DATUM_MAX);
	int rc = tr_block_writer_put(&b->writer, key, value);
	return rc == 0 ? 0 : fail(b, rc, elem);
}

int tr_blockout_put_val(struct tr_blockout *b, struct tr_slice key,
	const struct tr_val *value, const struct tr_elem *elem)
{
	if (!tr_val_has_bytes(value)) {
		uint8_t room[TR_NUMBER_MAX];
		return tr_blockout_put(b, key,
			tr_slice_of(room, tr_val_encode(value, room)), elem);
	}
	if (value->type != TR_VAL_BYTES)
		return tr_blockout_put(
			b, key, tr_slice_of(value->p, value->len), elem);
	struct tr_buf *datum = &b->node->exec->datum;
	tr_buf_reset(datum);
	int rc = tr_datum_put_bytes(datum, value->p, value->len);
	if (rc == TR_ELIMIT)
		return tr_node_too_large(
			b->node, elem, "value", value->len, TR_VALUE_MAX);
	if (rc != 0)
		return fail(b, rc, elem);
	return tr_blockout_put(
		b, key, tr_slice_of(datum->data, datum->len), elem);
}

static void record_block(struct tr_blockout *b)
{
	struct tr_exec *x = b->node->exec;
	struct tr_exec_result *r = &x->result;
	const struct tr_block_totals *t = &b->writer.totals;
	if (t->records == 0)
		return;
	r->blocks =
		tr_xrealloc(r->blocks, (r->n_blocks + 1) * sizeof(*r->blocks));
	r->blocks[r->n_blocks++] = (struct tr_exec_block){
		.stage = b->stage,
		.lane = b->lane,
		.offset = x->block_at - t->stored_bytes,
		.stored_bytes = t->stored_bytes,
		.raw_bytes = t->raw_bytes,
		.records = t->records,
		.digest = t->digest,
	};
}

static void record_run(struct tr_blockout *b)
{
	struct tr_exec_result *r = &b->node->exec->result;
	const struct tr_block_totals *t = &b->writer.totals;
	r->outputs = tr_xrealloc(
		r->outputs, (r->n_outputs + 1) * sizeof(*r->outputs));
	r->outputs[r->n_outputs++] = (struct tr_exec_output){
		.op = b->node->op->id,
		.records = t->records,
		.bytes = t->stored_bytes,
		.digest = t->digest,
	};
}

int tr_blockout_close(struct tr_blockout *b)
{
	int rc = tr_block_writer_flush(&b->writer);
	if (rc != 0) {
		rc = fail(b, rc, NULL);
		tr_block_writer_fini(&b->writer);
		return rc;
	}
	if (b->is_run)
		record_run(b);
	else
		record_block(b);
	tr_block_writer_fini(&b->writer);
	return 0;
}

void tr_blockout_abandon(struct tr_blockout *b)
{
	tr_block_writer_fini(&b->writer);
}
