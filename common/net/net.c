#include "common/net/net.h"

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/net/conn.h"
#include "common/net/endpoint.h"
#include "common/net/listener.h"

enum {
	/* Scanning more often than this costs more than it tells. */
	SCAN_MS_MIN = 10,
};

static struct tr_net_opts with_defaults(const struct tr_net_opts *given)
{
	struct tr_net_opts o = given ? *given : (struct tr_net_opts){ 0 };
	if (o.conns_max == 0)
		o.conns_max = TR_CONN_MAX;
	if (o.unauthenticated_max == 0)
		o.unauthenticated_max = TR_CONN_UNAUTHENTICATED_MAX;
	if (o.hello_deadline_ms == 0)
		o.hello_deadline_ms = TR_HELLO_DEADLINE_MS;
	if (o.dial_timeout_ms == 0)
		o.dial_timeout_ms = TR_DIAL_TIMEOUT_MS;
	if (o.inbox_max == 0)
		o.inbox_max = TR_CONN_INBOX_MAX;
	if (o.output_max == 0)
		o.output_max = TR_CONN_OUTPUT_QUEUE_MAX;
	return o;
}

struct tr_net *tr_net_new(
	const struct tr_net_opts *opts, struct tr_mailbox *mailbox)
{
	struct tr_net *net = tr_xcalloc(1, sizeof(*net));
	net->opts = with_defaults(opts);
	net->mailbox = mailbox;
	net->reaper = tr_reaper_new();
	pthread_mutex_init(&net->mu, NULL);
	pthread_cond_init(&net->gone, NULL);
	uint32_t n = net->opts.conns_max;
	net->table = tr_xcalloc(n, sizeof(net->table[0]));
	net->scan = tr_xcalloc(n, sizeof(net->scan[0]));
	net->free_slots = tr_xcalloc(n, sizeof(net->free_slots[0]));
	while (net->free_count < n) {
		net->free_slots[net->free_count] = n - 1 - net->free_count;
		net->free_count++;
	}
	return net;
}

void tr_net_close(struct tr_net *net)
{
	pthread_mutex_lock(&net->mu);
	net->closing = true;
	struct tr_listener *l = net->listeners;
	net->listeners = NULL;
	pthread_mutex_unlock(&net->mu);
	while (l) {
		struct tr_listener *next = l->next;
		tr_listener_close(l);
		l = next;
	}
}

void tr_net_stop(struct tr_net *net)
{
	if (!net->reaper)
		return;
	tr_net_close(net);
	uint32_t n = tr_group_all(net, net->scan);
	for (uint32_t i = 0; i < n; i++) {
		tr_conn_end(net->scan[i], TR_ECANCELED, "closed by this side");
		tr_conn_unref(net->scan[i]);
	}
	pthread_mutex_lock(&net->mu);
	while (net->objects > 0)
		pthread_cond_wait(&net->gone, &net->mu);
	pthread_mutex_unlock(&net->mu);
	tr_reaper_free(net->reaper);
	net->reaper = NULL;
}

void tr_net_free(struct tr_net *net)
{
	if (!net)
		return;
	tr_net_stop(net);
	pthread_cond_destroy(&net->gone);
	pthread_mutex_destroy(&net->mu);
	tr_xfree(net->table);
	tr_xfree(net->scan);
	tr_xfree(net->free_slots);
	tr_xfree(net);
}

uint64_t tr_net_tick(struct tr_net *net, uint64_t now_ms)
{
	bool rescan = atomic_exchange(&net->rescan, false);
	if (!rescan && now_ms < net->next_scan_ms)
		return net->next_scan_ms;
	uint64_t next = UINT64_MAX;
	uint32_t n = tr_group_all(net, net->scan);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = tr_conn_scan(net->scan[i], now_ms);
		next = at < next ? at : next;
		tr_conn_unref(net->scan[i]);
	}
	if (next < now_ms + SCAN_MS_MIN)
		next = now_ms + SCAN_MS_MIN;
	net->next_scan_ms = next;
	return next;
}

static void add_listener(struct tr_net *net, struct tr_listener *l)
{
	pthread_mutex_lock(&net->mu);
	net->objects++;
	l->next = net->listeners;
	net->listeners = l;
	pthread_mutex_unlock(&net->mu);
}

int tr_net_listen(struct tr_net *net, const struct tr_net_endpoint *at,
	char *bound, struct tr_error *err)
{
	if (net->closing) /* set by this thread only */
		return tr_error_set(err, TR_ECLOSED, "shutting down");
	char here[TR_NET_URL_MAX];
	struct tr_listener *l;
	int rc = tr_listener_open(net, at, &l, bound ? bound : here, err);
	if (rc != 0)
		return rc;
	add_listener(net, l);
	tr_listener_start(l);
	return 0;
}

int tr_net_dial(struct tr_net *net, const struct tr_net_endpoint *to,
	struct tr_conn_id *conn, struct tr_error *err)
{
	nng_stream_dialer *d;
	int rc = tr_endpoint_dialer(to, &d, err);
	if (rc != 0)
		return rc;
	rc = tr_conn_dial(net, d, to, conn);
	if (rc == 0)
		return 0;
	nng_stream_dialer_free(d);
	if (rc == TR_ELIMIT)
		return tr_error_set(err, rc,
			"cannot connect to '%s': %u connections are the limit",
			to->url, net->opts.conns_max);
	return tr_error_set(err, rc, "shutting down");
}

static int send_frame(struct tr_net *net, struct tr_conn_id conn,
	const struct tr_frame *f, bool take, enum tr_net_full full)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return TR_ECLOSED;
	struct tr_outq_entry *e;
	int rc = tr_outq_entry_new(f, take, &e);
	if (rc == 0) {
		rc = tr_conn_send(c, e, full);
		if (rc != 0)
			tr_outq_entry_free_untaken(e);
	}
	tr_conn_unref(c);
	return rc;
}

int tr_net_send(struct tr_net *net, struct tr_conn_id conn,
	const struct tr_frame *f, enum tr_net_full full)
{
	return send_frame(net, conn, f, false, full);
}

int tr_net_send_take(struct tr_net *net, struct tr_conn_id conn,
	const struct tr_frame *f, enum tr_net_full full)
{
	return send_frame(net, conn, f, true, full);
}

void tr_net_conn_notify_drained(
	struct tr_net *net, struct tr_conn_id conn, size_t low_water)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return;
	tr_conn_notify_drained(c, low_water);
	tr_conn_unref(c);
}

void tr_net_conn_authenticated(struct tr_net *net, struct tr_conn_id conn)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return;
	tr_conn_authenticated(c);
	tr_conn_unref(c);
}

void tr_net_conn_set_idle_deadline(
	struct tr_net *net, struct tr_conn_id conn, uint32_t ms)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return;
	tr_conn_set_idle_deadline(c, ms);
	tr_conn_unref(c);
}

void tr_net_conn_close(struct tr_net *net, struct tr_conn_id conn)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return;
	tr_conn_end(c, TR_ECANCELED, "closed by this side");
	tr_conn_unref(c);
}

void tr_net_conn_finish(struct tr_net *net, struct tr_conn_id conn)
{
	struct tr_conn *c = tr_group_find(net, conn);
	if (!c)
		return;
	tr_conn_finish(c);
	tr_conn_unref(c);
}

void tr_net_counters(struct tr_net *net, struct tr_net_counters *out)
{
	struct tr_net_stats *s = &net->stats;
	*out = (struct tr_net_counters){
		.accepted = atomic_load(&s->accepted),
		.dialed = atomic_load(&s->dialed),
		.refused_limit = atomic_load(&s->refused_limit),
		.hello_timeouts = atomic_load(&s->hello_timeouts),
		.idle_timeouts = atomic_load(&s->idle_timeouts),
		.bad_frames = atomic_load(&s->bad_frames),
		.tls_failures = atomic_load(&s->tls_failures),
		.slow_peers = atomic_load(&s->slow_peers),
		.accept_errors = atomic_load(&s->accept_errors),
		.frames_in = atomic_load(&s->frames_in),
		.bytes_in = atomic_load(&s->bytes_in),
		.frames_out = atomic_load(&s->frames_out),
		.bytes_out = atomic_load(&s->bytes_out),
	};
	pthread_mutex_lock(&net->mu);
	out->conns = net->opts.conns_max - net->free_count;
	out->unauthenticated = net->unauthenticated;
	pthread_mutex_unlock(&net->mu);
}
