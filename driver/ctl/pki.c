#include "driver/ctl/pki.h"

#include <arpa/inet.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "common/base/buf.h"
#include "common/base/xalloc.h"

enum {
	SERIAL_BYTES = 16,
	BACKDATE_S = 300, /* clocks of hosts differ */
	SECONDS_A_DAY = 86400,
	PEM_MAX = 65536,
	NAMES_MAX = 16384,
};

void tr_pki_free(struct tr_pki_pair *p)
{
	if (p->key)
		explicit_bzero(p->key, strlen(p->key));
	tr_xfree(p->key);
	tr_xfree(p->cert);
	*p = (struct tr_pki_pair){ 0 };
}

/* OpenSSL's own reason, which also empties its queue. */
static int failed(struct tr_error *err, int code, const char *what)
{
	char why[256] = "no reason given";
	unsigned long e = ERR_peek_last_error();
	if (e)
		ERR_error_string_n(e, why, sizeof(why));
	ERR_clear_error();
	return tr_error_set(err, code, "%s: %s", what, why);
}

/* -------------------------------------------------------------- PEM and back
 */

static char *text_of(BIO *bio)
{
	char *data;
	long n = BIO_get_mem_data(bio, &data);
	char *text = tr_xmalloc((size_t)n + 1);
	memcpy(text, data, (size_t)n);
	text[n] = '\0';
	return text;
}

static int put_pair(struct tr_pki_pair *out, X509 *cert, EVP_PKEY *key,
	struct tr_error *err)
{
	BIO *c = BIO_new(BIO_s_mem());
	BIO *k = BIO_new(BIO_s_secmem());
	int rc = 0;
	if (!c || !k || !PEM_write_bio_X509(c, cert) ||
		!PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL))
		rc = failed(err, TR_EIO, "cannot write a certificate");
	if (rc == 0)
		*out = (struct tr_pki_pair){ text_of(c), text_of(k) };
	BIO_free(c);
	BIO_free(k);
	return rc;
}

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return cert;
}

static EVP_PKEY *read_key(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return key;
}

/* -------------------------------------------------------------- certificates
 */

static bool set_serial(X509 *cert)
{
	unsigned char raw[SERIAL_BYTES];
	if (RAND_bytes(raw, sizeof(raw)) != 1)
		return false;
	raw[0] = (unsigned char)((raw[0] & 0x7f) | 0x40); /* positive, whole */
	BIGNUM *n = BN_bin2bn(raw, sizeof(raw), NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

static bool set_dates(X509 *cert, unsigned days, X509 *ca)
{
	if (!X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATE_S) ||
		!X509_time_adj_ex(X509_getm_notAfter(cert), (int)days, 0, NULL))
		return false;
	const ASN1_TIME *last = ca ? X509_get0_notAfter(ca) : NULL;
	if (last && ASN1_TIME_compare(X509_get0_notAfter(cert), last) > 0)
		return X509_set1_notAfter(cert, last) == 1;
	return true;
}

static bool set_name(X509 *cert, const char *name)
{
	X509_NAME *n = X509_get_subject_name(cert);
	const unsigned char *text = (const unsigned char *)name;
	return X509_NAME_add_entry_by_txt(
		       n, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1;
}

static bool add_ext(X509 *cert, X509 *ca, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, ca ? ca : cert, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = e && X509_add_ext(cert, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool is_address(const char *host)
{
	unsigned char raw[16];
	return inet_pton(AF_INET, host, raw) == 1 ||
	       inet_pton(AF_INET6, host, raw) == 1;
}

static int names_text(struct tr_buf *out, const struct tr_pki_subject *s,
	struct tr_error *err)
{
	int rc = 0;
	for (size_t i = 0; i < s->n_hosts && rc == 0; i++) {
		const char *host = s->hosts[i];
		/* A comma would begin another name, of any kind. */
		if (!*host || strpbrk(host, ", \t\n\"\\"))
			return tr_error_set(
				err, TR_EINVAL, "'%s' is no host", host);
		rc = tr_buf_printf(out, "%sDNS:%s", out->len ? "," : "", host);
		if (rc == 0 && is_address(host))
			rc = tr_buf_printf(out, ",IP:%s", host);
	}
	if (rc == 0)
		rc = tr_buf_append_u8(out, '\0');
	return rc ? tr_error_set(err, rc, "too many hosts") : 0;
}

static bool add_names(X509 *cert, const char *names)
{
	return *names == '\0' ||
	       add_ext(cert, NULL, NID_subject_alt_name, names);
}

static bool add_ca_exts(X509 *cert)
{
	return add_ext(cert, NULL, NID_basic_constraints,
		       "critical,CA:TRUE,pathlen:0") &&
	       add_ext(cert, NULL, NID_key_usage,
		       "critical,keyCertSign,cRLSign") &&
	       add_ext(cert, NULL, NID_subject_key_identifier, "hash");
}

static bool add_leaf_exts(X509 *cert, X509 *ca, const char *names)
{
	return add_ext(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(cert, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_ext(cert, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_ext(cert, ca, NID_subject_key_identifier, "hash") &&
	       add_ext(cert, ca, NID_authority_key_identifier, "keyid") &&
	       add_names(cert, names);
}

/* Everything but extensions and signature. */
static bool fill(
	X509 *cert, EVP_PKEY *key, const struct tr_pki_subject *s, X509 *ca)
{
	return X509_set_version(cert, X509_VERSION_3) == 1 &&
	       set_serial(cert) && set_dates(cert, s->days, ca) &&
	       set_name(cert, s->name) && X509_set_pubkey(cert, key) == 1 &&
	       X509_set_issuer_name(
		       cert, X509_get_subject_name(ca ? ca : cert)) == 1;
}

int tr_pki_make_ca(struct tr_pki_pair *out, const struct tr_pki_subject *s,
	struct tr_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int rc;
	if (key && cert && fill(cert, key, s, NULL) && add_ca_exts(cert) &&
		X509_sign(cert, key, EVP_sha256()))
		rc = put_pair(out, cert, key, err);
	else
		rc = failed(err, TR_EIO, "cannot make a CA");
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

static int issue(struct tr_pki_pair *out, X509 *ca, EVP_PKEY *ca_key,
	const struct tr_pki_subject *s, const char *names, struct tr_error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int rc;
	if (key && cert && fill(cert, key, s, ca) &&
		add_leaf_exts(cert, ca, names) &&
		X509_sign(cert, ca_key, EVP_sha256()))
		rc = put_pair(out, cert, key, err);
	else
		rc = failed(err, TR_EIO, "cannot issue a certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}

int tr_pki_issue(struct tr_pki_pair *out, const struct tr_pki_pair *ca,
	const struct tr_pki_subject *s, struct tr_error *err)
{
	struct tr_buf names;
	X509 *cert = read_cert(ca->cert);
	EVP_PKEY *key = read_key(ca->key);
	tr_buf_init(&names, NAMES_MAX);
	int rc = names_text(&names, s, err);
	if (rc == 0 &&
		(!cert || !key || X509_check_private_key(cert, key) != 1))
		rc = failed(err, TR_EAUTH,
			"the CA's certificate and key cannot be used");
	if (rc == 0)
		rc = issue(out, cert, key, s, (const char *)names.data, err);
	tr_buf_fini(&names);
	X509_free(cert);
	EVP_PKEY_free(key);
	return rc;
}
