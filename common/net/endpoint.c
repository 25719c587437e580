#include "common/net/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <nng/supplemental/tls/tls.h>

enum {
	PORT_TRIES = 8,
};

static const struct {
	const char *prefix;
	enum tr_url_scheme scheme;
} schemes[] = {
	{ "tcp://", TR_URL_TCP },
	{ "tls+tcp://", TR_URL_TLS },
	{ "ipc://", TR_URL_IPC },
};

static int parse_port(struct tr_url *url, const char *digits)
{
	unsigned port = 0;
	size_t n = strlen(digits);
	if (n == 0 || n > 5 || strspn(digits, "0123456789") != n)
		return TR_EINVAL;
	for (; *digits; digits++)
		port = port * 10 + (unsigned)(*digits - '0');
	if (port > UINT16_MAX)
		return TR_EINVAL;
	url->port = (uint16_t)port;
	return 0;
}

static int parse_host_port(struct tr_url *url, const char *rest)
{
	const char *colon = strrchr(rest, ':');
	if (!colon || parse_port(url, colon + 1) != 0)
		return TR_EINVAL;
	size_t n = (size_t)(colon - rest);
	if (n >= 2 && rest[0] == '[' && rest[n - 1] == ']') {
		rest++;
		n -= 2;
	} else if (memchr(rest, ':', n)) {
		return TR_EINVAL; /* IPv6 without brackets */
	}
	if (n == 1 && rest[0] == '*')
		n = 0;
	if (n >= sizeof(url->host))
		return TR_EINVAL;
	memcpy(url->host, rest, n);
	url->host[n] = '\0';
	return strpbrk(url->host, "/ []") ? TR_EINVAL : 0;
}

static int parse_path(
	struct tr_url *url, const char *path, struct tr_error *err)
{
	url->path = path;
	if (*path == '\0')
		return tr_error_set(err, TR_EINVAL, "ipc:// needs a path");
	if (strlen(path) >= sizeof((struct sockaddr_un){ 0 }.sun_path))
		return tr_error_set(err, TR_EINVAL,
			"socket path '%s' is longer than %zu bytes", path,
			sizeof((struct sockaddr_un){ 0 }.sun_path) - 1);
	return 0;
}

int tr_url_parse(struct tr_url *url, const char *text, struct tr_error *err)
{
	if (strlen(text) >= TR_NET_URL_MAX)
		return tr_error_set(err, TR_EINVAL,
			"address is longer than %d bytes", TR_NET_URL_MAX - 1);
	*url = (struct tr_url){ 0 };
	for (size_t i = 0; i < TR_ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].prefix);
		if (strncmp(text, schemes[i].prefix, n) != 0)
			continue;
		url->scheme = schemes[i].scheme;
		if (url->scheme == TR_URL_IPC)
			return parse_path(url, text + n, err);
		if (parse_host_port(url, text + n) == 0)
			return 0;
		return tr_error_set(err, TR_EINVAL,
			"'%s' is not of the form %shost:port", text,
			schemes[i].prefix);
	}
	return tr_error_set(err, TR_EINVAL,
		"'%s' must begin with tls+tcp://, tcp:// or ipc://", text);
}

static bool host_is_loopback(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return strcmp(host, "localhost") == 0;
}

bool tr_net_url_is_local(const char *text)
{
	struct tr_url url;
	if (tr_url_parse(&url, text, NULL) != 0)
		return false;
	return url.scheme == TR_URL_IPC || host_is_loopback(url.host);
}

static int check(const struct tr_net_endpoint *at, struct tr_url *url,
	struct tr_error *err)
{
	int rc = tr_url_parse(url, at->url, err);
	if (rc != 0)
		return rc;
	if ((url->scheme == TR_URL_TLS) != (at->tls != NULL))
		return tr_error_set(err, TR_EINVAL,
			at->tls ? "'%s' does not use tls, but certificates are "
				  "given: use tls+tcp://"
				: "'%s' needs a CA and a certificate",
			at->url);
	if (url->scheme == TR_URL_TCP && !at->insecure &&
		!host_is_loopback(url->host))
		return tr_error_set(err, TR_EINVAL,
			"'%s' is in the clear beyond this machine: use "
			"tls+tcp://, or --insecure where the network is "
			"trusted",
			at->url);
	return 0;
}

int tr_net_endpoint_check(
	const struct tr_net_endpoint *at, struct tr_error *err)
{
	struct tr_url url;
	return check(at, &url, err);
}

int tr_endpoint_err(int nng_err)
{
	switch (nng_err) {
	case NNG_ECLOSED:
	case NNG_ECONNSHUT:
	case NNG_ECONNRESET:
	case NNG_ECONNABORTED:
		return TR_ECLOSED;
	case NNG_ECRYPTO:
	case NNG_EPEERAUTH:
		return TR_EAUTH;
	case NNG_ECONNREFUSED:
	case NNG_EUNREACHABLE:
	case NNG_EADDRINVAL: /* a name that does not resolve */
	case NNG_ETIMEDOUT:
	case NNG_ENOENT: /* no such socket file */
		return TR_EUNREACH;
	case NNG_EADDRINUSE:
		return TR_EEXIST;
	case NNG_ECANCELED:
		return TR_ECANCELED;
	case NNG_ENOMEM:
		return TR_ENOMEM;
	default:
		return TR_EIO;
	}
}

int tr_endpoint_dialer(const struct tr_net_endpoint *to,
	nng_stream_dialer **out, struct tr_error *err)
{
	struct tr_url url;
	int rc = check(to, &url, err);
	if (rc != 0)
		return rc;
	nng_tls_config *cfg = NULL;
	if (to->tls) {
		rc = tr_tls_config(to->tls, false, url.host, &cfg, err);
		if (rc != 0)
			return rc;
	}
	nng_stream_dialer *d = NULL;
	int rv = nng_stream_dialer_alloc(&d, to->url);
	if (rv == 0 && url.scheme != TR_URL_IPC)
		rv = nng_stream_dialer_set_bool(d, NNG_OPT_TCP_NODELAY, true);
	if (rv == 0 && cfg)
		rv = nng_stream_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, cfg);
	if (cfg)
		nng_tls_config_free(cfg);
	if (rv != 0) {
		nng_stream_dialer_free(d);
		return tr_error_set(err, tr_endpoint_err(rv),
			"cannot connect to '%s': %s", to->url,
			nng_strerror(rv));
	}
	*out = d;
	return 0;
}

/* A port that was free a moment ago; 0 when there is none. */
static uint16_t free_port(const char *host)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE };
	struct addrinfo *ai;
	if (getaddrinfo(*host ? host : NULL, "0", &hints, &ai) != 0)
		return 0;
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} addr = { 0 };
	socklen_t len = sizeof(addr);
	uint16_t port = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 &&
		getsockname(fd, &addr.sa, &len) == 0)
		port = ntohs(addr.sa.sa_family == AF_INET6 ? addr.v6.sin6_port
							   : addr.v4.sin_port);
	if (fd >= 0)
		close(fd);
	freeaddrinfo(ai);
	return port;
}

static void url_with_port(char *out, const struct tr_url *url, unsigned port)
{
	bool v6 = strchr(url->host, ':') != NULL;
	const char *host = url->host[0] ? url->host : "*";
	snprintf(out, TR_NET_URL_MAX, "%s%s%s%s:%u",
		url->scheme == TR_URL_TLS ? "tls+tcp://" : "tcp://",
		v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/* Returns the library's error; *out is freed and NULL on error. */
static int listen_once(const char *text, enum tr_url_scheme scheme,
	nng_tls_config *cfg, nng_stream_listener **out)
{
	*out = NULL;
	int rv = nng_stream_listener_alloc(out, text);
	if (rv == 0 && scheme != TR_URL_IPC)
		rv = nng_stream_listener_set_bool(
			*out, NNG_OPT_TCP_NODELAY, true);
	if (rv == 0 && cfg)
		rv = nng_stream_listener_set_ptr(*out, NNG_OPT_TLS_CONFIG, cfg);
	if (rv == 0)
		rv = nng_stream_listener_listen(*out);
	if (rv != 0) {
		nng_stream_listener_free(*out);
		*out = NULL;
	}
	return rv;
}

/* A TLS listener does not tell which port it was given: choose one for it. */
static int listen_tls(const char *text, const struct tr_url *url,
	nng_tls_config *cfg, nng_stream_listener **out, char *bound)
{
	if (url->port != 0) {
		snprintf(bound, TR_NET_URL_MAX, "%s", text);
		return listen_once(bound, TR_URL_TLS, cfg, out);
	}
	int rv = NNG_EADDRINUSE;
	for (int i = 0; i < PORT_TRIES && rv == NNG_EADDRINUSE; i++) {
		url_with_port(bound, url, free_port(url->host));
		rv = listen_once(bound, TR_URL_TLS, cfg, out);
	}
	return rv;
}

static int listen_plain(const char *text, const struct tr_url *url,
	nng_stream_listener **out, char *bound)
{
	int rv = listen_once(text, url->scheme, NULL, out);
	if (rv != 0)
		return rv;
	int port = url->port;
	if (url->scheme == TR_URL_TCP && port == 0)
		rv = nng_stream_listener_get_int(
			*out, NNG_OPT_TCP_BOUND_PORT, &port);
	if (rv != 0)
		nng_stream_listener_free(*out);
	else if (url->scheme == TR_URL_TCP)
		url_with_port(bound, url, (unsigned)port);
	else
		snprintf(bound, TR_NET_URL_MAX, "%s", text);
	return rv;
}

int tr_endpoint_listener(const struct tr_net_endpoint *at,
	nng_stream_listener **out, char *bound, struct tr_error *err)
{
	struct tr_url url;
	int rc = check(at, &url, err);
	if (rc != 0)
		return rc;
	int rv;
	if (at->tls) {
		nng_tls_config *cfg;
		rc = tr_tls_config(at->tls, true, NULL, &cfg, err);
		if (rc != 0)
			return rc;
		rv = listen_tls(at->url, &url, cfg, out, bound);
		nng_tls_config_free(cfg);
	} else {
		rv = listen_plain(at->url, &url, out, bound);
	}
	if (rv != 0)
		return tr_error_set(err, tr_endpoint_err(rv),
			"cannot listen on '%s': %s", at->url, nng_strerror(rv));
	return 0;
}

void tr_endpoint_peer_text(nng_stream *st, char *out, size_t size)
{
	nng_sockaddr sa;
	char host[INET6_ADDRSTRLEN];
	uint64_t pid;
	if (nng_stream_get_addr(st, NNG_OPT_REMADDR, &sa) != 0)
		sa.s_family = NNG_AF_UNSPEC;
	if (sa.s_family == NNG_AF_INET &&
		inet_ntop(AF_INET, &sa.s_in.sa_addr, host, sizeof(host)))
		snprintf(out, size, "%s:%u", host, ntohs(sa.s_in.sa_port));
	else if (sa.s_family == NNG_AF_INET6 &&
		 inet_ntop(AF_INET6, sa.s_in6.sa_addr, host, sizeof(host)))
		snprintf(out, size, "[%s]:%u", host, ntohs(sa.s_in6.sa_port));
	else if (nng_stream_get_uint64(st, NNG_OPT_IPC_PEER_PID, &pid) == 0)
		snprintf(out, size, "pid %llu", (unsigned long long)pid);
	else
		snprintf(out, size, "unknown");
}
