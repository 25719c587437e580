/*
 * Placement and retry: who gets what, and when it is enough.
 */
#include "tests/support/test.h"

#include "common/base/err.h"
#include "tests/driver/core/fixture.h"

/* The launch of the last step; there is exactly one. */
static const struct tr_core_send *only_launch(const struct fixture *f)
{
	const struct tr_core_send *s = NULL;
	assert_int_equal(fx_sends(f, TR_CORE_SEND_LAUNCH, &s), 1);
	return s;
}

static void assert_launch(const struct fixture *f, uint64_t executor,
	uint64_t job, uint32_t stage, uint32_t lane)
{
	const struct tr_core_send *s = only_launch(f);
	assert_int_equal(s->executor.v, executor);
	assert_int_equal(s->ref.job.v, job);
	assert_int_equal(s->ref.lane.stage, stage);
	assert_int_equal(s->ref.lane.lane, lane);
}

static void assert_job_ends(
	const struct fixture *f, enum tr_core_outcome outcome, int error)
{
	const struct tr_core_record *r = NULL;
	assert_int_equal(fx_records(f, TR_CORE_RECORD_JOB_END, &r), 1);
	assert_int_equal(r->outcome, outcome);
	assert_int_equal(r->error, error);
}

/* ------------------------------------------------------------ placement */

/* Work spreads: the executor with the most free slots is next. */
static void test_place__takes_the_idlest_executor(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 3);
	fx_submit(&f, 7, 4, 0);
	static const uint64_t expected[] = { 2, 2, 1, 2 };
	assert_int_equal(f.update->sends_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f.update->sends[i].executor.v, expected[i]);
	fx_stop(&f);
}

/* Lanes of one partition stay where its reader is warm, while there are any. */
static void test_place__keeps_partitions_together(void **state)
{
	(void)state;
	struct fixture f;
	static const uint32_t groups[] = { 0, 0, 0, 1, 1, 2 };
	struct tr_core_stage_plan stage = { .lanes = 6, .groups = groups };
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_add(&f, 7, 1);
	fx_stages(&f, 7, 1, &stage);
	assert_int_equal(f.update->sends[0].ref.lane.lane, 0);
	assert_int_equal(f.update->sends[1].ref.lane.lane, 3);
	fx_done(&f, 1, 7, 0, 0, 1);
	assert_launch(&f, 1, 7, 0, 1);
	fx_done(&f, 2, 7, 0, 3, 2);
	assert_launch(&f, 2, 7, 0, 4);
	fx_done(&f, 2, 7, 0, 4, 4);
	assert_launch(&f, 2, 7, 0, 5); /* nobody reads partition 2 */
	fx_done(&f, 2, 7, 0, 5, 5);
	assert_launch(&f, 2, 7, 0, 2); /* only now it helps with 0 */
	fx_stop(&f);
}

/* A gather goes where most of its input is. */
static void test_place__reduces_where_the_blocks_are(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 3, 1);
	fx_done(&f, 2, 7, 0, 1, 2);
	assert_launch(&f, 2, 7, 0, 2);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_done(&f, 2, 7, 0, 2, 3);
	assert_launch(&f, 2, 7, 1, 0);
	fx_stop(&f);
}

static size_t count_launches(const struct fixture *f, uint64_t job)
{
	size_t n = 0;
	for (size_t i = 0; i < f->update->sends_count; i++)
		if (f->update->sends[i].kind == TR_CORE_SEND_LAUNCH &&
			f->update->sends[i].ref.job.v == job)
			n++;
	return n;
}

/* Slots are shared by weight, and a job cannot be starved by an older one. */
static void test_place__shares_slots_by_weight(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_add(&f, 1, 1);
	fx_plan(&f, 1, 20, 0);
	fx_add(&f, 2, 3);
	fx_plan(&f, 2, 20, 0);
	fx_join(&f, 1, 8);
	assert_int_equal(count_launches(&f, 1), 2);
	assert_int_equal(count_launches(&f, 2), 6);
	fx_stop(&f);
}

static void test_place__takes_turns_on_a_single_slot(void **state)
{
	(void)state;
	struct fixture f;
	size_t first = 0;
	fx_start(&f, NULL);
	fx_submit(&f, 1, 10, 0);
	fx_submit(&f, 2, 10, 0);
	fx_join(&f, 1, 1);
	for (int i = 0; i < 10; i++) {
		const struct tr_core_send s = *only_launch(&f);
		first += s.ref.job.v == 1;
		fx_done(&f, 1, s.ref.job.v, 0, s.ref.lane.lane,
			s.ref.attempt.v & UINT32_MAX);
	}
	assert_int_equal(first, 5);
	fx_stop(&f);
}

/* What is running never exceeds the job's rate. */
static void test_place__divides_the_rate(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_event add = { .kind = TR_CORE_JOB_ADD };
	fx_start(&f, NULL);
	fx_join(&f, 1, 4);
	add.now_ms = f.now_ms;
	add.u.job.job.v = 7;
	add.u.job.max_rate = 10;
	fx_step(&f, &add);
	fx_plan(&f, 7, 8, 0);
	assert_int_equal(f.update->sends_count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(f.update->sends[i].rate, 2);
	fx_join(&f, 2, 4); /* 10 - 4 * 2 = 2 are left: two lanes of 1 */
	assert_int_equal(count_launches(&f, 7), 2);
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(f.update->sends[i].rate, 1);
	fx_stop(&f);
}

static void test_place__keeps_away_from_draining_executors(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_member(&f, TR_CORE_EXECUTOR_DRAIN, 1);
	assert_int_equal(fx_sends(&f, TR_CORE_SEND_GOODBYE, NULL), 1);
	fx_submit(&f, 7, 1, 0);
	assert_int_equal(fx_sends(&f, TR_CORE_SEND_LAUNCH, NULL), 0);
	assert_int_equal(fx_notices(&f, TR_CORE_NOTICE_JOB_WAITS, NULL), 1);
	fx_stop(&f);
}

/* ---------------------------------------------------------------- retry */

/* Never where it failed last, while there is another; then there. */
static void test_retry__avoids_the_executor_of_the_failure(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 2, 0);
	fx_join(&f, 2, 1); /* it gets lane 1 */
	assert_launch(&f, 2, 7, 0, 1);
	fx_failed(&f, 1, 7, 0, 0, 1, TR_EIO);
	fx_wait(&f, 100);
	assert_int_equal(fx_sends(&f, TR_CORE_SEND_LAUNCH, NULL), 0);
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 2);
	assert_int_equal(count_launches(&f, 7), 1);
	fx_stop(&f);
}

/* 100 ms, 200, 400 … and half of it by chance. */
static void test_retry__backs_off_twice_as_long(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_limits limits;
	static const uint64_t longest[] = { 100, 200, 400, 500, 500 };
	fx_limits(&limits);
	limits.backoff_ms_max = 500;
	limits.attempts_per_task = 9;
	limits.lease_ms = 1000000;
	fx_start(&f, &limits);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 1, 0);
	for (size_t i = 0; i < TR_ARRAY_LEN(longest); i++) {
		fx_failed(&f, 1, 7, 0, 0, i + 1, TR_EIO);
		uint64_t ms = f.update->next_deadline_ms - f.now_ms;
		assert_in_range(ms, longest[i] / 2, longest[i]);
		fx_wait(&f, ms);
		assert_launch(&f, 1, 7, 0, 0);
	}
	fx_stop(&f);
}

static void test_retry__is_limited_by_the_job(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_event add = { .kind = TR_CORE_JOB_ADD };
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	add.now_ms = f.now_ms;
	add.u.job.job.v = 7;
	add.u.job.max_attempts = 2;
	fx_step(&f, &add);
	fx_plan(&f, 7, 1, 0);
	fx_failed(&f, 1, 7, 0, 0, 1, TR_EIO);
	fx_wait(&f, 100);
	fx_failed(&f, 1, 7, 0, 0, 2, TR_EUSER);
	assert_job_ends(&f, TR_CORE_JOB_FAILED, TR_EUSER);
	fx_stop(&f);
}

/* A record that kills workers is blamed before all attempts are used up. */
static void test_retry__blames_tasks_that_kill_workers(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 1, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		struct tr_core_event ev =
			fx_report(&f, TR_CORE_TASK_FAILED, 1, 7, 0, 0, i);
		ev.u.report.error = TR_EKILLED;
		ev.u.report.worker_died = true;
		fx_step(&f, &ev);
		if (i < 3)
			fx_wait(&f, 400);
	}
	assert_job_ends(&f, TR_CORE_JOB_FAILED, TR_EKILLED);
	fx_stop(&f);
}

/* Losses cost no attempt, but there is an end to them too. */
static void test_retry__ends_after_too_many_losses(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_limits limits;
	fx_limits(&limits);
	limits.losses_per_task = 2;
	fx_start(&f, &limits);
	fx_submit(&f, 7, 1, 0);
	for (uint64_t e = 1; e <= 3; e++) {
		fx_join(&f, e, 1);
		assert_launch(&f, e, 7, 0, 0);
		fx_member(&f, TR_CORE_EXECUTOR_DOWN, e);
	}
	assert_job_ends(&f, TR_CORE_JOB_FAILED, TR_ELOST);
	fx_stop(&f);
}

static void test_retry__final_errors_are_not_repeated(void **state)
{
	(void)state;
	static const int errors[] = { TR_EINVAL, TR_ELIMIT, TR_EAUTH,
		TR_EVERSION, TR_ENOTFOUND, TR_EKAFKA, TR_EINPUT_GONE,
		TR_ETRUNCATED, TR_ENONDET };
	for (size_t i = 0; i < TR_ARRAY_LEN(errors); i++) {
		struct fixture f;
		fx_start(&f, NULL);
		fx_join(&f, 1, 1);
		fx_submit(&f, 7, 1, 0);
		fx_failed(&f, 1, 7, 0, 0, 1, errors[i]);
		assert_job_ends(&f, TR_CORE_JOB_FAILED, errors[i]);
		fx_stop(&f);
	}
}

static void test_retry__other_errors_are(void **state)
{
	(void)state;
	static const int errors[] = { TR_ENOMEM, TR_EAGAIN, TR_ETIMEOUT,
		TR_ECLOSED, TR_EPROTO, TR_EEXIST, TR_EIO, TR_ECORRUPT,
		TR_EFENCED, TR_EUSER, TR_EUNREACH, TR_ESTALLED, TR_EFULL,
		TR_EKILLED, TR_ECANCELED, TR_ELOST };
	for (size_t i = 0; i < TR_ARRAY_LEN(errors); i++) {
		struct fixture f;
		fx_start(&f, NULL);
		fx_join(&f, 1, 1);
		fx_submit(&f, 7, 1, 0);
		fx_failed(&f, 1, 7, 0, 0, 1, errors[i]);
		size_t at_once = fx_sends(&f, TR_CORE_SEND_LAUNCH, NULL);
		fx_wait(&f, 100);
		size_t later = fx_sends(&f, TR_CORE_SEND_LAUNCH, NULL);
		assert_int_equal(at_once + later, 1);
		fx_stop(&f);
	}
}

/* An executor that fails a job again and again is not used for it. */
static void test_retry__excludes_a_bad_executor(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_limits limits;
	fx_limits(&limits);
	limits.executor_failures = 2;
	fx_start(&f, &limits);
	fx_join(&f, 1, 2);
	fx_submit(&f, 7, 4, 0);
	fx_join(&f, 2, 1);
	fx_failed(&f, 1, 7, 0, 0, 1, TR_EIO);
	fx_failed(&f, 1, 7, 0, 1, 2, TR_EIO);
	assert_int_equal(fx_notices(&f, TR_CORE_NOTICE_EXCLUDED, NULL), 1);
	fx_wait(&f, 1000);
	assert_int_equal(fx_sends(&f, TR_CORE_SEND_LAUNCH, NULL), 0);
	fx_submit(&f, 8, 1, 0); /* another job does not mind */
	assert_launch(&f, 1, 8, 0, 0);
	fx_stop(&f);
}

/* The last executor is used whatever it did. */
static void test_retry__forgives_when_nobody_is_left(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_limits limits;
	fx_limits(&limits);
	limits.executor_failures = 1;
	fx_start(&f, &limits);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 2, 0);
	fx_join(&f, 2, 1);
	fx_failed(&f, 1, 7, 0, 0, 1, TR_EIO);
	assert_int_equal(fx_notices(&f, TR_CORE_NOTICE_EXCLUDED, NULL), 1);
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 2);
	assert_launch(&f, 1, 7, 0, 1);
	fx_stop(&f);
}

/* --------------------------------------------------------------- limits */

/* A long event comes in pieces; none is lost and none comes twice. */
static void test_step__continues_when_an_update_is_full(void **state)
{
	(void)state;
	enum {
		LANES = 3000
	};
	struct fixture f;
	struct tr_core_limits limits;
	size_t launches = 0;
	size_t pieces = 0;
	struct tr_core_stage_plan stage = { .lanes = LANES };
	struct tr_core_event ev = { .kind = TR_CORE_JOB_PLANNED };
	tr_core_limits_default(&limits);
	fx_start(&f, &limits);
	for (uint64_t e = 1; e <= 12; e++)
		fx_join(&f, e, 256);
	fx_add(&f, 7, 1);
	ev.now_ms = f.now_ms;
	ev.u.plan = (struct tr_core_plan_event){
		.job = { 7 }, .batch = 1, .stages_count = 1, .stages = &stage
	};
	do {
		tr_core_step(f.core, &ev, f.update);
		tr_core_check(f.core);
		launches += f.update->sends_count;
		pieces++;
		ev.kind = TR_CORE_CONTINUE;
	} while (f.update->more);
	assert_int_equal(launches, LANES);
	assert_in_range(pieces, LANES / TR_CORE_SENDS_MAX, 10);
	fx_stop(&f);
}

static void test_count__tells_what_there_is(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_counts counts;
	fx_start(&f, NULL);
	fx_join(&f, 1, 3);
	fx_submit(&f, 7, 2, 1);
	tr_core_count(f.core, &counts);
	assert_int_equal(counts.executors, 1);
	assert_int_equal(counts.slots, 3);
	assert_int_equal(counts.running, 2);
	assert_int_equal(counts.jobs, 1);
	fx_stop(&f);
}

TR_TEST_MAIN(cmocka_unit_test(test_place__takes_the_idlest_executor),
	cmocka_unit_test(test_place__keeps_partitions_together),
	cmocka_unit_test(test_place__reduces_where_the_blocks_are),
	cmocka_unit_test(test_place__shares_slots_by_weight),
	cmocka_unit_test(test_place__takes_turns_on_a_single_slot),
	cmocka_unit_test(test_place__divides_the_rate),
	cmocka_unit_test(test_place__keeps_away_from_draining_executors),
	cmocka_unit_test(test_retry__avoids_the_executor_of_the_failure),
	cmocka_unit_test(test_retry__backs_off_twice_as_long),
	cmocka_unit_test(test_retry__is_limited_by_the_job),
	cmocka_unit_test(test_retry__blames_tasks_that_kill_workers),
	cmocka_unit_test(test_retry__ends_after_too_many_losses),
	cmocka_unit_test(test_retry__final_errors_are_not_repeated),
	cmocka_unit_test(test_retry__other_errors_are),
	cmocka_unit_test(test_retry__excludes_a_bad_executor),
	cmocka_unit_test(test_retry__forgives_when_nobody_is_left),
	cmocka_unit_test(test_step__continues_when_an_update_is_full),
	cmocka_unit_test(test_count__tells_what_there_is));
