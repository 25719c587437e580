#include "tests/support/test.h"

#include <stdbool.h>

#include "common/base/check.h"
#include "executor/reader/position.h"

static void test_position__takes_drops_and_ends(void **state)
{
	static const struct {
		int64_t offset;
		enum tr_position_verdict verdict;
		int64_t next;
		bool ended;
	} steps[] = {
		{ 9, TR_POSITION_DROP, 10, false },
		{ 10, TR_POSITION_TAKE, 11, false },
		{ 10, TR_POSITION_DROP, 11, false },
		{ 14, TR_POSITION_TAKE, 15, false },
		{ 12, TR_POSITION_DROP, 15, false },
		{ 20, TR_POSITION_BEYOND, 20, true },
	};
	struct tr_position p;

	(void)state;
	tr_position_init(&p, 10, 20);
	for (size_t i = 0; i < TR_ARRAY_LEN(steps); i++) {
		assert_int_equal(tr_position_meet(&p, steps[i].offset),
			steps[i].verdict);
		assert_int_equal(p.next, steps[i].next);
		assert_int_equal(p.ended, steps[i].ended);
	}
	assert_int_equal(p.records, 2);
	assert_int_equal(p.duplicates, 3);
	assert_int_equal(p.first, 10);
	assert_int_equal(p.last, 14);
}

static void test_position__ends_with_the_last_record(void **state)
{
	struct tr_position p;

	(void)state;
	tr_position_init(&p, 0, 2);
	assert_int_equal(tr_position_meet(&p, 0), TR_POSITION_TAKE);
	assert_false(p.ended);
	assert_int_equal(tr_position_meet(&p, 1), TR_POSITION_TAKE);
	assert_true(p.ended);
	assert_false(tr_position_has_hole(&p));
}

static void test_position__ends_empty_ranges_at_once(void **state)
{
	struct tr_position p;

	(void)state;
	tr_position_init(&p, 7, 7);
	assert_true(p.ended);
	assert_int_equal(p.first, -1);
}

static void test_position__ends_at_the_log_end(void **state)
{
	struct tr_position p;

	(void)state;
	tr_position_init(&p, 5, 10);
	tr_position_meet_end(&p, 9);
	assert_false(p.ended);
	tr_position_meet_end(&p, 10);
	assert_true(p.ended);
	assert_int_equal(p.next, 10);
}

/* Offsets that come (ending with the one beyond 100), and the lowest hole. */
static void test_position__finds_the_lowest_hole(void **state)
{
	static const struct {
		int64_t offsets[4];
		int64_t hole;
	} cases[] = {
		{ { 50, 51, 99, 100 }, 52 },
		{ { 51, 52, 99, 100 }, 50 },
		{ { 50, 60, 70, 100 }, 51 },
		{ { 50, 51, 52, 120 }, 53 },
		{ { 120, 121, 122, 123 }, 50 },
	};

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_position p;
		tr_position_init(&p, 50, 100);
		for (size_t j = 0; j < 4; j++)
			tr_position_meet(&p, cases[i].offsets[j]);
		assert_int_equal(p.hole, cases[i].hole);
	}
}

static void test_position__tells_lost_input_from_holes(void **state)
{
	struct tr_position p;

	(void)state;
	tr_position_init(&p, 50, 100);
	tr_position_meet(&p, 50);
	tr_position_meet(&p, 60);
	assert_true(tr_position_explain(&p, 51)); /* natural: 51 is still in */
	assert_false(tr_position_has_hole(&p));

	tr_position_meet(&p, 70); /* the log start has moved since */
	assert_false(tr_position_explain(&p, 62));
	assert_int_equal(p.hole, 61);
}

TR_TEST_MAIN(cmocka_unit_test(test_position__takes_drops_and_ends),
	cmocka_unit_test(test_position__ends_with_the_last_record),
	cmocka_unit_test(test_position__ends_empty_ranges_at_once),
	cmocka_unit_test(test_position__ends_at_the_log_end),
	cmocka_unit_test(test_position__finds_the_lowest_hole),
	cmocka_unit_test(test_position__tells_lost_input_from_holes));
