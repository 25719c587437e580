#include "executor/op/val.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/data/datum_text.h"

const char *tr_val_type_name(const struct tr_val *v)
{
	static const char *const names[] = { "null", "bool", "int", "double",
		"bytes", "list", "map" };
	tr_assert(v->type < TR_ARRAY_LEN(names));
	return names[v->type];
}

size_t tr_val_encode(const struct tr_val *v, uint8_t *to)
{
	switch ((enum tr_val_type)v->type) {
	case TR_VAL_NULL:
		to[0] = TR_TAG_NULL;
		return 1;
	case TR_VAL_BOOL:
		to[0] = v->i ? TR_TAG_TRUE : TR_TAG_FALSE;
		return 1;
	case TR_VAL_INT:
		return tr_number_encode_int(to, v->i);
	case TR_VAL_DOUBLE:
		return tr_number_encode_double(to, v->d);
	case TR_VAL_BYTES:
		to[0] = TR_TAG_BYTES;
		if (v->len > 0)
			memcpy(to + 1, v->p, v->len);
		return (size_t)v->len + 1;
	case TR_VAL_LIST:
	case TR_VAL_MAP:
		memcpy(to, v->p, v->len);
		return v->len;
	}
	tr_assert(false);
	return 0;
}

static struct tr_val decode_number(struct tr_slice datum)
{
	struct tr_number n;
	bool is_number = tr_number_decode(datum, &n);
	tr_assert(is_number);
	if (n.is_int)
		return tr_val_int(n.i);
	return (struct tr_val){ .type = TR_VAL_DOUBLE, .d = n.d };
}

struct tr_val tr_val_decode(struct tr_slice datum)
{
	uint32_t n = (uint32_t)datum.n;
	switch (datum.p[0]) {
	case TR_TAG_NULL:
		return tr_val_null();
	case TR_TAG_FALSE:
		return (struct tr_val){ .type = TR_VAL_BOOL, .i = 0 };
	case TR_TAG_TRUE:
		return (struct tr_val){ .type = TR_VAL_BOOL, .i = 1 };
	case TR_TAG_BYTES:
		return (struct tr_val){
			.type = TR_VAL_BYTES, .len = n - 1, .p = datum.p + 1
		};
	case TR_TAG_LIST:
		return (struct tr_val){
			.type = TR_VAL_LIST, .len = n, .p = datum.p
		};
	case TR_TAG_MAP:
		return (struct tr_val){
			.type = TR_VAL_MAP, .len = n, .p = datum.p
		};
	default:
		return decode_number(datum);
	}
}

/* Values of one rank compare by content; numbers are one rank. */
static int rank(const struct tr_val *v)
{
	return v->type == TR_VAL_DOUBLE ? TR_VAL_INT : (int)v->type;
}

static int compare_numbers(const struct tr_val *a, const struct tr_val *b)
{
	if (a->type == TR_VAL_INT && b->type == TR_VAL_INT)
		return (a->i > b->i) - (a->i < b->i);
	/* The encoding knows how ints, doubles and NaN stand to each other. */
	uint8_t ea[TR_NUMBER_MAX], eb[TR_NUMBER_MAX];
	size_t na = tr_val_encode(a, ea), nb = tr_val_encode(b, eb);
	return tr_slice_compare(tr_slice_of(ea, na), tr_slice_of(eb, nb));
}

static int compare_bytes(const struct tr_val *a, const struct tr_val *b)
{
	uint32_t n = a->len < b->len ? a->len : b->len;
	int c = n > 0 ? memcmp(a->p, b->p, n) : 0;
	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

int tr_val_compare(const struct tr_val *a, const struct tr_val *b)
{
	if (rank(a) != rank(b))
		return rank(a) - rank(b);
	switch (rank(a)) {
	case TR_VAL_NULL:
		return 0;
	case TR_VAL_BOOL:
		return (int)(a->i - b->i);
	case TR_VAL_INT:
		return compare_numbers(a, b);
	default:
		return compare_bytes(a, b);
	}
}

int tr_val_copy(struct tr_val *v, struct tr_arena *a)
{
	if (!tr_val_has_bytes(v))
		return 0;
	uint8_t *p = tr_arena_alloc(a, v->len);
	if (!p)
		return TR_ENOMEM;
	if (v->len > 0)
		memcpy(p, v->p, v->len);
	v->p = p;
	return 0;
}

static void bytes_to_text(struct tr_slice bytes, char *text, size_t size)
{
	struct tr_buf line, datum;
	tr_buf_init(&line, size);
	tr_buf_init(&datum, size);
	/* Escapes only make text longer, so that what is cut would not show. */
	size_t n = bytes.n < size ? bytes.n : size - 1;
	int rc = tr_datum_put_bytes(&datum, bytes.p, n);
	if (rc == 0)
		rc = tr_datum_to_text(
			tr_slice_of(datum.data, datum.len), &line);
	if (rc != 0 && line.len == 0)
		snprintf(text, size, "%zu bytes", bytes.n);
	else
		snprintf(text, size, "%.*s", (int)line.len,
			line.data ? (const char *)line.data : "");
	tr_buf_fini(&datum);
	tr_buf_fini(&line);
}

const char *tr_val_to_text(const struct tr_val *v, char text[TR_VAL_TEXT_MAX])
{
	switch ((enum tr_val_type)v->type) {
	case TR_VAL_NULL:
		snprintf(text, TR_VAL_TEXT_MAX, "null");
		break;
	case TR_VAL_BOOL:
		snprintf(text, TR_VAL_TEXT_MAX, v->i ? "true" : "false");
		break;
	case TR_VAL_INT:
		snprintf(text, TR_VAL_TEXT_MAX, "%" PRId64, v->i);
		break;
	case TR_VAL_DOUBLE:
		snprintf(text, TR_VAL_TEXT_MAX, "%.17g", v->d);
		break;
	case TR_VAL_BYTES:
		bytes_to_text(tr_slice_of(v->p, v->len), text, TR_VAL_TEXT_MAX);
		break;
	case TR_VAL_LIST:
	case TR_VAL_MAP:
		snprintf(text, TR_VAL_TEXT_MAX, "a %s of %u bytes",
			tr_val_type_name(v), v->len);
		break;
	}
	return text;
}
