#include "executor/edge/outbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "tests/support/test.h"

static char path[64];
static struct tr_outbox o;
static struct tr_buf buf;

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/tranche-outbox-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	tr_outbox_init(&o);
	tr_buf_init(&buf, TR_FRAME_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_outbox_fini(&o);
	tr_buf_fini(&buf);
	unlink(path);
	return 0;
}

static struct tr_frame frame(uint8_t kind, const char *payload)
{
	return (struct tr_frame){ .kind = kind,
		.body = tr_slice_of_text("body"),
		.payload = tr_slice_of_text(payload) };
}

static void append(uint8_t kind, const char *payload)
{
	struct tr_frame f = frame(kind, payload);
	tr_outbox_append(&o, path, &f);
}

static void check_next(uint8_t kind, const char *payload)
{
	struct tr_frame f;
	assert_int_equal(tr_outbox_peek(&o, path, &buf, &f), 0);
	assert_int_equal(f.kind, kind);
	assert_int_equal(f.payload.n, strlen(payload));
	assert_memory_equal(f.payload.p, payload, f.payload.n);
	tr_outbox_advance(&o, &f);
}

static void test_outbox__keeps_order_and_repeats(void **state)
{
	(void)state;
	struct tr_frame f;
	append(22, "one");
	check_next(22, "one");
	assert_int_equal(tr_outbox_peek(&o, path, &buf, &f), TR_EAGAIN);
	append(23, "two");
	f = frame(21, "end");
	tr_outbox_append_report(&o, path, &f);
	check_next(23, "two");
	tr_outbox_rest(&o);
	check_next(21, "end");
	tr_outbox_rewind(&o);
	assert_true(tr_outbox_repeats(&o));
	check_next(22, "one");
	check_next(23, "two");
	check_next(21, "end");
	assert_false(tr_outbox_repeats(&o));
	assert_int_equal(tr_outbox_waiting(&o), 0);
	tr_outbox_rewind_to_report(&o);
	check_next(21, "end");
}

static void test_outbox__finds_its_report(void **state)
{
	(void)state;
	struct tr_frame f;
	append(22, "one");
	assert_int_equal(tr_outbox_report(&o, path, &buf, &f), TR_ENOTFOUND);
	struct tr_frame r = frame(21, "end");
	tr_outbox_append_report(&o, path, &r);
	assert_int_equal(tr_outbox_report(&o, path, &buf, &f), 0);
	assert_memory_equal(f.payload.p, "end", 3);
	check_next(22, "one");
}

static void test_outbox__damage_breaks_it(void **state)
{
	(void)state;
	struct tr_frame f;
	append(22, "one");
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "X", 1, 17), 1);
	close(fd);
	assert_int_equal(tr_outbox_peek(&o, path, &buf, &f), TR_ECORRUPT);
	assert_int_equal(o.broken.code, TR_ECORRUPT);
	assert_int_equal(truncate(path, 5), 0);
	tr_outbox_fini(&o);
	tr_outbox_init(&o);
	append(22, "one");
	assert_int_equal(truncate(path, 5), 0);
	assert_int_equal(tr_outbox_peek(&o, path, &buf, &f), TR_ECORRUPT);
}

static void test_outbox__full_disk_breaks_it(void **state)
{
	(void)state;
	struct tr_frame f = frame(22, "one");
	tr_outbox_append(&o, "/dev/full", &f);
	assert_int_equal(o.broken.code, TR_EFULL);
	tr_outbox_append_report(&o, "/dev/full", &f);
	assert_true(o.reported);
	assert_int_equal(tr_outbox_peek(&o, path, &buf, &f), TR_EFULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TR_TEST_MAIN(CASE(test_outbox__keeps_order_and_repeats),
	CASE(test_outbox__finds_its_report),
	CASE(test_outbox__damage_breaks_it),
	CASE(test_outbox__full_disk_breaks_it));
