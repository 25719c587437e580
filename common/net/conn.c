#include "common/net/conn.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/net/endpoint.h"
#include "common/net/event.h"

enum {
	IOV_MAX_NNG = 8, /* runs that an aio takes */
};

#define TLS_HINT                                                               \
	"tls handshake failed: check the CA, the certificates' dates and the " \
	"server name"

/* ---- memory ---- */

void tr_conn_ref(struct tr_conn *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void tr_conn_unref(struct tr_conn *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&c->mu);
	tr_xfree(c);
}

static void reap(struct tr_reap *r)
{
	struct tr_conn *c =
		(struct tr_conn *)((char *)r - offsetof(struct tr_conn, reap));
	struct tr_net *net = c->net;
	nng_aio_free(c->dial_aio);
	nng_aio_free(c->rx_aio);
	nng_aio_free(c->tx_aio);
	nng_stream_free(c->stream);
	nng_stream_dialer_free(c->dialer);
	tr_rx_fini(&c->rx);
	tr_outq_fini(&c->out);
	tr_conn_unref(c);
	tr_group_reaped(net);
}

/* The first reference is the library's; it ends in reap(). */
static struct tr_conn *conn_new(struct tr_net *net)
{
	struct tr_conn *c = tr_xcalloc(1, sizeof(*c));
	c->net = net;
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->mu, NULL);
	c->reap.run = reap;
	return c;
}

static nng_aio *aio_new(void (*cb)(void *), struct tr_conn *c)
{
	nng_aio *aio;
	int rv = nng_aio_alloc(&aio, cb, c);
	tr_assert(rv == 0); /* small, and out of memory ends the process */
	nng_aio_set_timeout(aio, NNG_DURATION_INFINITE);
	return aio;
}

/* ---- the end; all with the lock held ---- */

static bool is_alive(const struct tr_conn *c)
{
	return c->state == TR_CONN_OPEN || c->state == TR_CONN_FINISHING;
}

static void release(struct tr_conn *c)
{
	tr_assert(c->pending > 0);
	c->pending--;
	if (c->state == TR_CONN_DEAD && c->pending == 0)
		tr_reaper_put(c->net->reaper, &c->reap);
}

static void end_locked(struct tr_conn *c, int code, const char *fmt, ...)
	TR_PRINTF(3, 4);

static void end_locked(struct tr_conn *c, int code, const char *fmt, ...)
{
	if (c->state == TR_CONN_DEAD)
		return;
	bool dialing = c->state == TR_CONN_DIALING;
	bool wanted = c->state == TR_CONN_FINISHING;
	if (wanted) {
		tr_error_set(&c->error, TR_ECANCELED, "closed by this side");
	} else {
		va_list ap;
		va_start(ap, fmt);
		tr_error_vset(&c->error, code, fmt, ap);
		va_end(ap);
	}
	c->state = TR_CONN_DEAD;
	if (c->stream)
		nng_stream_close(c->stream);
	if (dialing)
		nng_stream_dialer_close(c->dialer);
	/* Before the slot can be given away: the order tells the loop. */
	tr_event_post(c, dialing ? TR_NET_DIAL_FAILED : TR_NET_DOWN);
	tr_group_remove(c->net, c);
	if (c->pending == 0)
		tr_reaper_put(c->net->reaper, &c->reap);
}

/* An operation on the stream failed. */
static void end_by_stream(struct tr_conn *c, int rv)
{
	if (c->state == TR_CONN_DEAD)
		return;
	bool handshake = c->tls && !c->framed;
	/* What the TLS engine calls it when the peer takes its leave. */
	if (rv == NNG_ECONNREFUSED)
		rv = NNG_ECLOSED;
	if (rv == NNG_ECRYPTO || rv == NNG_EPEERAUTH) {
		tr_stat_add(&c->net->stats.tls_failures, 1);
		end_locked(c, TR_EAUTH, TLS_HINT);
	} else if (handshake && tr_endpoint_err(rv) == TR_ECLOSED) {
		end_locked(c, TR_ECLOSED,
			"closed by the peer before its first message: does it "
			"accept our certificate?");
	} else if (tr_endpoint_err(rv) == TR_ECLOSED) {
		end_locked(c, TR_ECLOSED, "closed by the peer");
	} else {
		end_locked(c, tr_endpoint_err(rv), "connection lost: %s",
			nng_strerror(rv));
	}
}

void tr_conn_end(struct tr_conn *c, int code, const char *text)
{
	pthread_mutex_lock(&c->mu);
	end_locked(c, code, "%s", text);
	pthread_mutex_unlock(&c->mu);
}

/* ---- receiving ---- */

/* Bytes of events that stop reading when exceeded. */
static size_t inbox_max(const struct tr_conn *c)
{
	return c->authenticated ? c->net->opts.inbox_max : 0;
}

static size_t frame_max(const struct tr_conn *c)
{
	return c->authenticated ? TR_FRAME_MAX : TR_FRAME_BEFORE_HELLO_MAX;
}

static void post_rx(struct tr_conn *c)
{
	uint8_t *p;
	size_t n;
	tr_rx_space(&c->rx, &p, &n);
	nng_iov iov = { .iov_buf = p, .iov_len = n };
	nng_aio_set_iov(c->rx_aio, 1, &iov);
	nng_stream_recv(c->stream, c->rx_aio);
}

static void end_by_frame(struct tr_conn *c, int rc)
{
	if (c->state == TR_CONN_DEAD)
		return;
	if (rc != TR_ENOMEM)
		tr_stat_add(&c->net->stats.bad_frames, 1);
	if (rc == TR_ELIMIT)
		end_locked(c, rc, "the peer sent a frame over %zu bytes",
			frame_max(c));
	else if (rc == TR_EVERSION)
		end_locked(c, rc,
			"the peer sent no frame, or one of another version");
	else if (rc == TR_ENOMEM)
		end_locked(c, rc, "out of memory for a frame of the peer");
	else
		end_locked(c, rc, "the peer sent a damaged frame");
}

/* Puts the frame's event, or drops the frame when nobody wants it. */
static void deliver(struct tr_conn *c, void *mem, const struct tr_frame *f)
{
	struct tr_event *e = mem;
	c->framed = true;
	if (c->state != TR_CONN_OPEN) {
		free(mem);
		return;
	}
	*e = (struct tr_event){ .charge = tr_frame_size(f) + sizeof(*e) };
	e->pub.frame = *f;
	size_t charge = e->charge;
	c->inbox += charge;
	tr_stat_add(&c->net->stats.frames_in, 1);
	if (!tr_event_put(e, c, TR_NET_FRAME))
		c->inbox -= charge;
}

/*
 * Turns what has been received into events and posts the next receive. The
 * caller owns the receiving half and one `pending` for it; both go to that
 * receive, or end here.
 */
static void rx_run(struct tr_conn *c)
{
	pthread_mutex_lock(&c->mu);
	while (is_alive(c)) {
		size_t max = frame_max(c);
		pthread_mutex_unlock(&c->mu);
		void *mem;
		struct tr_frame f;
		int rc = tr_rx_next(&c->rx, max, &mem, &f);
		pthread_mutex_lock(&c->mu);
		if (rc == TR_EAGAIN && is_alive(c)) {
			post_rx(c);
			pthread_mutex_unlock(&c->mu);
			return;
		}
		if (rc == 0)
			deliver(c, mem, &f);
		else if (rc != TR_EAGAIN)
			end_by_frame(c, rc);
		if (c->inbox > inbox_max(c)) {
			c->rx_paused = true;
			break;
		}
	}
	release(c);
	pthread_mutex_unlock(&c->mu);
}

static void rx_done(void *arg)
{
	struct tr_conn *c = arg;
	int rv = nng_aio_result(c->rx_aio);
	size_t n = nng_aio_count(c->rx_aio);
	if (rv == 0)
		tr_rx_filled(&c->rx, n);
	tr_stat_add(&c->net->stats.bytes_in, n);
	pthread_mutex_lock(&c->mu);
	c->rx_seen = true;
	if (rv != 0) {
		end_by_stream(c, rv);
		release(c);
	}
	pthread_mutex_unlock(&c->mu);
	if (rv == 0)
		rx_run(c);
}

/* Whether the caller has just become the owner of the receiving half. */
static bool resume_rx(struct tr_conn *c)
{
	if (!c->rx_paused || !is_alive(c) || c->inbox > inbox_max(c) / 2)
		return false;
	c->rx_paused = false;
	c->pending++;
	return true;
}

void tr_conn_credit(struct tr_conn *c, size_t charge)
{
	pthread_mutex_lock(&c->mu);
	tr_assert(charge <= c->inbox);
	c->inbox -= charge;
	bool resume = resume_rx(c);
	pthread_mutex_unlock(&c->mu);
	if (resume)
		rx_run(c);
}

void tr_conn_authenticated(struct tr_conn *c)
{
	pthread_mutex_lock(&c->mu);
	bool resume = false;
	if (is_alive(c) && !c->authenticated) {
		c->authenticated = true;
		if (!c->dialed)
			tr_group_authenticated(c->net);
		resume = resume_rx(c);
	}
	pthread_mutex_unlock(&c->mu);
	if (resume)
		rx_run(c);
}

/* ---- sending ---- */

static void post_tx(struct tr_conn *c)
{
	nng_iov iov[IOV_MAX_NNG];
	unsigned n = tr_outq_iov(&c->out, iov, IOV_MAX_NNG);
	nng_aio_set_iov(c->tx_aio, n, iov);
	c->tx_busy = true;
	c->pending++;
	nng_stream_send(c->stream, c->tx_aio);
}

static void tell_drained(struct tr_conn *c)
{
	if (!c->want_drained || c->out.bytes > c->low_water)
		return;
	c->want_drained = false;
	tr_event_post(c, TR_NET_DRAINED);
}

static void tx_done(void *arg)
{
	struct tr_conn *c = arg;
	int rv = nng_aio_result(c->tx_aio);
	size_t n = nng_aio_count(c->tx_aio);
	pthread_mutex_lock(&c->mu);
	c->tx_busy = false;
	if (rv != 0) {
		end_by_stream(c, rv);
	} else {
		tr_stat_add(&c->net->stats.bytes_out, n);
		tr_outq_sent(&c->out, n);
		if (is_alive(c)) {
			tell_drained(c);
			if (c->out.bytes > 0)
				post_tx(c);
		}
	}
	release(c);
	pthread_mutex_unlock(&c->mu);
}

static int send_locked(
	struct tr_conn *c, struct tr_outq_entry *e, enum tr_net_full full)
{
	if (c->state != TR_CONN_OPEN)
		return TR_ECLOSED;
	size_t size = tr_outq_entry_size(e);
	if (c->out.bytes > 0 && c->out.bytes + size > c->net->opts.output_max) {
		if (full == TR_NET_FULL_TRY)
			return TR_EAGAIN;
		tr_stat_add(&c->net->stats.slow_peers, 1);
		end_locked(c, TR_ELIMIT,
			"the peer reads too slowly: %zu bytes wait to be sent",
			c->out.bytes);
		return TR_ELIMIT;
	}
	tr_outq_put(&c->out, e);
	tr_stat_add(&c->net->stats.frames_out, 1);
	if (!c->tx_busy)
		post_tx(c);
	return 0;
}

int tr_conn_send(
	struct tr_conn *c, struct tr_outq_entry *e, enum tr_net_full full)
{
	pthread_mutex_lock(&c->mu);
	int rc = send_locked(c, e, full);
	pthread_mutex_unlock(&c->mu);
	return rc;
}

void tr_conn_notify_drained(struct tr_conn *c, size_t low_water)
{
	pthread_mutex_lock(&c->mu);
	if (c->state == TR_CONN_OPEN) {
		c->want_drained = true;
		c->low_water = low_water;
		tell_drained(c);
	}
	pthread_mutex_unlock(&c->mu);
}

void tr_conn_finish(struct tr_conn *c)
{
	pthread_mutex_lock(&c->mu);
	if (c->state == TR_CONN_DIALING)
		end_locked(c, TR_ECANCELED, "closed by this side");
	else if (c->state == TR_CONN_OPEN)
		c->state = TR_CONN_FINISHING;
	pthread_mutex_unlock(&c->mu);
	atomic_store(&c->net->rescan, true);
}

/* ---- time ---- */

void tr_conn_set_idle_deadline(struct tr_conn *c, uint32_t ms)
{
	pthread_mutex_lock(&c->mu);
	c->deadline.idle_ms = ms;
	c->rx_seen = true; /* the silence begins now */
	pthread_mutex_unlock(&c->mu);
	atomic_store(&c->net->rescan, true);
}

static void end_by_deadline(struct tr_conn *c, enum tr_deadline_verdict v)
{
	const struct tr_net_opts *opts = &c->net->opts;
	if (v == TR_DEADLINE_HELLO) {
		tr_stat_add(&c->net->stats.hello_timeouts, 1);
		end_locked(c, TR_ETIMEOUT,
			"the peer did not say hello in %u ms",
			opts->hello_deadline_ms);
	} else if (v == TR_DEADLINE_IDLE) {
		tr_stat_add(&c->net->stats.idle_timeouts, 1);
		end_locked(c, TR_ETIMEOUT,
			"nothing came from the peer in %u ms",
			c->deadline.idle_ms);
	} else if (v == TR_DEADLINE_LINGER) {
		end_locked(c, TR_ECANCELED, "closed by this side");
	}
}

uint64_t tr_conn_scan(struct tr_conn *c, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;
	pthread_mutex_lock(&c->mu);
	if (is_alive(c)) {
		struct tr_deadline_facts facts = {
			.received = c->rx_seen,
			.paused = c->rx_paused,
			.waiting = c->inbox > 0,
			.authenticated = c->authenticated,
			.finishing = c->state == TR_CONN_FINISHING,
			.hello_ms = c->net->opts.hello_deadline_ms,
			.linger_ms = TR_CONN_LINGER_MS,
		};
		c->rx_seen = false;
		end_by_deadline(c,
			tr_deadline_check(&c->deadline, &facts, now_ms, &next));
	}
	pthread_mutex_unlock(&c->mu);
	return next;
}

/* ---- the beginning ---- */

/* The stream is there. */
static void open_locked(struct tr_conn *c)
{
	tr_rx_init(&c->rx, TR_CONN_RECV_BUFFER, sizeof(struct tr_event));
	c->rx_aio = aio_new(rx_done, c);
	c->tx_aio = aio_new(tx_done, c);
	tr_endpoint_peer_text(c->stream, c->peer, sizeof(c->peer));
	c->state = TR_CONN_OPEN;
	atomic_store(&c->net->rescan, true); /* before the loop wakes up */
	tr_event_post(c, TR_NET_UP);
	c->pending++;
	post_rx(c);
}

int tr_conn_accept(struct tr_net *net, nng_stream *stream, bool tls)
{
	struct tr_conn *c = conn_new(net);
	/* Others may find it once it is in the table: not before it is whole */
	pthread_mutex_lock(&c->mu);
	int rc = tr_group_add(net, c, true);
	if (rc == 0) {
		tr_stat_add(&net->stats.accepted, 1);
		c->tls = tls;
		c->stream = stream;
		open_locked(c);
	}
	pthread_mutex_unlock(&c->mu);
	if (rc != 0)
		tr_conn_unref(c);
	return rc;
}

static void dial_done(void *arg)
{
	struct tr_conn *c = arg;
	int rv = nng_aio_result(c->dial_aio);
	pthread_mutex_lock(&c->mu);
	if (rv == 0)
		c->stream = nng_aio_get_output(c->dial_aio, 0);
	if (c->state == TR_CONN_DEAD) {
		if (c->stream)
			nng_stream_close(c->stream);
	} else if (rv == 0) {
		tr_stat_add(&c->net->stats.dialed, 1);
		open_locked(c);
	} else {
		end_locked(c, tr_endpoint_err(rv), "cannot connect to '%s': %s",
			c->peer, nng_strerror(rv));
	}
	release(c);
	pthread_mutex_unlock(&c->mu);
}

int tr_conn_dial(struct tr_net *net, nng_stream_dialer *dialer,
	const struct tr_net_endpoint *to, struct tr_conn_id *id)
{
	struct tr_conn *c = conn_new(net);
	pthread_mutex_lock(&c->mu);
	c->dialed = true;
	c->tls = to->tls != NULL;
	int rc = tr_group_add(net, c, false);
	if (rc == 0) {
		*id = c->id;
		c->state = TR_CONN_DIALING;
		snprintf(c->peer, sizeof(c->peer), "%s", to->url);
		c->dialer = dialer;
		c->dial_aio = aio_new(dial_done, c);
		nng_aio_set_timeout(
			c->dial_aio, (nng_duration)net->opts.dial_timeout_ms);
		c->pending++;
		nng_stream_dialer_dial(dialer, c->dial_aio);
	}
	pthread_mutex_unlock(&c->mu);
	if (rc != 0)
		tr_conn_unref(c);
	return rc;
}
