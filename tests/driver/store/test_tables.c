#include "tests/support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/base/xalloc.h"
#include "common/data/element.h"
#include "common/kv/be.h"
#include "driver/store/layout.h"
#include "driver/store/state.h"
#include "tests/driver/store/fixture.h"

enum {
	JOB = 1
};

static int set_up(void **state)
{
	struct fix *f = fix_new();
	*state = f;
	fix_open(f);
	return fix_submit(f, JOB, "tables");
}

static int tear_down(void **state)
{
	fix_free(*state);
	return 0;
}

static struct tr_store_run run_of(
	uint64_t batch, uint32_t op, uint32_t lane, uint64_t attempt)
{
	return (struct tr_store_run){ .job = { JOB },
		.batch = batch,
		.op = op,
		.lane = lane,
		.attempt = { attempt } };
}

/* Plans, stores and commits one batch whose only lane puts these rows. */
static void run_batch(struct fix *f, uint64_t batch, const char *table,
	bool upsert, const struct fix_row *rows, size_t n)
{
	const struct fix_run named = { .op = 1,
		.attempt = batch,
		.table = table,
		.upsert = upsert,
		.records = n };
	assert_int_equal(fix_plan(f, JOB, batch, 1), 0);
	if (n > 0)
		assert_int_equal(
			fix_rows(f, run_of(batch, 1, 0, batch), rows, n), 0);
	assert_int_equal(fix_commit(f, JOB, batch, &named, 1, 0), 0);
}

/* Rows left in the job's environment, seen from outside. */
static uint64_t stored_rows(struct fix *f, enum tr_job_db db)
{
	char path[SCRATCH_PATH + 32];
	const struct tr_kv_opts opts = {
		.path = path, .schema = &tr_store_job_schema, .must_exist = true
	};
	struct tr_kv *kv;
	struct tr_kv_txn txn;
	uint64_t n;
	snprintf(path, sizeof(path), "%s/jobs/%d", f->data, JOB);
	fix_close(f);
	assert_int_equal(tr_kv_open(&kv, &opts, &f->err), 0);
	assert_int_equal(tr_kv_read(kv, &txn, &f->err), 0);
	assert_int_equal(tr_kv_count(&txn, db, &n, &f->err), 0);
	tr_kv_abort(&txn);
	tr_kv_close(kv);
	fix_open(f);
	return n;
}

/* ----------------------------------------------------------- visibility */

/* Rows are seen from their commit on, and only those of named attempts. */
static void test_table__is_what_the_commit_names(void **state)
{
	struct fix *f = *state;
	const struct fix_row lost[] = { { "a", "lost" }, { "z", "lost" } };
	const struct fix_row lane0[] = { { "a", "1" }, { "c", "3" } };
	const struct fix_row lane1[] = { { "b", "2" } };
	const struct fix_run named[] = {
		{ .op = 1,
			.lane = 0,
			.attempt = 8,
			.table = "t",
			.records = 2 },
		{ .op = 1,
			.lane = 1,
			.attempt = 9,
			.table = "t",
			.records = 1 },
		{ .op = 1, .lane = 2, .attempt = 5, .table = "t" },
	};
	fix_gather(f);
	fix_plan(f, JOB, 1, 1);
	fix_rows(f, run_of(1, 1, 0, 7), lost, 2);
	fix_rows(f, run_of(1, 1, 0, 8), lane0, 1);
	fix_rows(f, run_of(1, 1, 1, 9), lane1, 1);
	fix_rows(f, run_of(1, 1, 0, 8), lane0 + 1, 1);
	fix_rows(f, run_of(1, 1, 0, 8), lane0, 2); /* delivered again */
	assert_int_equal(fix_apply(f), 0);
	assert_string_equal(fix_table(f, JOB, "t"), "not-found");
	assert_int_equal(fix_commit(f, JOB, 1, named, 3, 0), 0);
	assert_string_equal(fix_table(f, JOB, "t"), "a=1 b=2 c=3");
	assert_string_equal(fix_get(f, JOB, "t", "c"), "3");
	assert_string_equal(fix_get(f, JOB, "t", "z"), "not-found");
	assert_int_equal(f->err.text[0], '\0'); /* no key: no text */
	assert_string_equal(fix_get(f, JOB, "u", "z"), "not-found");
	assert_non_null(strstr(f->err.text, "'u'"));
	fix_maintain(f);
	assert_string_equal(fix_table(f, JOB, "t"), "a=1 b=2 c=3");
	assert_int_equal(stored_rows(f, TR_JOB_ROWS), 3);
	assert_string_equal(fix_table(f, JOB, "t"), "a=1 b=2 c=3");
}

static void test_table__commit_counts_the_rows(void **state)
{
	struct fix *f = *state;
	const struct fix_row rows[] = { { "a", "1" }, { "b", "2" } };
	struct fix_run named = { .op = 1, .attempt = 1, .table = "t" };
	assert_int_equal(fix_plan(f, JOB, 1, 1), 0);
	named.records = 2;
	assert_int_equal(fix_commit(f, JOB, 1, &named, 1, 0), TR_ENOTFOUND);
	assert_int_equal(fix_rows(f, run_of(1, 1, 0, 1), rows, 2), 0);
	named.records = 3;
	assert_int_equal(fix_commit(f, JOB, 1, &named, 1, 0), TR_ECORRUPT);
	assert_string_equal(fix_table(f, JOB, "t"), "not-found");
	named.records = 2;
	assert_int_equal(fix_commit(f, JOB, 1, &named, 1, 0), 0);
	assert_string_equal(fix_table(f, JOB, "t"), "a=1 b=2");
}

/* A failed job leaves no rows behind, once maintenance was there. */
static void test_table__runs_of_failed_jobs_are_dropped(void **state)
{
	struct fix *f = *state;
	const struct fix_row rows[] = { { "a", "1" }, { "b", "2" } };
	assert_int_equal(fix_plan(f, JOB, 1, 1), 0);
	assert_int_equal(fix_rows(f, run_of(1, 1, 0, 1), rows, 2), 0);
	fix_maintain(f);
	assert_int_equal(stored_rows(f, TR_JOB_ROWS), 2);
	assert_int_equal(
		fix_end(f, JOB, TRANCHE__V1__JOB_STATE__JOB_FAILED), 0);
	fix_maintain(f);
	assert_int_equal(stored_rows(f, TR_JOB_ROWS), 0);
	assert_int_equal(stored_rows(f, TR_JOB_RUNS), 0);
	assert_int_equal(stored_rows(f, TR_JOB_GARBAGE), 0);
}

/* --------------------------------------------------- replace and snapshots */

static void test_table__replaced_with_its_snapshots(void **state)
{
	struct fix *f = *state;
	const struct fix_row one[] = { { "a", "1" }, { "b", "1" } };
	const struct fix_row two[] = { { "b", "2" } };
	run_batch(f, 1, "t", false, one, 2);
	run_batch(f, 2, "t", false, two, 1);
	fix_maintain(f);
	assert_string_equal(fix_table(f, JOB, "t"), "b=2");
	assert_string_equal(
		fix_scan(f, JOB, "t", 0, 1, NULL, NULL, 0), "a=1 b=1");
	run_batch(f, 3, "t", false, NULL, 0);
	assert_string_equal(fix_table(f, JOB, "t"), "");
	assert_string_equal(fix_scan(f, JOB, "t", 0, 2, NULL, NULL, 0), "b=2");
	assert_string_equal(
		fix_scan(f, JOB, "t", 0, 1, NULL, NULL, 0), "not-found");
	assert_non_null(strstr(f->err.text, "gone"));
	fix_maintain(f);
	assert_int_equal(stored_rows(f, TR_JOB_ROWS), 1);
}

static void test_table__outputs_are_found_by_operator(void **state)
{
	struct fix *f = *state;
	const struct fix_row rows[] = { { "0", "x" }, { "1", "y" } };
	const struct fix_row table[] = { { "k", "v" } };
	const struct fix_run named[] = {
		{ .op = 4, .attempt = 1, .records = 2 },
		{ .op = 5, .attempt = 1, .records = 1 },
		{ .op = 3, .attempt = 1, .table = "t", .records = 1 },
	};
	Tranche__V1__TableInfo **list;
	size_t n;
	fix_gather(f);
	fix_plan(f, JOB, 1, 1);
	fix_rows(f, run_of(1, 4, 0, 1), rows, 2);
	fix_rows(f, run_of(1, 5, 0, 1), rows, 1);
	fix_rows(f, run_of(1, 3, 0, 1), table, 1);
	fix_commit(f, JOB, 1, named, 3, 0);
	assert_int_equal(fix_apply(f), 0);
	assert_string_equal(
		fix_scan(f, JOB, NULL, 4, 0, NULL, NULL, 0), "0=x 1=y");
	assert_string_equal(fix_scan(f, JOB, NULL, 5, 1, NULL, NULL, 0), "0=x");
	assert_string_equal(
		fix_scan(f, JOB, NULL, 3, 0, NULL, NULL, 0), "not-found");
	assert_int_equal(tr_store_table_list(f->store,
				 (struct tr_job_id){ JOB }, &list, &n, &f->err),
		0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0]->name, "t");
	assert_false(list[0]->output);
	assert_int_equal(list[0]->records, 1);
	assert_int_equal(list[0]->bytes, 4); /* two tags, k and v */
	assert_int_equal(list[1]->operator_, 4);
	assert_true(list[1]->output);
	assert_int_equal(list[1]->records, 2);
	assert_int_equal(list[2]->operator_, 5);
	assert_int_equal(list[2]->batch, 1);
	tr_store_table_list_free(list, n);
}

/* ------------------------------------------------------------------ scans */

static void test_scan__pages_and_prefixes(void **state)
{
	struct fix *f = *state;
	const struct fix_row even[] = { { "a", "0" }, { "ab", "2" },
		{ "b", "4" } };
	const struct fix_row odd[] = { { "aa", "1" }, { "abc", "3" },
		{ "c", "5" } };
	const struct fix_run named[] = {
		{ .op = 1,
			.lane = 0,
			.attempt = 1,
			.table = "t",
			.records = 3 },
		{ .op = 1,
			.lane = 1,
			.attempt = 1,
			.table = "t",
			.records = 3 },
	};
	fix_gather(f);
	fix_plan(f, JOB, 1, 1);
	fix_rows(f, run_of(1, 1, 0, 1), even, 3);
	fix_rows(f, run_of(1, 1, 1, 1), odd, 3);
	fix_commit(f, JOB, 1, named, 2, 0);
	assert_int_equal(fix_apply(f), 0);
	const struct {
		const char *prefix;
		const char *after;
		uint64_t limit;
		const char *want;
	} cases[] = {
		{ NULL, NULL, 0, "a=0 aa=1 ab=2 abc=3 b=4 c=5" },
		{ NULL, NULL, 2, "a=0 aa=1 …" },
		{ NULL, "aa", 2, "ab=2 abc=3 …" },
		{ NULL, "abc", 2, "b=4 c=5" },
		{ NULL, "bzz", 0, "c=5" }, /* need not be there */
		{ NULL, "c", 0, "" },
		{ "a", NULL, 0, "a=0 aa=1 ab=2 abc=3" },
		{ "ab", NULL, 0, "ab=2 abc=3" },
		{ "ab", NULL, 1, "ab=2 …" },
		{ "ab", "ab", 1, "abc=3" },
		{ "ab", "a", 0, "ab=2 abc=3" }, /* before the prefix */
		{ "ab", "b", 0, "" },           /* behind it */
		{ "x", NULL, 0, "" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_string_equal(fix_scan(f, JOB, "t", 0, 0, cases[i].prefix,
					    cases[i].after, cases[i].limit),
			cases[i].want);
}

/* A page ends where the buffer does; one row that does not fit is an error. */
static void test_scan__stops_at_the_buffer(void **state)
{
	struct fix *f = *state;
	char *big = tr_xmalloc(3001);
	memset(big, 'v', 3000);
	big[3000] = '\0';
	const struct fix_row rows[] = { { "a", big }, { "b", big } };
	const struct tr_store_table table = { .job = { JOB }, .name = "t" };
	const struct tr_store_scan scan = { .limit = 0 };
	struct tr_store_page page;
	struct tr_buf out;
	run_batch(f, 1, "t", false, rows, 2);
	tr_buf_init(&out, 4000);
	assert_int_equal(
		tr_store_scan(f->store, &table, &scan, &out, &page, &f->err),
		0);
	assert_int_equal(page.records, 1);
	assert_int_equal(page.batch, 1);
	assert_true(page.more);
	tr_buf_fini(&out);
	tr_buf_init(&out, 2000);
	assert_int_equal(
		tr_store_scan(f->store, &table, &scan, &out, &page, &f->err),
		TR_ELIMIT);
	assert_int_equal(out.len, 0);
	tr_buf_fini(&out);
	tr_xfree(big);
}

/* Keys up to 1 MB, alike in their first half megabyte. */
static void test_scan__keys_of_one_megabyte(void **state)
{
	struct fix *f = *state;
	enum {
		KEYS = 5,
		LONG = (1 << 20) - 1
	};
	struct fix_row rows[KEYS];
	char *keys[KEYS];
	for (size_t i = 0; i < KEYS; i++) {
		keys[i] = tr_xmalloc(LONG + 1);
		memset(keys[i], 'k', LONG);
		keys[i][1 << 19] = (char)('a' + i);
		keys[i][LONG] = '\0';
		rows[i] = (struct fix_row){ keys[i], i % 2 ? "odd" : "even" };
	}
	run_batch(f, 1, "t", false, rows, KEYS);
	const struct tr_store_table table = { .job = { JOB }, .name = "t" };
	struct tr_store_scan scan = { .limit = 1 };
	struct tr_store_page page;
	struct tr_buf out;
	tr_buf_init(&out, TR_MIB(4));
	for (size_t i = 0; i < KEYS; i++) {
		uint8_t *last = out.len ? tr_xmemdup(out.data, out.len) : NULL;
		struct tr_slice rest = tr_slice_of(last, out.len);
		struct tr_element e;
		if (last) {
			assert_int_equal(tr_element_take(&rest, &e), 0);
			scan.after = e.key;
		}
		tr_buf_reset(&out);
		assert_int_equal(tr_store_scan(f->store, &table, &scan, &out,
					 &page, &f->err),
			0);
		assert_int_equal(page.more, i + 1 < KEYS);
		rest = tr_slice_of(out.data, out.len);
		assert_int_equal(tr_element_take(&rest, &e), 0);
		assert_int_equal(e.key.n, LONG + 1);
		assert_memory_equal(e.key.p + 1, keys[i], LONG);
		tr_xfree(last);
		assert_string_equal(
			fix_get(f, JOB, "t", keys[i]), rows[i].value);
	}
	tr_buf_fini(&out);
	for (size_t i = 0; i < KEYS; i++)
		tr_xfree(keys[i]);
}

/* ----------------------------------------------------------------- upsert */

enum {
	KEYS = 200,
	BATCHES = 40
};

struct model {
	unsigned value[KEYS]; /* 0: not there */
};

static void model_batch(struct fix *f, struct model *m, struct tr_rng *rng,
	uint64_t batch, uint32_t lanes)
{
	struct fix_run named[4];
	fix_gather(f);
	fix_plan(f, JOB, batch, 1);
	for (uint32_t lane = 0; lane < lanes; lane++) {
		struct fix_row rows[KEYS];
		char text[KEYS][2][16];
		size_t n = 0;
		for (unsigned k = lane; k < KEYS; k += lanes) {
			if (tr_rng_below(rng, 5) != 0)
				continue;
			m->value[k] = (unsigned)batch * 1000 + k;
			snprintf(text[n][0], 16, "k%03u", k);
			snprintf(text[n][1], 16, "%u", m->value[k]);
			rows[n] = (struct fix_row){ text[n][0], text[n][1] };
			n++;
		}
		if (n > 0)
			fix_rows(f, run_of(batch, 1, lane, batch), rows, n);
		named[lane] = (struct fix_run){ .op = 1,
			.lane = lane,
			.attempt = batch,
			.table = "t",
			.upsert = true,
			.records = n };
	}
	fix_commit(f, JOB, batch, named, lanes, 0);
	assert_int_equal(fix_apply(f), 0);
}

static void model_check(struct fix *f, const struct model *m)
{
	char want[8192] = "";
	size_t at = 0;
	for (unsigned k = 0; k < KEYS; k++)
		if (m->value[k] != 0)
			at += (size_t)snprintf(want + at, sizeof(want) - at,
				"%sk%03u=%u", at ? " " : "", k, m->value[k]);
	assert_string_equal(fix_table(f, JOB, "t"), want);
	for (unsigned k = 0; k < KEYS; k += 7) {
		char key[16];
		char value[16];
		snprintf(key, sizeof(key), "k%03u", k);
		snprintf(value, sizeof(value), "%u", m->value[k]);
		assert_string_equal(fix_get(f, JOB, "t", key),
			m->value[k] ? value : "not-found");
	}
}

static uint64_t present(const struct model *m)
{
	uint64_t n = 0;
	for (unsigned k = 0; k < KEYS; k++)
		n += m->value[k] != 0;
	return n;
}

static uint64_t listed_records(struct fix *f)
{
	Tranche__V1__TableInfo **list;
	size_t n;
	assert_int_equal(tr_store_table_list(f->store,
				 (struct tr_job_id){ JOB }, &list, &n, &f->err),
		0);
	assert_int_equal(n, 1);
	uint64_t records = list[0]->records;
	tr_store_table_list_free(list, n);
	return records;
}

/* The newest value of each key, with folds coming at any time between. */
static void test_upsert__newest_wins_whatever_is_folded(void **state)
{
	struct fix *f = *state;
	struct tr_rng rng;
	struct model m = { { 0 } };
	tr_rng_init(&rng, 2024);
	for (uint64_t batch = 1; batch <= BATCHES; batch++) {
		model_batch(f, &m, &rng, batch,
			1 + (uint32_t)tr_rng_below(&rng, 4));
		model_check(f, &m);
		for (uint64_t i = tr_rng_below(&rng, 12); i > 0; i--) {
			bool more;
			assert_int_equal(
				tr_store_maintain(f->store, &more, &f->err), 0);
			model_check(f, &m);
		}
		if (batch % 10 == 0) {
			fix_close(f);
			fix_open(f);
			model_check(f, &m);
		}
	}
	assert_int_equal(fix_end(f, JOB, TRANCHE__V1__JOB_STATE__JOB_DONE), 0);
	fix_maintain(f);
	model_check(f, &m);
	assert_int_equal(listed_records(f), present(&m));
	assert_int_equal(stored_rows(f, TR_JOB_GARBAGE), 0);
}

/* The snapshot before a fold still reads the runs that were folded. */
static void test_upsert__snapshot_outlives_a_fold(void **state)
{
	struct fix *f = *state;
	const struct fix_row a = { "a", "1" };
	const struct fix_row b = { "b", "1" };
	unsigned last = TR_STORE_LAYERS_MAX + 1;
	for (unsigned i = 1; i < last; i++)
		run_batch(f, i, "t", true, &a, 1);
	run_batch(f, last, "t", true, &b, 1);
	fix_maintain(f);
	assert_int_equal(listed_records(f), 2);
	assert_string_equal(fix_table(f, JOB, "t"), "a=1 b=1");
	assert_string_equal(
		fix_scan(f, JOB, "t", 0, last - 1, NULL, NULL, 0), "a=1");
}

/* Layers of nothing fold into nothing. */
static void test_upsert__of_no_rows(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 1; i < 2 * TR_STORE_LAYERS_MAX; i++) {
		run_batch(f, i, "t", true, NULL, 0);
		fix_maintain(f);
		assert_string_equal(fix_table(f, JOB, "t"), "");
	}
	assert_int_equal(stored_rows(f, TR_JOB_GARBAGE), 0);
}

/* More than one step of folding, and of dropping what was folded. */
static void test_upsert__large_tables_fold_in_steps(void **state)
{
	struct fix *f = *state;
	enum {
		ROWS = 60,
		BIG = 100000
	};
	struct fix_row rows[ROWS];
	char keys[ROWS][8];
	char *value = tr_xmalloc(BIG + 1);
	memset(value, 'v', BIG);
	value[BIG] = '\0';
	for (unsigned i = 0; i < ROWS; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%03u", i);
		rows[i] = (struct fix_row){ keys[i], value };
	}
	run_batch(f, 1, "t", true, rows, ROWS);
	rows[7].value = "seven";
	for (unsigned b = 2; b < TR_STORE_LAYERS_MAX + 3; b++)
		run_batch(f, b, "t", true, rows + 7, 1);
	fix_maintain(f);
	assert_int_equal(listed_records(f), ROWS);
	assert_string_equal(fix_get(f, JOB, "t", "007"), "seven");
	tr_xfree(value);
}

/* --------------------------------------------------------------- threads */

struct reader {
	struct fix *f;
	atomic_bool stop;
	atomic_uint scans;
};

/* Every scan sees one batch whole: n rows, all with that batch's value. */
static void *scan_on(void *arg)
{
	struct reader *r = arg;
	const struct tr_store_table table = { .job = { JOB }, .name = "t" };
	const struct tr_store_scan scan = { .limit = 0 };
	struct tr_buf out;
	tr_buf_init(&out, TR_MIB(1));
	while (!atomic_load(&r->stop)) {
		struct tr_store_page page;
		struct tr_error err;
		struct tr_element e;
		char want[16];
		tr_buf_reset(&out);
		int rc = tr_store_scan(
			r->f->store, &table, &scan, &out, &page, &err);
		tr_assert(rc == 0 && page.records == 50);
		struct tr_slice rest = tr_slice_of(out.data, out.len);
		int len = snprintf(want, sizeof(want), "%llu",
			(unsigned long long)page.batch);
		while (rest.n > 0) {
			rc = tr_element_take(&rest, &e);
			tr_assert(
				rc == 0 && e.value.n == (size_t)len + 1 &&
				memcmp(e.value.p + 1, want, (size_t)len) == 0);
		}
		atomic_fetch_add(&r->scans, 1);
	}
	tr_buf_fini(&out);
	return NULL;
}

static void put_generation(struct fix *f, uint64_t batch)
{
	struct fix_row rows[50];
	char keys[50][8];
	char value[16];
	snprintf(value, sizeof(value), "%llu", (unsigned long long)batch);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%02u", i);
		rows[i] = (struct fix_row){ keys[i], value };
	}
	run_batch(f, batch, "t", false, rows, 50);
}

static void test_scan__sees_one_generation_while_others_replace_it(void **state)
{
	struct fix *f = *state;
	struct reader r = { .f = f };
	pthread_t threads[2];
	put_generation(f, 1);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, scan_on, &r), 0);
	for (uint64_t batch = 2; batch < 120; batch++) {
		put_generation(f, batch);
		fix_maintain(f);
	}
	while (atomic_load(&r.scans) < 10)
		sched_yield();
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_string_equal(fix_get(f, JOB, "t", "49"), "119");
}

/* ------------------------------------------------------------ rows_check */

static int check(struct tr_slice payload, struct tr_block_totals *t,
	struct tr_error *err)
{
	struct tr_buf scratch, last;
	tr_block_scratch_init(&scratch);
	tr_buf_init(&last, TR_KEY_DATUM_MAX);
	int rc = tr_store_rows_check(payload, &scratch, &last, t, err);
	tr_buf_fini(&scratch);
	tr_buf_fini(&last);
	return rc;
}

static void test_rows_check__counts_and_refuses(void **state)
{
	struct fix *f = *state;
	const struct fix_row good[] = { { "a", "1" }, { "b", "2" } };
	const struct fix_row back[] = { { "b", "1" }, { "a", "2" } };
	const struct fix_row twice[] = { { "a", "1" }, { "a", "2" } };
	struct tr_block_totals t = { 0 };
	struct tr_block_totals want;
	struct tr_buf b;
	struct tr_buf scratch;
	tr_buf_init(&b, TR_MIB(1));
	tr_block_scratch_init(&scratch);
	fix_block(&b, good, 2);
	struct tr_slice p = tr_slice_of(b.data, b.len);
	assert_int_equal(check(p, &t, &f->err), 0);
	assert_int_equal(tr_block_count(p, &scratch, &want, &f->err), 0);
	assert_int_equal(t.records, 2);
	assert_int_equal(t.raw_bytes, want.raw_bytes);
	assert_int_equal(t.stored_bytes, want.stored_bytes);
	assert_true(tr_digest_equal(t.digest, want.digest));
	b.data[b.len - 1] ^= 1;
	assert_int_equal(check(p, &t, &f->err), TR_ECORRUPT);
	tr_buf_reset(&b);
	fix_block(&b, back, 2);
	assert_int_equal(
		check(tr_slice_of(b.data, b.len), &t, &f->err), TR_ECORRUPT);
	tr_buf_reset(&b);
	fix_block(&b, twice, 2);
	assert_int_equal(
		check(tr_slice_of(b.data, b.len), &t, &f->err), TR_ECORRUPT);
	tr_buf_fini(&b);
	tr_buf_fini(&scratch);
}

static void test_rows_check__refuses_null_keys(void **state)
{
	struct fix *f = *state;
	struct tr_block_writer w;
	struct tr_block_totals t;
	struct tr_buf out;
	struct tr_buf scratch;
	tr_buf_init(&out, TR_MIB(1));
	tr_block_scratch_init(&scratch);
	tr_block_writer_init(&w, TR_KIB(4), &scratch, tr_block_sink_buf, &out);
	assert_int_equal(
		tr_block_writer_put(&w, tr_datum_null(), tr_datum_null()), 0);
	assert_int_equal(tr_block_writer_flush(&w), 0);
	assert_int_equal(check(tr_slice_of(out.data, out.len), &t, &f->err),
		TR_ECORRUPT);
	assert_non_null(strstr(f->err.text, "null key"));
	tr_block_writer_fini(&w);
	tr_buf_fini(&out);
	tr_buf_fini(&scratch);
}

/* A chunk that is not taken has a reason, else nobody would hear of it. */
static void test_rows_check__names_every_failure(void **state)
{
	struct fix *f = *state;
	const struct fix_row row = { "key", "1" };
	struct tr_block_totals t;
	struct tr_buf out;
	struct tr_buf scratch;
	struct tr_buf last;
	tr_buf_init(&out, TR_MIB(1));
	tr_block_scratch_init(&scratch);
	tr_buf_init(&last, 1); /* no room for the key */
	fix_block(&out, &row, 1);
	f->err = (struct tr_error){ 0 };
	assert_int_equal(tr_store_rows_check(tr_slice_of(out.data, out.len),
				 &scratch, &last, &t, &f->err),
		TR_ELIMIT);
	assert_int_equal(f->err.code, TR_ELIMIT);
	assert_true(f->err.text[0] != '\0');
	tr_buf_fini(&last);
	tr_buf_fini(&out);
	tr_buf_fini(&scratch);
}

/* Small rows take more of a transaction than their bytes. */
static void test_rows_check__limits_many_small_rows(void **state)
{
	struct fix *f = *state;
	struct tr_block_writer w;
	struct tr_block_totals t;
	struct tr_buf out;
	struct tr_buf scratch;
	tr_buf_init(&out, TR_MIB(64));
	tr_block_scratch_init(&scratch);
	tr_block_writer_init(&w, TR_MIB(1), &scratch, tr_block_sink_buf, &out);
	for (uint32_t i = 0; i < 1700000; i++) {
		uint8_t key[5] = { TR_TAG_BYTES };
		tr_be_put32(key + 1, i);
		assert_int_equal(tr_block_writer_put(&w, tr_slice_of(key, 5),
					 tr_datum_null()),
			0);
	}
	assert_int_equal(tr_block_writer_flush(&w), 0);
	assert_int_equal(
		check(tr_slice_of(out.data, out.len), &t, &f->err), TR_ELIMIT);
	tr_block_writer_fini(&w);
	tr_buf_fini(&out);
	tr_buf_fini(&scratch);
}

/* -------------------------------------------------------------- upkeep */

/* Plans and history of old batches go; the newest stay. */
static void test_maintain__trims_history(void **state)
{
	struct fix *f = *state;
	Tranche__V1__BatchPlan *plan;
	const struct tr_job_id job = { JOB };
	unsigned last = TR_STORE_BATCHES_KEPT + 10;
	for (unsigned b = 1; b <= last; b++) {
		fix_gather(f);
		fix_plan(f, JOB, b, b);
		fix_finish(f, JOB, b, 0, 0, b);
		fix_commit(f, JOB, b, NULL, 0, 2);
		assert_int_equal(fix_apply(f), 0);
	}
	fix_maintain(f);
	assert_int_equal(
		tr_store_plan(f->store, job, 10, &plan, &f->err), TR_ENOTFOUND);
	assert_int_equal(tr_store_plan(f->store, job, 11, &plan, &f->err), 0);
	assert_int_equal(plan->seed, 11);
	tr_msg_free(plan);
	assert_int_equal(stored_rows(f, TR_JOB_PLANS), TR_STORE_BATCHES_KEPT);
	assert_int_equal(
		stored_rows(f, TR_JOB_TASKS), 2 * TR_STORE_BATCHES_KEPT);
	assert_int_equal(stored_rows(f, TR_JOB_FINISHED), 0);
}

/* A thread that reads job 2 from the first meeting to the second. */
struct job_reader {
	struct fix *f;
	pthread_barrier_t meet;
	pthread_t thread;
};

static void *read_job(void *arg)
{
	struct job_reader *r = arg;
	struct tr_job_txn txn;
	struct tr_error err;
	int rc = tr_job_read(r->f->store, 2, &txn, &err);
	tr_assert(rc == 0);
	pthread_barrier_wait(&r->meet);
	pthread_barrier_wait(&r->meet);
	tr_job_read_end(&txn);
	return NULL;
}

/* Whoever reads a removed job keeps its folder, and holds up nothing else. */
static void test_maintain__goes_on_beside_a_reader(void **state)
{
	struct fix *f = *state;
	struct job_reader reader = { .f = f };
	pthread_barrier_init(&reader.meet, NULL, 2);
	fix_maintain(f);
	assert_int_equal(fix_submit(f, 2, "x"), 0);
	assert_int_equal(fix_end(f, 2, TRANCHE__V1__JOB_STATE__JOB_DONE), 0);
	assert_int_equal(
		pthread_create(&reader.thread, NULL, read_job, &reader), 0);
	pthread_barrier_wait(&reader.meet);
	assert_int_equal(fix_remove(f, 2), 0);
	assert_int_equal(fix_plan(f, JOB, 1, 1), 0);
	assert_int_equal(fix_finish(f, JOB, 1, 0, 0, 1), 0);
	assert_int_equal(fix_commit(f, JOB, 1, NULL, 0, 0), 0);
	fix_maintain(f); /* ends */
	assert_int_equal(access(scratch_file(f->data, "jobs/2"), F_OK), 0);
	pthread_barrier_wait(&reader.meet);
	pthread_join(reader.thread, NULL);
	pthread_barrier_destroy(&reader.meet);
	fix_maintain(f);
	assert_int_equal(access(scratch_file(f->data, "jobs/2"), F_OK), -1);
	assert_int_equal(stored_rows(f, TR_JOB_FINISHED), 0);
}

/* The oldest ended jobs go, folders and all, and no number comes back. */
static void test_maintain__keeps_a_number_of_ended_jobs(void **state)
{
	struct fix *f = *state;
	Tranche__V1__JobStatus **jobs;
	size_t n;
	unsigned last = TR_JOBS_ENDED_MAX + 5;
	fix_gather(f);
	for (unsigned j = 2; j <= last; j++)
		fix_submit(f, j, "x");
	for (unsigned j = 2; j <= last; j++)
		fix_end(f, j, TRANCHE__V1__JOB_STATE__JOB_DONE);
	assert_int_equal(fix_apply(f), 0);
	assert_true(scratch_size(scratch_file(f->data, "jobs/2")) > 0);
	fix_maintain(f);
	assert_int_equal(
		tr_store_job_list(f->store, false, &jobs, &n, &f->err), 0);
	assert_int_equal(n, TR_JOBS_ENDED_MAX + 1);
	assert_int_equal(jobs[0]->env->job, JOB); /* has not ended */
	assert_int_equal(jobs[1]->env->job, last - TR_JOBS_ENDED_MAX + 1);
	tr_store_jobs_free(jobs, n);
	FILE *gone = fopen(scratch_file(f->data, "jobs/2/data.mdb"), "r");
	assert_null(gone);
	fix_close(f);
	fix_open(f);
	assert_int_equal(tr_store_last_job(f->store).v, last);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TR_TEST_MAIN(CASE(test_table__is_what_the_commit_names),
	CASE(test_table__commit_counts_the_rows),
	CASE(test_table__runs_of_failed_jobs_are_dropped),
	CASE(test_table__replaced_with_its_snapshots),
	CASE(test_table__outputs_are_found_by_operator),
	CASE(test_scan__pages_and_prefixes),
	CASE(test_scan__stops_at_the_buffer),
	CASE(test_scan__keys_of_one_megabyte),
	CASE(test_upsert__newest_wins_whatever_is_folded),
	CASE(test_upsert__snapshot_outlives_a_fold),
	CASE(test_upsert__of_no_rows),
	CASE(test_upsert__large_tables_fold_in_steps),
	CASE(test_scan__sees_one_generation_while_others_replace_it),
	CASE(test_rows_check__counts_and_refuses),
	CASE(test_rows_check__refuses_null_keys),
	CASE(test_rows_check__names_every_failure),
	CASE(test_rows_check__limits_many_small_rows),
	CASE(test_maintain__trims_history),
	CASE(test_maintain__goes_on_beside_a_reader),
	CASE(test_maintain__keeps_a_number_of_ended_jobs));
