#include "common/net/conn.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/net/endpoint.h"
#include "common/net/event.h"

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

nng_aio *tr_conn_aio_new(struct tr_conn *c, void (*done)(void *))
{
	nng_aio *aio;
	int rv = nng_aio_alloc(&aio, done, c);
	tr_assert(rv == 0); /* small, and out of memory ends the process */
	nng_aio_set_timeout(aio, NNG_DURATION_INFINITE);
	return aio;
}

/* ---- the end; all with the lock held ---- */

void tr_conn_release(struct tr_conn *c)
{
	tr_assert(c->pending > 0);
	c->pending--;
	if (c->state == TR_CONN_DEAD && c->pending == 0)
		tr_reaper_put(c->net->reaper, &c->reap);
}

void tr_conn_end_locked(struct tr_conn *c, int code, const char *fmt, ...)
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
void tr_conn_end_by_stream(struct tr_conn *c, int rv)
{
	if (c->state == TR_CONN_DEAD)
		return;
	bool handshake = c->tls && !c->framed;
	/* What the TLS engine calls it when the peer takes its leave. */
	if (rv == NNG_ECONNREFUSED)
		rv = NNG_ECLOSED;
	if (rv == NNG_ECRYPTO || rv == NNG_EPEERAUTH) {
		tr_stat_add(&c->net->stats.tls_failures, 1);
		tr_conn_end_locked(c, TR_EAUTH, TLS_HINT);
	} else if (handshake && tr_endpoint_err(rv) == TR_ECLOSED) {
		tr_conn_end_locked(c, TR_ECLOSED,
			"closed by the peer before its first message: does it "
			"accept our certificate?");
	} else if (tr_endpoint_err(rv) == TR_ECLOSED) {
		tr_conn_end_locked(c, TR_ECLOSED, "closed by the peer");
	} else {
		tr_conn_end_locked(c, tr_endpoint_err(rv),
			"connection lost: %s", nng_strerror(rv));
	}
}

void tr_conn_end(struct tr_conn *c, int code, const char *text)
{
	pthread_mutex_lock(&c->mu);
	tr_conn_end_locked(c, code, "%s", text);
	pthread_mutex_unlock(&c->mu);
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
		tr_conn_end_locked(c, TR_ETIMEOUT,
			"the peer did not say hello in %u ms",
			opts->hello_deadline_ms);
	} else if (v == TR_DEADLINE_IDLE) {
		tr_stat_add(&c->net->stats.idle_timeouts, 1);
		tr_conn_end_locked(c, TR_ETIMEOUT,
			"nothing came from the peer in %u ms",
			c->deadline.idle_ms);
	} else if (v == TR_DEADLINE_LINGER) {
		tr_conn_end_locked(c, TR_ECANCELED, "closed by this side");
	}
}

uint64_t tr_conn_scan(struct tr_conn *c, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;
	pthread_mutex_lock(&c->mu);
	if (tr_conn_is_alive(c)) {
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

void tr_conn_finish(struct tr_conn *c)
{
	pthread_mutex_lock(&c->mu);
	if (c->state == TR_CONN_DIALING)
		tr_conn_end_locked(c, TR_ECANCELED, "closed by this side");
	else if (c->state == TR_CONN_OPEN)
		c->state = TR_CONN_FINISHING;
	pthread_mutex_unlock(&c->mu);
	atomic_store(&c->net->rescan, true);
}

/* ---- the beginning ---- */

/* The stream is there. */
static void open_locked(struct tr_conn *c)
{
	tr_endpoint_peer_text(c->stream, c->peer, sizeof(c->peer));
	c->state = TR_CONN_OPEN;
	atomic_store(&c->net->rescan, true); /* before the loop wakes up */
	tr_event_post(c, TR_NET_UP);
	tr_conn_tx_start(c);
	tr_conn_rx_start(c);
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
		tr_conn_end_locked(c, tr_endpoint_err(rv),
			"cannot connect to '%s': %s", c->peer,
			nng_strerror(rv));
	}
	tr_conn_release(c);
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
		c->dial_aio = tr_conn_aio_new(c, dial_done);
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
