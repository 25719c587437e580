#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "executor/op/picks.h"

struct pair {
	char key[2];
	char value[2];
};

static int by_value_then_key(const void *va, const void *vb)
{
	const struct pair *a = va, *b = vb;
	int c = memcmp(b->value, a->value, sizeof(a->value));
	return c != 0 ? c : memcmp(a->key, b->key, sizeof(a->key));
}

static void add(struct tr_picks *t, const struct pair *p)
{
	assert_int_equal(tr_picks_add(t, tr_slice_of(p->key, sizeof(p->key)),
				 tr_slice_of(p->value, sizeof(p->value))),
		0);
}

static void assert_pick(
	const struct tr_picks *t, size_t i, const struct pair *p)
{
	assert_memory_equal(tr_pick_key(&t->picks[i]).p, p->key, 2);
	assert_memory_equal(tr_pick_value(&t->picks[i]).p, p->value, 2);
}

/* Few values and keys, so that there are many ties; against a full sort. */
static void test_picks__largest_with_ties_by_key(void **state)
{
	(void)state;
	enum {
		N = 500
	};
	static const uint64_t limits[] = { 0, 1, 2, 10, 100, N, N + 10 };
	struct pair pairs[N];
	struct tr_rng rng;
	tr_rng_init(&rng, 3);
	for (size_t c = 0; c < sizeof(limits) / sizeof(limits[0]); c++) {
		struct tr_budget budget = { .max = 1 << 20 };
		struct tr_picks t;
		tr_picks_init(&t, limits[c], true, &budget);
		for (size_t i = 0; i < N; i++) {
			for (size_t k = 0; k < 2; k++) {
				pairs[i].key[k] = (char)tr_rng_below(&rng, 5);
				pairs[i].value[k] = (char)tr_rng_below(&rng, 3);
			}
			add(&t, &pairs[i]);
		}
		tr_picks_sort(&t);
		qsort(pairs, N, sizeof(pairs[0]), by_value_then_key);
		assert_int_equal(t.n, limits[c] < N ? limits[c] : N);
		for (size_t i = 0; i < t.n; i++)
			assert_pick(&t, i, &pairs[i]);
		tr_picks_fini(&t);
		assert_int_equal(budget.used, 0);
	}
}

static void test_picks__first_as_they_come(void **state)
{
	(void)state;
	struct tr_budget budget = { .max = 1 << 20 };
	struct tr_picks t;
	tr_picks_init(&t, 3, false, &budget);
	struct pair pairs[5] = { { "k5", "v1" }, { "k4", "v9" }, { "k3", "v3" },
		{ "k2", "v9" }, { "k1", "v9" } };
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(tr_picks_is_full(&t), i >= 3);
		add(&t, &pairs[i]);
	}
	tr_picks_sort(&t);
	assert_int_equal(t.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_pick(&t, i, &pairs[i]);
	tr_picks_fini(&t);
}

TR_TEST_MAIN(cmocka_unit_test(test_picks__largest_with_ties_by_key),
	cmocka_unit_test(test_picks__first_as_they_come));
