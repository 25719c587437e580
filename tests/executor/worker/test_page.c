#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/worker/page.h"

struct both {
	int fd;
	struct tr_page *ours;   /* the executor's mapping */
	struct tr_page *theirs; /* the worker's */
};

static int setup(void **state)
{
	struct both *b = calloc(1, sizeof(*b));
	struct tr_error err;
	char path[64];
	assert_int_equal(tr_page_create(&b->fd, &b->ours, &err), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	assert_int_equal(tr_page_map(path, &b->theirs, &err), 0);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct both *b = *state;
	tr_page_unmap(b->ours);
	tr_page_unmap(b->theirs);
	close(b->fd);
	free(b);
	return 0;
}

static struct tr_page_view view_of(const struct both *b)
{
	struct tr_page_view v;
	tr_page_read(b->ours, &v);
	return v;
}

/* A worker that could shorten it would take the executor down with SIGBUS. */
static void test_page__cannot_change_its_size(void **state)
{
	struct both *b = *state;
	assert_int_equal(ftruncate(b->fd, 0), -1);
	assert_int_equal(ftruncate(b->fd, 1 << 20), -1);
}

static void test_page__is_idle_at_first(void **state)
{
	struct tr_page_view v = view_of(*state);
	assert_int_equal(v.state, TR_PAGE_IDLE);
	assert_int_equal(v.op, TR_PAGE_NO_OPERATOR);
	assert_string_equal(v.at, "");
}

/* From the batch to the record, as far as is known. */
static void test_page__names_the_place(void **state)
{
	struct both *b = *state;
	tr_page_begin(b->theirs, 9, "lines", 3, 100);
	struct tr_page_view v = view_of(b);
	assert_int_equal(v.attempt, 9);
	assert_int_equal(v.position, 100);
	assert_string_equal(v.at, "");
	b->theirs->op = 4;
	b->theirs->first = 100;
	b->theirs->last = 140;
	v = view_of(b);
	assert_int_equal(v.op, 4);
	assert_string_equal(v.at, "lines-3@100..140");
	b->theirs->user.op = 6;
	b->theirs->user.offset = 123;
	v = view_of(b);
	assert_int_equal(v.op, 6);
	assert_string_equal(v.at, "lines-3@123");
	/* A reduce task has no place in a log. */
	tr_page_begin(b->theirs, 10, NULL, 0, -1);
	v = view_of(b);
	assert_string_equal(v.at, "");
	assert_int_equal(v.op, TR_PAGE_NO_OPERATOR);
	assert_int_equal(v.position, -1);
}

static void test_page__shows_progress(void **state)
{
	struct both *b = *state;
	tr_page_begin(b->theirs, 1, "lines", 0, 0);
	uint64_t p0 = view_of(b).progress;
	assert_int_equal(view_of(b).progress, p0);
	tr_page_beat(b->theirs);
	uint64_t p1 = view_of(b).progress;
	assert_true(p1 != p0);
	b->theirs->user.op = 1;
	b->theirs->user.index = 5;
	assert_true(view_of(b).progress != p1);
	tr_page_set_state(b->theirs, TR_PAGE_WRITING);
	assert_int_equal(view_of(b).state, TR_PAGE_WRITING);
}

static void test_page__must_have_been_created(void **state)
{
	(void)state;
	struct tr_page *p = NULL;
	struct tr_error err;
	assert_int_equal(tr_page_map("/tmp/no/such/page", &p, &err), TR_EIO);
	assert_non_null(strstr(err.text, "/tmp/no/such/page"));
	assert_null(p);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TR_TEST_MAIN(CASE(test_page__is_idle_at_first),
	CASE(test_page__cannot_change_its_size),
	CASE(test_page__names_the_place), CASE(test_page__shows_progress),
	cmocka_unit_test(test_page__must_have_been_created));
