/*
 * Whole jobs on random input, against a fold written here: plain arrays and a
 * linear search, in the order of the plan.
 */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/base/xalloc.h"
#include "tests/executor/op/job.h"
#include "tests/executor/op/program.h"

enum {
	RECORDS = 600, /* of each lane */
	KEYS_MAX = 4000,
	TEXT = 80
};

/* What the reference knows of a key. */
struct entry {
	char *key;
	int64_t count;
	char *min, *max, *first, *last, *joined;
};

struct reference {
	struct entry e[KEYS_MAX];
	size_t n;
};

static void replace(char **p, const char *text)
{
	free(*p);
	*p = strdup(text);
}

static void fold(struct reference *r, const char *key, const char *value)
{
	struct entry *e = r->e;
	while (e < r->e + r->n && strcmp(e->key, key) != 0)
		e++;
	bool fresh = e == r->e + r->n;
	if (fresh) {
		assert_true(r->n++ < KEYS_MAX);
		*e = (struct entry){ .key = strdup(key), .joined = strdup("") };
		replace(&e->first, value);
	}
	e->count++;
	if (fresh || strcmp(value, e->min) < 0)
		replace(&e->min, value);
	if (fresh || strcmp(value, e->max) > 0)
		replace(&e->max, value);
	replace(&e->last, value);
	size_t n = strlen(e->joined), m = strlen(value);
	e->joined = tr_xrealloc(e->joined, n + m + 1);
	memcpy(e->joined + n, value, m + 1);
}

static void reference_free(struct reference *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct entry *e = &r->e[i];
		char *all[] = { e->key, e->min, e->max, e->first, e->last,
			e->joined };
		for (size_t k = 0; k < TR_ARRAY_LEN(all); k++)
			free(all[k]);
	}
	free(r);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(
		((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Random printable text of letters; spaces where there are words. */
static void random_text(struct tr_rng *rng, char *text, size_t max, bool words)
{
	static const char alphabet[] = "abcde";
	size_t n = tr_rng_below(rng, max);
	for (size_t i = 0; i < n; i++)
		text[i] = words && tr_rng_below(rng, 4) == 0
				  ? ' '
				  : alphabet[tr_rng_below(rng, 5)];
	text[n] = '\0';
}

static const char *value_of(
	const struct entry *e, Tranche__V1__Reducer r, char *room, size_t size)
{
	switch ((int)r) {
	case REDUCER(MIN):
		return e->min;
	case REDUCER(MAX):
		return e->max;
	case REDUCER(FIRST):
		return e->first;
	case REDUCER(LAST):
		return e->last;
	case REDUCER(USER):
		return e->joined;
	default:
		snprintf(room, size, "%lld", (long long)e->count);
		return room;
	}
}

/* The rows of a store, lanes together, in order of their text. */
static void assert_rows(struct job *j, uint32_t op, struct reference *r,
	Tranche__V1__Reducer reducer)
{
	struct tr_buf rows;
	char *lines[KEYS_MAX], *want[KEYS_MAX], *save = NULL;
	size_t n = 0;
	tr_buf_init(&rows, SIZE_MAX);
	job_rows(j, op, &rows);
	for (char *l = strtok_r((char *)rows.data, "\n", &save); l;
		l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	assert_int_equal(n, r->n);
	qsort(r->e, r->n, sizeof(r->e[0]), by_key);
	for (size_t i = 0; i < n; i++) {
		char room[32];
		const char *v = value_of(&r->e[i], reducer, room, sizeof(room));
		size_t size = strlen(r->e[i].key) + strlen(v) + 2;
		want[i] = tr_xmalloc(size);
		snprintf(want[i], size, "%s=%s", r->e[i].key, v);
	}
	qsort(lines, n, sizeof(lines[0]), by_line);
	qsort(want, n, sizeof(want[0]), by_line);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(lines[i], want[i]);
		free(want[i]);
	}
	tr_buf_fini(&rows);
}

static void test_random__reducers(void **state)
{
	(void)state;
	static const Tranche__V1__Reducer reducers[] = { REDUCER(COUNT),
		REDUCER(MIN), REDUCER(MAX), REDUCER(FIRST), REDUCER(LAST),
		REDUCER(USER) };
	struct tr_rng rng;
	for (size_t round = 0; round < 3 * TR_ARRAY_LEN(reducers); round++) {
		struct job j;
		struct reference *r = tr_xcalloc(1, sizeof(*r));
		Tranche__V1__Reducer reducer =
			reducers[round % TR_ARRAY_LEN(reducers)];
		job_init(&j);
		j.program = test_program_new();
		tr_rng_init(&rng, round);
		uint32_t src = job_op(&j, OP(SOURCE), -1);
		size_t key_max = 2 + tr_rng_below(&rng, 30);
		for (uint32_t lane = 0; lane < 4; lane++)
			for (unsigned i = 0; i < RECORDS; i++) {
				char key[TEXT], value[TEXT];
				random_text(&rng, key, key_max, false);
				random_text(&rng, value, 20, false);
				job_record(&j, src, lane, key, value);
				fold(r, key, value);
			}
		uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)src);
		j.ops[red]->reducer = reducer;
		uint32_t store = job_op(&j, OP(STORE), (int)red);
		j.piece = 1 + tr_rng_below(&rng, RECORDS);
		assert_int_equal(
			job_run(&j, 1 + (uint32_t)tr_rng_below(&rng, 8)), 0);
		assert_rows(&j, store, r, reducer);
		j.program->ops->free(j.program);
		job_fini(&j);
		reference_free(r);
	}
}

/* Through the fused node, and through the ordinary split. */
static void test_random__words(void **state)
{
	(void)state;
	struct tr_rng rng;
	for (size_t round = 0; round < 10; round++) {
		struct job j;
		struct reference *r = tr_xcalloc(1, sizeof(*r));
		job_init(&j);
		tr_rng_init(&rng, 100 + round);
		uint32_t src = job_op(&j, OP(SOURCE), -1);
		for (uint32_t lane = 0; lane < 3; lane++)
			for (unsigned i = 0; i < RECORDS / 6; i++) {
				char text[TEXT], *save = NULL;
				random_text(&rng, text, TEXT, true);
				job_record(&j, src, lane, NULL, text);
				for (char *w = strtok_r(text, " ", &save); w;
					w = strtok_r(NULL, " ", &save))
					fold(r, w, "");
			}
		uint32_t split = job_op(&j, OP(SPLIT), (int)src);
		uint32_t count = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
		uint32_t store = job_op(&j, OP(STORE), (int)count);
		assert_int_equal(job_run(&j, 5), 0);
		assert_rows(&j, store, r, REDUCER(COUNT));
		/* Once more, not fused, because a second one splits too. */
		job_op(&j, OP(PRINT), (int)split);
		assert_int_equal(job_run(&j, 5), 0);
		assert_rows(&j, store, r, REDUCER(COUNT));
		job_fini(&j);
		reference_free(r);
	}
}

/* Equal content, however batches are cut: equal digests of what comes out. */
static void test_random__digests_do_not_show_batches(void **state)
{
	(void)state;
	struct tr_rng rng;
	struct job j;
	struct tr_digest first = { 0, 0 };
	job_init(&j);
	j.program = test_program_new();
	tr_rng_init(&rng, 9);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	for (unsigned i = 0; i < RECORDS; i++) {
		char key[TEXT], value[TEXT];
		random_text(&rng, key, 3, false);
		random_text(&rng, value, 10, false);
		job_record(&j, src, 0, key, value);
	}
	/* Two ways from the source to one operator: the hard case. */
	uint32_t flat = job_op(&j, OP(FLAT_MAP), (int)src);
	uint32_t caps = job_op(&j, OP(MAP_VALUES), (int)src);
	uint32_t both = job_op(&j, OP(UNION), (int)flat);
	job_input(&j, both, caps);
	uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)both);
	j.ops[red]->reducer = REDUCER(USER);
	job_op(&j, OP(STORE), (int)red);
	static const size_t pieces[] = { SIZE_MAX, 1, 7, 1000 };
	for (size_t i = 0; i < TR_ARRAY_LEN(pieces); i++) {
		j.piece = pieces[i];
		assert_int_equal(job_run(&j, 2), 0);
		struct tr_digest d = job_digest(&j, 0);
		if (i == 0)
			first = d;
		assert_true(tr_digest_equal(d, first));
		assert_true(d.lo != 0 && d.hi != 0);
	}
	j.program->ops->free(j.program);
	job_fini(&j);
}

TR_TEST_MAIN(cmocka_unit_test(test_random__reducers),
	cmocka_unit_test(test_random__words),
	cmocka_unit_test(test_random__digests_do_not_show_batches));
