#include "tests/support/test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kv/be.h"
#include "common/kv/folder.h"
#include "common/kv/kv.h"
#include "tests/common/kv/scratch.h"

enum {
	FRUIT,
	COLOUR,
	DBS
};

static const char *const names[] = { "fruit", "colour", "later" };

static const struct tr_kv_schema schema1 = {
	.version = 1,
	.dbs = names,
	.n_dbs = DBS,
};

struct fixture {
	char path[SCRATCH_PATH];
	char env[SCRATCH_PATH + 8];
	struct tr_kv *kv;
	struct tr_error err;
};

static int open_env(struct fixture *f, uint64_t map_bytes)
{
	const struct tr_kv_opts opts = {
		.path = f->env,
		.schema = &schema1,
		.map_bytes = map_bytes,
	};
	return tr_kv_open(&f->kv, &opts, &f->err);
}

static void close_env(struct fixture *f)
{
	tr_kv_close(f->kv);
	f->kv = NULL;
}

static int set_up(void **state)
{
	struct fixture *f = tr_xcalloc(1, sizeof(*f));
	scratch_make(f->path);
	snprintf(f->env, sizeof(f->env), "%s/env", f->path);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close_env(f);
	scratch_remove(f->path);
	tr_xfree(f);
	return 0;
}

static struct tr_slice text(const char *s)
{
	return tr_slice_of_text(s);
}

struct pair {
	const char *key;
	const char *value;
	int rc; /* what the update answers */
};

static int put_pair(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	const struct pair *p = arg;
	struct tr_slice v = text(p->value);
	int rc = tr_kv_put(txn, FRUIT, text(p->key), &v, 1, err);
	return rc == 0 ? p->rc : rc;
}

static void put(struct fixture *f, const char *key, const char *value)
{
	struct pair p = { key, value, 0 };
	assert_int_equal(tr_kv_update(f->kv, put_pair, &p, &f->err), 0);
}

/* The value as text, or NULL. Static. */
static const char *get(struct fixture *f, const char *key)
{
	static char value[64];
	struct tr_kv_txn txn;
	struct tr_slice v;
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	int rc = tr_kv_get(&txn, FRUIT, text(key), &v, &f->err);
	if (rc == 0)
		snprintf(value, sizeof(value), "%.*s", (int)v.n,
			(const char *)v.p);
	tr_kv_abort(&txn);
	return rc == 0 ? value : NULL;
}

/* ---------------------------------------------------------------- basics */

/* What an update committed is there after a close; what it aborted is not. */
static void test_kv__keeps_what_was_committed(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(open_env(f, 0), 0);
	put(f, "apple", "red");
	struct pair refused = { "pear", "green", TR_EINVAL };
	assert_int_equal(
		tr_kv_update(f->kv, put_pair, &refused, &f->err), TR_EINVAL);
	close_env(f);
	assert_int_equal(open_env(f, 0), 0);
	assert_string_equal(get(f, "apple"), "red");
	assert_null(get(f, "pear"));
	assert_false(tr_kv_has_failed(f->kv));
}

static void test_kv__folder_and_files_are_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	assert_int_equal(open_env(f, 0), 0);
	assert_int_equal(stat(f->env, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(scratch_file(f->env, "data.mdb"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(scratch_file(f->env, "lock.mdb"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static int rows_of_all_kinds(
	struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct tr_slice parts[] = { text("yel"), text("low") };
	struct tr_slice none = tr_slice_of("", 0);
	(void)arg;
	assert_int_equal(
		tr_kv_insert(txn, FRUIT, text("banana"), parts, 2, err), 0);
	assert_int_equal(
		tr_kv_insert(txn, FRUIT, text("banana"), &none, 1, err),
		TR_EEXIST);
	assert_int_equal(tr_kv_append(txn, FRUIT, text("apple"), &none, 1, err),
		TR_EEXIST);
	assert_int_equal(
		tr_kv_append(txn, FRUIT, text("cherry"), &none, 1, err), 0);
	assert_int_equal(tr_kv_put(txn, FRUIT, text("date"), NULL, 0, err), 0);
	assert_int_equal(tr_kv_del(txn, FRUIT, text("date"), err), 0);
	assert_int_equal(
		tr_kv_del(txn, FRUIT, text("date"), err), TR_ENOTFOUND);
	return tr_kv_put(txn, COLOUR, text("red"), NULL, 0, err);
}

static void test_kv__rows_and_cursors(void **state)
{
	struct fixture *f = *state;
	struct tr_kv_txn txn;
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	uint64_t rows;
	assert_int_equal(open_env(f, 0), 0);
	assert_int_equal(
		tr_kv_update(f->kv, rows_of_all_kinds, NULL, &f->err), 0);
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	assert_int_equal(tr_kv_count(&txn, FRUIT, &rows, &f->err), 0);
	assert_int_equal(rows, 2);
	assert_int_equal(tr_kv_cursor_open(&c, &txn, FRUIT, &f->err), 0);
	assert_int_equal(tr_kv_cursor_first(&c, &row, &f->err), 1);
	assert_memory_equal(row.value.p, "yellow", row.value.n);
	assert_int_equal(tr_kv_cursor_next(&c, &row, &f->err), 1);
	assert_memory_equal(row.key.p, "cherry", row.key.n);
	assert_int_equal(row.value.n, 0);
	assert_int_equal(tr_kv_cursor_next(&c, &row, &f->err), 0);
	assert_int_equal(tr_kv_cursor_seek(&c, text("bb"), &row, &f->err), 1);
	assert_memory_equal(row.key.p, "cherry", row.key.n);
	assert_int_equal(tr_kv_cursor_prev(&c, &row, &f->err), 1);
	assert_memory_equal(row.key.p, "banana", row.key.n);
	assert_int_equal(tr_kv_cursor_last(&c, &row, &f->err), 1);
	assert_memory_equal(row.key.p, "cherry", row.key.n);
	assert_int_equal(tr_kv_cursor_seek(&c, text("d"), &row, &f->err), 0);
	tr_kv_cursor_close(&c);
	tr_kv_abort(&txn);
}

/* ------------------------------------------------------------------ growth */

enum {
	TINY_MAP = 64 * 1024
};

struct bulk {
	unsigned rows;
	uint8_t fill;
	unsigned calls;
	unsigned finished; /* calls that put all rows */
};

static int put_bulk(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct bulk *b = arg;
	uint8_t value[1000];
	memset(value, b->fill, sizeof(value));
	struct tr_slice v = tr_slice_of(value, sizeof(value));
	b->calls++;
	for (uint32_t i = 0; i < b->rows; i++) {
		uint8_t key[4];
		tr_be_put32(key, i);
		int rc = tr_kv_put(txn, FRUIT, tr_slice_of(key, 4), &v, 1, err);
		if (rc != 0)
			return rc;
	}
	b->finished++;
	return 0;
}

static void check_bulk(struct fixture *f, const struct bulk *b)
{
	struct tr_kv_txn txn;
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	for (uint32_t i = 0; i < b->rows; i++) {
		uint8_t key[4];
		struct tr_slice v;
		tr_be_put32(key, i);
		assert_int_equal(tr_kv_get(&txn, FRUIT, tr_slice_of(key, 4), &v,
					 &f->err),
			0);
		assert_int_equal(v.n, 1000);
		assert_int_equal(v.p[999], b->fill);
	}
	tr_kv_abort(&txn);
}

/* A full map is doubled until the update fits, and nothing is lost or half. */
static void test_kv__grows_when_a_put_finds_the_map_full(void **state)
{
	struct fixture *f = *state;
	struct bulk b = { .rows = 1000, .fill = 7 };
	assert_int_equal(open_env(f, TINY_MAP), 0);
	assert_int_equal(tr_kv_update(f->kv, put_bulk, &b, &f->err), 0);
	assert_true(b.calls > 1);
	assert_int_equal(b.finished, 1);
	assert_true(tr_kv_map_bytes(f->kv) >= 1000 * 1000);
	check_bulk(f, &b);
}

/*
 * Commit has pages of its own to write (the list of free ones) and can find
 * the map full after every put had room. Rewriting the same rows with one
 * more each time comes upon that.
 */
static void test_kv__grows_when_commit_finds_the_map_full(void **state)
{
	struct fixture *f = *state;
	unsigned redone = 0;
	for (unsigned rows = 1; rows < 400; rows++) {
		if (!f->kv)
			assert_int_equal(open_env(f, TINY_MAP), 0);
		struct bulk b = { .rows = rows, .fill = (uint8_t)rows };
		assert_int_equal(tr_kv_update(f->kv, put_bulk, &b, &f->err), 0);
		redone += b.finished - 1;
		check_bulk(f, &b);
		if (tr_kv_map_bytes(f->kv) > TINY_MAP) {
			close_env(f);
			assert_int_equal(tr_kv_remove(f->env, &f->err), 0);
		}
	}
	assert_true(redone > 0);
}

struct reading {
	struct fixture *f;
	atomic_bool stop;
	atomic_uint reads;
};

static void *read_on(void *arg)
{
	struct reading *r = arg;
	while (!atomic_load(&r->stop)) {
		struct tr_kv_txn txn;
		struct tr_error err;
		struct tr_slice v;
		int rc = tr_kv_read(r->f->kv, &txn, &err);
		tr_assert(rc == 0);
		rc = tr_kv_get(&txn, FRUIT, text("apple"), &v, &err);
		tr_assert(rc == 0 && v.n == 3 && memcmp(v.p, "red", 3) == 0);
		tr_kv_abort(&txn);
		atomic_fetch_add(&r->reads, 1);
	}
	return NULL;
}

/* The map moves under readers only between their transactions. */
static void test_kv__grows_while_others_read(void **state)
{
	struct fixture *f = *state;
	struct reading r = { .f = f };
	pthread_t threads[3];
	assert_int_equal(open_env(f, TINY_MAP), 0);
	put(f, "apple", "red");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, read_on, &r), 0);
	while (atomic_load(&r.reads) == 0)
		sched_yield();
	struct bulk b = { .rows = 4000, .fill = 3 };
	assert_int_equal(tr_kv_update(f->kv, put_bulk, &b, &f->err), 0);
	atomic_store(&r.stop, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(b.calls > 3);
	assert_string_equal(get(f, "apple"), "red");
}

/* --------------------------------------------------------------- versions */

static int rename_apple(struct tr_kv_txn *txn, struct tr_error *err)
{
	struct tr_slice v;
	int rc = tr_kv_get(txn, FRUIT, text("apple"), &v, err);
	if (rc != 0)
		return rc;
	char copy[16];
	memcpy(copy, v.p, v.n);
	v.p = (const uint8_t *)copy;
	rc = tr_kv_put(txn, 2, text("pomme"), &v, 1, err);
	return rc == 0 ? tr_kv_del(txn, FRUIT, text("apple"), err) : rc;
}

static int count_step(struct tr_kv_txn *txn, struct tr_error *err)
{
	struct tr_slice v = text("3");
	return tr_kv_put(txn, 2, text("steps"), &v, 1, err);
}

static void test_kv__migrates_older_and_refuses_newer(void **state)
{
	static const struct tr_kv_migration migrations[] = {
		{ 1, rename_apple },
		{ 2, count_step },
	};
	static const struct tr_kv_schema schema3 = {
		.version = 3,
		.dbs = names,
		.n_dbs = 3,
		.migrations = migrations,
		.n_migrations = 2,
	};
	struct fixture *f = *state;
	const struct tr_kv_opts opts = { .path = f->env, .schema = &schema3 };
	struct tr_kv_txn txn;
	struct tr_slice v;
	assert_int_equal(open_env(f, 0), 0);
	put(f, "apple", "red");
	close_env(f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tr_kv_open(&f->kv, &opts, &f->err), 0);
		assert_null(get(f, "apple"));
		assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
		assert_int_equal(
			tr_kv_get(&txn, 2, text("pomme"), &v, &f->err), 0);
		assert_int_equal(
			tr_kv_get(&txn, 2, text("steps"), &v, &f->err), 0);
		tr_kv_abort(&txn);
		close_env(f);
	}
	assert_int_equal(open_env(f, 0), TR_EVERSION);
	assert_non_null(strstr(f->err.text, "format 3"));
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), TR_EVERSION);
}

/* A crash while an environment is made leaves nothing under its name. */
static void test_kv__starts_over_what_was_made_by_half(void **state)
{
	struct fixture *f = *state;
	char half[SCRATCH_PATH + 16];
	snprintf(half, sizeof(half), "%s.new", f->env);
	assert_int_equal(mkdir(half, 0700), 0);
	FILE *file = fopen(scratch_file(half, "data.mdb"), "w");
	assert_non_null(file);
	fputs("half a page", file);
	fclose(file);
	assert_int_equal(open_env(f, 0), 0);
	put(f, "apple", "red");
	assert_int_not_equal(access(half, F_OK), 0);
}

static void test_kv__must_exist_makes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct tr_kv_opts opts = {
		.path = f->env,
		.schema = &schema1,
		.must_exist = true,
	};
	assert_int_equal(tr_kv_open(&f->kv, &opts, &f->err), TR_ENOTFOUND);
	assert_int_not_equal(access(f->env, F_OK), 0);
}

static void test_folder__knows_network_filesystems(void **state)
{
	(void)state;
	assert_true(tr_folder_is_network(0x6969));     /* nfs */
	assert_true(tr_folder_is_network(0xff534d42)); /* cifs */
	assert_true(tr_folder_is_network((int)0xfe534d42));
	assert_false(tr_folder_is_network(0xef53));     /* ext4 */
	assert_false(tr_folder_is_network(0x58465342)); /* xfs */
	assert_false(tr_folder_is_network(0x01021994)); /* tmpfs */
}

/* -------------------------------------------------------------- corruption */

static void fill_env(struct fixture *f)
{
	struct bulk b = { .rows = 3000, .fill = 0x5a };
	assert_int_equal(open_env(f, 0), 0);
	assert_int_equal(tr_kv_update(f->kv, put_bulk, &b, &f->err), 0);
	put(f, "needle", "a-value-to-be-found");
	assert_int_equal(tr_kv_update(f->kv, put_bulk, &b, &f->err), 0);
	close_env(f);
}

static void test_walk__accepts_what_is_whole(void **state)
{
	struct fixture *f = *state;
	fill_env(f);
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), 0);
}

static void test_walk__finds_a_flipped_value(void **state)
{
	struct fixture *f = *state;
	fill_env(f);
	assert_true(scratch_flip(scratch_file(f->env, "data.mdb"),
			    "a-value-to-be-found") > 0);
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), TR_ECORRUPT);
	assert_int_equal(open_env(f, 0), 0);
	struct tr_kv_txn txn;
	struct tr_slice v;
	assert_int_equal(tr_kv_read(f->kv, &txn, &f->err), 0);
	assert_int_equal(tr_kv_get(&txn, FRUIT, text("needle"), &v, &f->err),
		TR_ECORRUPT);
	assert_non_null(strstr(f->err.text, f->env));
	tr_kv_abort(&txn);
}

static void test_walk__finds_a_truncated_file(void **state)
{
	struct fixture *f = *state;
	fill_env(f);
	const char *file = scratch_file(f->env, "data.mdb");
	scratch_truncate(file, scratch_size(file) / 2);
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), TR_ECORRUPT);
	assert_non_null(strstr(f->err.text, "truncated"));
	scratch_truncate(file, 0);
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), TR_ECORRUPT);
	assert_int_equal(open_env(f, 0), TR_ECORRUPT);
}

struct walking {
	const char *env;
};

static void walk_alone(void *arg)
{
	const struct walking *w = arg;
	struct tr_error err;
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	int rc = tr_kv_walk(w->env, &schema1, &err);
	_exit(rc == 0 ? 0 : -rc);
}

/* Whatever pages are noise, a walk never ends well; often by a signal. */
static void test_walk__never_accepts_scrambled_pages(void **state)
{
	struct fixture *f = *state;
	fill_env(f);
	const char *file = scratch_file(f->env, "data.mdb");
	unsigned pages = (unsigned)(scratch_size(file) / 4096);
	scratch_scramble(file, 2, pages - 2);
	struct walking w = { f->env };
	int status = scratch_run(walk_alone, &w, NULL);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	scratch_scramble(file, 0, 2); /* the meta pages */
	assert_int_equal(tr_kv_walk(f->env, &schema1, &f->err), TR_ECORRUPT);
}

/* ------------------------------------------------------- failing commits */

static void skip_without_failpoints(void)
{
#ifndef TR_FAILPOINTS
	print_message("skipped: built without failpoints\n");
	skip();
#endif
}

static void fail_commit(void *arg)
{
	struct fixture *f = arg;
	struct pair p = { "pear", "green", 0 };
	assert_int_equal(open_env(f, 0), 0);
	int rc = tr_kv_update(f->kv, put_pair, &p, &f->err);
	if (rc != TR_EIO || !tr_kv_has_failed(f->kv))
		_exit(11);
	if (tr_kv_update(f->kv, put_pair, &p, &f->err) != TR_EIO)
		_exit(12);
	tr_kv_exit(&f->err);
}

/* After a failed commit nothing more is written, and the process ends. */
static void test_kv__a_failed_commit_ends_the_process(void **state)
{
	skip_without_failpoints();
	struct fixture *f = *state;
	assert_int_equal(open_env(f, 0), 0);
	put(f, "apple", "red");
	close_env(f);
	int status = scratch_run(fail_commit, f, "lmdb.before_commit=error:12");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_int_equal(open_env(f, 0), 0);
	assert_string_equal(get(f, "apple"), "red");
	assert_null(get(f, "pear"));
}

static void put_pear(void *arg)
{
	struct fixture *f = arg;
	struct pair p = { "pear", "green", 0 };
	if (open_env(f, 0) != 0)
		_exit(11);
	(void)!tr_kv_update(f->kv, put_pair, &p, &f->err);
	_exit(12); /* not reached */
}

static void test_kv__killed_before_or_after_commit(void **state)
{
	skip_without_failpoints();
	struct fixture *f = *state;
	assert_int_equal(open_env(f, 0), 0);
	put(f, "apple", "red");
	close_env(f);
	int status = scratch_run(put_pear, f, "lmdb.before_commit=kill");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(open_env(f, 0), 0);
	assert_null(get(f, "pear"));
	close_env(f);
	status = scratch_run(put_pear, f, "lmdb.after_commit=kill");
	assert_true(WIFSIGNALED(status));
	assert_int_equal(open_env(f, 0), 0);
	assert_string_equal(get(f, "pear"), "green");
	assert_string_equal(get(f, "apple"), "red");
}

static void fill_disk(void *arg)
{
	struct fixture *f = arg;
	struct bulk b = { .rows = 100, .fill = 1 };
	if (open_env(f, 0) != 0 ||
		tr_kv_update(f->kv, put_bulk, &b, &f->err) != 0)
		_exit(11);
	struct bulk big = { .rows = 5000, .fill = 2 };
	int rc = tr_kv_update(f->kv, put_bulk, &big, &f->err);
	if (rc != TR_EFULL || !strstr(f->err.text, "disk full"))
		_exit(12);
	close_env(f);
	/* The old state is whole, and is there in a process of its own. */
	if (tr_kv_walk(f->env, &schema1, &f->err) != 0)
		_exit(13);
	if (open_env(f, 0) != 0)
		_exit(14);
	check_bulk(f, &b);
	_exit(0);
}

static void test_kv__full_disk_loses_nothing(void **state)
{
	struct fixture *f = *state;
	int status;
	if (!scratch_run_small(fill_disk, f, f->path, 1024, &status)) {
		print_message("skipped: may not mount a tmpfs\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TR_TEST_MAIN(CASE(test_kv__keeps_what_was_committed),
	CASE(test_kv__folder_and_files_are_private),
	CASE(test_kv__rows_and_cursors),
	CASE(test_kv__grows_when_a_put_finds_the_map_full),
	CASE(test_kv__grows_when_commit_finds_the_map_full),
	CASE(test_kv__grows_while_others_read),
	CASE(test_kv__migrates_older_and_refuses_newer),
	CASE(test_kv__starts_over_what_was_made_by_half),
	CASE(test_kv__must_exist_makes_nothing),
	cmocka_unit_test(test_folder__knows_network_filesystems),
	CASE(test_walk__accepts_what_is_whole),
	CASE(test_walk__finds_a_flipped_value),
	CASE(test_walk__finds_a_truncated_file),
	CASE(test_walk__never_accepts_scrambled_pages),
	CASE(test_kv__a_failed_commit_ends_the_process),
	CASE(test_kv__killed_before_or_after_commit),
	CASE(test_kv__full_disk_loses_nothing));
