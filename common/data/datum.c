#include "common/data/datum.h"

#include <inttypes.h>

#include "common/data/nested.h"

enum tr_datum_type tr_datum_type(struct tr_slice d)
{
	struct tr_number v;
	switch (d.p[0]) {
	case TR_TAG_NULL:
		return TR_DATUM_NULL;
	case TR_TAG_FALSE:
	case TR_TAG_TRUE:
		return TR_DATUM_BOOL;
	case TR_TAG_BYTES:
		return TR_DATUM_BYTES;
	case TR_TAG_LIST:
		return TR_DATUM_LIST;
	case TR_TAG_MAP:
		return TR_DATUM_MAP;
	default:
		break;
	}
	bool is_number = tr_number_decode(d, &v);
	tr_assert(is_number);
	return v.is_int ? TR_DATUM_INT : TR_DATUM_DOUBLE;
}

const char *tr_datum_type_name(enum tr_datum_type type)
{
	static const char *const names[] = {
		[TR_DATUM_NULL] = "null",
		[TR_DATUM_BOOL] = "bool",
		[TR_DATUM_INT] = "int",
		[TR_DATUM_DOUBLE] = "double",
		[TR_DATUM_BYTES] = "bytes",
		[TR_DATUM_LIST] = "list",
		[TR_DATUM_MAP] = "map",
	};
	return names[type];
}

struct tr_slice tr_datum_null(void)
{
	static const uint8_t null_datum[] = { TR_TAG_NULL };
	return tr_slice_of(null_datum, sizeof(null_datum));
}

int tr_datum_put_null(struct tr_buf *out)
{
	return tr_buf_append_u8(out, TR_TAG_NULL);
}

int tr_datum_put_bool(struct tr_buf *out, bool v)
{
	return tr_buf_append_u8(out, v ? TR_TAG_TRUE : TR_TAG_FALSE);
}

/* The three walk foreign bytes: past the end of what is valid, else NULL. */
static const uint8_t *check_item(
	const uint8_t *p, const uint8_t *end, unsigned depth);

static const uint8_t *check_list(
	const uint8_t *p, const uint8_t *end, unsigned depth)
{
	while (p && p < end && *p != TR_TAG_END)
		p = check_item(p, end, depth);
	return p && p < end ? p + 1 : NULL;
}

static const uint8_t *check_map(
	const uint8_t *p, const uint8_t *end, unsigned depth)
{
	struct tr_slice last = TR_SLICE_ABSENT;
	while (p < end && *p != TR_TAG_END) {
		const uint8_t *key_end = check_item(p, end, depth);
		if (!key_end || key_end == end)
			return NULL;
		struct tr_slice key = tr_slice_of(p, (size_t)(key_end - p));
		if (tr_slice_compare(last, key) >= 0)
			return NULL;
		last = key;
		p = check_item(key_end, end, depth);
		if (!p)
			return NULL;
	}
	return p < end ? p + 1 : NULL;
}

static const uint8_t *check_item(
	const uint8_t *p, const uint8_t *end, unsigned depth)
{
	switch (*p) {
	case TR_TAG_NULL:
	case TR_TAG_FALSE:
	case TR_TAG_TRUE:
		return p + 1;
	case TR_TAG_BYTES:
		return tr_nested_bytes_end(p + 1, end);
	case TR_TAG_LIST:
		return depth < TR_DATUM_DEPTH_MAX
			       ? check_list(p + 1, end, depth + 1)
			       : NULL;
	case TR_TAG_MAP:
		return depth < TR_DATUM_DEPTH_MAX
			       ? check_map(p + 1, end, depth + 1)
			       : NULL;
	default:
		break;
	}
	size_t n = tr_number_check(p, (size_t)(end - p));
	return n > 0 ? p + n : NULL;
}

int tr_datum_check_slow(struct tr_slice d)
{
	if (d.n == 0 || d.n > TR_VALUE_DATUM_MAX)
		return TR_ECORRUPT;
	if (d.p[0] == TR_TAG_BYTES)
		return 0;
	const uint8_t *end = d.p + d.n;
	return check_item(d.p, end, 0) == end ? 0 : TR_ECORRUPT;
}

int tr_datum_add(struct tr_slice a, struct tr_slice b, struct tr_buf *out,
	struct tr_error *err)
{
	struct tr_number x;
	struct tr_number y;
	if (!tr_number_decode(a, &x) || !tr_number_decode(b, &y))
		return tr_error_set(err, TR_EUSER, "cannot add %s and %s",
			tr_datum_type_name(tr_datum_type(a)),
			tr_datum_type_name(tr_datum_type(b)));
	if (!x.is_int || !y.is_int)
		return tr_datum_put_double(out, x.d + y.d);
	int64_t sum;
	if (__builtin_add_overflow(x.i, y.i, &sum))
		return tr_error_set(err, TR_EUSER,
			"integer overflow: %" PRId64 " + %" PRId64, x.i, y.i);
	return tr_datum_put_int(out, sum);
}
