#include "executor/worker/receipt.h"

#include "common/base/xalloc.h"

static ProtobufCBinaryData digest_bytes(struct tr_digest d)
{
	uint8_t *p = tr_xmalloc(TR_DIGEST_SIZE);
	tr_digest_store(d, p);
	return (ProtobufCBinaryData){ .len = TR_DIGEST_SIZE, .data = p };
}

static Tranche__V1__BlockInfo *block_message(const struct tr_exec_block *b)
{
	Tranche__V1__BlockInfo *m = tr_xmalloc(sizeof(*m));
	tranche__v1__block_info__init(m);
	m->stage = b->stage;
	m->lane = b->lane;
	m->offset = b->offset;
	m->stored_bytes = b->stored_bytes;
	m->raw_bytes = b->raw_bytes;
	m->records = b->records;
	m->digest = digest_bytes(b->digest);
	return m;
}

static Tranche__V1__OutputInfo *output_message(const struct tr_exec_output *o)
{
	Tranche__V1__OutputInfo *m = tr_xmalloc(sizeof(*m));
	tranche__v1__output_info__init(m);
	m->operator_ = o->op;
	m->records = o->records;
	m->bytes = o->bytes;
	m->digest = digest_bytes(o->digest);
	return m;
}

static void fill_input(Tranche__V1__Receipt *m, const struct tr_receipt *r,
	const struct tr_exec_result *result)
{
	const struct tr_read_receipt *in = &r->read;
	if (!in->library) {
		m->records_in = result->records_in;
		m->bytes_in = result->bytes_in;
		m->first_offset = m->last_offset = m->position = -1;
		m->log_start_before = m->log_start_after = -1;
		return;
	}
	m->records_in = in->records;
	m->bytes_in = in->bytes;
	m->first_offset = in->first_offset;
	m->last_offset = in->last_offset;
	m->position = in->position;
	m->input_digest = digest_bytes(in->digest);
	m->log_start_before = in->log_start_before;
	m->log_start_after = in->log_start_after;
	m->duplicates_dropped = in->duplicates;
	m->reader = tr_xstrdup(in->library);
}

static void fill_output(
	Tranche__V1__Receipt *m, const struct tr_exec_result *result)
{
	m->blocks = tr_xcalloc(result->n_blocks, sizeof(*m->blocks));
	for (size_t i = 0; i < result->n_blocks; i++) {
		m->blocks[m->n_blocks++] = block_message(&result->blocks[i]);
		m->records_out += result->blocks[i].records;
		m->bytes_out += result->blocks[i].stored_bytes;
	}
	m->outputs = tr_xcalloc(result->n_outputs, sizeof(*m->outputs));
	for (size_t i = 0; i < result->n_outputs; i++) {
		m->outputs[m->n_outputs++] =
			output_message(&result->outputs[i]);
		m->records_out += result->outputs[i].records;
		m->bytes_out += result->outputs[i].bytes;
	}
}

Tranche__V1__Receipt *tr_receipt_message(
	const struct tr_receipt *r, const struct tr_exec *x)
{
	const struct tr_exec_result *result = tr_exec_result(x);
	Tranche__V1__Receipt *m = tr_xmalloc(sizeof(*m));
	tranche__v1__receipt__init(m);
	fill_input(m, r, result);
	fill_output(m, result);
	m->output_digest = digest_bytes(tr_exec_output_digest(x));
	m->cpu_us = r->cpu_us;
	m->wall_us = r->wall_us;
	m->read_wait_us = r->read_wait_us;
	return m;
}

void tr_receipt_message_free(Tranche__V1__Receipt *m)
{
	tranche__v1__receipt__free_unpacked(m, NULL);
}
