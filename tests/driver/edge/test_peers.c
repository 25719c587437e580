/*
 * The driver and what its peers say: true, false, twice, late, or again on
 * another connection. A real driver process plans with a real worker and an
 * embedded broker; executors and clients are played by the test.
 *
 * Job: source 0 of two partitions, split 1, count_by_value 2, store 3. Stage 0
 * has two lanes, stage 1 one.
 */
#include "tests/support/test.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/base/sha256.h"
#include "common/clock/clock.h"
#include "common/data/block.h"
#include "common/data/datum.h"
#include "tests/driver/edge/side.h"
#include "tests/support/feed.h"
#include "tests/support/mock_cluster.h"

enum {
	RECORDS = 3, /* of each partition */
	STORE = 3    /* operator */
};

static const char script[] = "tranche.source { topic = 'lines' }\n"
			     "  :split():count_by_value():store('counts')\n";

static struct tr_mock_cluster mock;

static int start_broker(void **state)
{
	(void)state;
	tr_mock_cluster_start(&mock, 1);
	rd_kafka_mock_topic_create(mock.cluster, "lines", 2, 1);
	struct tr_feed *f = tr_feed_open(mock.bootstrap, NULL);
	for (int32_t p = 0; p < 2; p++)
		for (int i = 0; i < RECORDS; i++)
			tr_feed_put_text(f, "lines", p, "a line");
	tr_feed_flush(f);
	tr_feed_close(f);
	return 0;
}

static int stop_broker(void **state)
{
	(void)state;
	tr_mock_cluster_stop(&mock);
	return 0;
}

static int start_driver(void **state)
{
	struct driver_process *d = calloc(1, sizeof(*d));
	driver_make(d);
	driver_start(d);
	*state = d;
	return 0;
}

/* It ends well: with status 0, which a sanitizer's finding is not. */
static int remove_driver(void **state)
{
	struct driver_process *d = *state;
	if (d->pid)
		driver_stop(d);
	driver_remove(d);
	free(d);
	return 0;
}

static char *str(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

/* ----------------------------------------------------------------- clients */

static uint64_t submit(
	struct side *c, const char *request_id, const char *brokers)
{
	uint8_t sha[TR_SHA256_SIZE];
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	char *offsets[] = { str("start:end") };
	tr_sha256(script, strlen(script), sha);
	m.request_uuid = str(request_id);
	m.name = str("words");
	m.artefact_name = str("words.lua");
	m.artefact.data = sha;
	m.artefact.len = sizeof(sha);
	m.offsets = offsets;
	m.n_offsets = 1;
	m.max_attempts = 50;
	kafka.bootstrap = str(brokers ? brokers : mock.bootstrap);
	m.kafka = &kafka;
	side_send_payload(c, TR_KIND_SUBMIT, &m,
		(struct tr_slice){ (const uint8_t *)script, strlen(script) });
	Tranche__V1__SubmitReply *r = side_wait(c, TR_KIND_SUBMIT_REPLY);
	if (r->error)
		fail_msg("%s", r->error->text);
	uint64_t job = r->env->job;
	tr_msg_free(r);
	return job;
}

#define REQUEST "00112233445566778899aabbccddeeff"

static void watch(struct side *c)
{
	Tranche__V1__WatchRequest m = TRANCHE__V1__WATCH_REQUEST__INIT;
	m.job = str("words");
	side_send(c, TR_KIND_WATCH, &m);
}

/* The status that says how the watched job ended; free it. */
static Tranche__V1__JobStatus *wait_end(struct side *c)
{
	for (;;) {
		Tranche__V1__JobStatus *st = side_wait(c, TR_KIND_JOB_STATUS);
		if (st->state >= TRANCHE__V1__JOB_STATE__JOB_DONE)
			return st;
		tr_msg_free(st);
	}
}

static void expect_done(struct side *c, uint64_t rows)
{
	Tranche__V1__JobStatus *st = wait_end(c);
	if (st->state != TRANCHE__V1__JOB_STATE__JOB_DONE)
		fail_msg("the job ended as %d: %s", (int)st->state,
			st->error ? st->error->text : "");
	assert_int_equal(st->tasks_done, 3);
	assert_int_equal(st->tasks_running, 0);
	assert_int_equal(st->records, 2 * RECORDS);
	assert_int_equal(st->n_tables, 1);
	assert_int_equal(st->tables[0]->records, rows);
	tr_msg_free(st);
}

/* How many rows the table has, as the store reads it. */
static uint64_t scan(struct side *c)
{
	Tranche__V1__TableScanRequest m = TRANCHE__V1__TABLE_SCAN_REQUEST__INIT;
	m.job = str("words");
	m.table = str("counts");
	side_send(c, TR_KIND_TABLE_SCAN, &m);
	Tranche__V1__TableScanReply *r = side_wait(c, TR_KIND_TABLE_SCAN_REPLY);
	uint64_t n = r->records;
	tr_msg_free(r);
	return n;
}

static uint32_t busy(struct side *c)
{
	Tranche__V1__ExecutorListRequest m =
		TRANCHE__V1__EXECUTOR_LIST_REQUEST__INIT;
	side_send(c, TR_KIND_EXECUTOR_LIST, &m);
	Tranche__V1__ExecutorListReply *r =
		side_wait(c, TR_KIND_EXECUTOR_LIST_REPLY);
	assert_int_equal(r->n_executors, 1);
	uint32_t n = r->executors[0]->busy;
	tr_msg_free(r);
	return n;
}

/* --------------------------------------------------------------- executors */

/* A receipt with room for what a test wants in it. */
struct receipt {
	Tranche__V1__Receipt m;
	Tranche__V1__BlockInfo block, *blocks[1];
	Tranche__V1__OutputInfo output, *outputs[1];
	uint8_t digest[TR_DIGEST_SIZE], rows_digest[TR_DIGEST_SIZE];
};

static void receipt_init(struct receipt *r)
{
	memset(r, 0, sizeof(*r));
	tranche__v1__receipt__init(&r->m);
	tranche__v1__block_info__init(&r->block);
	tranche__v1__output_info__init(&r->output);
	r->blocks[0] = &r->block;
	r->outputs[0] = &r->output;
	r->digest[0] = 7;
	r->m.output_digest.data = r->digest;
	r->m.output_digest.len = sizeof(r->digest);
}

static void receipt_map(struct receipt *r, const Tranche__V1__TaskSpec *t)
{
	receipt_init(r);
	r->m.records_in = RECORDS;
	r->m.first_offset = t->range->from;
	r->m.last_offset = t->range->until - 1;
	r->m.position = t->range->until;
	r->block.stage = 1;
	r->block.stored_bytes = 100;
	r->block.records = 2;
	r->block.digest.data = r->digest;
	r->block.digest.len = sizeof(r->digest);
	r->m.blocks = r->blocks;
	r->m.n_blocks = 1;
}

static void report(struct side *e, const Tranche__V1__Envelope *env,
	Tranche__V1__Receipt *receipt, const char *error)
{
	Tranche__V1__TaskReport m = TRANCHE__V1__TASK_REPORT__INIT;
	Tranche__V1__ErrorInfo info = TRANCHE__V1__ERROR_INFO__INIT;
	Tranche__V1__Envelope mine = *env;
	mine.term = e->term;
	m.env = &mine;
	m.receipt = receipt;
	info.code = str(error);
	info.text = str("the test says so");
	if (error)
		m.error = &info;
	side_send(e, TR_KIND_TASK_REPORT, &m);
}

static Tranche__V1__TaskSpec *next_task(struct side *e)
{
	return side_wait(e, TR_KIND_TASK_SPEC);
}

static void finish_map(struct side *e, const Tranche__V1__TaskSpec *t)
{
	struct receipt r;
	receipt_map(&r, t);
	report(e, t->env, &r.m, NULL);
}

/* Both map tasks, done; free nothing. */
static void run_maps(struct side *e)
{
	for (int i = 0; i < 2; i++) {
		Tranche__V1__TaskSpec *t = next_task(e);
		assert_non_null(t->range);
		finish_map(e, t);
		tr_msg_free(t);
	}
}

/* Rows with the given keys, one letter each, as one chunk; adds its digest. */
static void send_rows(struct side *e, const Tranche__V1__Envelope *env,
	uint32_t seq, const char *keys, struct tr_digest *sum)
{
	struct tr_block_writer w;
	struct tr_buf scratch, out, key;
	Tranche__V1__ResultChunk m = TRANCHE__V1__RESULT_CHUNK__INIT;
	Tranche__V1__Envelope mine = *env;
	tr_block_scratch_init(&scratch);
	tr_buf_init(&out, TR_MIB(1));
	tr_buf_init(&key, TR_KEY_DATUM_MAX);
	tr_block_writer_init(&w, TR_KIB(64), &scratch, tr_block_sink_buf, &out);
	for (const char *k = keys; *k; k++) {
		tr_buf_reset(&key);
		assert_int_equal(
			tr_datum_put_bytes(&key, (const uint8_t *)k, 1), 0);
		struct tr_slice datum = { key.data, key.len };
		assert_int_equal(tr_block_writer_put(&w, datum, datum), 0);
	}
	assert_int_equal(tr_block_writer_flush(&w), 0);
	if (sum)
		tr_digest_merge(sum, w.totals.digest);
	mine.term = e->term;
	m.env = &mine;
	m.operator_ = STORE;
	m.seq = seq;
	m.records = strlen(keys);
	side_send_payload(e, TR_KIND_RESULT_CHUNK, &m,
		(struct tr_slice){ out.data, out.len });
	tr_block_writer_fini(&w);
	tr_buf_fini(&scratch);
	tr_buf_fini(&out);
	tr_buf_fini(&key);
}

static void receipt_reduce(
	struct receipt *r, uint64_t records, struct tr_digest rows)
{
	receipt_init(r);
	r->m.first_offset = r->m.last_offset = r->m.position = -1;
	tr_digest_store(rows, r->rows_digest);
	r->output.operator_ = STORE;
	r->output.records = records;
	r->output.digest.data = r->rows_digest;
	r->output.digest.len = sizeof(r->rows_digest);
	r->m.outputs = r->outputs;
	r->m.n_outputs = 1;
}

static void finish_reduce(struct side *e, const Tranche__V1__Envelope *env,
	uint64_t records, struct tr_digest rows)
{
	struct receipt r;
	receipt_reduce(&r, records, rows);
	report(e, env, &r.m, NULL);
}

static void send_log(
	struct side *e, const Tranche__V1__Envelope *env, const char *text)
{
	Tranche__V1__JobLog m = TRANCHE__V1__JOB_LOG__INIT;
	Tranche__V1__LogLine line = TRANCHE__V1__LOG_LINE__INIT;
	Tranche__V1__LogLine *lines[] = { &line };
	Tranche__V1__Envelope mine = *env;
	mine.term = e->term;
	line.text = str(text);
	m.env = &mine;
	m.lines = lines;
	m.n_lines = 1;
	side_send(e, TR_KIND_JOB_LOG, &m);
}

static Tranche__V1__JobLogsReply *read_log(struct side *c)
{
	Tranche__V1__JobLogsRequest m = TRANCHE__V1__JOB_LOGS_REQUEST__INIT;
	m.job = str("words");
	side_send(c, TR_KIND_JOB_LOGS, &m);
	return side_wait(c, TR_KIND_JOB_LOGS_REPLY);
}

/* Until the job has a line. */
static void wait_log(struct side *c)
{
	size_t n = 0;
	uint64_t end = tr_clock_mono_ms() + SIDE_DEADLINE_MS;
	while (n == 0 && tr_clock_mono_ms() < end) {
		Tranche__V1__JobLogsReply *r = read_log(c);
		n = r->n_lines;
		tr_msg_free(r);
	}
	assert_int_equal(n, 1);
}

/* ------------------------------------------------------------------- lies */

/* Each is one attempt's report; the lane comes again. */
static void map_lie(
	struct receipt *r, const Tranche__V1__TaskSpec *t, unsigned i)
{
	receipt_map(r, t);
	switch (i) {
	case 0:
		r->m.position = t->range->until - 1;
		break;
	case 1:
		r->m.last_offset = t->range->until;
		break;
	case 2:
		r->block.lane = 1;
		break;
	case 3:
		r->block.stage = 0;
		break;
	case 4:
		r->m.output_digest.len = 15;
		break;
	default:
		r->m.records_in = RECORDS + 1;
		break;
	}
}

static void test_report__that_cannot_be_true_is_a_failed_attempt(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	for (unsigned i = 0; i < 6; i++) {
		struct receipt r;
		Tranche__V1__TaskSpec *t = next_task(&e);
		map_lie(&r, t, i);
		report(&e, t->env, &r.m, NULL);
		tr_msg_free(t);
	}
	Tranche__V1__TaskSpec *t = next_task(&e);
	report(&e, t->env, NULL, NULL); /* neither receipt nor error */
	tr_msg_free(t);
	run_maps(&e);
	t = next_task(&e);
	assert_int_equal(t->n_blocks, 2);
	finish_reduce(&e, t->env, 0, (struct tr_digest){ 0 });
	tr_msg_free(t);
	expect_done(&c, 0);
	side_hang_up(&e);
	side_hang_up(&c);
}

static void test_report__of_nobodys_attempt_changes_nothing(void **state)
{
	struct driver_process *d = *state;
	struct side c, e, other;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	Tranche__V1__TaskSpec *t0 = next_task(&e), *t1 = next_task(&e);
	tr_msg_free(side_executor(&other, d, "e1", NULL, 0));
	struct receipt r;
	Tranche__V1__Envelope env = *t0->env;
	receipt_map(&r, t0);
	report(&other, &env, &r.m, NULL); /* e0's */
	report(&other, &env, NULL, "user");
	env.attempt += 1000;
	report(&e, &env, &r.m, NULL);
	env.stage = env.lane = 77;
	report(&e, &env, NULL, "invalid");
	env.job = 0;
	report(&e, &env, &r.m, NULL);
	finish_map(&e, t0);
	finish_map(&e, t0); /* again */
	finish_map(&e, t1);
	tr_msg_free(t0);
	tr_msg_free(t1);
	side_hang_up(&other);
	Tranche__V1__TaskSpec *t = next_task(&e);
	finish_reduce(&e, t->env, 0, (struct tr_digest){ 0 });
	tr_msg_free(t);
	expect_done(&c, 0);
	side_hang_up(&e);
	side_hang_up(&c);
}

static void test_rows__that_do_not_fit_are_a_failed_attempt(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	struct tr_digest sum = (struct tr_digest){ 0 };
	struct receipt r;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	run_maps(&e);
	/* A key twice in two chunks. */
	Tranche__V1__TaskSpec *t = next_task(&e);
	send_rows(&e, t->env, 0, "ab", &sum);
	send_rows(&e, t->env, 1, "bc", &sum);
	finish_reduce(&e, t->env, 4, sum);
	tr_msg_free(t);
	/* A chunk is missing. */
	t = next_task(&e);
	sum = (struct tr_digest){ 0 };
	send_rows(&e, t->env, 1, "ab", &sum);
	finish_reduce(&e, t->env, 2, sum);
	tr_msg_free(t);
	/* Fewer rows than the receipt says; then another digest. */
	t = next_task(&e);
	sum = (struct tr_digest){ 0 };
	send_rows(&e, t->env, 0, "ab", &sum);
	finish_reduce(&e, t->env, 3, sum);
	tr_msg_free(t);
	t = next_task(&e);
	send_rows(&e, t->env, 0, "ab", NULL);
	finish_reduce(&e, t->env, 2, (struct tr_digest){ 0 });
	tr_msg_free(t);
	/* No output for the sink of the stage. */
	t = next_task(&e);
	receipt_init(&r);
	report(&e, t->env, &r.m, NULL);
	tr_msg_free(t);
	/* The truth; and what comes after it does not count. */
	t = next_task(&e);
	sum = (struct tr_digest){ 0 };
	send_rows(&e, t->env, 0, "ab", &sum);
	send_rows(&e, t->env, 0, "ab", NULL); /* delivered again */
	send_rows(&e, t->env, 1, "c", &sum);
	finish_reduce(&e, t->env, 3, sum);
	send_rows(&e, t->env, 0, "d", NULL);
	finish_reduce(&e, t->env, 1, sum);
	tr_msg_free(t);
	expect_done(&c, 3);
	assert_int_equal(scan(&c), 3);
	side_hang_up(&e);
	side_hang_up(&c);
}

/* ---------------------------------------------------- connections, restarts */

/* What an executor holds of its two maps and a reduce that runs. */
struct holding {
	Tranche__V1__TaskSpec *tasks[3];
	struct receipt receipts[3];
	Tranche__V1__HeldTask held[3], *list[3];
};

static void hold(struct holding *h, size_t i, Tranche__V1__TaskSpec *t)
{
	h->tasks[i] = t;
	h->list[i] = &h->held[i];
	tranche__v1__held_task__init(&h->held[i]);
	h->held[i].env = t->env;
	if (!t->range)
		return;
	receipt_map(&h->receipts[i], t);
	h->held[i].done = true;
	h->held[i].receipt = &h->receipts[i].m;
}

/* Maps done, and the reduce task's first chunk is with the driver. */
static void run_to_reduce(struct side *e, struct holding *h)
{
	for (size_t i = 0; i < 2; i++)
		hold(h, i, next_task(e));
	for (size_t i = 0; i < 2; i++)
		finish_map(e, h->tasks[i]);
	hold(h, 2, next_task(e));
	send_rows(e, h->tasks[2]->env, 0, "ab", NULL);
}

static void holding_fini(struct holding *h)
{
	for (size_t i = 0; i < 3; i++)
		tr_msg_free(h->tasks[i]);
}

static void reconnect(
	struct side *e, const struct driver_process *d, struct holding *h)
{
	Tranche__V1__RegisterReply *r = side_executor(e, d, "e0", h->list, 3);
	assert_int_equal(r->n_drop, 0);
	tr_msg_free(r);
}

static void test_executor__that_reconnects_keeps_what_it_holds(void **state)
{
	struct driver_process *d = *state;
	struct side c, e, again;
	struct holding h;
	struct tr_digest sum = (struct tr_digest){ 0 };
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	run_to_reduce(&e, &h);
	/* The old connection still looks open. */
	reconnect(&again, d, &h);
	side_wait_closed(&e);
	assert_int_equal(busy(&c), 1);
	send_rows(&again, h.tasks[2]->env, 0, "ab", &sum);
	send_rows(&again, h.tasks[2]->env, 1, "cd", &sum);
	finish_reduce(&again, h.tasks[2]->env, 4, sum);
	expect_done(&c, 4);
	assert_int_equal(busy(&c), 0);
	assert_int_equal(scan(&c), 4);
	holding_fini(&h);
	side_hang_up(&e);
	side_hang_up(&again);
	side_hang_up(&c);
}

/*
 * The run that the driver before had begun is not what counts, even if the
 * executor says something else now.
 */
static void test_driver__that_restarts_takes_rows_anew(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	struct holding h;
	struct tr_digest sum = (struct tr_digest){ 0 };
	side_client(&c, d);
	uint64_t job = submit(&c, REQUEST, NULL);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	run_to_reduce(&e, &h);
	/* When this line can be read, the chunk before it is durable. */
	send_log(&e, h.tasks[2]->env, "behind the rows");
	wait_log(&c);
	driver_kill(d);
	side_hang_up(&e);
	side_hang_up(&c);
	driver_start(d);
	reconnect(&e, d, &h);
	side_client(&c, d);
	assert_int_equal(submit(&c, REQUEST, NULL), job);
	watch(&c);
	send_rows(&e, h.tasks[2]->env, 0, "xyz", &sum);
	finish_reduce(&e, h.tasks[2]->env, 3, sum);
	expect_done(&c, 3);
	assert_int_equal(scan(&c), 3);
	holding_fini(&h);
	side_hang_up(&e);
	side_hang_up(&c);
}

/* Its receipt is all there is: nothing more will come. */
static void test_held__result_without_rows_is_done(void **state)
{
	struct driver_process *d = *state;
	struct side c, e, again;
	struct holding h;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	for (size_t i = 0; i < 2; i++)
		hold(&h, i, next_task(&e));
	for (size_t i = 0; i < 2; i++)
		finish_map(&e, h.tasks[i]);
	hold(&h, 2, next_task(&e));
	receipt_reduce(&h.receipts[2], 0, (struct tr_digest){ 0 });
	h.held[2].done = true;
	h.held[2].receipt = &h.receipts[2].m;
	side_hang_up(&e);
	reconnect(&again, d, &h);
	expect_done(&c, 0);
	holding_fini(&h);
	side_hang_up(&again);
	side_hang_up(&c);
}

static void test_held__that_cannot_be_true_is_dropped(void **state)
{
	struct driver_process *d = *state;
	struct side c, e, liar;
	struct holding h;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	for (size_t i = 0; i < 2; i++)
		hold(&h, i, next_task(&e));
	hold(&h, 2, tr_msg_copy(h.tasks[1]));
	/* Another's task; a receipt that lies; an attempt of a later term. */
	h.receipts[1].m.position = 0;
	h.held[2].env->attempt = UINT64_MAX;
	Tranche__V1__RegisterReply *r =
		side_executor(&liar, d, "e1", h.list, 3);
	assert_int_equal(r->n_drop, 3);
	tr_msg_free(r);
	/* e0 has its tasks as before. */
	finish_map(&e, h.tasks[0]);
	finish_map(&e, h.tasks[1]);
	watch(&c);
	side_hang_up(&liar);
	Tranche__V1__TaskSpec *t = next_task(&e);
	finish_reduce(&e, t->env, 0, (struct tr_digest){ 0 });
	tr_msg_free(t);
	expect_done(&c, 0);
	holding_fini(&h);
	side_hang_up(&e);
	side_hang_up(&c);
}

/* ----------------------------------------------------------------- requests */

static void test_submit__again_is_the_same_job(void **state)
{
	struct driver_process *d = *state;
	struct side c;
	side_client(&c, d);
	uint64_t job = submit(&c, REQUEST, NULL);
	assert_int_equal(submit(&c, REQUEST, NULL), job);
	assert_int_equal(
		submit(&c, "ffeeddccbbaa99887766554433221100", NULL), job + 1);
	side_hang_up(&c);
	driver_kill(d);
	driver_start(d);
	side_client(&c, d);
	assert_int_equal(submit(&c, REQUEST, NULL), job);
	side_hang_up(&c);
}

static void test_cancel__is_answered_when_the_job_has_ended(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	watch(&c);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	Tranche__V1__TaskSpec *t[] = { next_task(&e), next_task(&e) };
	Tranche__V1__JobCancelRequest m = TRANCHE__V1__JOB_CANCEL_REQUEST__INIT;
	m.job = str("words");
	side_send(&c, TR_KIND_JOB_CANCEL, &m);
	Tranche__V1__JobStatus *st = wait_end(&c);
	assert_int_equal(st->state, TRANCHE__V1__JOB_STATE__JOB_CANCELLED);
	assert_string_equal(st->error->code, "cancelled");
	tr_msg_free(st);
	Tranche__V1__Ack *ack = side_wait(&c, TR_KIND_ACK);
	assert_null(ack->error);
	tr_msg_free(ack);
	/* Its slots are taken until it has said that they are free. */
	assert_int_equal(busy(&c), 2);
	for (size_t i = 0; i < 2; i++) {
		tr_msg_free(side_wait(&e, TR_KIND_TASK_KILL));
		report(&e, t[i]->env, NULL, "cancelled");
		tr_msg_free(t[i]);
	}
	submit(&c, "ffeeddccbbaa99887766554433221100", NULL);
	for (size_t i = 0; i < 2; i++)
		tr_msg_free(next_task(&e));
	side_send(&c, TR_KIND_JOB_CANCEL, &m);
	ack = side_wait(&c, TR_KIND_ACK);
	assert_null(ack->error);
	tr_msg_free(ack);
	side_send(&c, TR_KIND_JOB_CANCEL, &m);
	ack = side_wait(&c, TR_KIND_ACK);
	assert_string_equal(ack->error->code, "invalid");
	tr_msg_free(ack);
	side_hang_up(&e);
	side_hang_up(&c);
}

static void test_drain__lasts_over_a_reconnect_and_ends_in_goodbye(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	side_client(&c, d);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	submit(&c, REQUEST, NULL);
	tr_msg_free(next_task(&e));
	Tranche__V1__ExecutorDrainRequest m =
		TRANCHE__V1__EXECUTOR_DRAIN_REQUEST__INIT;
	m.executor = str("e0");
	side_send(&c, TR_KIND_EXECUTOR_DRAIN, &m);
	tr_msg_free(side_wait(&c, TR_KIND_ACK));
	tr_msg_free(side_wait(&e, TR_KIND_DRAIN));
	side_hang_up(&e);
	Tranche__V1__RegisterReply *r = side_executor(&e, d, "e0", NULL, 0);
	assert_true(r->draining);
	tr_msg_free(r);
	Tranche__V1__Drain *drain = side_wait(&e, TR_KIND_DRAIN);
	assert_true(drain->goodbye);
	tr_msg_free(drain);
	side_wait_closed(&e);
	side_hang_up(&e);
	side_hang_up(&c);
}

static void test_log__lines_are_cut_and_kept(void **state)
{
	struct driver_process *d = *state;
	struct side c, e;
	char *text = calloc(1, TR_LOG_LINE_MAX + 100);
	memset(text, 'x', TR_LOG_LINE_MAX + 99);
	side_client(&c, d);
	submit(&c, REQUEST, NULL);
	tr_msg_free(side_executor(&e, d, "e0", NULL, 0));
	Tranche__V1__TaskSpec *t[] = { next_task(&e), next_task(&e) };
	Tranche__V1__Envelope env = *t[0]->env;
	send_log(&e, &env, "hello");
	send_log(&e, &env, text);
	env.attempt += 100;
	send_log(&e, &env, "of nobody's attempt");
	/* The second result is durable after the lines that came before it. */
	for (size_t i = 0; i < 2; i++) {
		finish_map(&e, t[i]);
		tr_msg_free(t[i]);
	}
	tr_msg_free(next_task(&e));
	Tranche__V1__JobLogsReply *r = read_log(&c);
	assert_int_equal(r->n_lines, 2);
	assert_string_equal(r->lines[0]->line->text, "hello");
	assert_int_equal(strlen(r->lines[1]->line->text), TR_LOG_LINE_MAX);
	tr_msg_free(r);
	free(text);
	side_hang_up(&e);
	side_hang_up(&c);
}

/* ------------------------------------------------------------------- frames */

static void test_peer__that_breaks_the_protocol_is_closed(void **state)
{
	struct driver_process *d = *state;
	struct side s;
	Tranche__V1__Heartbeat beat = TRANCHE__V1__HEARTBEAT__INIT;
	Tranche__V1__Register reg = TRANCHE__V1__REGISTER__INIT;
	side_dial(&s, d); /* no Hello */
	side_send(&s, TR_KIND_HEARTBEAT, &beat);
	side_wait_closed(&s);
	side_hang_up(&s);
	side_dial(&s, d); /* no Register */
	tr_msg_free(side_hello(&s, TRANCHE__V1__ROLE__ROLE_EXECUTOR,
		SIDE_EXECUTOR_TOKEN, "e0"));
	side_send(&s, TR_KIND_HEARTBEAT, &beat);
	side_wait_closed(&s);
	side_hang_up(&s);
	side_dial(&s, d); /* no slots */
	tr_msg_free(side_hello(&s, TRANCHE__V1__ROLE__ROLE_EXECUTOR,
		SIDE_EXECUTOR_TOKEN, "e0"));
	side_send(&s, TR_KIND_REGISTER, &reg);
	side_wait_closed(&s);
	side_hang_up(&s);
	tr_msg_free(side_executor(&s, d, "e0", NULL, 0)); /* twice */
	reg.slots = 1;
	side_send(&s, TR_KIND_REGISTER, &reg);
	side_wait_closed(&s);
	side_hang_up(&s);
	side_client(&s, d); /* what only executors say */
	side_send(&s, TR_KIND_REGISTER, &reg);
	side_wait_closed(&s);
	side_hang_up(&s);
	assert_in_range(driver_stop(d), 0, SIDE_DEADLINE_MS);
}

/* Bodies of every kind that are bytes, but no messages and no right ones. */
static void test_peer__with_noise_in_its_bodies_ends_nothing(void **state)
{
	struct driver_process *d = *state;
	struct side s;
	struct tr_rng rng;
	uint8_t noise[64];
	tr_rng_init(&rng, 17);
	for (unsigned kind = 1; kind < 90; kind++) {
		for (int role = 0; role < 2; role++) {
			if (role)
				side_client(&s, d);
			else
				tr_msg_free(
					side_executor(&s, d, "noise", NULL, 0));
			for (size_t i = 0; i < sizeof(noise); i++)
				noise[i] = (uint8_t)tr_rng_next(&rng);
			struct tr_frame f = { .kind = (uint8_t)kind,
				.body = { noise, kind % 3 ? 0 : 64 },
				.payload = { noise, sizeof(noise) } };
			assert_int_equal(tr_framefd_write(s.fd, &f), 0);
			side_hang_up(&s);
		}
	}
	/* It is there, and stores. */
	side_client(&s, d);
	assert_true(submit(&s, REQUEST, NULL) > 0);
	side_hang_up(&s);
	assert_in_range(driver_stop(d), 0, SIDE_DEADLINE_MS);
}

/* --------------------------------------------------------------------- stop */

/* A "broker" that takes connections and never answers. */
static void test_stop__does_not_wait_for_kafka(void **state)
{
	struct driver_process *d = *state;
	struct side c;
	char brokers[64];
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	snprintf(brokers, sizeof(brokers), "127.0.0.1:%d", ntohs(at.sin_port));
	side_client(&c, d);
	uint64_t job = submit(&c, REQUEST, brokers);
	int conn = accept(fd, NULL, NULL); /* planning has got there */
	assert_true(driver_stop(d) < 4000);
	side_hang_up(&c);
	close(conn);
	close(fd);
	driver_start(d);
	side_client(&c, d);
	assert_int_equal(submit(&c, REQUEST, brokers), job);
	side_hang_up(&c);
}

#define DRIVER_TEST(f)                                                         \
	cmocka_unit_test_setup_teardown(f, start_driver, remove_driver)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DRIVER_TEST(
			test_report__that_cannot_be_true_is_a_failed_attempt),
		DRIVER_TEST(test_report__of_nobodys_attempt_changes_nothing),
		DRIVER_TEST(test_rows__that_do_not_fit_are_a_failed_attempt),
		DRIVER_TEST(test_executor__that_reconnects_keeps_what_it_holds),
		DRIVER_TEST(test_driver__that_restarts_takes_rows_anew),
		DRIVER_TEST(test_held__result_without_rows_is_done),
		DRIVER_TEST(test_held__that_cannot_be_true_is_dropped),
		DRIVER_TEST(test_submit__again_is_the_same_job),
		DRIVER_TEST(test_cancel__is_answered_when_the_job_has_ended),
		DRIVER_TEST(
			test_drain__lasts_over_a_reconnect_and_ends_in_goodbye),
		DRIVER_TEST(test_log__lines_are_cut_and_kept),
		DRIVER_TEST(test_peer__that_breaks_the_protocol_is_closed),
		DRIVER_TEST(test_peer__with_noise_in_its_bodies_ends_nothing),
		DRIVER_TEST(test_stop__does_not_wait_for_kafka),
	};
	return cmocka_run_group_tests_name(
		__FILE__, tests, start_broker, stop_broker);
}
