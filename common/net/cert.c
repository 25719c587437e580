#include "common/net/cert.h"

#include <string.h>
#include <time.h>

#include "common/base/err.h"
#include "common/data/slice.h"

enum {
	DER_MAX = 16384, /* a certificate with a 16 K key still fits */
	TAG_INTEGER = 0x02,
	TAG_UTC_TIME = 0x17,
	TAG_GENERALIZED_TIME = 0x18,
	TAG_SEQUENCE = 0x30,
	TAG_VERSION = 0xa0,
};

static const char begin_certificate[] = "-----BEGIN CERTIFICATE-----";

bool tr_pem_has_certificate(const char *pem)
{
	return strstr(pem, begin_certificate) != NULL;
}

bool tr_pem_has_key(const char *pem)
{
	return strstr(pem, "PRIVATE KEY-----") != NULL;
}

/* 0-63, or -1 for what is no base64 digit. */
static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* Decodes up to the closing dashes. Returns the length; stops at `max`. */
static size_t base64_decode(const char *text, uint8_t *out, size_t max)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t n = 0;
	for (; *text && *text != '-' && n < max; text++) {
		int v = base64_value(*text);
		if (v < 0)
			continue; /* line ends and padding */
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (uint8_t)(acc >> bits);
		}
	}
	return n;
}

/* Takes one DER element off `in`. False when it does not hold a whole one. */
static bool der_take(struct tr_slice *in, int *tag, struct tr_slice *content)
{
	if (in->n < 2)
		return false;
	*tag = in->p[0];
	size_t len = in->p[1];
	size_t at = 2;
	if (len & 0x80) {
		size_t octets = len & 0x7f;
		if (octets == 0 || octets > 3 || in->n < 2 + octets)
			return false;
		for (len = 0; at < 2 + octets; at++)
			len = len << 8 | in->p[at];
	}
	if (in->n - at < len)
		return false;
	*content = tr_slice_of(in->p + at, len);
	*in = tr_slice_of(in->p + at + len, in->n - at - len);
	return true;
}

static bool der_enter(struct tr_slice *in, int want, struct tr_slice *content)
{
	int tag;
	return der_take(in, &tag, content) && tag == want;
}

static int two_digits(const uint8_t *p)
{
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* "YYMMDDHHMMSSZ", years 1950-2049, or "YYYYMMDDHHMMSSZ" (RFC 5280, 4.1.2.5) */
static bool der_time(struct tr_slice *in, int64_t *seconds)
{
	int tag;
	struct tr_slice t;
	if (!der_take(in, &tag, &t))
		return false;
	bool utc = tag == TAG_UTC_TIME && t.n == 13;
	if (!utc && !(tag == TAG_GENERALIZED_TIME && t.n == 15))
		return false;
	for (size_t i = 0; i + 1 < t.n; i++)
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
	int century = utc ? (two_digits(t.p) >= 50 ? 19 : 20) : two_digits(t.p);
	const uint8_t *p = utc ? t.p : t.p + 2;
	struct tm tm = {
		.tm_year = century * 100 + two_digits(p) - 1900,
		.tm_mon = two_digits(p + 2) - 1,
		.tm_mday = two_digits(p + 4),
		.tm_hour = two_digits(p + 6),
		.tm_min = two_digits(p + 8),
		.tm_sec = two_digits(p + 10),
	};
	*seconds = timegm(&tm);
	return true;
}

/* Leaves *validity at the two dates. */
static bool find_validity(struct tr_slice der, struct tr_slice *validity)
{
	struct tr_slice cert, tbs, skipped;
	int tag;
	if (!der_enter(&der, TAG_SEQUENCE, &cert) ||
		!der_enter(&cert, TAG_SEQUENCE, &tbs))
		return false;
	if (tbs.n > 0 && tbs.p[0] == TAG_VERSION &&
		!der_take(&tbs, &tag, &skipped))
		return false;
	return der_enter(&tbs, TAG_INTEGER, &skipped) &&  /* serial number */
	       der_enter(&tbs, TAG_SEQUENCE, &skipped) && /* algorithm */
	       der_enter(&tbs, TAG_SEQUENCE, &skipped) && /* issuer */
	       der_enter(&tbs, TAG_SEQUENCE, validity);
}

int tr_cert_validity(const char *pem, int64_t *not_before, int64_t *not_after)
{
	const char *begin = strstr(pem, begin_certificate);
	if (!begin)
		return TR_EPROTO;
	uint8_t der[DER_MAX];
	size_t n = base64_decode(
		begin + sizeof(begin_certificate) - 1, der, sizeof(der));
	struct tr_slice validity;
	int64_t first, last;
	if (!find_validity(tr_slice_of(der, n), &validity) ||
		!der_time(&validity, &first) || !der_time(&validity, &last))
		return TR_EPROTO;
	*not_before = first;
	*not_after = last;
	return 0;
}
