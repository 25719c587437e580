#include "executor/op/blockin.h"

#include <inttypes.h>

void tr_blockin_open(struct tr_blockin *b, struct tr_node *n,
	const struct tr_exec_input *input)
{
	*b = (struct tr_blockin){ .node = n, .input = input };
	tr_block_scratch_init(&b->scratch);
	tr_block_reader_init(&b->reader, input->bytes, &b->scratch);
}

void tr_blockin_close(struct tr_blockin *b)
{
	if (!b->node)
		return;
	tr_budget_give(&b->node->exec->budget, b->charged);
	tr_buf_fini(&b->scratch);
	b->node = NULL;
}

static int fail(struct tr_blockin *b)
{
	struct tr_error *err = tr_node_error(b->node);
	return tr_error_prefix(err, "block of stage %u lane %u",
		b->input->stage, b->input->lane);
}

static int check_end(struct tr_blockin *b)
{
	if (b->records == b->input->records &&
		tr_digest_equal(b->digest, b->input->digest))
		return 0;
	tr_error_set(tr_node_error(b->node), TR_ECORRUPT,
		"its content is not what its receipt says (%" PRIu64
		" elements read, %" PRIu64 " written)",
		b->records, b->input->records);
	return fail(b);
}

/* Decompressed chunks count as the task's memory. */
static int charge(struct tr_blockin *b)
{
	uint64_t more = b->scratch.cap - b->charged;
	if (!tr_budget_take(&b->node->exec->budget, more))
		return tr_node_no_memory(b->node);
	b->charged += more;
	return 0;
}

int tr_blockin_next(struct tr_blockin *b, struct tr_element *out)
{
	int rc = tr_block_reader_take(&b->reader, out, tr_node_error(b->node));
	if (rc < 0)
		return fail(b);
	if (rc == 0)
		return check_end(b);
	if (b->scratch.cap != b->charged) {
		int no_memory = charge(b);
		if (no_memory != 0)
			return no_memory;
	}
	tr_digest_add_element(&b->digest, out->key, out->value);
	struct tr_exec_result *r = &b->node->exec->result;
	b->records++;
	r->records_in++;
	r->bytes_in += out->key.n + out->value.n;
	return 1;
}
