/*
 * A datum: null, bool, int64, double, bytes (text is bytes), list or map, in
 * its one canonical encoding. docs/data.md has the format byte by byte.
 *
 * Encoded data compare as the data do: tr_slice_compare() of two encodings is
 * the order of the data, null < false < true < numbers < bytes < lists < maps.
 * Equal data have equal encodings, so equality is a memcmp as well.
 *
 * Calling sequence: put scalars with tr_datum_put_*, lists and maps with
 * common/data/builder.h; read scalars with tr_datum_get_*, lists and maps with
 * common/data/cursor.h. Bytes that came from elsewhere pass tr_datum_check()
 * first; every other function takes a checked datum for granted.
 *
 * Thread: any; the buffer is its owner's.
 * Lifetime: what a get returns points into the datum.
 * Errors: put returns TR_ELIMIT (value limit, or the buffer's) or TR_ENOMEM
 * and then appends nothing.
 */
#ifndef TR_COMMON_DATA_DATUM_H
#define TR_COMMON_DATA_DATUM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/number.h"
#include "common/data/slice.h"

enum {
	TR_DATUM_VERSION = 1 /* carried by what contains data, not by each */
};

/* The first byte. 0x00 ends a list, a map or nested bytes. */
enum tr_tag {
	TR_TAG_END = 0x00,
	TR_TAG_NULL = 0x10,
	TR_TAG_FALSE = 0x20,
	TR_TAG_TRUE = 0x21,
	/* TR_TAG_NUMBER = 0x30: common/data/number.h */
	TR_TAG_BYTES = 0x40,
	TR_TAG_LIST = 0x50,
	TR_TAG_MAP = 0x60,
};

enum tr_datum_type {
	TR_DATUM_NULL,
	TR_DATUM_BOOL,
	TR_DATUM_INT,
	TR_DATUM_DOUBLE,
	TR_DATUM_BYTES,
	TR_DATUM_LIST,
	TR_DATUM_MAP,
};

enum tr_datum_type tr_datum_type(struct tr_slice d);

/* "null", "bool", "int", "double", "bytes", "list" or "map". Static. */
const char *tr_datum_type_name(enum tr_datum_type type);

/* A datum that is always there: one byte, static. */
struct tr_slice tr_datum_null(void);

int tr_datum_put_null(struct tr_buf *out) TR_MUST_USE;
int tr_datum_put_bool(struct tr_buf *out, bool v) TR_MUST_USE;

/* The three of the hot path are inline. */
static inline int TR_MUST_USE tr_datum_put_int(struct tr_buf *out, int64_t v)
{
	if (out->cap - out->len < TR_NUMBER_MAX) {
		int rc = tr_buf_reserve(out, TR_NUMBER_MAX);
		if (rc != 0)
			return rc;
	}
	out->len += tr_number_encode_int(out->data + out->len, v);
	return 0;
}

static inline int TR_MUST_USE tr_datum_put_double(struct tr_buf *out, double v)
{
	if (out->cap - out->len < TR_NUMBER_MAX) {
		int rc = tr_buf_reserve(out, TR_NUMBER_MAX);
		if (rc != 0)
			return rc;
	}
	out->len += tr_number_encode_double(out->data + out->len, v);
	return 0;
}

static inline int TR_MUST_USE tr_datum_put_bytes(
	struct tr_buf *out, const void *p, size_t n)
{
	if (n > TR_VALUE_MAX)
		return TR_ELIMIT;
	if (out->cap - out->len < n + 1) {
		int rc = tr_buf_reserve(out, n + 1);
		if (rc != 0)
			return rc;
	}
	uint8_t *to = out->data + out->len;
	to[0] = TR_TAG_BYTES;
	if (n > 0)
		memcpy(to + 1, p, n);
	out->len += n + 1;
	return 0;
}

/* A Kafka key or value: null where it is absent, else bytes. */
static inline int TR_MUST_USE tr_datum_put_slice(
	struct tr_buf *out, struct tr_slice s)
{
	return s.p ? tr_datum_put_bytes(out, s.p, s.n) : tr_datum_put_null(out);
}

static inline bool tr_datum_is_null(struct tr_slice d)
{
	return d.p[0] == TR_TAG_NULL;
}

/* Each get returns false, and leaves *out, when the datum is another type. */
static inline bool tr_datum_get_bytes(struct tr_slice d, struct tr_slice *out)
{
	if (d.p[0] != TR_TAG_BYTES)
		return false;
	*out = tr_slice_of(d.p + 1, d.n - 1);
	return true;
}

static inline bool tr_datum_get_int(struct tr_slice d, int64_t *out)
{
	struct tr_number v;
	if (!tr_number_decode(d, &v) || !v.is_int)
		return false;
	*out = v.i;
	return true;
}

/* Of any number: an int is rounded to the nearest double. */
static inline bool tr_datum_get_double(struct tr_slice d, double *out)
{
	struct tr_number v;
	if (!tr_number_decode(d, &v))
		return false;
	*out = v.d;
	return true;
}

static inline bool tr_datum_get_bool(struct tr_slice d, bool *out)
{
	if (d.p[0] != TR_TAG_FALSE && d.p[0] != TR_TAG_TRUE)
		return false;
	*out = d.p[0] == TR_TAG_TRUE;
	return true;
}

int tr_datum_check_slow(struct tr_slice d) TR_MUST_USE;

/*
 * 0 when the bytes are one datum, whole and canonical, within the depth and
 * value limits; else TR_ECORRUPT. For bytes from another process or a disk.
 */
static inline int TR_MUST_USE tr_datum_check(struct tr_slice d)
{
	if (d.n > 0 && d.n <= TR_VALUE_DATUM_MAX && d.p[0] == TR_TAG_BYTES)
		return 0;
	return tr_datum_check_slow(d);
}

/*
 * Appends the datum a + b. Two integers give an integer; with a double the sum
 * is that of the two as doubles. TR_EUSER with text when an integer sum leaves
 * int64 or when either is no number: the data of the user's job are wrong.
 */
int tr_datum_add(struct tr_slice a, struct tr_slice b, struct tr_buf *out,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_DATA_DATUM_H */
