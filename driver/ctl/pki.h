/*
 * The certificates of a cluster: a CA of its own, and what it issues. EC keys
 * on P-256 with SHA-256, which TLS 1.2 in mbedTLS and OpenSSL both take.
 *
 * Every certificate may serve and dial: driver and executors do both. The hosts
 * of a certificate are its alternative names. An address stands there twice, as
 * an address and as a name: the TLS library below compares only names, with the
 * host of the URL as it is written.
 *
 * Private keys leave as PEM text; whoever gets it wipes it (tr_pki_free).
 *
 * Thread: any.
 */
#ifndef TR_DRIVER_CTL_PKI_H
#define TR_DRIVER_CTL_PKI_H

#include <stddef.h>

#include "common/base/err.h"

/* PEM texts from malloc; zeroed is empty. */
struct tr_pki_pair {
	char *cert;
	char *key;
};

void tr_pki_free(struct tr_pki_pair *p);

struct tr_pki_subject {
	const char *name;         /* common name, at most 64 bytes */
	const char *const *hosts; /* names and addresses; may be none */
	size_t n_hosts;
	unsigned days; /* valid from now on */
};

/* A new CA; `hosts` is not used. */
int tr_pki_make_ca(struct tr_pki_pair *out, const struct tr_pki_subject *s,
	struct tr_error *err) TR_MUST_USE;

/*
 * A new key with a certificate from `ca`, valid no longer than the CA itself.
 * TR_EAUTH: the CA's texts are no certificate and key, or do not fit.
 */
int tr_pki_issue(struct tr_pki_pair *out, const struct tr_pki_pair *ca,
	const struct tr_pki_subject *s, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_PKI_H */
