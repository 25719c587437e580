#include "executor/worker/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/wire/kinds.h"
#include "executor/op/exec.h"
#include "executor/reader/rdkafka_reader.h"
#include "executor/worker/rate.h"
#include "executor/worker/receipt.h"
#include "executor/worker/spool.h"

enum {
	READ_MS = 100
};

struct task {
	struct tr_worker *w;
	const Tranche__V1__WorkerTask *msg;
	struct tr_exec *exec; /* NULL before it could be made */
	struct tr_spool_file blocks;
	uint32_t seq[TR_OPERATORS_MAX]; /* of result chunks */
	struct tr_receipt receipt;
	struct tr_exec_failure failure;
};

static int write_blocks(void *arg, struct tr_slice bytes, struct tr_error *err)
{
	struct task *t = arg;
	return tr_spool_file_write(&t->blocks, bytes, err);
}

static int send_result(void *arg, uint32_t op, uint64_t records,
	struct tr_slice chunk, struct tr_error *err)
{
	struct task *t = arg;
	Tranche__V1__ResultChunk msg = TRANCHE__V1__RESULT_CHUNK__INIT;
	msg.env = t->msg->spec->env;
	msg.operator_ = op;
	msg.seq = t->seq[op]++;
	msg.records = records;
	int rc = tr_uplink_send(&t->w->up, TR_KIND_RESULT_CHUNK, &msg, chunk);
	tr_page_beat(t->w->page);
	return rc == 0 ? 0
		       : tr_error_set(err, rc, "cannot send a result: %s",
				 tr_err_name(rc));
}

/* A fresh program for this attempt, where the plan needs one. */
static int load_program(struct task *t)
{
	struct tr_user_error where = { .where = "" };
	if (t->w->program || !t->w->has_functions)
		return 0;
	int rc = tr_worker_load(t->w, &where, &t->failure.err);
	if (rc != 0)
		snprintf(t->failure.where, sizeof(t->failure.where), "%s",
			where.where);
	return rc;
}

static int make_exec(struct task *t)
{
	const Tranche__V1__TaskSpec *spec = t->msg->spec;
	struct tr_exec_opts opts = {
		.plan = t->w->plan,
		.stages = t->w->stages,
		.lanes = t->w->lanes,
		.stage = spec->env->stage,
		.program = t->w->program,
		.memory_bytes = tr_worker_operator_memory(t->w),
		.topic = spec->range ? spec->range->topic : NULL,
		.partition = spec->range ? spec->range->partition : 0,
		.block = write_blocks,
		.block_arg = t,
		.result = send_result,
		.result_arg = t,
		.page = t->w->page,
	};
	int rc = tr_exec_new(&opts, &t->exec, &t->failure.err);
	if (rc != 0)
		return rc;
	bool reads = t->w->stages->s[spec->env->stage].kind == TR_STAGE_SOURCE;
	if (reads == (spec->range != NULL))
		return 0;
	return tr_error_set(&t->failure.err, TR_EPROTO,
		reads ? "a task of a source without a range"
		      : "a task of a shuffle with a range");
}

/* The execution failed: its account is the task's. */
static int exec_failed(struct task *t, int rc)
{
	t->failure = *tr_exec_failure(t->exec);
	return rc;
}

static int open_reader(struct tr_worker *w, struct tr_error *err)
{
	const Tranche__V1__KafkaConf *k = w->init->kafka;
	if (w->reader)
		return 0;
	if (!k)
		return tr_error_set(
			err, TR_EPROTO, "a range and no way to reach Kafka");
	char **props = tr_xcalloc(k->n_properties, sizeof(*props));
	for (size_t i = 0; i < k->n_properties; i++) {
		const Tranche__V1__Property *p = k->properties[i];
		size_t n = strlen(p->name) + strlen(p->value) + 2;
		props[i] = tr_xmalloc(n);
		snprintf(props[i], n, "%s=%s", p->name, p->value);
	}
	struct tr_rdkafka_reader_opts
		opts = { .kafka = {
				 .brokers = k->bootstrap,
				 .secrets_dir = w->init->secrets_dir,
				 .props = (const char *const *)props,
				 .n_props = k->n_properties,
				 .isolation = k->read_uncommitted
						      ? TR_READ_UNCOMMITTED
						      : TR_READ_COMMITTED,
				 .window = w->init->window_bytes,
			 } };
	int rc = tr_rdkafka_reader_open(&w->reader, &opts, err);
	for (size_t i = 0; i < k->n_properties; i++)
		tr_xfree(props[i]);
	tr_xfree(props);
	return rc;
}

static void wait_us(struct tr_worker *w, uint64_t us)
{
	while (us > 0) {
		uint64_t step = us < 100000 ? us : 100000;
		struct timespec ts = { .tv_nsec = (long)(step * 1000) };
		nanosleep(&ts, NULL);
		tr_page_beat(w->page);
		us -= step;
	}
}

static int feed(
	struct task *t, struct tr_rate *rate, const struct tr_batch_view *b)
{
	size_t at = 0;
	while (at < b->n) {
		size_t piece = (size_t)tr_rate_piece(rate, b->n - at);
		int rc = tr_exec_records(t->exec, b->records + at, piece);
		if (rc != 0)
			return exec_failed(t, rc);
		at += piece;
		rc = tr_uplink_flush_log(&t->w->up);
		if (rc != 0)
			return tr_error_set(&t->failure.err, rc,
				"cannot send log lines: %s", tr_err_name(rc));
		if (rate->per_s > 0)
			wait_us(t->w,
				tr_rate_take(rate, piece, tr_clock_mono_us()));
	}
	return 0;
}

static void show_progress(struct task *t, const struct tr_batch_view *b)
{
	struct tr_page *p = t->w->page;
	struct tr_read_receipt r;
	tr_reader_receipt(t->w->reader, &r);
	atomic_store_explicit(&p->records, r.records, memory_order_relaxed);
	atomic_store_explicit(&p->bytes, r.bytes, memory_order_relaxed);
	atomic_store_explicit(&p->position, b->position, memory_order_relaxed);
	tr_page_set_state(p, TR_PAGE_READING);
}

static int next_batch(struct task *t, struct tr_batch_view *b)
{
	uint64_t from = tr_clock_mono_us();
	int rc = tr_reader_next(t->w->reader, READ_MS, b, &t->failure.err);
	t->receipt.read_wait_us += tr_clock_mono_us() - from;
	return rc;
}

static int read_range(struct task *t)
{
	struct tr_rate rate;
	struct tr_batch_view b;
	int rc;
	tr_rate_init(&rate, t->msg->spec->max_rate, tr_clock_mono_us());
	while ((rc = next_batch(t, &b)) != TR_READ_END) {
		if (rc < 0)
			return rc;
		tr_page_beat(t->w->page);
		if (rc == TR_READ_IDLE)
			continue;
		(void)TR_FP("worker.batch");
		rc = feed(t, &rate, &b);
		show_progress(t, &b);
		tr_reader_release(t->w->reader, &b);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int run_map(struct task *t)
{
	const Tranche__V1__Range *r = t->msg->spec->range;
	struct tr_range range = {
		.topic = r->topic,
		.partition = (int32_t)r->partition,
		.from = r->from,
		.until = r->until,
	};
	tr_page_set_state(t->w->page, TR_PAGE_READING);
	int rc = open_reader(t->w, &t->failure.err);
	if (rc == 0)
		rc = tr_reader_start(t->w->reader, &range, &t->failure.err);
	if (rc != 0)
		return rc;
	rc = read_range(t);
	tr_reader_receipt(t->w->reader, &t->receipt.read);
	tr_reader_stop(t->w->reader);
	if (rc != 0 || t->msg->spec->stop_warm)
		tr_reader_cool(t->w->reader);
	return rc;
}

static int open_input(struct tr_spool_region *region,
	struct tr_exec_input *input, const Tranche__V1__BlockFile *f,
	struct tr_error *err)
{
	if (f->digest.len != TR_DIGEST_SIZE)
		return tr_error_set(err, TR_EPROTO,
			"block of stage %u lane %u has no digest", f->stage,
			f->lane);
	int rc = tr_spool_region_open(
		region, f->path, f->offset, f->stored_bytes, err);
	if (rc != 0)
		return tr_error_prefix(
			err, "block of stage %u lane %u", f->stage, f->lane);
	*input = (struct tr_exec_input){
		.stage = f->stage,
		.lane = f->lane,
		.bytes = region->bytes,
		.records = f->records,
		.digest = tr_digest_load(f->digest.data),
	};
	return 0;
}

static int run_reduce(struct task *t)
{
	size_t n = t->msg->n_inputs, opened = 0;
	struct tr_spool_region *regions = tr_xcalloc(n, sizeof(*regions));
	struct tr_exec_input *inputs = tr_xcalloc(n, sizeof(*inputs));
	int rc = 0;
	for (; opened < n && rc == 0; opened++)
		rc = open_input(&regions[opened], &inputs[opened],
			t->msg->inputs[opened], &t->failure.err);
	if (rc == 0) {
		rc = tr_exec_blocks(t->exec, inputs, n);
		if (rc != 0)
			exec_failed(t, rc);
	}
	for (size_t i = 0; i < opened; i++)
		tr_spool_region_close(&regions[i]);
	tr_xfree(regions);
	tr_xfree(inputs);
	return rc;
}

static int run(struct task *t)
{
	int rc = load_program(t);
	if (rc == 0)
		rc = make_exec(t);
	if (rc == 0)
		rc = t->msg->spec->range ? run_map(t) : run_reduce(t);
	if (rc != 0)
		return rc;
	rc = tr_exec_finish(t->exec);
	if (rc != 0)
		return exec_failed(t, rc);
	return tr_spool_file_finish(&t->blocks, &t->failure.err);
}

static int send_failure(struct task *t)
{
	struct tr_exec_failure *f = &t->failure;
	Tranche__V1__WorkerDone done = TRANCHE__V1__WORKER_DONE__INIT;
	Tranche__V1__ErrorInfo info;
	tr_msg_error_info(&info, &f->err);
	info.where = f->where;
	info.position = f->position;
	done.env = t->msg->spec->env;
	done.error = &info;
	return tr_uplink_send(
		&t->w->up, TR_KIND_WORKER_DONE, &done, tr_slice_of(NULL, 0));
}

static int send_receipt(struct task *t)
{
	Tranche__V1__WorkerDone done = TRANCHE__V1__WORKER_DONE__INIT;
	done.env = t->msg->spec->env;
	done.receipt = tr_receipt_message(&t->receipt, t->exec);
	int rc = tr_uplink_send(
		&t->w->up, TR_KIND_WORKER_DONE, &done, tr_slice_of(NULL, 0));
	tr_receipt_message_free(done.receipt);
	return rc;
}

static void begin(struct task *t)
{
	const Tranche__V1__TaskSpec *spec = t->msg->spec;
	const Tranche__V1__Range *r = spec->range;
	tr_page_begin(t->w->page, spec->env->attempt, r ? r->topic : NULL,
		r ? r->partition : 0, r ? r->from : -1);
	tr_uplink_begin(&t->w->up, spec->env);
	tr_spool_file_init(&t->blocks, t->msg->block_path);
}

/* What one attempt left must not be there in the next. */
static void end(struct task *t)
{
	tr_exec_free(t->exec);
	tr_uplink_begin(&t->w->up, NULL);
	if (t->w->program)
		t->w->program->ops->free(t->w->program);
	t->w->program = NULL;
}

int tr_task_run(struct tr_worker *w, const Tranche__V1__WorkerTask *msg)
{
	uint64_t cpu = tr_clock_cpu_us(), wall = tr_clock_mono_us();
	struct task *t = tr_xcalloc(1, sizeof(*t));
	t->w = w;
	t->msg = msg;
	begin(t);
	int rc = w->init_error.code;
	if (rc != 0) {
		t->failure.err = w->init_error;
		snprintf(t->failure.where, sizeof(t->failure.where), "%s",
			w->init_where);
	} else {
		rc = run(t);
	}
	if (rc != 0)
		tr_spool_file_abandon(&t->blocks);
	t->receipt.cpu_us = tr_clock_cpu_us() - cpu;
	t->receipt.wall_us = tr_clock_mono_us() - wall;
	int sent = tr_uplink_flush_log(&w->up);
	if (sent == 0)
		sent = rc == 0 ? send_receipt(t) : send_failure(t);
	end(t);
	tr_xfree(t);
	return sent;
}
