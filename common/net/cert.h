/*
 * What can be said about PEM text without a TLS library: whether a certificate
 * and a key are in it, and when the first certificate is valid.
 *
 * The signature is not looked at and nothing is trusted because of this; it
 * exists because a failed handshake gives no reason, and the dates are the
 * usual one. Reads just enough of X.509 (RFC 5280, 4.1) to reach the dates.
 *
 * Thread: pure functions.
 */
#ifndef TR_COMMON_NET_CERT_H
#define TR_COMMON_NET_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/check.h"

bool tr_pem_has_certificate(const char *pem);
bool tr_pem_has_key(const char *pem);

/*
 * Seconds since 1970 UTC, first and last. TR_EPROTO when the certificate
 * cannot be read that far.
 */
int tr_cert_validity(
	const char *pem, int64_t *not_before, int64_t *not_after) TR_MUST_USE;

#endif /* TR_COMMON_NET_CERT_H */
