#include "executor/edge/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "executor/edge/daemon.h"

struct request {
	struct tr_executor_ref ref;
	uint64_t id;
	uint64_t offset;
	uint32_t length;
};

struct tr_serve_peer {
	struct tr_serve_peer *next;
	struct tr_conn_id conn;
	bool ready;          /* its Hello was good */
	bool asked_drained;  /* DRAINED is due */
	uint64_t stalled_ms; /* unless it is here by then */
	uint64_t in_flight;
	struct request requests[TR_SERVE_REQUESTS_MAX]; /* a ring */
	uint32_t first, n;
};

/* ----------------------------------------------------------------- peers */

static struct tr_serve_peer *peer_of(
	const struct tr_server *s, struct tr_conn_id conn)
{
	struct tr_serve_peer *p = s->peers;
	while (p && p->conn.v != conn.v)
		p = p->next;
	return p;
}

static void peer_add(struct tr_server *s, struct tr_conn_id conn)
{
	struct tr_serve_peer *p = tr_xcalloc(1, sizeof(*p));
	p->conn = conn;
	p->next = s->peers;
	s->peers = p;
}

static void peer_remove(struct tr_server *s, struct tr_serve_peer *peer)
{
	struct tr_serve_peer **link = &s->peers;
	while (*link != peer)
		link = &(*link)->next;
	*link = peer->next;
	s->in_flight -= peer->in_flight;
	tr_xfree(peer);
}

void tr_server_fini(struct tr_server *s)
{
	while (s->peers)
		peer_remove(s, s->peers);
}

/* --------------------------------------------------------------- answers */

static uint8_t *read_block(
	struct tr_daemon *d, const struct request *r, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	tr_spool_path(&d->spool, &r->ref, TR_SPOOL_BLOCKS, path);
	int injected = TR_FP("exe.serve_block");
	if (injected != 0) {
		tr_error_set(err, injected, "failpoint exe.serve_block");
		return NULL;
	}
	/* Workers write here: what is no plain file shall not hold us up. */
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		tr_error_set(err, errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"block of stage %u lane %u attempt %" PRIu64
			" is not here: %s",
			r->ref.lane.stage, r->ref.lane.lane, r->ref.attempt.v,
			strerror(errno));
		return NULL;
	}
	uint8_t *bytes = malloc(r->length);
	size_t done = 0;
	ssize_t n = 1;
	while (bytes && done < r->length && n > 0) {
		n = pread(fd, bytes + done, r->length - done,
			(off_t)(r->offset + done));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			done += (size_t)n;
	}
	close(fd);
	if (bytes && done == r->length)
		return bytes;
	free(bytes);
	tr_error_set(err, bytes ? TR_ECORRUPT : TR_ENOMEM,
		"block of stage %u lane %u attempt %" PRIu64
		" cannot be read at %" PRIu64,
		r->ref.lane.stage, r->ref.lane.lane, r->ref.attempt.v,
		r->offset);
	return NULL;
}

static int send_data(struct tr_daemon *d, struct tr_serve_peer *peer,
	const struct request *r, uint8_t *bytes, const struct tr_error *why)
{
	Tranche__V1__Envelope env = tr_daemon_env(d, &r->ref);
	Tranche__V1__BlockData m = TRANCHE__V1__BLOCK_DATA__INIT;
	Tranche__V1__ErrorInfo info;
	env.request_id = r->id;
	m.env = &env;
	m.offset = r->offset;
	if (!bytes) {
		tr_msg_error_info(&info, why);
		m.error = &info;
	}
	tr_buf_reset(&d->out);
	int rc = tr_msg_pack(&d->out, &m);
	struct tr_frame f = {
		.kind = TR_KIND_BLOCK_DATA,
		.body = tr_slice_of(d->out.data, d->out.len),
		.payload = tr_slice_of(bytes, bytes ? r->length : 0),
	};
	if (rc == 0)
		rc = tr_net_send_take(
			d->net, peer->conn, &f, TR_NET_FULL_CLOSE);
	if (rc != 0)
		free(bytes);
	return rc;
}

static void answer(struct tr_daemon *d, struct tr_serve_peer *peer,
	const struct request *r)
{
	struct tr_error err;
	uint8_t *bytes = read_block(d, r, &err);
	if (send_data(d, peer, r, bytes, &err) != 0 || !bytes)
		return;
	peer->in_flight += r->length;
	d->server.in_flight += r->length;
	d->server.served_bytes += r->length;
}

static bool has_room(const struct tr_server *s, const struct tr_serve_peer *p)
{
	return p->in_flight < TR_SERVE_CONN_BYTES &&
	       s->in_flight < TR_SERVE_BYTES_MAX;
}

static void serve(struct tr_daemon *d, struct tr_serve_peer *peer)
{
	while (peer->n && has_room(&d->server, peer)) {
		struct request r = peer->requests[peer->first];
		peer->first = (peer->first + 1) % TR_SERVE_REQUESTS_MAX;
		peer->n--;
		answer(d, peer, &r);
	}
	if (peer->in_flight && !peer->asked_drained) {
		peer->asked_drained = true;
		peer->stalled_ms = d->now_ms + TR_SERVE_STALL_MS;
		tr_net_conn_notify_drained(d->net, peer->conn, 0);
	}
}

/* ---------------------------------------------------------------- frames */

/* The time it takes tells nothing about where a wrong token differs. */
static bool token_is_right(const struct tr_daemon *d, const char *given)
{
	size_t n = strlen(d->token);
	if (strlen(given) != n)
		return false;
	unsigned differ = 0;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned)(given[i] ^ d->token[i]);
	return differ == 0;
}

static int check_hello(const struct tr_daemon *d, const Tranche__V1__Hello *m,
	struct tr_error *err)
{
	if (m->version_min > TR_PROTOCOL_MAX ||
		m->version_max < TR_PROTOCOL_MIN)
		return tr_error_set(err, TR_EVERSION,
			"protocol %u to %u offered, %u to %u spoken here",
			m->version_min, m->version_max, TR_PROTOCOL_MIN,
			TR_PROTOCOL_MAX);
	if (m->role != TRANCHE__V1__ROLE__ROLE_EXECUTOR ||
		!token_is_right(d, m->token))
		return tr_error_set(err, TR_EAUTH,
			"only executors of this cluster may fetch blocks: "
			"wrong role or token");
	if (d->cluster[0] && m->cluster_id[0] &&
		strcmp(d->cluster, m->cluster_id) != 0)
		return tr_error_set(
			err, TR_EAUTH, "this executor is of another cluster");
	return 0;
}

static int on_hello(struct tr_daemon *d, struct tr_serve_peer *peer,
	const struct tr_frame *f, struct tr_error *err)
{
	Tranche__V1__HelloReply reply = TRANCHE__V1__HELLO_REPLY__INIT;
	Tranche__V1__ErrorInfo info;
	if (f->kind != TR_KIND_HELLO)
		return tr_error_set(err, TR_EPROTO,
			"a frame of kind %u came before Hello", f->kind);
	Tranche__V1__Hello *m =
		tr_msg_unpack(&tranche__v1__hello__descriptor, f->body, err);
	if (!m)
		return err->code;
	int rc = check_hello(d, m, err);
	tr_msg_free(m);
	reply.version = TR_PROTOCOL_MAX;
	reply.cluster_id = d->cluster;
	if (rc != 0) {
		tr_msg_error_info(&info, err);
		reply.error = &info;
	}
	(void)!tr_daemon_send(d, peer->conn, TR_KIND_HELLO_REPLY, &reply);
	if (rc != 0)
		return rc;
	peer->ready = true;
	tr_net_conn_authenticated(d->net, peer->conn);
	tr_net_conn_set_idle_deadline(d->net, peer->conn, 2 * TR_PEER_IDLE_MS);
	return 0;
}

static int on_fetch(struct tr_daemon *d, struct tr_serve_peer *peer,
	const struct tr_frame *f, struct tr_error *err)
{
	if (f->kind != TR_KIND_BLOCK_FETCH)
		return tr_error_set(
			err, TR_EPROTO, "a frame of kind %u came", f->kind);
	if (peer->n == TR_SERVE_REQUESTS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u requests at once", TR_SERVE_REQUESTS_MAX);
	Tranche__V1__BlockFetch *m = tr_msg_unpack(
		&tranche__v1__block_fetch__descriptor, f->body, err);
	if (!m)
		return err->code;
	struct request r = {
		.ref = tr_daemon_ref(tr_msg_env(m->env)),
		.id = tr_msg_env(m->env)->request_id,
		.offset = m->offset,
		.length = (uint32_t)m->length,
	};
	bool fits = m->length > 0 && m->length <= TR_BLOCK_CHUNK_MAX &&
		    m->offset <= INT64_MAX - TR_BLOCK_CHUNK_MAX;
	tr_msg_free(m);
	if (!fits)
		return tr_error_set(err, TR_ELIMIT,
			"a part of a block has 1 to %llu bytes",
			(unsigned long long)TR_BLOCK_CHUNK_MAX);
	peer->requests[(peer->first + peer->n++) % TR_SERVE_REQUESTS_MAX] = r;
	serve(d, peer);
	return 0;
}

static void on_frame(struct tr_daemon *d, struct tr_serve_peer *peer,
	const struct tr_net_event *ev)
{
	struct tr_error err;
	int rc = peer->ready ? on_fetch(d, peer, &ev->frame, &err)
			     : on_hello(d, peer, &ev->frame, &err);
	if (rc == 0)
		return;
	tr_log_warn("peer-closed", "peer=%s reason=%s", ev->peer,
		TR_LOG_STR(err.text));
	d->server.refused++;
	/* The reply to a bad Hello may still leave. */
	tr_net_conn_finish(d->net, peer->conn);
	peer_remove(&d->server, peer);
}

static void on_drained(struct tr_daemon *d, struct tr_serve_peer *peer)
{
	d->server.in_flight -= peer->in_flight;
	peer->in_flight = 0;
	peer->asked_drained = false;
	for (struct tr_serve_peer *p = d->server.peers; p; p = p->next)
		serve(d, p);
}

void tr_serve_tick(struct tr_daemon *d)
{
	struct tr_serve_peer *peer = d->server.peers, *next;
	for (; peer; peer = next) {
		next = peer->next;
		if (!peer->asked_drained || d->now_ms < peer->stalled_ms)
			continue;
		tr_log_warn("peer-closed", "conn=%" PRIu64 " reason=%s",
			peer->conn.v,
			TR_LOG_STR("it does not take the blocks it asked for"));
		tr_net_conn_close(d->net, peer->conn);
		peer_remove(&d->server, peer);
	}
}

uint64_t tr_serve_deadline(const struct tr_server *s)
{
	uint64_t first = UINT64_MAX;
	for (const struct tr_serve_peer *p = s->peers; p; p = p->next)
		if (p->asked_drained && p->stalled_ms < first)
			first = p->stalled_ms;
	return first;
}

void tr_serve_event(struct tr_daemon *d, const struct tr_net_event *ev)
{
	if (ev->kind == TR_NET_UP)
		peer_add(&d->server, ev->conn);
	struct tr_serve_peer *peer = peer_of(&d->server, ev->conn);
	if (!peer)
		return; /* its goodbye */
	if (ev->kind == TR_NET_FRAME)
		on_frame(d, peer, ev);
	else if (ev->kind == TR_NET_DRAINED)
		on_drained(d, peer);
	else if (ev->kind == TR_NET_DOWN)
		peer_remove(&d->server, peer);
}
