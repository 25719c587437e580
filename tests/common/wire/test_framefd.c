#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "common/wire/framefd.h"

static void pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

static struct tr_frame small_frame(void)
{
	return (struct tr_frame){ .kind = 3,
		.flags = 9,
		.body = tr_slice_of_text("body"),
		.payload = tr_slice_of_text("payload") };
}

/* Frames come out as they went in, and poll() tells when there is none. */
static void test_framefd__frames_keep_their_boundaries(void **state)
{
	(void)state;
	int fd[2];
	pair(fd);
	struct tr_frame f = small_frame();
	assert_int_equal(tr_framefd_write(fd[0], &f), 0);
	f.kind = 4;
	assert_int_equal(tr_framefd_write(fd[0], &f), 0);

	struct tr_framefd in;
	tr_framefd_init(&in, fd[1], TR_FRAME_MAX);
	for (uint8_t kind = 3; kind <= 4; kind++) {
		struct pollfd p = { .fd = fd[1], .events = POLLIN };
		assert_int_equal(poll(&p, 1, 0), 1);
		struct tr_frame got;
		assert_int_equal(tr_framefd_read(&in, &got), 0);
		assert_int_equal(got.kind, kind);
		assert_int_equal(got.flags, 9);
		assert_true(tr_slice_equal(got.body, f.body));
		assert_true(tr_slice_equal(got.payload, f.payload));
	}
	struct pollfd p = { .fd = fd[1], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 0), 0);
	tr_framefd_fini(&in);
	close(fd[0]);
	close(fd[1]);
}

struct writer {
	int fd;
	struct tr_frame f;
	int rc;
};

static void *write_frame(void *arg)
{
	struct writer *w = arg;
	w->rc = tr_framefd_write(w->fd, &w->f);
	return NULL;
}

/* A frame far larger than the socket's buffer goes through in pieces. */
static void large_frame_goes_through(int extra_flags)
{
	int fd[2];
	pair(fd);
	fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) | extra_flags);
	size_t n = 5 << 20;
	uint8_t *bytes = malloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
	struct writer w = { .fd = fd[0],
		.f = { .kind = 1, .payload = tr_slice_of(bytes, n) } };
	pthread_t t;
	pthread_create(&t, NULL, write_frame, &w);
	struct tr_framefd in;
	tr_framefd_init(&in, fd[1], TR_FRAME_MAX);
	struct tr_frame got;
	assert_int_equal(tr_framefd_read(&in, &got), 0);
	pthread_join(t, NULL);
	assert_int_equal(w.rc, 0);
	assert_int_equal(got.payload.n, n);
	assert_memory_equal(got.payload.p, bytes, n);
	tr_framefd_fini(&in);
	free(bytes);
	close(fd[0]);
	close(fd[1]);
}

static void test_framefd__large_frames_go_through(void **state)
{
	(void)state;
	large_frame_goes_through(0);
	large_frame_goes_through(O_NONBLOCK);
}

/* The end between frames is an end; within a frame it is damage. */
static void test_framefd__end_of_stream(void **state)
{
	(void)state;
	static const struct {
		size_t bytes;
		int want;
	} cases[] = { { 0, TR_ECLOSED }, { 1, TR_EPROTO }, { 16, TR_EPROTO },
		{ 26, TR_EPROTO } };
	uint8_t bytes[27];
	struct tr_frame f = small_frame();
	assert_int_equal(tr_frame_header(&f, bytes), 0);
	memcpy(bytes + 16, "bodypayload", 11);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		int fd[2];
		pair(fd);
		assert_int_equal(
			write(fd[0], bytes, cases[i].bytes), cases[i].bytes);
		close(fd[0]);
		struct tr_framefd in;
		tr_framefd_init(&in, fd[1], TR_FRAME_MAX);
		assert_int_equal(tr_framefd_read(&in, &f), cases[i].want);
		tr_framefd_fini(&in);
		close(fd[1]);
	}
}

/* A descriptor that does not block is asked again, and nothing is lost. */
static void test_framefd__partial_frame_is_kept(void **state)
{
	(void)state;
	int fd[2];
	pair(fd);
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	uint8_t bytes[27];
	struct tr_frame f = small_frame();
	assert_int_equal(tr_frame_header(&f, bytes), 0);
	memcpy(bytes + 16, "bodypayload", 11);
	struct tr_framefd in;
	tr_framefd_init(&in, fd[1], TR_FRAME_MAX);
	struct tr_frame got;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(tr_framefd_read(&in, &got), TR_EAGAIN);
		assert_int_equal(write(fd[0], bytes + i, 1), 1);
	}
	assert_int_equal(tr_framefd_read(&in, &got), 0);
	assert_true(tr_slice_equal(got.payload, f.payload));
	tr_framefd_fini(&in);
	close(fd[0]);
	close(fd[1]);
}

/* The reader's own limit holds, and a writer to nobody is told. */
static void test_framefd__limits_and_lost_readers(void **state)
{
	(void)state;
	int fd[2];
	pair(fd);
	struct tr_frame f = small_frame();
	assert_int_equal(tr_framefd_write(fd[0], &f), 0);
	struct tr_framefd in;
	tr_framefd_init(&in, fd[1], 26);
	assert_int_equal(tr_framefd_read(&in, &f), TR_ELIMIT);
	tr_framefd_fini(&in);
	close(fd[1]);
	assert_int_equal(tr_framefd_write(fd[0], &f), TR_ECLOSED);
	close(fd[0]);
}

TR_TEST_MAIN(cmocka_unit_test(test_framefd__frames_keep_their_boundaries),
	cmocka_unit_test(test_framefd__large_frames_go_through),
	cmocka_unit_test(test_framefd__end_of_stream),
	cmocka_unit_test(test_framefd__partial_frame_is_kept),
	cmocka_unit_test(test_framefd__limits_and_lost_readers));
