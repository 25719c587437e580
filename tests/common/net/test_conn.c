#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "tests/common/net/certs.h"
#include "tests/common/net/ends.h"

static const struct tr_net_endpoint loopback = { .url = "tcp://127.0.0.1:0" };

static struct certs certs;
static struct tr_tls_opts tls_opts;
static char ipc_url[128];

static void each_transport(void (*test)(struct link *l))
{
	char dir[] = "/tmp/tr-ipc-XXXXXX";
	assert_non_null(mkdtemp(dir));
	snprintf(ipc_url, sizeof(ipc_url), "ipc://%s/sock", dir);
	certs_make(&certs);
	/* One file serves both sides here; the names differ in test_tls.c. */
	tls_opts = (struct tr_tls_opts){ .ca_file = certs.ca,
		.cert_key_file = certs.server,
		.server_name = "driver" };
	const struct tr_net_endpoint all[] = {
		loopback,
		{ .url = ipc_url },
		{ .url = "tls+tcp://127.0.0.1:0", .tls = &tls_opts },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(all); i++) {
		struct link l;
		link_open(&l, NULL, &all[i]);
		test(&l);
		link_close(&l);
	}
	certs_remove(&certs);
	unlink(ipc_url + strlen("ipc://"));
	assert_int_equal(rmdir(dir), 0);
}

static void frames_arrive_whole(struct link *l)
{
	struct tr_frame f = { .kind = 42,
		.flags = 0x8001,
		.body = tr_slice_of_text("the body"),
		.payload = tr_slice_of_text("the payload") };
	assert_int_equal(
		tr_net_send(l->client.net, l->at_client, &f, TR_NET_FULL_CLOSE),
		0);
	struct tr_net_event *ev = end_expect(&l->server, TR_NET_FRAME);
	assert_int_equal(ev->frame.kind, 42);
	assert_int_equal(ev->frame.flags, 0x8001);
	assert_true(tr_slice_equal(ev->frame.body, f.body));
	assert_true(tr_slice_equal(ev->frame.payload, f.payload));
	assert_int_equal(ev->conn.v, l->at_server.v);
	assert_false(ev->dialed);
	assert_true(strlen(ev->peer) > 0);
	end_free_event(ev);

	tr_net_conn_close(l->client.net, l->at_client);
	end_expect_end(&l->client, TR_NET_DOWN, TR_ECANCELED, "this side");
	end_expect_end(&l->server, TR_NET_DOWN, TR_ECLOSED, "by the peer");
	assert_int_equal(
		end_send_text(&l->client, l->at_client, "late"), TR_ECLOSED);
}

/* Every field of a frame arrives, over each transport; then both see the end */
static void test_conn__frames_arrive_over_each_transport(void **state)
{
	(void)state;
	each_transport(frames_arrive_whole);
}

enum {
	ECHOES = 3000,
	IN_FLIGHT = 64,
};

/* Sizes around the receive buffer's, and some that need several sends. */
static size_t echo_size(unsigned i)
{
	static const size_t sizes[] = { 0, 1, 100, 16367, 16368, 16369, 70000 };
	return sizes[i % TR_ARRAY_LEN(sizes)];
}

static void send_echo(struct link *l, const uint8_t *bytes, unsigned i)
{
	struct tr_frame f = { .kind = 1,
		.flags = (uint16_t)i,
		.payload = tr_slice_of(bytes + i % 251, echo_size(i)) };
	assert_int_equal(
		tr_net_send(l->client.net, l->at_client, &f, TR_NET_FULL_CLOSE),
		0);
}

static void send_back(struct end *e)
{
	struct tr_net_event *ev = end_expect(e, TR_NET_FRAME);
	assert_int_equal(
		tr_net_send(e->net, ev->conn, &ev->frame, TR_NET_FULL_CLOSE),
		0);
	end_free_event(ev);
}

static void expect_echo(struct link *l, const uint8_t *bytes, unsigned i)
{
	struct tr_net_event *ev = end_expect(&l->client, TR_NET_FRAME);
	assert_int_equal(ev->frame.flags, (uint16_t)i);
	assert_int_equal(ev->frame.payload.n, echo_size(i));
	assert_memory_equal(ev->frame.payload.p, bytes + i % 251, echo_size(i));
	end_free_event(ev);
}

static void echoes_come_back(struct link *l)
{
	uint8_t *bytes = malloc(80000);
	for (size_t i = 0; i < 80000; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 253);
	for (unsigned i = 0; i < ECHOES + IN_FLIGHT; i++) {
		if (i < ECHOES)
			send_echo(l, bytes, i);
		if (i < ECHOES)
			send_back(&l->server);
		if (i >= IN_FLIGHT)
			expect_echo(l, bytes, i - IN_FLIGHT);
	}
	free(bytes);
}

/* Many frames of many sizes come back in order and unharmed. */
static void test_conn__echo_under_load(void **state)
{
	(void)state;
	each_transport(echoes_come_back);
}

static void payload_is_taken(struct link *l)
{
	enum {
		SIZE = 1 << 20,
		COUNT = 16
	};
	for (unsigned i = 0; i < COUNT; i++) {
		uint8_t *p = malloc(SIZE);
		memset(p, (int)i + 1, SIZE);
		struct tr_frame f = { .body = tr_slice_of(&i, sizeof(i)),
			.payload = tr_slice_of(p, SIZE) };
		assert_int_equal(tr_net_send_take(l->client.net, l->at_client,
					 &f, TR_NET_FULL_CLOSE),
			0);
	}
	tr_net_conn_notify_drained(l->client.net, l->at_client, 0);
	for (unsigned i = 0; i < COUNT; i++) {
		struct tr_net_event *ev = end_expect(&l->server, TR_NET_FRAME);
		assert_int_equal(ev->frame.payload.n, SIZE);
		assert_memory_equal(ev->frame.body.p, &i, sizeof(i));
		assert_int_equal(ev->frame.payload.p[0], i + 1);
		assert_int_equal(ev->frame.payload.p[SIZE - 1], i + 1);
		end_free_event(ev);
	}
	end_skip(&l->client, TR_NET_DRAINED);
}

/* Payloads of 1 MB go out of the caller's memory; then the queue is drained. */
static void test_conn__large_payloads_without_copy(void **state)
{
	(void)state;
	each_transport(payload_is_taken);
}

static void refusal_is_read(struct link *l)
{
	assert_int_equal(end_send_text(&l->server, l->at_server, "no"), 0);
	tr_net_conn_finish(l->server.net, l->at_server);
	assert_int_equal(
		end_send_text(&l->server, l->at_server, "more"), TR_ECLOSED);
	end_expect_text(&l->client, "no");
	tr_net_conn_close(l->client.net, l->at_client);
	end_expect_end(&l->server, TR_NET_DOWN, TR_ECANCELED, "this side");
}

/* finish() sends what is queued, and ends when the peer closes. */
static void test_conn__finish_lets_the_last_words_out(void **state)
{
	(void)state;
	each_transport(refusal_is_read);
}

/* A peer that does not close either is left after the linger time. */
static void test_conn__finish_does_not_wait_for_ever(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	tr_net_conn_finish(l.server.net, l.at_server);
	assert_int_equal(
		tr_net_tick(l.server.net, 5000), 5000 + TR_CONN_LINGER_MS);
	tr_net_tick(l.server.net, 5000 + TR_CONN_LINGER_MS - 1);
	assert_true(end_is_quiet(&l.server));
	tr_net_tick(l.server.net, 5000 + TR_CONN_LINGER_MS);
	end_expect_end(&l.server, TR_NET_DOWN, TR_ECANCELED, "this side");
	link_close(&l);
}

/* A dial to nobody fails once, with the address in its text. */
static void test_conn__dial_to_nobody_fails(void **state)
{
	(void)state;
	struct end e;
	end_open(&e, NULL);
	struct tr_net_endpoint nobody[] = {
		{ .url = "tcp://127.0.0.1:1" },
		{ .url = "ipc:///tmp/tr-no-such-socket" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(nobody); i++) {
		struct tr_conn_id id;
		struct tr_error err;
		assert_int_equal(tr_net_dial(e.net, &nobody[i], &id, &err), 0);
		end_expect_end(
			&e, TR_NET_DIAL_FAILED, TR_EUNREACH, nobody[i].url);
	}
	assert_true(end_is_quiet(&e));
	end_close(&e);
}

/* A dial given up by the caller ends too, whether it has connected or not. */
static void test_conn__closed_while_dialing(void **state)
{
	(void)state;
	struct end server, client;
	end_open(&server, NULL);
	end_open(&client, NULL);
	char url[TR_NET_URL_MAX];
	struct tr_error err;
	assert_int_equal(tr_net_listen(server.net, &loopback, url, &err), 0);
	for (int i = 0; i < 50; i++) {
		struct tr_net_endpoint to = { .url = url };
		struct tr_conn_id id;
		assert_int_equal(tr_net_dial(client.net, &to, &id, &err), 0);
		tr_net_conn_close(client.net, id);
		struct tr_net_event *ev = end_next(&client);
		if (ev->kind == TR_NET_UP) {
			end_free_event(ev);
			ev = end_expect(&client, TR_NET_DOWN);
		}
		assert_int_equal(ev->error->code, TR_ECANCELED);
		assert_int_equal(ev->conn.v, id.v);
		end_free_event(ev);
	}
	end_close(&client);
	end_close(&server);
}

/* A connection that is reset ends at once; the others do not notice. */
static void test_conn__reset_ends_one_connection(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	int fd = raw_connect(l.url);
	end_skip(&l.server, TR_NET_UP);
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	end_expect_end(&l.server, TR_NET_DOWN, TR_ECLOSED, "by the peer");
	assert_int_equal(end_send_text(&l.client, l.at_client, "still"), 0);
	end_expect_text(&l.server, "still");
	link_close(&l);
}

/* Stopping with connections, dials and unread events leaves nothing behind. */
static void test_conn__stop_in_the_middle(void **state)
{
	(void)state;
	struct link l;
	link_open(&l, NULL, &loopback);
	for (int i = 0; i < 100; i++)
		assert_int_equal(
			end_send_text(&l.client, l.at_client, "unread"), 0);
	struct tr_net_event *kept = end_expect(&l.server, TR_NET_FRAME);
	struct tr_net_endpoint to = { .url = l.url };
	struct tr_conn_id id;
	struct tr_error err;
	assert_int_equal(tr_net_dial(l.client.net, &to, &id, &err), 0);
	tr_net_close(l.client.net);
	assert_int_equal(tr_net_dial(l.client.net, &to, &id, &err), TR_ECLOSED);
	assert_int_equal(
		tr_net_listen(l.client.net, &loopback, NULL, &err), TR_ECLOSED);
	link_close(&l);
	/* An event outlives its net. */
	assert_memory_equal(kept->frame.payload.p, "unread", 6);
	end_free_event(kept);
}

/* Ids are never used twice, slots are, and stay below the limit. */
static void test_conn__ids_and_slots(void **state)
{
	(void)state;
	struct tr_net_opts opts = { .conns_max = 2 };
	struct end e;
	end_open(&e, &opts);
	uint64_t last = 0;
	for (int i = 0; i < 10; i++) {
		struct tr_net_endpoint nobody = { .url = "tcp://127.0.0.1:1" };
		struct tr_conn_id id;
		struct tr_error err;
		assert_int_equal(tr_net_dial(e.net, &nobody, &id, &err), 0);
		assert_true(id.v > last);
		assert_true(tr_conn_slot(id) < 2);
		last = id.v;
		end_skip(&e, TR_NET_DIAL_FAILED);
		END_WAIT_COUNTER(&e, conns, 0);
	}
	end_close(&e);
}

TR_TEST_MAIN(cmocka_unit_test(test_conn__frames_arrive_over_each_transport),
	cmocka_unit_test(test_conn__echo_under_load),
	cmocka_unit_test(test_conn__large_payloads_without_copy),
	cmocka_unit_test(test_conn__finish_lets_the_last_words_out),
	cmocka_unit_test(test_conn__finish_does_not_wait_for_ever),
	cmocka_unit_test(test_conn__dial_to_nobody_fails),
	cmocka_unit_test(test_conn__closed_while_dialing),
	cmocka_unit_test(test_conn__reset_ends_one_connection),
	cmocka_unit_test(test_conn__stop_in_the_middle),
	cmocka_unit_test(test_conn__ids_and_slots));
