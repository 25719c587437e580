#include "common/data/datum_json.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/data/base64.h"
#include "common/data/builder.h"
#include "common/data/cursor.h"
#include "common/data/datum.h"
#include "common/data/utf8.h"

static int put_literal(struct tr_buf *out, const char *text)
{
	return tr_buf_append(out, text, strlen(text));
}

static int put_char(struct tr_buf *out, uint8_t c)
{
	if (c == '"' || c == '\\')
		return tr_buf_printf(out, "\\%c", c);
	if (c == '\n')
		return put_literal(out, "\\n");
	if (c < 0x20 || c == 0x7f)
		return tr_buf_printf(out, "\\u%04x", c);
	return tr_buf_append_u8(out, c);
}

int tr_json_put_text(struct tr_slice s, struct tr_buf *out)
{
	int rc = tr_buf_append_u8(out, '"');
	for (size_t i = 0; i < s.n && rc == 0; i++)
		rc = put_char(out, s.p[i]);
	return rc != 0 ? rc : tr_buf_append_u8(out, '"');
}

static int put_bytes(struct tr_slice s, struct tr_buf *out)
{
	if (tr_utf8_is_text(s.p, s.n))
		return tr_json_put_text(s, out);
	int rc = put_literal(out, "{\"$bytes\":\"");
	if (rc == 0)
		rc = tr_base64_encode(s.p, s.n, out);
	return rc != 0 ? rc : put_literal(out, "\"}");
}

static int put_number(const struct tr_number *v, struct tr_buf *out)
{
	char text[TR_NUMBER_TEXT_MAX];
	tr_number_to_text(v, text);
	if (v->is_int || isfinite(v->d))
		return put_literal(out, text);
	return tr_buf_printf(out, "{\"$double\":\"%s\"}", text);
}

static int put_datum(struct tr_slice d, struct tr_buf *out, struct tr_buf *tmp);

static bool is_member_name(struct tr_slice key)
{
	struct tr_slice s;
	return tr_datum_get_bytes(key, &s) && tr_utf8_is_text(s.p, s.n) &&
	       !memchr(s.p, 0, s.n) && (s.n == 0 || s.p[0] != '$');
}

/* Whether every key can name a member of a JSON object: 1, 0 or an error. */
static int is_object(struct tr_slice d, struct tr_buf *tmp)
{
	struct tr_cursor c;
	struct tr_slice key;
	struct tr_slice value;
	int rc;
	tr_cursor_init(&c, d, tmp);
	while ((rc = tr_cursor_next_entry(&c, &key, &value)) > 0)
		if (!is_member_name(key))
			return 0;
	return rc < 0 ? rc : 1;
}

/* Not at the end. */
static int put_next(struct tr_cursor *c, struct tr_buf *out)
{
	struct tr_slice item;
	int rc = tr_cursor_next(c, &item);
	return rc < 0 ? rc : put_datum(item, out, c->scratch);
}

static int put_list(struct tr_slice d, struct tr_buf *out, struct tr_buf *tmp)
{
	struct tr_cursor c;
	int rc = tr_buf_append_u8(out, '[');
	tr_cursor_init(&c, d, tmp);
	for (bool more = false; rc == 0 && !tr_cursor_at_end(&c); more = true) {
		rc = more ? tr_buf_append_u8(out, ',') : 0;
		if (rc == 0)
			rc = put_next(&c, out);
	}
	return rc != 0 ? rc : tr_buf_append_u8(out, ']');
}

/* "key":value, or [key,value] where pairs is set. */
static int put_entry(struct tr_cursor *c, bool pairs, struct tr_buf *out)
{
	int rc = pairs ? tr_buf_append_u8(out, '[') : 0;
	if (rc == 0)
		rc = put_next(c, out);
	if (rc == 0)
		rc = tr_buf_append_u8(out, pairs ? ',' : ':');
	if (rc == 0)
		rc = put_next(c, out);
	return rc != 0 || !pairs ? rc : tr_buf_append_u8(out, ']');
}

static int put_entries(
	struct tr_slice d, bool pairs, struct tr_buf *out, struct tr_buf *tmp)
{
	struct tr_cursor c;
	int rc = 0;
	tr_cursor_init(&c, d, tmp);
	for (bool more = false; rc == 0 && !tr_cursor_at_end(&c); more = true) {
		rc = more ? tr_buf_append_u8(out, ',') : 0;
		if (rc == 0)
			rc = put_entry(&c, pairs, out);
	}
	return rc;
}

static int put_map(struct tr_slice d, struct tr_buf *out, struct tr_buf *tmp)
{
	int object = is_object(d, tmp);
	if (object < 0)
		return object;
	int rc = put_literal(out, object ? "{" : "{\"$map\":[");
	if (rc == 0)
		rc = put_entries(d, !object, out, tmp);
	return rc != 0 ? rc : put_literal(out, object ? "}" : "]}");
}

static int put_datum(struct tr_slice d, struct tr_buf *out, struct tr_buf *tmp)
{
	struct tr_number v;
	switch (d.p[0]) {
	case TR_TAG_NULL:
		return put_literal(out, "null");
	case TR_TAG_FALSE:
		return put_literal(out, "false");
	case TR_TAG_TRUE:
		return put_literal(out, "true");
	case TR_TAG_BYTES:
		return put_bytes(tr_slice_of(d.p + 1, d.n - 1), out);
	case TR_TAG_LIST:
		return put_list(d, out, tmp);
	case TR_TAG_MAP:
		return put_map(d, out, tmp);
	default:
		break;
	}
	bool is_number = tr_number_decode(d, &v);
	tr_assert(is_number);
	return put_number(&v, out);
}

int tr_datum_to_json(struct tr_slice d, struct tr_buf *out)
{
	struct tr_buf tmp;
	tr_buf_init(&tmp, TR_VALUE_DATUM_MAX);
	int rc = put_datum(d, out, &tmp);
	tr_buf_fini(&tmp);
	return rc;
}

static int build(struct tr_builder *b, json_t *v);

static int build_bytes(struct tr_builder *b, json_t *v)
{
	struct tr_buf bytes;
	if (!json_is_string(v))
		return TR_EINVAL;
	tr_buf_init(&bytes, TR_VALUE_MAX + 3);
	int rc = tr_base64_decode(
		json_string_value(v), json_string_length(v), &bytes);
	if (rc == 0)
		rc = tr_builder_put_bytes(b, bytes.data, bytes.len);
	tr_buf_fini(&bytes);
	return rc;
}

static int build_double(struct tr_builder *b, json_t *v)
{
	const char *text = json_string_value(v);
	if (!text)
		return TR_EINVAL;
	if (strcmp(text, "nan") == 0)
		return tr_builder_put_double(b, (double)NAN);
	if (strcmp(text, "inf") == 0)
		return tr_builder_put_double(b, (double)INFINITY);
	if (strcmp(text, "-inf") == 0)
		return tr_builder_put_double(b, -(double)INFINITY);
	return TR_EINVAL;
}

static int build_pairs(struct tr_builder *b, json_t *pairs)
{
	size_t i;
	json_t *pair;
	if (!json_is_array(pairs))
		return TR_EINVAL;
	int rc = tr_builder_begin_map(b);
	json_array_foreach(pairs, i, pair)
	{
		if (json_array_size(pair) != 2)
			return TR_EINVAL;
		if (rc == 0)
			rc = build(b, json_array_get(pair, 0));
		if (rc == 0)
			rc = build(b, json_array_get(pair, 1));
		if (rc != 0)
			break;
	}
	return rc != 0 ? rc : tr_builder_end(b);
}

static int build_map(struct tr_builder *b, json_t *object)
{
	const char *key;
	json_t *value;
	int rc = tr_builder_begin_map(b);
	json_object_foreach(object, key, value)
	{
		if (rc == 0)
			rc = tr_builder_put_bytes(b, key, strlen(key));
		if (rc == 0)
			rc = build(b, value);
		if (rc != 0)
			break;
	}
	return rc != 0 ? rc : tr_builder_end(b);
}

/* An object of one member may stand for what JSON lacks. */
static int build_object(struct tr_builder *b, json_t *object)
{
	static const struct {
		const char *name;
		int (*build)(struct tr_builder *b, json_t *v);
	} special[] = {
		{ "$bytes", build_bytes },
		{ "$double", build_double },
		{ "$map", build_pairs },
	};
	if (json_object_size(object) != 1)
		return build_map(b, object);
	for (size_t i = 0; i < TR_ARRAY_LEN(special); i++) {
		json_t *v = json_object_get(object, special[i].name);
		if (v)
			return special[i].build(b, v);
	}
	return build_map(b, object);
}

static int build_list(struct tr_builder *b, json_t *list)
{
	size_t i;
	json_t *item;
	int rc = tr_builder_begin_list(b);
	json_array_foreach(list, i, item)
	{
		if (rc == 0)
			rc = build(b, item);
		if (rc != 0)
			break;
	}
	return rc != 0 ? rc : tr_builder_end(b);
}

static int build(struct tr_builder *b, json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return build_object(b, v);
	case JSON_ARRAY:
		return build_list(b, v);
	case JSON_STRING:
		return tr_builder_put_bytes(
			b, json_string_value(v), json_string_length(v));
	case JSON_INTEGER:
		return tr_builder_put_int(b, json_integer_value(v));
	case JSON_REAL:
		return tr_builder_put_double(b, json_real_value(v));
	case JSON_TRUE:
	case JSON_FALSE:
		return tr_builder_put_bool(b, json_is_true(v));
	case JSON_NULL:
		break;
	}
	return tr_builder_put_null(b);
}

static int explain(int rc, struct tr_error *err)
{
	if (rc == TR_ELIMIT)
		return tr_error_set(err, rc,
			"json is over the limit of %llu bytes or %u levels",
			(unsigned long long)TR_VALUE_MAX, TR_DATUM_DEPTH_MAX);
	if (rc == TR_EEXIST)
		return tr_error_set(
			err, TR_EINVAL, "a map in the json has a key twice");
	if (rc == TR_EINVAL)
		return tr_error_set(err, rc,
			"$bytes, $double or $map in the json is malformed");
	return tr_error_set(err, rc, "no memory for the json");
}

int tr_datum_from_json(
	struct tr_slice json, struct tr_buf *out, struct tr_error *err)
{
	json_error_t wrong;
	struct tr_builder b;
	if (json.n > TR_VALUE_MAX)
		return explain(TR_ELIMIT, err);
	json_t *v = json_loadb((const char *)json.p, json.n,
		JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
		&wrong);
	if (!v)
		return tr_error_set(err, TR_EINVAL, "json byte %d: %s",
			wrong.position, wrong.text);
	tr_builder_init(&b);
	tr_builder_start(&b, out);
	int rc = build(&b, v);
	if (rc == 0)
		rc = tr_builder_finish(&b);
	if (rc != 0) {
		tr_builder_abort(&b);
		explain(rc, err);
		rc = rc == TR_EEXIST ? TR_EINVAL : rc;
	}
	tr_builder_fini(&b);
	json_decref(v);
	return rc;
}
