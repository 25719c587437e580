#include "tests/support/test.h"

#include "executor/worker/rate.h"

/* A second of taking pieces as fast as allowed yields a second's records. */
static void test_rate__allows_its_number_per_second(void **state)
{
	(void)state;
	static const uint64_t rates[] = { 1, 7, 10, 1000, 123456, 5000000 };
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct tr_rate r;
		uint64_t now = 5000000, start = now, done = 0;
		tr_rate_init(&r, rates[i], now);
		while (now < start + 10000000) {
			uint64_t n = tr_rate_piece(&r, 1024);
			assert_true(n >= 1 && n <= 1024);
			done += n;
			now += tr_rate_take(&r, n, now);
		}
		/* Waits are whole microseconds: 1 % at high rates. */
		assert_true(done >= rates[i] * 10 - rates[i] / 10 - 1);
		assert_true(done <= rates[i] * 10 + rates[i] / 10 + 1024);
	}
}

/* After a pause no more than a tenth of a second's worth comes at once. */
static void test_rate__does_not_make_up_for_a_pause(void **state)
{
	(void)state;
	struct tr_rate r;
	tr_rate_init(&r, 1000, 0);
	uint64_t now = 60 * 1000000, burst = 0;
	while (tr_rate_take(&r, 1, now) == 0)
		burst++;
	assert_true(burst <= 100);
}

static void test_rate__zero_is_no_limit(void **state)
{
	(void)state;
	struct tr_rate r;
	tr_rate_init(&r, 0, 0);
	assert_int_equal(tr_rate_piece(&r, 1024), 1024);
	assert_int_equal(tr_rate_take(&r, 1 << 30, 1), 0);
}

TR_TEST_MAIN(cmocka_unit_test(test_rate__allows_its_number_per_second),
	cmocka_unit_test(test_rate__does_not_make_up_for_a_pause),
	cmocka_unit_test(test_rate__zero_is_no_limit));
