/*
 * URLs of listeners and peers, and the library objects made from them: with
 * TCP_NODELAY, which must be set before they are used (without it a TLS
 * connection takes 50-90 ms longer to say its first word), and with TLS.
 *
 * Thread: any; may block on TLS files and name resolution of a listener.
 */
#ifndef TR_COMMON_NET_ENDPOINT_H
#define TR_COMMON_NET_ENDPOINT_H

#include <nng/nng.h>

#include "common/net/net.h"

enum {
	TR_URL_HOST_MAX = TR_NET_URL_MAX - 32, /* leaves room for the rest */
};

enum tr_url_scheme {
	TR_URL_TCP,
	TR_URL_TLS,
	TR_URL_IPC,
};

struct tr_url {
	enum tr_url_scheme scheme;
	char host[TR_URL_HOST_MAX]; /* without brackets; "" is any. Not of ipc
				     */
	const char *path;           /* of ipc, borrowed from the text */
	uint16_t port;
};

int tr_url_parse(
	struct tr_url *url, const char *text, struct tr_error *err) TR_MUST_USE;

int tr_endpoint_dialer(const struct tr_net_endpoint *to,
	nng_stream_dialer **out, struct tr_error *err) TR_MUST_USE;

/* Bound and listening. `bound` as in tr_net_listen, not NULL. */
int tr_endpoint_listener(const struct tr_net_endpoint *at,
	nng_stream_listener **out, char *bound,
	struct tr_error *err) TR_MUST_USE;

/* The peer of a stream as text. */
void tr_endpoint_peer_text(nng_stream *st, char *out, size_t size);

/* What a caller does about an error of the library: enum tr_err. */
int tr_endpoint_err(int nng_err);

#endif /* TR_COMMON_NET_ENDPOINT_H */
