#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/worker/spool.h"

static char folder[64];
static char path[96];

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/tr-spool-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/blocks", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* Pieces below and above what is gathered, then any region of the whole. */
static void test_spool__gives_back_what_was_written(void **state)
{
	(void)state;
	enum {
		SIZE = 1000003
	};
	static const size_t pieces[] = { 1, 100, 70000, 400000, 3 };
	struct tr_spool_file f;
	struct tr_error err;
	uint8_t *bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (uint8_t)(i * 31 + (i >> 9));
	tr_spool_file_init(&f, path);
	for (size_t at = 0, i = 0; at < SIZE; i++) {
		size_t n =
			pieces[i % 5] < SIZE - at ? pieces[i % 5] : SIZE - at;
		assert_int_equal(tr_spool_file_write(
					 &f, tr_slice_of(bytes + at, n), &err),
			0);
		at += n;
	}
	assert_int_equal(tr_spool_file_finish(&f, &err), 0);
	static const size_t from[] = { 0, 1, 4095, 4096, 500000, SIZE - 1 };
	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		struct tr_spool_region r;
		size_t n = SIZE - from[i];
		assert_int_equal(
			tr_spool_region_open(&r, path, from[i], n, &err), 0);
		assert_int_equal(r.bytes.n, n);
		assert_memory_equal(r.bytes.p, bytes + from[i], n);
		tr_spool_region_close(&r);
	}
	free(bytes);
}

static void test_spool__nothing_written_is_no_file(void **state)
{
	(void)state;
	struct tr_spool_file f;
	struct tr_error err;
	tr_spool_file_init(&f, path);
	assert_int_equal(tr_spool_file_finish(&f, &err), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_spool__abandoned_is_removed(void **state)
{
	(void)state;
	struct tr_spool_file f;
	struct tr_error err;
	static const uint8_t bytes[200000];
	tr_spool_file_init(&f, path);
	assert_int_equal(tr_spool_file_write(
				 &f, tr_slice_of(bytes, sizeof(bytes)), &err),
		0);
	assert_int_equal(access(path, F_OK), 0);
	tr_spool_file_abandon(&f);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_spool__full_disk_has_its_name(void **state)
{
	(void)state;
	struct tr_spool_file f;
	struct tr_error err;
	static const uint8_t bytes[200000];
	/* A link, so that only it is removed. */
	assert_int_equal(symlink("/dev/full", path), 0);
	tr_spool_file_init(&f, path);
	assert_int_equal(tr_spool_file_write(
				 &f, tr_slice_of(bytes, sizeof(bytes)), &err),
		TR_EFULL);
	assert_non_null(strstr(err.text, path));
	tr_spool_file_abandon(&f);
	tr_spool_file_init(&f, path);
	assert_int_equal(symlink("/dev/full", path), 0);
	assert_int_equal(
		tr_spool_file_write(&f, tr_slice_of(bytes, 10), &err), 0);
	assert_int_equal(tr_spool_file_finish(&f, &err), TR_EFULL);
	assert_int_equal(access("/dev/full", F_OK), 0);
}

static void test_spool__missing_parts_are_lost(void **state)
{
	(void)state;
	struct tr_spool_file f;
	struct tr_spool_region r;
	struct tr_error err;
	assert_int_equal(tr_spool_region_open(&r, path, 0, 1, &err), TR_ELOST);
	tr_spool_file_init(&f, path);
	assert_int_equal(
		tr_spool_file_write(&f, tr_slice_of("12345", 5), &err), 0);
	assert_int_equal(tr_spool_file_finish(&f, &err), 0);
	assert_int_equal(tr_spool_region_open(&r, path, 0, 6, &err), TR_ELOST);
	assert_int_equal(tr_spool_region_open(&r, path, 6, 0, &err), TR_ELOST);
	assert_int_equal(
		tr_spool_region_open(&r, path, 1, UINT64_MAX, &err), TR_ELOST);
	assert_int_equal(tr_spool_region_open(&r, path, 5, 0, &err), 0);
	tr_spool_region_close(&r);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TR_TEST_MAIN(CASE(test_spool__gives_back_what_was_written),
	CASE(test_spool__nothing_written_is_no_file),
	CASE(test_spool__abandoned_is_removed),
	CASE(test_spool__full_disk_has_its_name),
	CASE(test_spool__missing_parts_are_lost));
