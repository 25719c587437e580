/*
 * Mutual TLS: which files a listener or dialer uses, checked with clear words
 * before the library sees them, because it gives no reason when a handshake
 * fails.
 *
 * Both sides show a certificate and verify the other's against `ca_file`. The
 * certificate proves "has a certificate of our CA", no more: NNG 1.5.2 cannot
 * tell the name in it. Who the peer is, the token in Hello says. TLS 1.2.
 *
 * Thread: any. Reads the files; may block on the disk.
 */
#ifndef TR_COMMON_NET_TLS_H
#define TR_COMMON_NET_TLS_H

#include <stdbool.h>

#include "common/base/err.h"

struct tr_tls_opts {
	const char *ca_file;       /* PEM: one or several CA certificates */
	const char *cert_key_file; /* PEM: own certificate, then its key */
	/*
	 * Dialers: the DNS name that the listener's certificate must carry.
	 * NULL takes the host of the URL. Never left unchecked.
	 */
	const char *server_name;
};

/*
 * Whether the files exist, can be read, hold what they should, and whether the
 * certificate is valid today. The key's file must not be readable by everybody.
 * TR_EAUTH or TR_EIO with a text that names the file.
 */
int tr_tls_check(
	const struct tr_tls_opts *opts, struct tr_error *err) TR_MUST_USE;

struct nng_tls_config;

/*
 * The library's form of it, for a dialer (`server` false) or a listener; free
 * with nng_tls_config_free. `host` stands in for a missing server_name. Checks
 * the files as tr_tls_check does. For common/net only.
 */
int tr_tls_config(const struct tr_tls_opts *opts, bool server, const char *host,
	struct nng_tls_config **out, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_NET_TLS_H */
