#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "tests/common/net/ends.h"

static const struct tr_net_endpoint loopback = { .url = "tcp://127.0.0.1:0" };

static void listen_with(
	struct end *e, const struct tr_net_opts *opts, char *url)
{
	struct tr_error err;
	end_open(e, opts);
	assert_int_equal(tr_net_listen(e->net, &loopback, url, &err), 0);
}

/* Header and payload; good when nobody has tampered with it. */
static size_t make_frame(uint8_t *out, size_t payload)
{
	memset(out + TR_FRAME_HEADER_SIZE, 'x', payload);
	struct tr_frame f = { .kind = 1,
		.payload = tr_slice_of(out + TR_FRAME_HEADER_SIZE, payload) };
	assert_int_equal(tr_frame_header(&f, out), 0);
	return TR_FRAME_HEADER_SIZE + payload;
}

static void send_raw(int fd, const void *p, size_t n)
{
	assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static struct tr_net_counters counters(struct end *e)
{
	struct tr_net_counters c;
	tr_net_counters(e->net, &c);
	return c;
}

/* A damaged frame closes its connection with the reason, and no other. */
static void test_limits__bad_frame_closes_only_its_connection(void **state)
{
	(void)state;
	static const struct {
		size_t byte;
		uint8_t value;
		int code;
	} cases[] = {
		{ 4, 9, TR_EVERSION },
		{ 5, 9, TR_EPROTO },
		{ 12, 200, TR_EPROTO },
		{ 20, 'y', TR_EPROTO },
		{ 3, 0x7f, TR_ELIMIT },
	};
	struct link l;
	link_open(&l, NULL, &loopback);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		uint8_t bytes[64];
		size_t n = make_frame(bytes, 10);
		bytes[cases[i].byte] = cases[i].value;
		int fd = raw_connect(l.url);
		end_skip(&l.server, TR_NET_UP);
		send_raw(fd, bytes, n);
		end_expect_end(
			&l.server, TR_NET_DOWN, cases[i].code, "the peer sent");
		assert_true(raw_is_closed(fd));
		close(fd);
		assert_int_equal(counters(&l.server).bad_frames, i + 1);
	}
	assert_int_equal(end_send_text(&l.client, l.at_client, "still"), 0);
	end_expect_text(&l.server, "still");
	link_close(&l);
}

/* Before Hello is checked, only small frames; after it, large ones. */
static void test_limits__frame_size_before_hello(void **state)
{
	(void)state;
	struct end e;
	char url[TR_NET_URL_MAX];
	listen_with(&e, NULL, url);
	uint8_t *bytes = malloc(TR_FRAME_BEFORE_HELLO_MAX + 1);
	size_t fits = TR_FRAME_BEFORE_HELLO_MAX - TR_FRAME_HEADER_SIZE;

	int fd = raw_connect(url);
	struct tr_conn_id id = end_skip(&e, TR_NET_UP);
	send_raw(fd, bytes, make_frame(bytes, fits));
	struct tr_net_event *ev = end_expect(&e, TR_NET_FRAME);
	tr_net_conn_authenticated(e.net, id);
	end_free_event(ev);
	send_raw(fd, bytes, make_frame(bytes, fits + 1));
	end_skip(&e, TR_NET_FRAME);
	close(fd);
	end_skip(&e, TR_NET_DOWN);

	fd = raw_connect(url);
	end_skip(&e, TR_NET_UP);
	make_frame(bytes, fits + 1);
	send_raw(fd, bytes, TR_FRAME_HEADER_SIZE); /* the header is enough */
	end_expect_end(&e, TR_NET_DOWN, TR_ELIMIT, "over 65536 bytes");
	close(fd);
	free(bytes);
	end_close(&e);
}

/* One frame at a time until then: the second waits for the first's event. */
static void test_limits__one_frame_at_a_time_before_hello(void **state)
{
	(void)state;
	struct end e;
	char url[TR_NET_URL_MAX];
	listen_with(&e, NULL, url);
	uint8_t bytes[64];
	size_t n = make_frame(bytes, 4);
	memcpy(bytes + n, bytes, n);
	int fd = raw_connect(url);
	end_skip(&e, TR_NET_UP);
	send_raw(fd, bytes, 2 * n);
	struct tr_net_event *ev = end_expect(&e, TR_NET_FRAME);
	assert_int_equal(counters(&e).frames_in, 1);
	end_free_event(ev);
	end_skip(&e, TR_NET_FRAME);
	close(fd);
	end_close(&e);
}

/* A silent connection is closed at the hello deadline, not before. */
static void test_limits__hello_deadline(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .hello_deadline_ms = 700 };
	struct end e;
	char url[TR_NET_URL_MAX];
	listen_with(&e, &opts, url);
	int fd = raw_connect(url);
	end_skip(&e, TR_NET_UP);
	assert_int_equal(tr_net_tick(e.net, 1000), 1700);
	tr_net_tick(e.net, 1699);
	assert_true(end_is_quiet(&e));
	tr_net_tick(e.net, 1700);
	end_expect_end(&e, TR_NET_DOWN, TR_ETIMEOUT, "700 ms");
	assert_true(raw_is_closed(fd));
	close(fd);
	assert_int_equal(counters(&e).hello_timeouts, 1);
	assert_int_equal(counters(&e).unauthenticated, 0);
	end_close(&e);
}

/* A Hello that this side has not read yet counts as said. */
static void test_limits__unread_hello_is_no_silence(void **state)
{
	(void)state;
	struct end e;
	char url[TR_NET_URL_MAX];
	listen_with(&e, NULL, url);
	int fd = raw_connect(url);
	struct tr_conn_id id = end_skip(&e, TR_NET_UP);
	tr_net_tick(e.net, 1000);
	uint8_t bytes[64];
	send_raw(fd, bytes, make_frame(bytes, 4));
	struct tr_net_event *ev = end_expect(&e, TR_NET_FRAME);
	tr_net_tick(e.net, 1000 + 10 * TR_HELLO_DEADLINE_MS);
	tr_net_conn_authenticated(e.net, id);
	end_free_event(ev);
	tr_net_tick(e.net, 1000 + 20 * TR_HELLO_DEADLINE_MS);
	assert_true(end_is_quiet(&e));
	close(fd);
	end_close(&e);
}

/* A connection that has gone silent is found by its idle deadline. */
static void test_limits__idle_deadline(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	uint64_t now = 1000;
	tr_net_conn_set_idle_deadline(l.server.net, l.at_server, 400);
	assert_true(tr_net_tick(l.server.net, now) <= now + 400);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(end_send_text(&l.client, l.at_client, "a"), 0);
		end_expect_text(&l.server, "a");
		now += 300;
		tr_net_tick(l.server.net, now);
		assert_true(end_is_quiet(&l.server));
	}
	tr_net_tick(l.server.net, now + 350);
	assert_true(end_is_quiet(&l.server));
	tr_net_tick(l.server.net, now + 400);
	end_expect_end(&l.server, TR_NET_DOWN, TR_ETIMEOUT, "400 ms");
	assert_int_equal(counters(&l.server).idle_timeouts, 1);
	link_close(&l);
}

enum {
	CROWD = 300,
};

/* Of 300 silent connections 256 stay; the others are closed and counted. */
static void test_limits__crowd_of_silent_connections(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	int fds[CROWD];
	for (int i = 0; i < CROWD; i++)
		fds[i] = raw_connect(l.url);
	END_WAIT_COUNTER(&l.server, refused_limit, CROWD - 256);
	assert_int_equal(counters(&l.server).unauthenticated, 256);
	assert_int_equal(counters(&l.server).accepted, 1 + 256);
	assert_true(raw_is_closed(fds[CROWD - 1]));
	for (int i = 0; i < 256; i++)
		end_skip(&l.server, TR_NET_UP);

	assert_int_equal(end_send_text(&l.client, l.at_client, "still"), 0);
	end_expect_text(&l.server, "still");
	for (int i = 0; i < CROWD; i++)
		close(fds[i]);
	for (int i = 0; i < 256; i++)
		end_skip(&l.server, TR_NET_DOWN);
	END_WAIT_COUNTER(&l.server, unauthenticated, 0);
	int fd = raw_connect(l.url);
	end_skip(&l.server, TR_NET_UP);
	close(fd);
	link_close(&l);
}

/* The limit on all connections holds for accepted ones and for dials. */
static void test_limits__connections_of_both_kinds(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .conns_max = 1 };
	struct link l;
	link_open(&l, &opts, &loopback);
	int fd = raw_connect(l.url);
	assert_true(raw_is_closed(fd));
	close(fd);
	END_WAIT_COUNTER(&l.server, refused_limit, 1);
	struct tr_net_endpoint to = { .url = l.url };
	struct tr_conn_id id;
	struct tr_error err;
	assert_int_equal(tr_net_dial(l.server.net, &to, &id, &err), TR_ELIMIT);
	link_close(&l);
}

/* Sends until the queue is full; returns what the last send answered. */
static int fill(struct link *l, size_t size, enum tr_net_full full)
{
	uint8_t *p = calloc(1, size);
	struct tr_frame f = { .kind = 1, .payload = tr_slice_of(p, size) };
	int rc = 0;
	for (int i = 0; i < 1000 && rc == 0; i++)
		rc = tr_net_send(l->server.net, l->at_server, &f, full);
	free(p);
	return rc;
}

/* Stops the client from reading: it holds one event over its inbox limit. */
static void link_open_stuck(struct link *l, const struct tr_net_opts *opts)
{
	struct tr_error err;
	char url[TR_NET_URL_MAX];
	listen_with(&l->server, opts, url);
	end_open(&l->client, &(struct tr_net_opts){ .inbox_max = 1 });
	struct tr_net_endpoint to = { .url = url };
	assert_int_equal(
		tr_net_dial(l->client.net, &to, &l->at_client, &err), 0);
	end_skip(&l->client, TR_NET_UP);
	l->at_server = end_skip(&l->server, TR_NET_UP);
	tr_net_conn_authenticated(l->server.net, l->at_server);
	tr_net_conn_authenticated(l->client.net, l->at_client);
}

/* A peer that never reads is given up when the queue is full. */
static void test_limits__peer_that_never_reads(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .output_max = TR_MIB(2) };
	struct link l;
	link_open_stuck(&l, &opts);
	assert_int_equal(fill(&l, TR_MIB(1), TR_NET_FULL_CLOSE), TR_ELIMIT);
	end_expect_end(&l.server, TR_NET_DOWN, TR_ELIMIT, "too slowly");
	assert_int_equal(counters(&l.server).slow_peers, 1);
	assert_int_equal(
		end_send_text(&l.server, l.at_server, "x"), TR_ECLOSED);
	link_close(&l);
}

/* With FULL_TRY it is told, and told again when there is room. */
static void test_limits__full_queue_drains(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .output_max = TR_MIB(2) };
	struct link l;
	link_open_stuck(&l, &opts);
	assert_int_equal(fill(&l, TR_MIB(1), TR_NET_FULL_TRY), TR_EAGAIN);
	uint64_t sent = counters(&l.server).frames_out;
	tr_net_conn_notify_drained(l.server.net, l.at_server, TR_MIB(1));
	for (uint64_t i = 0; i < sent; i++)
		end_skip(&l.client, TR_NET_FRAME);
	end_skip(&l.server, TR_NET_DRAINED);
	assert_true(end_is_quiet(&l.server));
	assert_int_equal(end_send_text(&l.server, l.at_server, "room"), 0);
	end_expect_text(&l.client, "room");
	link_close(&l);
}

/* A flood fills the inbox to its limit and no further, and none of it is lost
 */
static void test_limits__flood_waits_in_its_socket(void **state)
{
	(void)state;
	enum {
		COUNT = 400,
		SIZE = 50000
	};
	struct tr_net_opts opts = { .inbox_max = 10 * SIZE };
	struct link l;
	link_open(&l, &opts, &loopback);
	uint8_t *p = calloc(1, SIZE);
	struct tr_frame f = { .kind = 1, .payload = tr_slice_of(p, SIZE) };
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(tr_net_send(l.client.net, l.at_client, &f,
					 TR_NET_FULL_CLOSE),
			0);
	free(p);
	/* Each frame is counted a little over SIZE: ten exceed the limit. */
	END_WAIT_COUNTER(&l.server, frames_in, 10);
	for (int i = 0; i < COUNT; i++) {
		struct tr_net_event *ev = end_expect(&l.server, TR_NET_FRAME);
		assert_true(counters(&l.server).frames_in <= (uint64_t)i + 11);
		end_free_event(ev);
	}
	assert_int_equal(counters(&l.server).frames_in, COUNT);
	link_close(&l);
}

/* While this side does not read, the peer's silence is not its fault. */
static void test_limits__paused_reading_is_no_silence(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .inbox_max = 1 };
	struct link l;
	link_open(&l, &opts, &loopback);
	tr_net_conn_set_idle_deadline(l.server.net, l.at_server, 400);
	tr_net_tick(l.server.net, 1000);
	assert_int_equal(end_send_text(&l.client, l.at_client, "held"), 0);
	struct tr_net_event *ev = end_expect(&l.server, TR_NET_FRAME);
	tr_net_tick(l.server.net, 5000);
	tr_net_tick(l.server.net, 9000);
	assert_true(end_is_quiet(&l.server));
	end_free_event(ev);
	tr_net_tick(l.server.net, 9350);
	assert_true(end_is_quiet(&l.server));
	tr_net_tick(l.server.net, 9400);
	end_expect_end(&l.server, TR_NET_DOWN, TR_ETIMEOUT, "400 ms");
	link_close(&l);
}

/* What went through is what is counted, on both sides. */
static void test_limits__counters_add_up(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			end_send_text(&l.client, l.at_client, "12345"), 0);
	for (int i = 0; i < 5; i++)
		end_expect_text(&l.server, "12345");
	END_WAIT_COUNTER(&l.client, bytes_out, 5 * 21);
	struct tr_net_counters c = counters(&l.client);
	assert_int_equal(c.dialed, 1);
	assert_int_equal(c.accepted, 0);
	assert_int_equal(c.frames_out, 5);
	assert_int_equal(c.frames_in, 0);
	assert_int_equal(c.conns, 1);
	c = counters(&l.server);
	assert_int_equal(c.accepted, 1);
	assert_int_equal(c.frames_in, 5);
	assert_int_equal(c.bytes_in, 5 * 21);
	assert_int_equal(c.conns, 1);
	assert_int_equal(c.unauthenticated, 0);
	link_close(&l);
}

TR_TEST_MAIN(
	cmocka_unit_test(test_limits__bad_frame_closes_only_its_connection),
	cmocka_unit_test(test_limits__frame_size_before_hello),
	cmocka_unit_test(test_limits__one_frame_at_a_time_before_hello),
	cmocka_unit_test(test_limits__hello_deadline),
	cmocka_unit_test(test_limits__unread_hello_is_no_silence),
	cmocka_unit_test(test_limits__idle_deadline),
	cmocka_unit_test(test_limits__crowd_of_silent_connections),
	cmocka_unit_test(test_limits__connections_of_both_kinds),
	cmocka_unit_test(test_limits__peer_that_never_reads),
	cmocka_unit_test(test_limits__full_queue_drains),
	cmocka_unit_test(test_limits__flood_waits_in_its_socket),
	cmocka_unit_test(test_limits__paused_reading_is_no_silence),
	cmocka_unit_test(test_limits__counters_add_up));
