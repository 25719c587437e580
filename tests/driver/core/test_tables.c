/*
 * The structures below the core: state tables, index, timer.
 */
#include "tests/support/test.h"

#include <string.h>

#include "common/base/rng.h"
#include "driver/core/index.h"
#include "driver/core/timer.h"
#include "driver/core/transition.h"

static uint8_t states_of(enum tr_state_table table)
{
	static const uint8_t counts[] = {
		[TR_TABLE_JOB] = TR_CORE_JOB_STATES,
		[TR_TABLE_EXECUTOR] = TR_CORE_EXECUTOR_STATES,
		[TR_TABLE_TASK] = TR_TASK_STATES,
	};
	return counts[table];
}

/* Rows name states that exist, no move twice, each with a reason. */
static void test_transition__tables_are_well_formed(void **state)
{
	(void)state;
	for (int t = 0; t < TR_TABLES; t++) {
		enum tr_state_table table = (enum tr_state_table)t;
		bool seen[8][8] = { { false } };
		size_t count;
		const struct tr_transition *rows =
			tr_transitions(table, &count);
		for (size_t i = 0; i < count; i++) {
			assert_true(rows[i].from < states_of(table));
			assert_true(rows[i].to < states_of(table));
			assert_true(rows[i].from != rows[i].to);
			assert_true(strlen(rows[i].why) > 0);
			assert_false(seen[rows[i].from][rows[i].to]);
			seen[rows[i].from][rows[i].to] = true;
		}
	}
}

/* From the first state every other can be reached; and a way leads back. */
static void test_transition__every_state_is_reached(void **state)
{
	(void)state;
	for (int t = 0; t < TR_TABLES; t++) {
		enum tr_state_table table = (enum tr_state_table)t;
		bool reached[8] = { true };
		size_t count;
		const struct tr_transition *rows =
			tr_transitions(table, &count);
		for (size_t round = 0; round < count; round++)
			for (size_t i = 0; i < count; i++)
				if (reached[rows[i].from])
					reached[rows[i].to] = true;
		for (uint8_t s = 0; s < states_of(table); s++)
			assert_true(reached[s]);
	}
}

static void test_transition__counts_moves(void **state)
{
	(void)state;
	struct tr_core c = { 0 };
	uint8_t job = TR_CORE_JOB_FREE;
	tr_transition_init(&c);
	tr_move(&c, TR_TABLE_JOB, &job, TR_CORE_JOB_PLANNING);
	assert_int_equal(job, TR_CORE_JOB_PLANNING);
	assert_int_equal(tr_transition_taken(&c, TR_TABLE_JOB, 0), 1);
	assert_int_equal(tr_transition_taken(&c, TR_TABLE_JOB, 1), 0);
	tr_transition_fini(&c);
}

/* Against a plain array, with ids that come and go. */
static void test_index__finds_what_was_added(void **state)
{
	(void)state;
	enum {
		ROWS = 64
	};
	struct tr_index x;
	struct tr_rng rng;
	uint64_t ids[ROWS] = { 0 };
	tr_index_init(&x, ROWS);
	tr_rng_init(&rng, 7);
	for (int i = 0; i < 20000; i++) {
		uint32_t row = (uint32_t)tr_rng_below(&rng, ROWS);
		if (ids[row]) {
			assert_int_equal(tr_index_find(&x, ids[row]), row);
			tr_index_remove(&x, ids[row]);
			assert_int_equal(
				tr_index_find(&x, ids[row]), TR_ROW_NONE);
			ids[row] = 0;
		} else {
			ids[row] = (uint64_t)i + 1;
			tr_index_add(&x, ids[row], row);
		}
	}
	for (uint32_t row = 0; row < ROWS; row++)
		if (ids[row])
			assert_int_equal(tr_index_find(&x, ids[row]), row);
	tr_index_fini(&x);
}

/* In order of time, then row, whatever was taken out in between. */
static void test_timer__takes_in_order(void **state)
{
	(void)state;
	enum {
		ROWS = 200
	};
	struct tr_timer t;
	struct tr_rng rng;
	uint64_t at[ROWS];
	bool in[ROWS];
	tr_timer_init(&t, ROWS);
	tr_rng_init(&rng, 3);
	for (uint32_t i = 0; i < ROWS; i++) {
		at[i] = 1 + tr_rng_below(&rng, 50);
		in[i] = true;
		tr_timer_add(&t, i, at[i]);
	}
	for (uint32_t i = 0; i < ROWS; i += 3) {
		tr_timer_remove(&t, i);
		in[i] = false;
	}
	assert_int_equal(tr_timer_take(&t, 0), TR_ROW_NONE);
	uint64_t last_at = 0;
	uint32_t last_row = 0;
	uint32_t taken = 0;
	uint32_t row;
	while ((row = tr_timer_take(&t, 50)) != TR_ROW_NONE) {
		assert_true(in[row]);
		in[row] = false;
		assert_true(at[row] > last_at ||
			    (at[row] == last_at && row > last_row));
		last_at = at[row];
		last_row = row;
		taken++;
	}
	assert_int_equal(taken, ROWS - (ROWS + 2) / 3);
	assert_int_equal(tr_timer_next(&t), UINT64_MAX);
	tr_timer_fini(&t);
}

TR_TEST_MAIN(cmocka_unit_test(test_transition__tables_are_well_formed),
	cmocka_unit_test(test_transition__every_state_is_reached),
	cmocka_unit_test(test_transition__counts_moves),
	cmocka_unit_test(test_index__finds_what_was_added),
	cmocka_unit_test(test_timer__takes_in_order));
