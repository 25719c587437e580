#include "tests/support/test.h"

#include "tests/common/net/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/clock/clock.h"

enum {
	PATIENCE_MS = 10000,
};

void end_open(struct end *e, const struct tr_net_opts *opts)
{
	*e = (struct end){ .mb = tr_mailbox_new(16) };
	e->net = tr_net_new(opts, e->mb);
}

static void free_all(struct tr_mail *m)
{
	struct tr_mail *next;
	for (; m; m = next) {
		next = m->next;
		tr_mail_free(m);
	}
}

void end_close(struct end *e)
{
	tr_net_close(e->net);
	tr_net_stop(e->net);
	free_all(e->waiting);
	tr_net_free(e->net);
	/* Events may outlive their net. */
	tr_mailbox_free(e->mb);
}

static void poll_mailbox(struct end *e, int timeout_ms)
{
	struct pollfd p = { .fd = tr_mailbox_fd(e->mb), .events = POLLIN };
	(void)poll(&p, 1, timeout_ms);
	e->waiting = tr_mailbox_take_all(e->mb);
}

struct tr_net_event *end_next(struct end *e)
{
	uint64_t give_up = tr_clock_mono_ms() + PATIENCE_MS;
	while (!e->waiting && tr_clock_mono_ms() < give_up)
		poll_mailbox(e, 1000);
	assert_non_null(e->waiting);
	struct tr_mail *m = e->waiting;
	e->waiting = m->next;
	struct tr_net_event *ev = tr_net_event_of(m);
	assert_non_null(ev);
	return ev;
}

static const char *const kinds[] = {
	[TR_NET_UP] = "up",
	[TR_NET_FRAME] = "frame",
	[TR_NET_DRAINED] = "drained",
	[TR_NET_DOWN] = "down",
	[TR_NET_DIAL_FAILED] = "dial failed",
};

struct tr_net_event *end_expect(struct end *e, enum tr_net_event_kind kind)
{
	struct tr_net_event *ev = end_next(e);
	if (ev->kind != kind)
		fail_msg("expected %s, got %s: %s", kinds[kind],
			kinds[ev->kind], ev->error ? ev->error->text : "");
	return ev;
}

struct tr_conn_id end_skip(struct end *e, enum tr_net_event_kind kind)
{
	struct tr_net_event *ev = end_expect(e, kind);
	struct tr_conn_id id = ev->conn;
	end_free_event(ev);
	return id;
}

void end_expect_end(
	struct end *e, enum tr_net_event_kind kind, int code, const char *part)
{
	struct tr_net_event *ev = end_expect(e, kind);
	if (ev->error->code != code || !strstr(ev->error->text, part))
		fail_msg("expected %s with '%s', got %s: %s", tr_err_name(code),
			part, tr_err_name(ev->error->code), ev->error->text);
	end_free_event(ev);
}

bool end_is_quiet(struct end *e)
{
	if (!e->waiting)
		poll_mailbox(e, 0);
	return e->waiting == NULL;
}

void end_free_event(struct tr_net_event *ev)
{
	tr_mail_free(&ev->mail);
}

void link_open(struct link *l, const struct tr_net_opts *server_opts,
	const struct tr_net_endpoint *at)
{
	struct tr_error err = { 0 };
	end_open(&l->server, server_opts);
	end_open(&l->client, NULL);
	if (tr_net_listen(l->server.net, at, l->url, &err) != 0)
		fail_msg("%s", err.text);
	struct tr_net_endpoint to = *at;
	to.url = l->url;
	if (tr_net_dial(l->client.net, &to, &l->at_client, &err) != 0)
		fail_msg("%s", err.text);
	end_skip(&l->client, TR_NET_UP);
	l->at_server = end_skip(&l->server, TR_NET_UP);
	tr_net_conn_authenticated(l->server.net, l->at_server);
	tr_net_conn_authenticated(l->client.net, l->at_client);
}

void link_close(struct link *l)
{
	end_close(&l->client);
	end_close(&l->server);
}

int end_send_text(struct end *e, struct tr_conn_id c, const char *text)
{
	struct tr_frame f = { .kind = 1, .payload = tr_slice_of_text(text) };
	return tr_net_send(e->net, c, &f, TR_NET_FULL_CLOSE);
}

void end_expect_text(struct end *e, const char *text)
{
	struct tr_net_event *ev = end_expect(e, TR_NET_FRAME);
	struct tr_slice want = tr_slice_of_text(text);
	assert_int_equal(ev->frame.payload.n, want.n);
	assert_memory_equal(ev->frame.payload.p, want.p, want.n);
	end_free_event(ev);
}

int raw_connect(const char *url)
{
	static const char prefix[] = "tcp://127.0.0.1:";
	assert_memory_equal(url, prefix, sizeof(prefix) - 1);
	long port = strtol(url + sizeof(prefix) - 1, NULL, 10);
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

bool raw_is_closed(int fd)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return false;
		char ignored[4096];
		ssize_t n = recv(fd, ignored, sizeof(ignored), 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
	}
}

void end_breathe(void)
{
	(void)poll(NULL, 0, 1);
}
