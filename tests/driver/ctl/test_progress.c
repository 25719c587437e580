#include "tests/support/test.h"

#include <string.h>

#include "common/base/check.h"
#include "driver/ctl/progress.h"

#define RUNNING TRANCHE__V1__JOB_STATE__JOB_RUNNING

static void test_text_count__table(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 999, "999" },
		{ 1000, "1.0k" },
		{ 1999, "1.9k" },
		{ 99999, "99.9k" },
		{ 999999, "999k" },
		{ 1234567, "1.2M" },
		{ 25000000000, "25.0G" },
		{ UINT64_MAX, "18.4E" },
	};
	char out[16];
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_string_equal(
			tr_text_count(out, cases[i].n), cases[i].text);
}

static void test_text_bytes__table(void **state)
{
	char out[16];
	(void)state;
	assert_string_equal(tr_text_bytes(out, 12), "12 B");
	assert_string_equal(tr_text_bytes(out, 12345), "12.3 kB");
	assert_string_equal(tr_text_bytes(out, 114000000), "114 MB");
}

static void test_text_time__table(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0.00s" },
		{ 215, "0.21s" },
		{ 9999, "9.99s" },
		{ 10000, "10s" },
		{ 59999, "59s" },
		{ 185000, "3m05s" },
		{ 7620000, "2h07m" },
		{ 273600000, "3d04h" },
	};
	char out[16];
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_string_equal(
			tr_text_time(out, cases[i].ms), cases[i].text);
}

/* A job of 1000 records in 4 ranges, so far. */
static Tranche__V1__JobStatus status(
	Tranche__V1__JobState state, uint64_t ranges, uint64_t records)
{
	static Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__JobStatus s = TRANCHE__V1__JOB_STATUS__INIT;
	env.job = 7;
	s.env = &env;
	s.state = state;
	s.ranges_total = 4;
	s.ranges_done = ranges;
	s.tasks_total = 6;
	s.tasks_done = ranges;
	s.records_total = 1000;
	s.records = records;
	s.bytes = records * 100;
	return s;
}

static void test_progress_bar__at_the_beginning(void **state)
{
	struct tr_progress p = { .n = 0 };
	char out[TR_PROGRESS_TEXT];
	Tranche__V1__JobStatus s = status(RUNNING, 0, 0);
	(void)state;
	tr_progress_add(&p, &s, 1000);
	assert_string_equal(tr_progress_bar(&p, &s, 80, out),
		"[>                   ] 0/4 ranges");
}

static void test_progress_bar__rates_and_time_left(void **state)
{
	struct tr_progress p = { .n = 0 };
	char out[TR_PROGRESS_TEXT];
	Tranche__V1__JobStatus s = status(RUNNING, 0, 0);
	(void)state;
	tr_progress_add(&p, &s, 1000);
	s = status(RUNNING, 2, 500);
	s.retries = 1;
	tr_progress_add(&p, &s, 3000);
	/* 500 records in 2 s: 250/s, and 500 are left. */
	assert_string_equal(tr_progress_bar(&p, &s, 100, out),
		"[=========>          ] 2/4 ranges  250 records/s  "
		"25.0 kB/s  2.00s left  1 retry");
}

static void test_progress_bar__drops_what_does_not_fit(void **state)
{
	struct tr_progress p = { .records_s = 250, .bytes_s = 25000 };
	char out[TR_PROGRESS_TEXT];
	Tranche__V1__JobStatus s = status(RUNNING, 2, 500);
	(void)state;
	assert_string_equal(tr_progress_bar(&p, &s, 50, out),
		"[=========>          ] 2/4 ranges  250 records/s");
	assert_string_equal(tr_progress_bar(&p, &s, 10, out), "");
}

static void test_progress_bar__full_when_all_ranges_are_done(void **state)
{
	struct tr_progress p = { .n = 0 };
	char out[TR_PROGRESS_TEXT];
	/* A log with holes: 900 records in 1000 offsets. */
	Tranche__V1__JobStatus s = status(RUNNING, 4, 900);
	(void)state;
	s.tasks_done = 5;
	tr_progress_add(&p, &s, 1000);
	assert_string_equal(tr_progress_bar(&p, &s, 80, out),
		"[====================] 4/4 ranges  1/2 reduce tasks");
}

static void test_progress_bar__other_states_are_words(void **state)
{
	struct tr_progress p = { .n = 0 };
	char out[TR_PROGRESS_TEXT];
	Tranche__V1__JobStatus s =
		status(TRANCHE__V1__JOB_STATE__JOB_COMMITTING, 4, 1000);
	(void)state;
	assert_string_equal(tr_progress_bar(&p, &s, 80, out), "committing");
}

static void test_progress_add__rates_follow_the_last_seconds(void **state)
{
	struct tr_progress p = { .n = 0 };
	Tranche__V1__JobStatus s = status(RUNNING, 0, 0);
	(void)state;
	/* 1000 records/s for a minute, a status every 100 ms; then none. */
	for (uint64_t ms = 0; ms <= 60000; ms += 100) {
		s.records = ms;
		tr_progress_add(&p, &s, 1 + ms);
	}
	assert_int_equal(p.records_s, 1000);
	for (uint64_t ms = 60100; ms <= 70000; ms += 100)
		tr_progress_add(&p, &s, 1 + ms);
	assert_int_equal(p.records_s, 0);
	/* A lost task's records are taken back: no rate below zero. */
	s.records = 10;
	tr_progress_add(&p, &s, 70200);
	assert_int_equal(p.records_s, 0);
}

static void test_progress_line__is_plain(void **state)
{
	struct tr_progress p = { .records_s = 250, .bytes_s = 25000 };
	char out[TR_PROGRESS_TEXT];
	Tranche__V1__JobStatus s = status(RUNNING, 2, 500);
	(void)state;
	s.retries = 2;
	assert_string_equal(tr_progress_line(&p, &s, out),
		"job 7 running: 2/4 ranges, 250 records/s, 25.0 kB/s, 2.00s "
		"left, 2 retries");
	s.state = TRANCHE__V1__JOB_STATE__JOB_PLANNING;
	s.ranges_total = 0;
	assert_string_equal(tr_progress_line(&p, &s, out), "job 7 planning");
}

static void test_job_state__unknown_numbers_are_not_ended(void **state)
{
	(void)state;
	assert_string_equal(
		tr_job_state_text((Tranche__V1__JobState)99), "unknown");
	assert_false(tr_job_state_is_ended((Tranche__V1__JobState)99));
	assert_true(tr_job_state_is_ended(TRANCHE__V1__JOB_STATE__JOB_DONE));
	assert_true(tr_job_state_is_ended(TRANCHE__V1__JOB_STATE__JOB_FAILED));
	assert_true(
		tr_job_state_is_ended(TRANCHE__V1__JOB_STATE__JOB_CANCELLED));
	assert_false(
		tr_job_state_is_ended(TRANCHE__V1__JOB_STATE__JOB_COMMITTING));
}

TR_TEST_MAIN(cmocka_unit_test(test_text_count__table),
	cmocka_unit_test(test_text_bytes__table),
	cmocka_unit_test(test_text_time__table),
	cmocka_unit_test(test_progress_bar__at_the_beginning),
	cmocka_unit_test(test_progress_bar__rates_and_time_left),
	cmocka_unit_test(test_progress_bar__drops_what_does_not_fit),
	cmocka_unit_test(test_progress_bar__full_when_all_ranges_are_done),
	cmocka_unit_test(test_progress_bar__other_states_are_words),
	cmocka_unit_test(test_progress_add__rates_follow_the_last_seconds),
	cmocka_unit_test(test_progress_line__is_plain),
	cmocka_unit_test(test_job_state__unknown_numbers_are_not_ended));
