#include "tests/support/test.h"

#include "tests/executor/op/job.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/data/block.h"
#include "common/data/datum_text.h"

void job_init(struct job *j)
{
	memset(j, 0, sizeof(*j));
	tranche__v1__job_plan__init(&j->plan);
	j->plan.version = 1;
	j->plan.operators = j->ops;
	j->memory_bytes = 64 << 20;
	j->piece = SIZE_MAX;
	for (size_t i = 0; i < JOB_OPS; i++)
		for (size_t k = 0; k < JOB_LANES; k++)
			tr_buf_init(&j->results[i][k], SIZE_MAX);
}

void job_reset(struct job *j)
{
	for (size_t i = 0; i < j->n_blocks; i++)
		free(j->blocks[i].bytes);
	free(j->blocks);
	j->blocks = NULL;
	j->n_blocks = 0;
	for (size_t i = 0; i < JOB_OPS; i++)
		for (size_t k = 0; k < JOB_LANES; k++)
			tr_buf_fini(&j->results[i][k]);
	tr_stages_free(j->stages);
	j->stages = NULL;
}

static void free_source(struct job_lane *lane)
{
	for (size_t i = 0; i < lane->n; i++) {
		tr_xfree((void *)(uintptr_t)lane->records[i].key.p);
		tr_xfree((void *)(uintptr_t)lane->records[i].value.p);
	}
	free(lane->records);
}

void job_fini(struct job *j)
{
	job_reset(j);
	for (size_t i = 0; i < j->plan.n_operators; i++) {
		free(j->ops[i]->inputs);
		free(j->ops[i]);
		for (size_t k = 0; k < JOB_LANES; k++)
			free_source(&j->sources[i][k]);
	}
}

uint32_t job_op(struct job *j, Tranche__V1__OperatorKind kind, int input)
{
	static char where[] = "test.lua:7", topic[] = "lines", table[] = "t";
	uint32_t id = (uint32_t)j->plan.n_operators++;
	assert_true(id < JOB_OPS);
	Tranche__V1__Operator *op = tr_xmalloc(sizeof(*op));
	tranche__v1__operator__init(op);
	op->id = id;
	op->kind = kind;
	op->where = where;
	if (kind == OP(SOURCE))
		op->topic = topic;
	if (kind == OP(STORE))
		op->table = table;
	j->ops[id] = op;
	if (input >= 0)
		job_input(j, id, (uint32_t)input);
	return id;
}

void job_input(struct job *j, uint32_t op, uint32_t input)
{
	Tranche__V1__Operator *o = j->ops[op];
	o->inputs =
		tr_xrealloc(o->inputs, (o->n_inputs + 1) * sizeof(*o->inputs));
	o->inputs[o->n_inputs++] = input;
}

static struct tr_slice copy(struct tr_slice s)
{
	if (!s.p)
		return s;
	/* Not a byte of room behind: reading too far is seen. */
	uint8_t *p = tr_xmalloc(s.n > 0 ? s.n : 1);
	memcpy(p, s.p, s.n);
	return tr_slice_of(p, s.n);
}

void job_record_bytes(struct job *j, uint32_t source, uint32_t lane,
	struct tr_slice key, struct tr_slice value)
{
	struct job_lane *l = &j->sources[source][lane];
	if ((l->n & (l->n + 1)) == 0)
		l->records = tr_xrealloc(
			l->records, 2 * (l->n + 1) * sizeof(*l->records));
	l->records[l->n] = (struct tr_record_view){
		.offset = (int64_t)l->n,
		.timestamp_ms = -1,
		.key = copy(key),
		.value = copy(value),
	};
	l->n++;
}

void job_record(struct job *j, uint32_t source, uint32_t lane, const char *key,
	const char *value)
{
	job_record_bytes(j, source, lane,
		key ? tr_slice_of_text(key) : TR_SLICE_ABSENT,
		value ? tr_slice_of_text(value) : TR_SLICE_ABSENT);
}

/* ------------------------------------------------------------------ run */

static int take_bytes(void *arg, struct tr_slice bytes, struct tr_error *err)
{
	(void)err;
	return tr_buf_append(arg, bytes.p, bytes.n);
}

static int take_result(void *arg, uint32_t op, uint64_t records,
	struct tr_slice chunk, struct tr_error *err)
{
	struct job *j = arg;
	(void)err;
	assert_true(records > 0);
	return tr_buf_append(&j->results[op][j->result_lane], chunk.p, chunk.n);
}

static void keep_blocks(struct job *j, uint32_t stage, uint32_t lane,
	const struct tr_exec_result *r, const struct tr_buf *file)
{
	for (size_t i = 0; i < r->n_blocks; i++) {
		const struct tr_exec_block *b = &r->blocks[i];
		assert_true(b->offset + b->stored_bytes <= file->len);
		j->blocks = tr_xrealloc(
			j->blocks, (j->n_blocks + 1) * sizeof(*j->blocks));
		j->blocks[j->n_blocks++] = (struct job_block){
			.from_stage = stage,
			.from_lane = lane,
			.info = *b,
			.bytes = tr_xmemdup(
				file->data + b->offset, b->stored_bytes),
		};
	}
}

static int feed_records(
	struct job *j, struct tr_exec *x, const struct job_lane *lane)
{
	int rc = 0;
	for (size_t at = 0; at < lane->n && rc == 0;) {
		size_t n = lane->n - at < j->piece ? lane->n - at : j->piece;
		rc = tr_exec_records(x, lane->records + at, n);
		at += n;
	}
	return rc;
}

static int feed_blocks(
	struct job *j, struct tr_exec *x, uint32_t stage, uint32_t lane)
{
	struct tr_exec_input *in = tr_xcalloc(j->n_blocks, sizeof(*in));
	size_t n = 0;
	/* They were written in plan order. */
	for (size_t i = 0; i < j->n_blocks; i++) {
		const struct job_block *b = &j->blocks[i];
		if (b->info.stage != stage || b->info.lane != lane)
			continue;
		in[n++] = (struct tr_exec_input){
			.stage = b->from_stage,
			.lane = b->from_lane,
			.bytes = tr_slice_of(b->bytes, b->info.stored_bytes),
			.records = b->info.records,
			.digest = b->info.digest,
		};
	}
	int rc = tr_exec_blocks(x, in, n);
	tr_xfree(in);
	return rc;
}

static int run_lane(
	struct job *j, const uint32_t *lanes, uint32_t stage, uint32_t lane)
{
	const struct tr_stage *s = &j->stages->s[stage];
	struct tr_buf file;
	struct tr_exec *x;
	tr_buf_init(&file, SIZE_MAX);
	j->result_lane = lane;
	struct tr_exec_opts opts = {
		.plan = &j->plan,
		.stages = j->stages,
		.lanes = lanes,
		.stage = stage,
		.program = j->program,
		.memory_bytes = j->memory_bytes,
		.topic = "lines",
		.partition = lane,
		.block = take_bytes,
		.block_arg = &file,
		.result = take_result,
		.result_arg = j,
		.page = &j->page,
	};
	assert_int_equal(tr_exec_new(&opts, &x, &j->failure.err), 0);
	int rc = s->kind == TR_STAGE_SOURCE
			 ? feed_records(j, x, &j->sources[s->root][lane])
			 : feed_blocks(j, x, stage, lane);
	if (rc == 0)
		rc = tr_exec_finish(x);
	if (rc == 0)
		keep_blocks(j, stage, lane, tr_exec_result(x), &file);
	else
		j->failure = *tr_exec_failure(x);
	tr_exec_free(x);
	tr_buf_fini(&file);
	return rc;
}

static uint32_t source_lanes(const struct job *j, uint32_t op)
{
	uint32_t n = 1;
	for (uint32_t k = 0; k < JOB_LANES; k++)
		if (j->sources[op][k].n > 0)
			n = k + 1;
	return n;
}

int job_run(struct job *j, uint32_t lanes)
{
	struct tr_error err;
	uint32_t n[TR_STAGES_MAX];
	job_reset(j);
	assert_int_equal(tr_stages_new(&j->plan, &j->stages, &err), 0);
	for (uint32_t i = 0; i < j->stages->n; i++) {
		const struct tr_stage *s = &j->stages->s[i];
		n[i] = s->kind == TR_STAGE_GATHER ? 1
		       : s->kind == TR_STAGE_HASH ? lanes
						  : source_lanes(j, s->root);
	}
	for (uint32_t i = 0; i < j->stages->n; i++)
		for (uint32_t k = 0; k < n[i]; k++) {
			int rc = run_lane(j, n, i, k);
			if (rc != 0)
				return rc;
		}
	return 0;
}

/* --------------------------------------------------------------- results */

static void add_run(const struct tr_buf *run, struct tr_buf *text)
{
	struct tr_block_reader r;
	struct tr_buf scratch, last;
	struct tr_element e;
	struct tr_error err;
	int rc;
	tr_block_scratch_init(&scratch);
	tr_buf_init(&last, SIZE_MAX);
	tr_block_reader_init(&r, tr_slice_of(run->data, run->len), &scratch);
	while ((rc = tr_block_reader_take(&r, &e, &err)) > 0) {
		if (last.len > 0)
			assert_true(tr_slice_compare(
					    tr_slice_of(last.data, last.len),
					    e.key) < 0);
		tr_buf_reset(&last);
		assert_int_equal(tr_buf_append(&last, e.key.p, e.key.n), 0);
		assert_int_equal(tr_datum_to_text(e.key, text), 0);
		assert_int_equal(tr_buf_append_u8(text, '='), 0);
		assert_int_equal(tr_datum_to_text(e.value, text), 0);
		assert_int_equal(tr_buf_append_u8(text, '\n'), 0);
	}
	assert_int_equal(rc, 0);
	tr_buf_fini(&scratch);
	tr_buf_fini(&last);
}

void job_rows(struct job *j, uint32_t op, struct tr_buf *text)
{
	tr_buf_reset(text);
	for (uint32_t k = 0; k < JOB_LANES; k++)
		add_run(&j->results[op][k], text);
	assert_int_equal(tr_buf_append_u8(text, 0), 0);
	text->len--;
}

struct tr_digest job_digest(const struct job *j, uint32_t stage)
{
	struct tr_digest sum = { 0, 0 };
	for (size_t i = 0; i < j->n_blocks; i++)
		if (j->blocks[i].from_stage == stage)
			tr_digest_merge(&sum, j->blocks[i].info.digest);
	return sum;
}
