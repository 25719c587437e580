#include "tests/common/data/value.h"

#include <math.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/data/cursor.h"
#include "common/data/datum.h"

/* Around zero, around the ends of exactness and of int64, and anything. */
static int64_t random_int(struct tr_rng *rng)
{
	static const int64_t centres[] = { 0, INT64_C(1) << 53,
		-(INT64_C(1) << 53), INT64_MAX - 8, INT64_MIN + 8,
		INT64_C(1) << 60, -(INT64_C(1) << 60), INT64_C(1) << 54 };
	int64_t v = (int64_t)tr_rng_next(rng);
	if (tr_rng_below(rng, 4) == 0)
		return v >> tr_rng_below(rng, 64);
	return centres[tr_rng_below(rng, 8)] + (int64_t)tr_rng_below(rng, 9) -
	       4;
}

static double random_double(struct tr_rng *rng)
{
	static const double odd[] = { 0x1p63, -0x1p63, 0x1p1023, -0x1p1023,
		0x1p-1074, -0x1p-1074, (double)INFINITY, -(double)INFINITY,
		(double)NAN, -0.0 };
	uint64_t bits = tr_rng_next(rng);
	double d;
	switch (tr_rng_below(rng, 4)) {
	case 0:
		memcpy(&d, &bits, sizeof(d));
		return d;
	case 1:
		return odd[tr_rng_below(rng, 10)];
	case 2:
		return (double)random_int(rng);
	default:
		return (double)random_int(rng) + 0.25;
	}
}

/* What the format says: integral within 2^53 is an int, one NaN. */
static void set_double(struct value *v, double d)
{
	v->kind = VALUE_DOUBLE;
	v->d = d;
	if (fabs(d) <= 0x1p53 && d == floor(d)) {
		v->kind = VALUE_INT;
		v->i = (int64_t)d;
	}
}

static void random_bytes(struct tr_rng *rng, struct value *v)
{
	static const uint8_t alphabet[] = { 0x00, 0x01, 0xfe, 0xff, 'a', 0x10 };
	v->n = tr_rng_below(rng, VALUE_BYTES_MAX + 1);
	for (size_t i = 0; i < v->n; i++)
		v->bytes[i] = alphabet[tr_rng_below(rng, 6)];
}

static void swap_entries(struct value *v, size_t i, size_t j)
{
	for (size_t k = 0; k < 2; k++) {
		struct value *kept = v->items[2 * i + k];
		v->items[2 * i + k] = v->items[2 * j + k];
		v->items[2 * j + k] = kept;
	}
}

static void drop_last_entry(struct value *v)
{
	value_free(v->items[--v->n]);
	value_free(v->items[--v->n]);
}

/* Moves the last entry to its place; one whose key is there goes. */
static void settle_last_entry(struct value *v)
{
	for (size_t i = v->n / 2 - 1; i > 0; i--) {
		int c = value_compare(v->items[2 * i - 2], v->items[2 * i]);
		if (c < 0)
			return;
		if (c == 0) {
			for (size_t j = i; 2 * j + 2 < v->n; j++)
				swap_entries(v, j, j + 1);
			drop_last_entry(v);
			return;
		}
		swap_entries(v, i - 1, i);
	}
}

static void random_items(struct tr_rng *rng, struct value *v, unsigned depth)
{
	size_t n = tr_rng_below(rng, VALUE_ITEMS_MAX + 1);
	for (size_t i = 0; i < n; i++) {
		v->items[v->n++] = value_random(rng, depth);
		if (v->kind != VALUE_MAP)
			continue;
		v->items[v->n++] = value_random(rng, depth);
		settle_last_entry(v);
	}
}

struct value *value_random(struct tr_rng *rng, unsigned depth_max)
{
	struct value *v = tr_xcalloc(1, sizeof(*v));
	unsigned kinds = depth_max > 0 ? VALUE_MAP + 1 : VALUE_LIST;
	v->kind = (enum value_kind)tr_rng_below(rng, kinds);
	if (v->kind == VALUE_INT)
		v->i = random_int(rng);
	else if (v->kind == VALUE_DOUBLE)
		set_double(v, random_double(rng));
	else if (v->kind == VALUE_BYTES)
		random_bytes(rng, v);
	else if (v->kind >= VALUE_LIST)
		random_items(rng, v, depth_max - 1);
	return v;
}

void value_free(struct value *v)
{
	if (v->kind >= VALUE_LIST)
		for (size_t i = 0; i < v->n; i++)
			value_free(v->items[i]);
	tr_xfree(v);
}

/* A long double holds every int64 and every double exactly. */
static int compare_numbers(const struct value *a, const struct value *b)
{
	bool a_nan = a->kind == VALUE_DOUBLE && isnan(a->d);
	bool b_nan = b->kind == VALUE_DOUBLE && isnan(b->d);
	if (a_nan || b_nan)
		return a_nan - b_nan;
	long double x =
		a->kind == VALUE_INT ? (long double)a->i : (long double)a->d;
	long double y =
		b->kind == VALUE_INT ? (long double)b->i : (long double)b->d;
	if (x != y)
		return x < y ? -1 : 1;
	return (int)a->kind - (int)b->kind;
}

static int compare_runs(const struct value *a, const struct value *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++) {
		int c = a->kind == VALUE_BYTES
				? a->bytes[i] - b->bytes[i]
				: value_compare(a->items[i], b->items[i]);
		if (c != 0)
			return c;
	}
	return (a->n > b->n) - (a->n < b->n);
}

int value_compare(const struct value *a, const struct value *b)
{
	bool a_number = a->kind == VALUE_INT || a->kind == VALUE_DOUBLE;
	bool b_number = b->kind == VALUE_INT || b->kind == VALUE_DOUBLE;
	if (a_number && b_number)
		return compare_numbers(a, b);
	if (a->kind != b->kind)
		return (int)a->kind - (int)b->kind;
	return a->kind >= VALUE_BYTES ? compare_runs(a, b) : 0;
}

static int build_entries(
	const struct value *v, struct tr_builder *b, struct tr_rng *rng)
{
	size_t n = v->n / 2;
	size_t first = n ? tr_rng_below(rng, n) : 0;
	bool backwards = tr_rng_below(rng, 2);
	int rc = tr_builder_begin_map(b);
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t j = (first + (backwards ? n - i : i)) % n;
		rc = value_build(v->items[2 * j], b, rng);
		if (rc == 0)
			rc = value_build(v->items[2 * j + 1], b, rng);
	}
	return rc != 0 ? rc : tr_builder_end(b);
}

int value_build(const struct value *v, struct tr_builder *b, struct tr_rng *rng)
{
	switch (v->kind) {
	case VALUE_NULL:
		return tr_builder_put_null(b);
	case VALUE_FALSE:
	case VALUE_TRUE:
		return tr_builder_put_bool(b, v->kind == VALUE_TRUE);
	case VALUE_INT:
		return tr_builder_put_int(b, v->i);
	case VALUE_DOUBLE:
		return tr_builder_put_double(b, v->d);
	case VALUE_BYTES:
		return tr_builder_put_bytes(b, v->bytes, v->n);
	case VALUE_MAP:
		return build_entries(v, b, rng);
	case VALUE_LIST:
		break;
	}
	int rc = tr_builder_begin_list(b);
	for (size_t i = 0; i < v->n && rc == 0; i++)
		rc = value_build(v->items[i], b, rng);
	return rc != 0 ? rc : tr_builder_end(b);
}

static bool list_is(const struct value *v, struct tr_slice datum)
{
	struct tr_cursor c;
	struct tr_slice item;
	struct tr_buf scratch;
	size_t i = 0;
	bool same = true;
	tr_buf_init(&scratch, 4096);
	tr_cursor_init(&c, datum, &scratch);
	while (same && tr_cursor_next(&c, &item) > 0)
		same = i < v->n && value_is(v->items[i++], item);
	tr_buf_fini(&scratch);
	return same && i == v->n;
}

static bool map_is(const struct value *v, struct tr_slice datum)
{
	struct tr_cursor c;
	struct tr_slice key;
	struct tr_slice value;
	struct tr_buf scratch;
	size_t i = 0;
	bool same = true;
	tr_buf_init(&scratch, 4096);
	tr_cursor_init(&c, datum, &scratch);
	while (same && tr_cursor_next_entry(&c, &key, &value) > 0) {
		same = i < v->n && value_is(v->items[i], key) &&
		       value_is(v->items[i + 1], value);
		i += 2;
	}
	tr_buf_fini(&scratch);
	return same && i == v->n;
}

bool value_is(const struct value *v, struct tr_slice datum)
{
	int64_t i;
	double d;
	bool flag;
	struct tr_slice bytes;
	enum tr_datum_type type = tr_datum_type(datum);
	switch (v->kind) {
	case VALUE_NULL:
		return type == TR_DATUM_NULL && tr_datum_is_null(datum);
	case VALUE_FALSE:
	case VALUE_TRUE:
		return type == TR_DATUM_BOOL &&
		       tr_datum_get_bool(datum, &flag) &&
		       flag == (v->kind == VALUE_TRUE);
	case VALUE_INT:
		return type == TR_DATUM_INT && tr_datum_get_int(datum, &i) &&
		       i == v->i;
	case VALUE_DOUBLE:
		return type == TR_DATUM_DOUBLE &&
		       !tr_datum_get_int(datum, &i) &&
		       tr_datum_get_double(datum, &d) &&
		       (d == v->d || (isnan(d) && isnan(v->d)));
	case VALUE_BYTES:
		return type == TR_DATUM_BYTES &&
		       tr_datum_get_bytes(datum, &bytes) && bytes.n == v->n &&
		       memcmp(bytes.p, v->bytes, v->n) == 0;
	case VALUE_LIST:
		return type == TR_DATUM_LIST && list_is(v, datum);
	case VALUE_MAP:
		break;
	}
	return type == TR_DATUM_MAP && map_is(v, datum);
}
