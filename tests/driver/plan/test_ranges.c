/* Resolving and cutting ranges, as tables. */
#include "tests/support/test.h"

#include <string.h>

#include "common/base/rng.h"
#include "driver/plan/ranges.h"

struct resolve_case {
	struct tr_point from, until;
	int64_t log_start, log_end;
	bool clamp;
	int code;
	int64_t first, last;
	bool clamped;
};

#define START                                                                  \
	{                                                                      \
		TR_POINT_START, 0                                              \
	}
#define END                                                                    \
	{                                                                      \
		TR_POINT_END, 0                                                \
	}
#define AT(n)                                                                  \
	{                                                                      \
		TR_POINT_OFFSET, n                                             \
	}
#define PLUS(n)                                                                \
	{                                                                      \
		TR_POINT_AFTER_START, n                                        \
	}
#define BACK(n)                                                                \
	{                                                                      \
		TR_POINT_BEFORE_END, n                                         \
	}

static const struct resolve_case cases[] = {
	{ START, END, 100, 200, false, 0, 100, 200, false },
	{ END, END, 100, 200, false, 0, 200, 200, false },
	{ PLUS(10), END, 100, 200, false, 0, 110, 200, false },
	{ PLUS(1000), END, 100, 200, false, 0, 200, 200, false },
	{ BACK(10), END, 100, 200, false, 0, 190, 200, false },
	{ BACK(1000), END, 100, 200, false, 0, 100, 200, false },
	{ AT(110), AT(120), 100, 200, false, 0, 110, 120, false },
	{ AT(100), AT(200), 100, 200, false, 0, 100, 200, false },
	{ AT(99), AT(120), 100, 200, false, TR_EINVAL, 0, 0, false },
	{ AT(110), AT(201), 100, 200, false, TR_EINVAL, 0, 0, false },
	{ AT(99), AT(201), 100, 200, true, 0, 100, 200, true },
	{ AT(10), AT(20), 100, 200, true, 0, 100, 100, true },
	{ AT(300), AT(400), 100, 200, true, 0, 200, 200, true },
	/* Nothing is wanted, so nothing is missing. */
	{ AT(5), AT(5), 100, 200, false, 0, 100, 100, true },
	{ BACK(5), BACK(10), 100, 200, false, 0, 195, 195, false },
	{ START, END, 100, 100, false, 0, 100, 100, false },
};

static void test_ranges__points_resolve_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		const struct resolve_case *c = &cases[i];
		struct tr_partition_span s = { .topic = "t",
			.partition = 3,
			.from = c->from,
			.until = c->until,
			.log_start = c->log_start,
			.log_end = c->log_end };
		struct tr_error err = { 0 };
		int rc = tr_ranges_resolve(&s, c->clamp, &err);
		if (rc != c->code ||
			(rc == 0 && (s.first != c->first || s.last != c->last ||
					    s.clamped != c->clamped)))
			fail_msg("case %zu: %d [%lld, %lld) clamped %d", i, rc,
				(long long)s.first, (long long)s.last,
				s.clamped);
	}
}

static void test_ranges__errors_name_partition_wanted_and_available(
	void **state)
{
	(void)state;
	struct tr_partition_span s = { .topic = "lines",
		.partition = 7,
		.from = AT(5),
		.until = AT(500),
		.log_start = 10,
		.log_end = 400 };
	struct tr_error err;
	assert_int_equal(tr_ranges_resolve(&s, false, &err), TR_EINVAL);
	assert_string_equal(err.text,
		"topic 'lines' partition 7: wanted [5, 500), the log has "
		"[10, 400); --clamp takes what is there");
}

static void test_ranges__times_beyond_the_end_are_empty(void **state)
{
	(void)state;
	struct tr_partition_span s = { .topic = "t",
		.from = { TR_POINT_TIME, 1 },
		.until = END,
		.log_start = 10,
		.log_end = 20,
		.from_time = 20 };
	struct tr_error err;
	assert_int_equal(tr_ranges_resolve(&s, false, &err), 0);
	assert_int_equal(s.first, 20);
	assert_int_equal(s.last, 20);
}

/* Whatever the sizes: the pieces tile the range and none is too large. */
static void test_ranges__pieces_tile(void **state)
{
	struct tr_rng rng;
	(void)state;
	tr_rng_init(&rng, 7);
	for (int round = 0; round < 2000; round++) {
		int64_t first = (int64_t)tr_rng_below(&rng, 1000000);
		int64_t last = first + (int64_t)tr_rng_below(&rng, 5000);
		uint64_t max = 1 + tr_rng_below(&rng, 700);
		uint64_t n = tr_ranges_count(first, last, max);
		int64_t at = first;
		for (uint64_t i = 0; i < n; i++) {
			int64_t from, until;
			tr_ranges_cut(first, last, n, i, &from, &until);
			assert_int_equal(from, at);
			assert_true(until > from);
			assert_true((uint64_t)(until - from) <= max);
			at = until;
		}
		assert_int_equal(at, last);
	}
}

static void test_ranges__default_size_follows_slots(void **state)
{
	(void)state;
	/* 8 ranges per slot, between the two limits. */
	assert_int_equal(tr_ranges_default_max(8000000, 2), 500000);
	assert_int_equal(tr_ranges_default_max(100, 2), 50000);
	assert_int_equal(tr_ranges_default_max(1000000000, 1), 4000000);
	assert_int_equal(tr_ranges_default_max(800000, 0), 100000);
}

TR_TEST_MAIN(cmocka_unit_test(test_ranges__points_resolve_as_the_table_says),
	cmocka_unit_test(
		test_ranges__errors_name_partition_wanted_and_available),
	cmocka_unit_test(test_ranges__times_beyond_the_end_are_empty),
	cmocka_unit_test(test_ranges__pieces_tile),
	cmocka_unit_test(test_ranges__default_size_follows_slots));
