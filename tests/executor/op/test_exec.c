#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/executor/op/job.h"
#include "tests/executor/op/program.h"

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lanes split rows by a hash: in order of their text they are comparable. */
static void sort_lines(struct tr_buf *text)
{
	char *copy = strdup((const char *)text->data), *save = NULL;
	char *lines[4096];
	size_t n = 0;
	for (char *l = strtok_r(copy, "\n", &save); l;
		l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	tr_buf_reset(text);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(tr_buf_printf(text, "%s\n", lines[i]), 0);
	assert_int_equal(tr_buf_append_u8(text, 0), 0);
	free(copy);
}

/* Whatever the lanes and the reader's batches, a sink has these rows. */
static void expect_rows(struct job *j, uint32_t op, const char *want)
{
	static const uint32_t lanes[] = { 1, 3, 8 };
	static const size_t pieces[] = { SIZE_MAX, 1, 2 };
	struct tr_buf text;
	tr_buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < TR_ARRAY_LEN(lanes); i++)
		for (size_t k = 0; k < TR_ARRAY_LEN(pieces); k++) {
			j->piece = pieces[k];
			assert_int_equal(job_run(j, lanes[i]), 0);
			job_rows(j, op, &text);
			if (j->ops[op]->kind == OP(STORE))
				sort_lines(&text);
			assert_string_equal((char *)text.data, want);
		}
	tr_buf_fini(&text);
}

static void expect_failure(struct job *j, int code, const char *text,
	const char *where, const char *position)
{
	assert_int_equal(job_run(j, 2), code);
	assert_int_equal(j->failure.err.code, code);
	assert_non_null(strstr(j->failure.err.text, text));
	assert_string_equal(j->failure.where, where);
	assert_string_equal(j->failure.position, position);
}

/* A source with two lanes of the same few records in each test. */
static uint32_t small_source(struct job *j)
{
	uint32_t src = job_op(j, OP(SOURCE), -1);
	job_record(j, src, 0, "k1", "to be");
	job_record(j, src, 0, NULL, "or  not\tto");
	job_record(j, src, 0, "k2", NULL);
	job_record(j, src, 1, "k1", "be ");
	job_record(j, src, 1, "k3", "");
	return src;
}

static void test_exec__counts_words(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t split = job_op(&j, OP(SPLIT), (int)small_source(&j));
	uint32_t count = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
	uint32_t store = job_op(&j, OP(STORE), (int)count);
	expect_rows(&j, store, "be=2\nnot=1\nor=1\nto=2\n");
	job_fini(&j);
}

/* The same through the ordinary split, which another operator needs. */
static void test_exec__counts_words_beside_others(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t split = job_op(&j, OP(SPLIT), (int)small_source(&j));
	uint32_t count = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
	uint32_t store = job_op(&j, OP(STORE), (int)count);
	uint32_t all = job_op(&j, OP(COUNT), (int)split);
	uint32_t print = job_op(&j, OP(PRINT), (int)all);
	uint32_t again = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
	uint32_t top = job_op(&j, OP(PRINT), (int)again);
	j.ops[top]->top = true;
	j.ops[top]->limit = 2;
	expect_rows(&j, store, "be=2\nnot=1\nor=1\nto=2\n");
	expect_rows(&j, print, "0=[6]\n");
	expect_rows(&j, top, "0=[\"be\",2]\n1=[\"to\",2]\n");
	job_fini(&j);
}

static void test_exec__counts_records(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t count = job_op(&j, OP(COUNT), (int)small_source(&j));
	uint32_t print = job_op(&j, OP(PRINT), (int)count);
	expect_rows(&j, print, "0=[5]\n");
	job_fini(&j);
}

static void test_exec__of_nothing(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	uint32_t count = job_op(&j, OP(COUNT), (int)src);
	uint32_t print = job_op(&j, OP(PRINT), (int)count);
	uint32_t take = job_op(&j, OP(TAKE), (int)src);
	j.ops[take]->limit = 3;
	uint32_t taken = job_op(&j, OP(PRINT), (int)take);
	uint32_t keys = job_op(&j, OP(COUNT_BY_KEY), (int)src);
	uint32_t store = job_op(&j, OP(STORE), (int)keys);
	expect_rows(&j, print, "0=[0]\n");
	expect_rows(&j, taken, "");
	expect_rows(&j, store, "");
	job_fini(&j);
}

static void test_exec__counts_keys(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t count = job_op(&j, OP(COUNT_BY_KEY), (int)small_source(&j));
	uint32_t print = job_op(&j, OP(PRINT), (int)count);
	j.ops[print]->top = true;
	expect_rows(
		&j, print, "0=[\"k1\",2]\n1=[1]\n2=[\"k2\",1]\n3=[\"k3\",1]\n");
	job_fini(&j);
}

static const struct reduce_case {
	Tranche__V1__Reducer reducer;
	const char *want;
} reduce_cases[] = {
	{ REDUCER(COUNT), "a=4\nb=1\n" },
	{ REDUCER(MIN), "a=1st\nb=only\n" },
	{ REDUCER(MAX), "a=zz\nb=only\n" },
	{ REDUCER(FIRST), "a=2nd\nb=only\n" },
	{ REDUCER(LAST), "a=last\nb=only\n" },
	{ REDUCER(USER), "a=2ndzz1stlast\nb=only\n" },
};

/* Lanes in plan order, records in order of offsets. */
static void test_exec__reduces_in_plan_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(reduce_cases); i++) {
		struct job j;
		job_init(&j);
		j.program = test_program_new();
		uint32_t src = job_op(&j, OP(SOURCE), -1);
		job_record(&j, src, 0, "a", "2nd");
		job_record(&j, src, 0, "a", "zz");
		job_record(&j, src, 1, "b", "only");
		job_record(&j, src, 2, "a", "1st");
		job_record(&j, src, 2, "a", "last");
		uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)src);
		j.ops[red]->reducer = reduce_cases[i].reducer;
		uint32_t store = job_op(&j, OP(STORE), (int)red);
		expect_rows(&j, store, reduce_cases[i].want);
		j.program->ops->free(j.program);
		job_fini(&j);
	}
}

static void test_exec__distinct_by_key_and_value(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	for (uint32_t lane = 0; lane < 3; lane++) {
		job_record(&j, src, lane, "k", "v");
		job_record(&j, src, lane, "k", "w");
		job_record(&j, src, lane, NULL, "v");
		job_record(&j, src, lane, NULL, NULL);
		job_record(&j, src, lane, "", "v");
		job_record(&j, src, lane, "v", "k");
	}
	uint32_t dist = job_op(&j, OP(DISTINCT), (int)src);
	uint32_t count = job_op(&j, OP(COUNT), (int)dist);
	uint32_t n = job_op(&j, OP(PRINT), (int)count);
	uint32_t print = job_op(&j, OP(PRINT), (int)dist);
	j.ops[print]->top = true;
	expect_rows(&j, n, "0=[6]\n");
	expect_rows(&j, print,
		"0=[\"k\",\"w\"]\n1=[\"v\"]\n2=[\"\",\"v\"]\n3=[\"k\",\"v\"]\n"
		"4=[\"v\",\"k\"]\n5=[null]\n");
	job_fini(&j);
}

static void test_exec__store_keeps_the_last_of_a_key(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "a", "1");
	job_record(&j, src, 0, "b", "1");
	job_record(&j, src, 0, "a", "2");
	job_record(&j, src, 1, "a", "3");
	job_record(&j, src, 1, "c", NULL);
	job_record(&j, src, 2, "b", "a much longer value than before");
	uint32_t store = job_op(&j, OP(STORE), (int)src);
	uint32_t count = job_op(&j, OP(COUNT), (int)store);
	uint32_t print = job_op(&j, OP(PRINT), (int)count);
	expect_rows(
		&j, store, "a=3\nb=a much longer value than before\nc=null\n");
	/* What follows a store sees each key once. */
	expect_rows(&j, print, "0=[3]\n");
	job_fini(&j);
}

static void test_exec__take_and_print_in_plan_order(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, NULL, "first");
	job_record(&j, src, 0, "k", "second");
	job_record(&j, src, 1, NULL, "third");
	job_record(&j, src, 1, NULL, "fourth");
	uint32_t print = job_op(&j, OP(PRINT), (int)src);
	uint32_t take = job_op(&j, OP(TAKE), (int)print);
	j.ops[take]->limit = 3;
	uint32_t taken = job_op(&j, OP(PRINT), (int)take);
	j.ops[print]->limit = 2;
	/* print passes everything on, whatever it shows. */
	expect_rows(&j, print, "0=[\"first\"]\n1=[\"k\",\"second\"]\n");
	expect_rows(&j, taken,
		"0=[\"first\"]\n1=[\"k\",\"second\"]\n2=[\"third\"]\n");
	job_fini(&j);
}

static void test_exec__print_shows_twenty_rows(void **state)
{
	(void)state;
	struct job j;
	struct tr_buf text;
	job_init(&j);
	tr_buf_init(&text, SIZE_MAX);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	for (unsigned i = 0; i < 50; i++)
		job_record(&j, src, i % 2, NULL, "x");
	uint32_t print = job_op(&j, OP(PRINT), (int)src);
	assert_int_equal(job_run(&j, 1), 0);
	job_rows(&j, print, &text);
	assert_non_null(strstr((char *)text.data, "19=[\"x\"]\n"));
	assert_null(strstr((char *)text.data, "20="));
	tr_buf_fini(&text);
	job_fini(&j);
}

/* Two sources; and a source joined with what was made of it. */
static void test_exec__union(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	j.program = test_program_new();
	uint32_t a = job_op(&j, OP(SOURCE), -1);
	uint32_t b = job_op(&j, OP(SOURCE), -1);
	job_record(&j, a, 0, "k", "a0");
	job_record(&j, a, 1, "k", "a1");
	job_record(&j, b, 0, "k", "b0");
	uint32_t capital = job_op(&j, OP(MAP_VALUES), (int)a);
	uint32_t both = job_op(&j, OP(UNION), (int)a);
	job_input(&j, both, capital);
	job_input(&j, both, b);
	uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)both);
	j.ops[red]->reducer = REDUCER(USER);
	uint32_t store = job_op(&j, OP(STORE), (int)red);
	/* Of a record, what operators made first comes first. */
	expect_rows(&j, store, "k=A0a0A1a1b0\n");
	j.program->ops->free(j.program);
	job_fini(&j);
}

static void test_exec__runs_user_functions(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	j.program = test_program_new();
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "k1", "ab");
	job_record(&j, src, 0, "k2", "xno");
	job_record(&j, src, 1, "k3", "b");
	uint32_t filter = job_op(&j, OP(FILTER), (int)src);
	uint32_t map = job_op(&j, OP(MAP), (int)filter);       /* (v, k) */
	uint32_t flat = job_op(&j, OP(FLAT_MAP), (int)map);    /* twice */
	uint32_t caps = job_op(&j, OP(MAP_VALUES), (int)flat); /* K1 */
	uint32_t key = job_op(&j, OP(KEY_BY), (int)caps);      /* (K, K1) */
	uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)key);
	j.ops[red]->reducer = REDUCER(USER);
	uint32_t store = job_op(&j, OP(STORE), (int)red);
	expect_rows(&j, store, "K=K1K1K3K3\n");
	j.program->ops->free(j.program);
	job_fini(&j);
}

/* map_values behind a shuffle, then a store that needs none. */
static void test_exec__stores_where_keys_are(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	j.program = test_program_new();
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "k1", "low");
	job_record(&j, src, 1, "k1", "x");
	job_record(&j, src, 1, "k2", "y");
	uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)src);
	j.ops[red]->reducer = REDUCER(FIRST);
	uint32_t caps = job_op(&j, OP(MAP_VALUES), (int)red);
	uint32_t store = job_op(&j, OP(STORE), (int)caps);
	expect_rows(&j, store, "k1=LOW\nk2=Y\n");
	assert_int_equal(j.stages->n, 2);
	j.program->ops->free(j.program);
	job_fini(&j);
}

static void test_exec__names_the_record_of_a_failure(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	j.program = test_program_new();
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "k", "good");
	job_record(&j, src, 1, "k", "good");
	job_record(&j, src, 1, "k", "fail");
	uint32_t map = job_op(&j, OP(MAP), (int)src);
	uint32_t print = job_op(&j, OP(PRINT), (int)map);
	(void)print;
	expect_failure(
		&j, TR_EUSER, "it says fail", "user.lua:42", "lines-1@1");
	j.program->ops->free(j.program);
	job_fini(&j);
}

static void test_exec__sum_of_text_fails(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "k", "seven");
	uint32_t red = job_op(&j, OP(REDUCE_BY_KEY), (int)src);
	j.ops[red]->reducer = REDUCER(SUM);
	job_op(&j, OP(STORE), (int)red);
	expect_failure(&j, TR_EUSER, "cannot sum 'seven', a bytes",
		"test.lua:7", "lines-0@0");
	job_fini(&j);
}

static void test_exec__null_key_cannot_be_stored(void **state)
{
	(void)state;
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	job_record(&j, src, 0, "k", "v");
	job_record(&j, src, 0, NULL, "v");
	job_op(&j, OP(STORE), (int)src);
	expect_failure(&j, TR_EUSER, "store: cannot store an element whose key",
		"test.lua:7", "lines-0@1");
	job_fini(&j);
}

static void fill(char *text, size_t n)
{
	memset(text, 'w', n);
	text[n] = '\0';
}

/* Keys up to the limit pass, whole; beyond it the record is named. */
static void test_exec__key_limit(void **state)
{
	(void)state;
	char *text = malloc(TR_KEY_MAX + 2);
	struct job j;
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	fill(text, TR_KEY_MAX);
	job_record(&j, src, 0, text, "v");
	job_record(&j, src, 0, text, text);
	uint32_t store = job_op(&j, OP(STORE), (int)src);
	uint32_t split = job_op(&j, OP(SPLIT), (int)src);
	uint32_t count = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
	uint32_t print = job_op(&j, OP(PRINT), (int)count);
	(void)store;
	(void)print;
	assert_int_equal(job_run(&j, 2), 0);
	fill(text, TR_KEY_MAX + 1);
	job_record(&j, src, 0, "k", text);
	expect_failure(&j, TR_ELIMIT,
		"a key of 1048577 bytes is over the limit", "test.lua:7",
		"lines-0@2");
	job_fini(&j);
	free(text);
}

/* So with values, where an operator only picks or compares them. */
static void test_exec__value_limit(void **state)
{
	static const Tranche__V1__OperatorKind kinds[] = { OP(PRINT),
		OP(DISTINCT) };
	(void)state;
	char *text = malloc(TR_VALUE_MAX + 2);
	for (size_t i = 0; i < TR_ARRAY_LEN(kinds); i++) {
		struct job j;
		job_init(&j);
		uint32_t src = job_op(&j, OP(SOURCE), -1);
		uint32_t op = job_op(&j, kinds[i], (int)src);
		if (kinds[i] == OP(DISTINCT))
			job_op(&j, OP(STORE), (int)op);
		fill(text, TR_VALUE_MAX + 1);
		job_record(&j, src, 0, "k", text);
		expect_failure(&j, TR_ELIMIT,
			"a value of 8388609 bytes is over the limit",
			"test.lua:7", "lines-0@0");
		job_fini(&j);
	}
	free(text);
}

static void test_exec__budget_names_the_operator(void **state)
{
	(void)state;
	struct job j;
	char word[32];
	job_init(&j);
	uint32_t src = job_op(&j, OP(SOURCE), -1);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(word, sizeof(word), "word-number-%u", i);
		job_record(&j, src, 0, NULL, word);
	}
	uint32_t split = job_op(&j, OP(SPLIT), (int)src);
	uint32_t count = job_op(&j, OP(COUNT_BY_VALUE), (int)split);
	job_op(&j, OP(STORE), (int)count);
	assert_int_equal(job_run(&j, 2), 0);
	j.memory_bytes = 256 << 10;
	assert_int_equal(job_run(&j, 2), TR_ENOMEM);
	assert_string_equal(j.failure.err.text,
		"operator count_by_value at test.lua:7 needs more than 262144 "
		"bytes; raise --memory, up to the executors' worker_memory, or "
		"lower --max-range");
	job_fini(&j);
}

/* A block that is not what its receipt says is found, whatever is read. */
static void test_exec__damaged_block_is_refused(void **state)
{
	(void)state;
	struct job j;
	struct tr_exec *x;
	struct tr_error err;
	job_init(&j);
	uint32_t src = small_source(&j);
	uint32_t count = job_op(&j, OP(COUNT_BY_KEY), (int)src);
	job_op(&j, OP(PRINT), (int)count);
	assert_int_equal(job_run(&j, 1), 0);
	const struct job_block *b = &j.blocks[0];
	uint32_t lanes[3] = { 1, 1, 1 };
	struct tr_exec_opts opts = { .plan = &j.plan,
		.stages = j.stages,
		.lanes = lanes,
		.stage = 1,
		.memory_bytes = 1 << 20,
		.page = &j.page };
	for (int damage = 0; damage < 3; damage++) {
		struct tr_exec_input in = { .stage = 0,
			.lane = 0,
			.bytes = tr_slice_of(b->bytes, b->info.stored_bytes),
			.records = b->info.records,
			.digest = b->info.digest };
		if (damage == 0)
			in.records++;
		if (damage == 1)
			in.digest.lo++;
		if (damage == 2)
			in.bytes.n = 0;
		assert_int_equal(tr_exec_new(&opts, &x, &err), 0);
		assert_int_equal(tr_exec_blocks(x, &in, 1), TR_ECORRUPT);
		assert_non_null(strstr(tr_exec_failure(x)->err.text,
			"block of stage 0 lane 0: its content is not"));
		tr_exec_free(x);
	}
	job_fini(&j);
}

TR_TEST_MAIN(cmocka_unit_test(test_exec__counts_words),
	cmocka_unit_test(test_exec__counts_words_beside_others),
	cmocka_unit_test(test_exec__counts_records),
	cmocka_unit_test(test_exec__of_nothing),
	cmocka_unit_test(test_exec__counts_keys),
	cmocka_unit_test(test_exec__reduces_in_plan_order),
	cmocka_unit_test(test_exec__distinct_by_key_and_value),
	cmocka_unit_test(test_exec__store_keeps_the_last_of_a_key),
	cmocka_unit_test(test_exec__take_and_print_in_plan_order),
	cmocka_unit_test(test_exec__print_shows_twenty_rows),
	cmocka_unit_test(test_exec__union),
	cmocka_unit_test(test_exec__runs_user_functions),
	cmocka_unit_test(test_exec__stores_where_keys_are),
	cmocka_unit_test(test_exec__names_the_record_of_a_failure),
	cmocka_unit_test(test_exec__sum_of_text_fails),
	cmocka_unit_test(test_exec__null_key_cannot_be_stored),
	cmocka_unit_test(test_exec__key_limit),
	cmocka_unit_test(test_exec__value_limit),
	cmocka_unit_test(test_exec__budget_names_the_operator),
	cmocka_unit_test(test_exec__damaged_block_is_refused));
