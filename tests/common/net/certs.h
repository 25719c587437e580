/*
 * Certificates for tests, made with the openssl command in a folder of their
 * own.
 */
#ifndef TR_TESTS_COMMON_NET_CERTS_H
#define TR_TESTS_COMMON_NET_CERTS_H

enum {
	CERTS_PATH_MAX = 128,
};

struct certs {
	char dir[64];
	char ca[CERTS_PATH_MAX];       /* the CA of all below, but other */
	char other_ca[CERTS_PATH_MAX]; /* nobody's */
	char server[CERTS_PATH_MAX];   /* DNS name "driver" */
	char client[CERTS_PATH_MAX];
	char other[CERTS_PATH_MAX];   /* of other_ca */
	char expired[CERTS_PATH_MAX]; /* since yesterday */
};

void certs_make(struct certs *c);
void certs_remove(struct certs *c);

#endif /* TR_TESTS_COMMON_NET_CERTS_H */
