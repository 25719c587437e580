#include "driver/edge/receipt.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/bounds.h"

static bool is_digest(ProtobufCBinaryData b)
{
	return b.len == TR_DIGEST_SIZE;
}

static int check_range(const Tranche__V1__Range *range,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	bool is_within = r->records_in == 0 ||
			 (r->first_offset >= range->from &&
				 r->last_offset >= r->first_offset &&
				 r->last_offset < range->until);
	uint64_t most = (uint64_t)(range->until - range->from);
	if (r->position >= range->until && is_within && r->records_in <= most)
		return 0;
	return tr_error_set(err, TR_EPROTO,
		"the receipt is not one of the range: %" PRIu64
		" records, first %" PRId64 ", last %" PRId64
		", position %" PRId64 ", wanted [%" PRId64 ", %" PRId64 ")",
		r->records_in, r->first_offset, r->last_offset, r->position,
		range->from, range->until);
}

static bool reads(const struct tr_stages *st, uint32_t stage, uint32_t from)
{
	const struct tr_stage *s = &st->s[stage];
	for (uint32_t i = 0; i < s->n_inputs; i++)
		if (s->inputs[i] == from)
			return true;
	return false;
}

static bool is_after(
	const Tranche__V1__BlockInfo *b, const Tranche__V1__BlockInfo *last)
{
	return !last || b->stage > last->stage ||
	       (b->stage == last->stage && b->lane > last->lane);
}

static int check_blocks(const struct tr_edge_job *j, uint32_t stage,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	for (size_t i = 0; i < r->n_blocks; i++) {
		const Tranche__V1__BlockInfo *b = r->blocks[i];
		if (b->stage >= j->stages->n ||
			b->lane >= j->lanes[b->stage].lanes ||
			!reads(j->stages, b->stage, stage) ||
			!is_after(b, i ? r->blocks[i - 1] : NULL))
			return tr_error_set(err, TR_EPROTO,
				"block %zu of the receipt is for no lane or "
				"out of order",
				i);
		if (!is_digest(b->digest) || b->records == 0 ||
			b->stored_bytes == 0 ||
			b->offset > INT64_MAX - TR_FETCH_TASK_MAX ||
			b->stored_bytes > TR_FETCH_TASK_MAX)
			return tr_error_set(err, TR_EPROTO,
				"block %zu of the receipt has no digest, or "
				"sizes that cannot be",
				i);
	}
	return 0;
}

static const Tranche__V1__OutputInfo *find_output(
	const Tranche__V1__Receipt *r, uint32_t op)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (r->outputs[i]->operator_ == op)
			return r->outputs[i];
	return NULL;
}

/* As many as there are sinks, and each is there: so none is there twice. */
static int check_outputs(const struct tr_edge_stage *s,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	if (r->n_outputs != s->n_sinks)
		return tr_error_set(err, TR_EPROTO,
			"the receipt is of %zu outputs, the stage has %u",
			r->n_outputs, s->n_sinks);
	for (uint32_t i = 0; i < s->n_sinks; i++) {
		const Tranche__V1__OutputInfo *o = find_output(r, s->sinks[i]);
		if (!o || !is_digest(o->digest))
			return tr_error_set(err, TR_EPROTO,
				"the receipt has no output of operator %u, or "
				"none with a digest",
				s->sinks[i]);
	}
	return 0;
}

int tr_edge_receipt_check(const struct tr_edge_job *j, struct tr_lane_id lane,
	const Tranche__V1__Receipt *r, struct tr_error *err)
{
	const struct tr_edge_stage *s = &j->lanes[lane.stage];
	const Tranche__V1__Range *range = s->ranges[lane.lane];
	if (!r)
		return tr_error_set(err, TR_EPROTO, "no receipt");
	if (!is_digest(r->output_digest) ||
		(r->input_digest.len && !is_digest(r->input_digest)) ||
		strnlen(r->reader, TR_NAME_MAX) == TR_NAME_MAX)
		return tr_error_set(err, TR_EPROTO,
			"the receipt has no output digest, or a field that is "
			"too long");
	int rc = range ? check_range(range, r, err) : 0;
	if (rc == 0)
		rc = check_outputs(s, r, err);
	return rc == 0 ? check_blocks(j, lane.stage, r, err) : rc;
}

bool tr_edge_receipt_has_rows(const Tranche__V1__Receipt *r)
{
	for (size_t i = 0; i < r->n_outputs; i++)
		if (r->outputs[i]->records > 0)
			return true;
	return false;
}

struct tr_core_digest tr_edge_receipt_digest(const Tranche__V1__Receipt *r)
{
	struct tr_digest d = tr_digest_load(r->output_digest.data);
	return (struct tr_core_digest){ .lo = d.lo, .hi = d.hi };
}
