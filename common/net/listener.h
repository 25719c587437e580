/*
 * Accepts connections for a net until closed, whatever happens to single ones.
 *
 * Lifetime: two references, the group's until tr_listener_close, the library's
 * until reaped.
 */
#ifndef TR_COMMON_NET_LISTENER_H
#define TR_COMMON_NET_LISTENER_H

#include "common/net/group.h"

struct tr_listener {
	struct tr_listener *next; /* the group's */
	struct tr_net *net;
	struct nng_stream_listener *from;
	struct nng_aio *accept_aio;
	struct nng_aio *pause_aio;
	struct nng_stream *refused; /* being freed by the reaper */
	struct tr_reap reap;
	struct tr_reap reap_refused;
	atomic_uint refs;
	bool tls;
	pthread_mutex_t mu; /* of closed, and of what is posted after it */
	bool closed;
};

/* Errors and bound as tr_net_listen. The caller adds it to the group. */
int tr_listener_open(struct tr_net *net, const struct tr_net_endpoint *at,
	struct tr_listener **out, char *bound,
	struct tr_error *err) TR_MUST_USE;

/* Accepts no more. Gives up the group's reference. */
void tr_listener_close(struct tr_listener *l);

/* Begins to accept; once it is in the group. */
void tr_listener_start(struct tr_listener *l);

#endif /* TR_COMMON_NET_LISTENER_H */
