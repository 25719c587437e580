#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/rng.h"
#include "common/base/xalloc.h"
#include "common/kv/longkey.h"
#include "tests/common/kv/scratch.h"

enum {
	SPACE = 7,
	KEYS_MAX = 40000
};

static const char *const names[] = { "rows" };
static const struct tr_kv_schema schema = {
	.version = 1,
	.dbs = names,
	.n_dbs = 1,
};

struct key {
	uint8_t *p;
	size_t n;
};

struct fixture {
	char path[SCRATCH_PATH];
	struct tr_kv *kv;
	struct tr_error err;
	struct key *keys; /* sorted by sort() */
	size_t n;
};

static int set_up(void **state)
{
	struct fixture *f = tr_xcalloc(1, sizeof(*f));
	scratch_make(f->path);
	const struct tr_kv_opts opts = {
		.path = scratch_file(f->path, "env"),
		.schema = &schema,
	};
	f->keys = tr_xcalloc(KEYS_MAX, sizeof(*f->keys));
	*state = f;
	return tr_kv_open(&f->kv, &opts, &f->err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	tr_kv_close(f->kv);
	scratch_remove(f->path);
	for (size_t i = 0; i < f->n; i++)
		tr_xfree(f->keys[i].p);
	tr_xfree(f->keys);
	tr_xfree(f);
	return 0;
}

/* The order the data have: bytes, then the shorter first. */
static int compare(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static void sort(struct fixture *f)
{
	size_t kept = 0;
	qsort(f->keys, f->n, sizeof(*f->keys), compare);
	for (size_t i = 0; i < f->n; i++) {
		if (kept > 0 && compare(&f->keys[kept - 1], &f->keys[i]) == 0)
			tr_xfree(f->keys[i].p);
		else
			f->keys[kept++] = f->keys[i];
	}
	f->n = kept;
}

static void add(struct fixture *f, size_t shared, size_t n, uint64_t tail)
{
	tr_assert(f->n < KEYS_MAX);
	uint8_t *p = tr_xmalloc(n);
	memset(p, 'k', n);
	for (size_t i = shared; i < n && i < shared + 8; i++)
		p[i] = (uint8_t)(tail >> (8 * (i - shared)));
	f->keys[f->n++] = (struct key){ p, n };
}

static struct tr_slice slice(const struct key *k)
{
	return tr_slice_of(k->p, k->n);
}

/* A value that tells its key, and differs from put to put. */
static void value_of(const struct key *k, uint8_t turn, uint8_t out[8])
{
	out[0] = turn;
	for (size_t i = 1; i < 8; i++)
		out[i] = k->n >= i ? k->p[k->n - i] : 0;
}

struct put {
	struct fixture *f;
	uint8_t turn;
	bool append;
	bool same_hash;
	size_t fresh;
};

static int put_all(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct put *p = arg;
	p->fresh = 0;
	for (size_t i = 0; i < p->f->n; i++) {
		struct tr_longkey k;
		uint8_t value[8];
		bool is_new;
		tr_longkey_init(&k, slice(&p->f->keys[i]));
		if (p->same_hash)
			memset(k.hash, 0xee, sizeof(k.hash));
		value_of(&p->f->keys[i], p->turn, value);
		int rc = tr_longkey_put(txn, 0, SPACE, &k,
			tr_slice_of(value, 8), p->append, &is_new, err);
		if (rc != 0)
			return rc;
		p->fresh += is_new;
	}
	return 0;
}

static void put(struct fixture *f, struct put p, size_t fresh)
{
	p.f = f;
	assert_int_equal(tr_kv_update(f->kv, put_all, &p, &f->err), 0);
	assert_int_equal(p.fresh, fresh);
}

static void check_row(
	const struct tr_longkey_iter *it, const struct key *k, uint8_t turn)
{
	uint8_t value[8];
	value_of(k, turn, value);
	assert_int_equal(it->row.key.n, k->n);
	assert_memory_equal(it->row.key.p, k->p, k->n);
	assert_int_equal(it->row.value.n, 8);
	assert_memory_equal(it->row.value.p, value, 8);
}

/* The whole walk equals the sorted keys, from any of them on. */
static void check_scan(struct fixture *f, uint8_t turn, size_t starts)
{
	struct tr_kv_txn txn;
	struct tr_longkey_iter it;
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	assert_int_equal(tr_longkey_iter_open(&it, &txn, 0, SPACE, &f->err), 0);
	int rc = tr_longkey_iter_seek(&it, TR_SLICE_ABSENT, false, &f->err);
	for (size_t i = 0; i < f->n; i++) {
		assert_int_equal(rc, 1);
		check_row(&it, &f->keys[i], turn);
		rc = tr_longkey_iter_next(&it, &f->err);
	}
	assert_int_equal(rc, 0);
	for (size_t s = 0; s < starts; s++) {
		size_t i = s * (f->n - 1) / (starts > 1 ? starts - 1 : 1);
		rc = tr_longkey_iter_seek(
			&it, slice(&f->keys[i]), false, &f->err);
		assert_int_equal(rc, 1);
		check_row(&it, &f->keys[i], turn);
		rc = tr_longkey_iter_seek(
			&it, slice(&f->keys[i]), true, &f->err);
		assert_int_equal(rc, i + 1 < f->n);
		if (rc > 0)
			check_row(&it, &f->keys[i + 1], turn);
	}
	tr_longkey_iter_close(&it);
	tr_kv_abort(&txn);
}

static void check_gets(struct fixture *f, uint8_t turn, bool same_hash)
{
	struct tr_kv_txn txn;
	struct tr_slice v;
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	for (size_t i = 0; i < f->n; i++) {
		struct tr_longkey k;
		uint8_t value[8];
		tr_longkey_init(&k, slice(&f->keys[i]));
		if (same_hash)
			memset(k.hash, 0xee, sizeof(k.hash));
		assert_int_equal(
			tr_longkey_get(&txn, 0, SPACE, &k, &v, &f->err), 0);
		value_of(&f->keys[i], turn, value);
		assert_memory_equal(v.p, value, 8);
		/* The same key in another space is another row. */
		assert_int_equal(
			tr_longkey_get(&txn, 0, SPACE + 1, &k, &v, &f->err),
			TR_ENOTFOUND);
	}
	tr_kv_abort(&txn);
}

/* Lengths around every border, with tails that hashes order differently. */
static void add_borders(struct fixture *f)
{
	static const size_t lengths[] = { 0, 1, 2, 400, 484, 485, 486, 487, 500,
		503, 510, 511, 512, 600, 5000, 1 << 20, TR_KEY_DATUM_MAX };
	static const size_t shared[] = { 0, 399, 400, 480, 485, 486, 490 };
	struct tr_rng rng;
	tr_rng_init(&rng, 42);
	for (size_t l = 0; l < TR_ARRAY_LEN(lengths); l++)
		for (size_t s = 0; s < TR_ARRAY_LEN(shared); s++)
			for (unsigned i = 0; i < 3; i++)
				add(f, shared[s], lengths[l],
					tr_rng_next(&rng));
	sort(f);
}

static void test_longkey__scans_in_order_of_whole_keys(void **state)
{
	struct fixture *f = *state;
	add_borders(f);
	put(f, (struct put){ .turn = 1 }, f->n);
	check_scan(f, 1, f->n);
	check_gets(f, 1, false);
}

static void test_longkey__put_again_replaces(void **state)
{
	struct fixture *f = *state;
	add_borders(f);
	put(f, (struct put){ .turn = 1, .append = true }, f->n);
	put(f, (struct put){ .turn = 2, .append = true }, 0);
	check_scan(f, 2, 5);
	check_gets(f, 2, false);
}

/* Many long keys of one beginning: order is still that of the whole key. */
static void test_longkey__same_400_bytes(void **state)
{
	struct fixture *f = *state;
	struct tr_rng rng;
	tr_rng_init(&rng, 7);
	for (unsigned i = 0; i < 2000; i++)
		add(f, 400, 420 + (size_t)tr_rng_below(&rng, 300),
			tr_rng_next(&rng));
	for (unsigned i = 0; i < 500; i++)
		add(f, 490, 500 + (size_t)tr_rng_below(&rng, 30),
			tr_rng_next(&rng));
	sort(f);
	put(f, (struct put){ .turn = 3, .append = true }, f->n);
	check_scan(f, 3, 100);
}

/* More than a walk sorts at a time. */
static void test_longkey__group_larger_than_its_window(void **state)
{
	struct fixture *f = *state;
	struct tr_rng rng;
	tr_rng_init(&rng, 9);
	size_t n = (size_t)2 * TR_KV_GROUP_ROWS + 1000;
	add(f, 0, 3, 0);
	for (size_t i = 0; i < n; i++)
		add(f, 486, 494, tr_rng_next(&rng));
	add(f, 1, 600, 0x7a); /* "kz…": behind the group */
	sort(f);
	put(f, (struct put){ .turn = 4 }, f->n);
	check_scan(f, 4, 20);
}

/* A space without a row of the group that is sought: the row behind it. */
static void test_longkey__seeks_where_no_group_is(void **state)
{
	struct fixture *f = *state;
	struct tr_kv_txn txn;
	struct tr_longkey_iter it;
	uint8_t from[600];
	memset(from, 'k', sizeof(from));
	add(f, 0, 3, 0x616161);
	add(f, 0, 3, 0x797979);
	add(f, 0, 3, 0x7a7a7a);
	sort(f);
	put(f, (struct put){ .turn = 1 }, f->n);
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	assert_int_equal(tr_longkey_iter_open(&it, &txn, 0, SPACE, &f->err), 0);
	for (unsigned is_after = 0; is_after < 2; is_after++) {
		assert_int_equal(tr_longkey_iter_seek(&it,
					 tr_slice_of(from, sizeof(from)),
					 is_after, &f->err),
			1);
		check_row(&it, &f->keys[1], 1);
		assert_int_equal(tr_longkey_iter_next(&it, &f->err), 1);
		check_row(&it, &f->keys[2], 1);
		assert_int_equal(tr_longkey_iter_next(&it, &f->err), 0);
	}
	tr_longkey_iter_close(&it);
	tr_kv_abort(&txn);
}

static void test_longkey__keys_with_one_hash_are_told_apart(void **state)
{
	struct fixture *f = *state;
	struct tr_rng rng;
	tr_rng_init(&rng, 11);
	for (unsigned i = 0; i < 300; i++)
		add(f, 486, 520 + i % 5, tr_rng_next(&rng));
	sort(f);
	put(f, (struct put){ .turn = 5, .same_hash = true }, f->n);
	put(f, (struct put){ .turn = 6, .same_hash = true }, 0);
	check_scan(f, 6, 50);
	check_gets(f, 6, true);
}

struct clear {
	uint64_t rows;
	bool is_empty;
};

static int clear_some(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct clear *c = arg;
	return tr_longkey_clear(
		txn, 0, SPACE, c->rows, UINT64_MAX, &c->is_empty, err);
}

static int put_neighbours(
	struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	(void)arg;
	for (uint64_t space = SPACE - 1; space <= SPACE + 1; space += 2) {
		struct tr_longkey k;
		bool is_new;
		tr_longkey_init(&k, tr_slice_of_text("stays"));
		int rc = tr_longkey_put(txn, 0, space, &k, tr_slice_of("v", 1),
			false, &is_new, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void test_longkey__clears_a_space_in_steps(void **state)
{
	struct fixture *f = *state;
	struct tr_kv_txn txn;
	uint64_t rows;
	for (unsigned i = 0; i < 25; i++)
		add(f, 486, 600, i);
	sort(f);
	put(f, (struct put){ .turn = 1 }, 25);
	assert_int_equal(tr_kv_update(f->kv, put_neighbours, NULL, &f->err), 0);
	struct clear c = { .rows = 10 };
	for (unsigned i = 0; i < 3; i++) {
		assert_false(c.is_empty);
		assert_int_equal(
			tr_kv_update(f->kv, clear_some, &c, &f->err), 0);
	}
	assert_true(c.is_empty);
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	assert_int_equal(tr_kv_count(&txn, 0, &rows, &f->err), 0);
	assert_int_equal(rows, 2);
	tr_kv_abort(&txn);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TR_TEST_MAIN(CASE(test_longkey__scans_in_order_of_whole_keys),
	CASE(test_longkey__put_again_replaces),
	CASE(test_longkey__same_400_bytes),
	CASE(test_longkey__group_larger_than_its_window),
	CASE(test_longkey__seeks_where_no_group_is),
	CASE(test_longkey__keys_with_one_hash_are_told_apart),
	CASE(test_longkey__clears_a_space_in_steps));
