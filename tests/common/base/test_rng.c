#include "tests/support/test.h"

#include "common/base/check.h"
#include "common/base/rng.h"

/* The first outputs that the authors of xoshiro256** give for this state. */
static void test_rng__is_xoshiro(void **state)
{
	static const uint64_t expected[] = { 11520, 0, 1509978240,
		1215971899390074240, 1216172134540287360, 607988272756665600,
		16172922978634559625u, 8476171486693032832,
		10595114339597558777u, 2904607092377533576 };
	struct tr_rng r = { { 1, 2, 3, 4 } };
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(expected); i++)
		assert_true(tr_rng_next(&r) == expected[i]);
}

/* Traces of the simulator depend on it: a seed means one sequence for good. */
static void test_rng__a_seed_is_one_sequence(void **state)
{
	static const struct {
		uint64_t seed;
		uint64_t first[3];
	} cases[] = {
		{ 0, { 0x99ec5f36cb75f2b4, 0xbf6e1f784956452a,
			     0x1a5f849d4933e6e0 } },
		{ 1, { 0xb3f2af6d0fc710c5, 0x853b559647364cea,
			     0x92f89756082a4514 } },
		{ UINT64_MAX, { 0x8f5520d52a7ead08, 0xc476a018caa1802d,
				      0x81de31c0d260469e } },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_rng r;
		tr_rng_init(&r, cases[i].seed);
		for (size_t j = 0; j < 3; j++)
			assert_true(tr_rng_next(&r) == cases[i].first[j]);
	}
}

static void test_rng__below_reaches_everything_evenly(void **state)
{
	enum {
		N = 7,
		DRAWS = 70000
	};
	struct tr_rng r;
	unsigned hits[N] = { 0 };
	(void)state;
	tr_rng_init(&r, 3);
	for (unsigned i = 0; i < DRAWS; i++) {
		uint64_t v = tr_rng_below(&r, N);
		assert_true(v < N);
		hits[v]++;
	}
	/* 10000 expected; six standard deviations are 560. */
	for (unsigned i = 0; i < N; i++)
		assert_in_range(hits[i], 9440, 10560);
	assert_true(tr_rng_below(&r, 1) == 0);
	assert_true(tr_rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

TR_TEST_MAIN(cmocka_unit_test(test_rng__is_xoshiro),
	cmocka_unit_test(test_rng__a_seed_is_one_sequence),
	cmocka_unit_test(test_rng__below_reaches_everything_evenly));
