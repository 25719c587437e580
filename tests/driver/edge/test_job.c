/* What the edge keeps of a job, and how it counts and shows it. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "driver/edge/job.h"
#include "driver/edge/receipt.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

enum {
	MAPS = 3,    /* lanes of stage 0: ten offsets each */
	REDUCES = 2, /* of stage 1 */
};

static char *str(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

/* source 0 -> count_by_value 1 -> store 2 */
static Tranche__V1__BatchPlan *new_plan(uint32_t reduces)
{
	Tranche__V1__Operator ops[3], *list[3];
	Tranche__V1__JobPlan plan = TRANCHE__V1__JOB_PLAN__INIT;
	Tranche__V1__Stage stages[2], *stage_list[2];
	Tranche__V1__Range ranges[MAPS];
	Tranche__V1__LaneRange lanes[MAPS], *lane_list[MAPS];
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	Tranche__V1__BatchPlan b = TRANCHE__V1__BATCH_PLAN__INIT;
	uint32_t inputs[] = { 0, 1 };
	for (uint32_t i = 0; i < 3; i++) {
		tranche__v1__operator__init(&ops[i]);
		ops[i].id = i;
		ops[i].n_inputs = i > 0;
		ops[i].inputs = i ? &inputs[i - 1] : NULL;
		list[i] = &ops[i];
	}
	ops[0].kind = OP(SOURCE);
	ops[0].topic = str("t");
	ops[1].kind = OP(COUNT_BY_VALUE);
	ops[2].kind = OP(STORE);
	ops[2].table = str("counts");
	plan.version = 1;
	plan.n_operators = 3;
	plan.operators = list;
	for (uint32_t i = 0; i < 2; i++) {
		tranche__v1__stage__init(&stages[i]);
		stages[i].id = i;
		stages[i].root = i;
		stages[i].lanes = i ? reduces : MAPS;
		stage_list[i] = &stages[i];
	}
	for (uint32_t i = 0; i < MAPS; i++) {
		tranche__v1__range__init(&ranges[i]);
		tranche__v1__lane_range__init(&lanes[i]);
		ranges[i].topic = str("t");
		ranges[i].from = 10 * i;
		ranges[i].until = 10 * i + 10;
		lanes[i].lane = i;
		lanes[i].range = &ranges[i];
		lane_list[i] = &lanes[i];
	}
	b.batch = 1;
	b.plan = &plan;
	b.kafka = &kafka;
	b.n_stages = 2;
	b.stages = stage_list;
	b.n_ranges = MAPS;
	b.ranges = lane_list;
	return tr_msg_copy(&b);
}

static struct tr_edge_job *new_job(void)
{
	struct tr_error err;
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	m.name = str("words");
	struct tr_edge_job *j =
		tr_edge_job_new((struct tr_job_id){ 7 }, "0123", 1000, &m);
	if (tr_edge_job_set_plan(j, new_plan(REDUCES), &err) != 0)
		fail_msg("%s", err.text);
	j->state = TR_CORE_JOB_RUNNING;
	return j;
}

static struct tr_edge_attempt *begin(
	struct tr_edge_job *j, struct tr_lane_id lane, uint64_t attempt)
{
	struct tr_edge_attempt *a = tr_edge_attempt_get(
		tr_edge_job_task(j, lane), (struct tr_attempt_id){ attempt },
		(struct tr_executor_id){ 1 }, "e0", 2000);
	tr_edge_task_changed(j, lane);
	return a;
}

static Tranche__V1__Receipt *new_receipt(uint64_t records, uint64_t rows)
{
	uint8_t digest[TR_DIGEST_SIZE] = { 1 };
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	Tranche__V1__OutputInfo o = TRANCHE__V1__OUTPUT_INFO__INIT;
	Tranche__V1__OutputInfo *outputs[] = { &o };
	r.records_in = records;
	r.output_digest.data = digest;
	r.output_digest.len = sizeof(digest);
	o.operator_ = 2;
	o.records = rows;
	o.bytes = rows * 10;
	o.digest = r.output_digest;
	r.outputs = outputs;
	r.n_outputs = rows > 0;
	return tr_msg_copy(&r);
}

static void finish(struct tr_edge_job *j, struct tr_lane_id lane,
	struct tr_edge_attempt *a, uint64_t records, uint64_t rows)
{
	a->receipt = new_receipt(records, rows);
	a->records = records;
	a->outcome = TR_EDGE_DONE;
	tr_edge_task_finish(j, lane, a);
}

struct counts {
	uint64_t running, done, ranges_done, records, rows;
};

static void expect_counts(const struct tr_edge_job *j, struct counts want)
{
	Tranche__V1__JobStatus *st = tr_edge_job_status(j, 3, 5000);
	assert_int_equal(st->tasks_running, want.running);
	assert_int_equal(st->tasks_done, want.done);
	assert_int_equal(st->ranges_done, want.ranges_done);
	assert_int_equal(st->records, want.records);
	assert_int_equal(st->tables[0]->records, want.rows);
	assert_int_equal(st->tables[0]->bytes, want.rows * 10);
	assert_int_equal(st->tasks_total, MAPS + REDUCES);
	assert_int_equal(st->ranges_total, MAPS);
	assert_int_equal(st->records_total, 10 * MAPS);
	assert_int_equal(st->elapsed_ms, 4000);
	tr_msg_free(st);
}

static void test_job__counts_follow_every_change(void **state)
{
	struct tr_edge_job *j = new_job();
	struct tr_lane_id map = { 0, 1 }, reduce = { 1, 0 };
	(void)state;
	expect_counts(j, (struct counts){ 0 });
	struct tr_edge_attempt *a = begin(j, map, 1);
	a->records = 4;
	tr_edge_task_changed(j, map);
	expect_counts(j, (struct counts){ .running = 1, .records = 4 });
	a->outcome = TR_EDGE_LOST;
	tr_edge_task_changed(j, map);
	expect_counts(j, (struct counts){ 0 });
	a = begin(j, map, 2);
	finish(j, map, a, 10, 0);
	expect_counts(j,
		(struct counts){ .done = 1, .ranges_done = 1, .records = 10 });
	a = begin(j, reduce, 3);
	a->records = 99; /* elements, not records of the source */
	finish(j, reduce, a, 99, 5);
	expect_counts(j, (struct counts){ .done = 2,
				 .ranges_done = 1,
				 .records = 10,
				 .rows = 5 });
	tr_edge_task_unfinish(j, reduce);
	tr_edge_task_unfinish(j, reduce);
	expect_counts(j,
		(struct counts){ .done = 1, .ranges_done = 1, .records = 10 });
	assert_non_null(tr_edge_task_last(tr_edge_job_task(j, reduce)));
	finish(j, reduce, begin(j, reduce, 4), 99, 7);
	expect_counts(j, (struct counts){ .done = 2,
				 .ranges_done = 1,
				 .records = 10,
				 .rows = 7 });
	tr_edge_job_free(j);
}

/* Neither what counts nor what runs goes, whatever else was tried. */
static void test_task__keeps_a_limited_number_of_attempts(void **state)
{
	struct tr_edge_job *j = new_job();
	struct tr_lane_id lane = { 0, 0 };
	struct tr_edge_task *t = tr_edge_job_task(j, lane);
	(void)state;
	finish(j, lane, begin(j, lane, 1), 10, 0);
	begin(j, lane, 2); /* runs */
	for (uint64_t i = 3; i < 100; i++) {
		assert_true(tr_edge_task_has_room(t));
		begin(j, lane, i)->outcome = TR_EDGE_FAILED;
	}
	assert_int_equal(t->n_attempts, TR_ATTEMPTS_KEPT);
	assert_int_equal(t->forgotten, 99 - TR_ATTEMPTS_KEPT);
	assert_int_equal(tr_edge_task_result(t)->id.v, 1);
	assert_non_null(tr_edge_attempt_find(t, (struct tr_attempt_id){ 2 }));
	assert_null(tr_edge_attempt_find(t, (struct tr_attempt_id){ 3 }));
	for (uint32_t i = 0; i < t->n_attempts; i++)
		t->attempts[i].outcome = TR_EDGE_RUNNING;
	assert_false(tr_edge_task_has_room(t));
	tr_edge_job_free(j);
}

static void test_job__rows_are_by_stage_and_lane(void **state)
{
	struct tr_edge_job *j = new_job();
	size_t n;
	(void)state;
	begin(j, (struct tr_lane_id){ 0, 2 }, 1);
	Tranche__V1__TaskRow **rows = tr_edge_job_rows(j, SIZE_MAX, &n);
	assert_int_equal(n, MAPS + REDUCES);
	assert_string_equal(rows[0]->state, "waiting");
	assert_string_equal(rows[2]->state, "running");
	assert_int_equal(rows[2]->range->from, 20);
	assert_int_equal(rows[2]->n_attempts, 1);
	assert_int_equal(rows[3]->stage, 1);
	assert_null(rows[3]->range);
	for (size_t i = 0; i < n; i++)
		tr_msg_free(rows[i]);
	free(rows);
	rows = tr_edge_job_rows(j, 2, &n);
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++)
		tr_msg_free(rows[i]);
	free(rows);
	tr_edge_job_free(j);
}

static void test_job__error_stands_once_the_end_is_decided(void **state)
{
	struct tr_edge_job *j = new_job();
	(void)state;
	tr_edge_job_set_error(j, TR_EUSER, "first", "", "");
	tr_edge_job_set_error(j, TR_ELOST, "second", "", "");
	j->ending = true;
	tr_edge_job_set_error(j, TR_ECANCELED, "late", "", "");
	assert_string_equal(j->error.text, "second");
	tr_edge_job_free(j);
}

static void test_attempt__errors_of_any_length_are_cut(void **state)
{
	struct tr_edge_job *j = new_job();
	struct tr_edge_attempt *a = begin(j, (struct tr_lane_id){ 0, 0 }, 1);
	Tranche__V1__ErrorInfo info = TRANCHE__V1__ERROR_INFO__INIT;
	(void)state;
	info.text = calloc(1, 100001);
	memset(info.text, 'x', 100000);
	tr_edge_attempt_set_error(a, &info);
	assert_int_equal(strlen(a->error->text), TR_ERROR_TEXT_MAX);
	free(info.text);
	tr_edge_job_free(j);
}

static void test_job__plans_that_do_not_fit_are_refused(void **state)
{
	struct tr_error err;
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	(void)state;
	struct tr_edge_job *j =
		tr_edge_job_new((struct tr_job_id){ 7 }, "0123", 1000, &m);
	Tranche__V1__BatchPlan *p = new_plan(0);
	assert_int_equal(tr_edge_job_set_plan(j, p, &err), TR_EINVAL);
	tr_msg_free(p);
	p = new_plan(REDUCES);
	p->ranges[1]->lane = 2;
	assert_int_equal(tr_edge_job_set_plan(j, p, &err), TR_EINVAL);
	p->ranges[1]->lane = 1;
	p->stages[0]->lanes = MAPS + 1;
	assert_int_equal(tr_edge_job_set_plan(j, p, &err), TR_EINVAL);
	tr_msg_free(p);
	tr_edge_job_free(j);
}

/* A reduce lane's receipt names its sink, once, with a digest. */
static void test_receipt__has_each_sink_of_its_stage(void **state)
{
	struct tr_edge_job *j = new_job();
	struct tr_lane_id lane = { 1, 1 };
	struct tr_error err;
	(void)state;
	Tranche__V1__Receipt *r = new_receipt(9, 4);
	assert_int_equal(tr_edge_receipt_check(j, lane, r, &err), 0);
	assert_true(tr_edge_receipt_has_rows(r));
	r->outputs[0]->operator_ = 1;
	assert_int_equal(tr_edge_receipt_check(j, lane, r, &err), TR_EPROTO);
	r->outputs[0]->operator_ = 2;
	r->outputs[0]->digest.len = 3;
	assert_int_equal(tr_edge_receipt_check(j, lane, r, &err), TR_EPROTO);
	r->outputs[0]->digest.len = TR_DIGEST_SIZE;
	r->outputs[0]->records = 0;
	assert_int_equal(tr_edge_receipt_check(j, lane, r, &err), 0);
	assert_false(tr_edge_receipt_has_rows(r));
	tr_msg_free(r);
	r = new_receipt(9, 0);
	assert_int_equal(tr_edge_receipt_check(j, lane, r, &err), TR_EPROTO);
	assert_int_equal(tr_edge_receipt_check(j, lane, NULL, &err), TR_EPROTO);
	tr_msg_free(r);
	tr_edge_job_free(j);
}

TR_TEST_MAIN(cmocka_unit_test(test_job__counts_follow_every_change),
	cmocka_unit_test(test_task__keeps_a_limited_number_of_attempts),
	cmocka_unit_test(test_job__rows_are_by_stage_and_lane),
	cmocka_unit_test(test_job__error_stands_once_the_end_is_decided),
	cmocka_unit_test(test_attempt__errors_of_any_length_are_cut),
	cmocka_unit_test(test_job__plans_that_do_not_fit_are_refused),
	cmocka_unit_test(test_receipt__has_each_sink_of_its_stage));
