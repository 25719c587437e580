#include "common/net/listener.h"

#include <nng/nng.h>

#include "common/base/xalloc.h"
#include "common/net/conn.h"
#include "common/net/endpoint.h"

enum {
	/* After an error that will last, such as no free file descriptor. */
	PAUSE_MS = 100,
};

static void unref(struct tr_listener *l)
{
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&l->mu);
	tr_xfree(l);
}

static void reap(struct tr_reap *r)
{
	struct tr_listener *l =
		(struct tr_listener *)((char *)r -
				       offsetof(struct tr_listener, reap));
	struct tr_net *net = l->net;
	nng_aio_free(l->accept_aio);
	nng_aio_free(l->pause_aio);
	nng_stream_listener_free(l->from);
	unref(l);
	tr_group_reaped(net);
}

/* Posts the next accept, or lets the reaper have the listener once closed. */
static void next_accept(struct tr_listener *l)
{
	pthread_mutex_lock(&l->mu);
	if (l->closed)
		tr_reaper_put(l->net->reaper, &l->reap);
	else
		nng_stream_listener_accept(l->from, l->accept_aio);
	pthread_mutex_unlock(&l->mu);
}

/*
 * The next connection is accepted only after the refused one is gone, so that
 * a flood of them cannot pile up.
 */
static void reap_refused(struct tr_reap *r)
{
	struct tr_listener *l =
		(struct tr_listener *)((char *)r - offsetof(struct tr_listener,
							   reap_refused));
	nng_stream_close(l->refused);
	nng_stream_free(l->refused);
	l->refused = NULL;
	next_accept(l);
}

static void pause_accept(struct tr_listener *l)
{
	tr_stat_add(&l->net->stats.accept_errors, 1);
	pthread_mutex_lock(&l->mu);
	if (l->closed)
		tr_reaper_put(l->net->reaper, &l->reap);
	else
		nng_sleep_aio(PAUSE_MS, l->pause_aio);
	pthread_mutex_unlock(&l->mu);
}

static void pause_done(void *arg)
{
	next_accept(arg);
}

static bool is_closed(struct tr_listener *l)
{
	pthread_mutex_lock(&l->mu);
	bool closed = l->closed;
	pthread_mutex_unlock(&l->mu);
	return closed;
}

static void accept_done(void *arg)
{
	struct tr_listener *l = arg;
	if (nng_aio_result(l->accept_aio) != 0) {
		if (is_closed(l))
			next_accept(l);
		else
			pause_accept(l);
		return;
	}
	nng_stream *stream = nng_aio_get_output(l->accept_aio, 0);
	int rc = tr_conn_accept(l->net, stream, l->tls);
	if (rc == 0) {
		next_accept(l);
		return;
	}
	if (rc == TR_ELIMIT)
		tr_stat_add(&l->net->stats.refused_limit, 1);
	l->refused = stream;
	tr_reaper_put(l->net->reaper, &l->reap_refused);
}

int tr_listener_open(struct tr_net *net, const struct tr_net_endpoint *at,
	struct tr_listener **out, char *bound, struct tr_error *err)
{
	nng_stream_listener *from;
	int rc = tr_endpoint_listener(at, &from, bound, err);
	if (rc != 0)
		return rc;
	struct tr_listener *l = tr_xcalloc(1, sizeof(*l));
	l->net = net;
	l->from = from;
	l->tls = at->tls != NULL;
	l->reap.run = reap;
	l->reap_refused.run = reap_refused;
	atomic_init(&l->refs, 2);
	pthread_mutex_init(&l->mu, NULL);
	int rv = nng_aio_alloc(&l->accept_aio, accept_done, l);
	tr_assert(rv == 0);
	rv = nng_aio_alloc(&l->pause_aio, pause_done, l);
	tr_assert(rv == 0);
	*out = l;
	return 0;
}

void tr_listener_start(struct tr_listener *l)
{
	next_accept(l);
}

void tr_listener_close(struct tr_listener *l)
{
	pthread_mutex_lock(&l->mu);
	l->closed = true;
	nng_stream_listener_close(l->from);
	nng_aio_cancel(l->pause_aio);
	pthread_mutex_unlock(&l->mu);
	unref(l);
}
