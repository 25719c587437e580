#include "common/net/conn.h"

#include "common/net/event.h"

enum {
	IOV_MAX_NNG = 8, /* runs that an aio takes */
};

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
		tr_conn_end_by_stream(c, rv);
	} else {
		tr_stat_add(&c->net->stats.bytes_out, n);
		tr_outq_sent(&c->out, n);
		if (tr_conn_is_alive(c)) {
			tell_drained(c);
			if (c->out.bytes > 0)
				post_tx(c);
		}
	}
	tr_conn_release(c);
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
		tr_conn_end_locked(c, TR_ELIMIT,
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

void tr_conn_tx_start(struct tr_conn *c)
{
	c->tx_aio = tr_conn_aio_new(c, tx_done);
}
