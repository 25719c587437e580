#include "common/net/conn.h"

#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/net/event.h"

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
		tr_conn_end_locked(c, rc,
			"the peer sent a frame over %zu bytes", frame_max(c));
	else if (rc == TR_EVERSION)
		tr_conn_end_locked(c, rc,
			"the peer sent no frame, or one of another version");
	else if (rc == TR_ENOMEM)
		tr_conn_end_locked(
			c, rc, "out of memory for a frame of the peer");
	else
		tr_conn_end_locked(c, rc, "the peer sent a damaged frame");
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
	while (tr_conn_is_alive(c)) {
		size_t max = frame_max(c);
		pthread_mutex_unlock(&c->mu);
		void *mem;
		struct tr_frame f;
		int rc = tr_rx_next(&c->rx, max, &mem, &f);
		pthread_mutex_lock(&c->mu);
		if (rc == TR_EAGAIN && tr_conn_is_alive(c)) {
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
	tr_conn_release(c);
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
		tr_conn_end_by_stream(c, rv);
		tr_conn_release(c);
	}
	pthread_mutex_unlock(&c->mu);
	if (rv == 0)
		rx_run(c);
}

/* Whether the caller has just become the owner of the receiving half. */
static bool resume_rx(struct tr_conn *c)
{
	if (!c->rx_paused || !tr_conn_is_alive(c) ||
		c->inbox > inbox_max(c) / 2)
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
	if (tr_conn_is_alive(c) && !c->authenticated) {
		c->authenticated = true;
		if (!c->dialed)
			tr_group_authenticated(c->net);
		resume = resume_rx(c);
	}
	pthread_mutex_unlock(&c->mu);
	if (resume)
		rx_run(c);
}

void tr_conn_rx_start(struct tr_conn *c)
{
	tr_rx_init(&c->rx, TR_CONN_RECV_BUFFER, sizeof(struct tr_event));
	c->rx_aio = tr_conn_aio_new(c, rx_done);
	c->pending++;
	post_rx(c);
}
