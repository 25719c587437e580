#include "common/data/datum_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/data/datum.h"
#include "common/data/datum_json.h"
#include "common/data/utf8.h"

static int put_escaped(struct tr_buf *out, uint8_t c)
{
	switch (c) {
	case '\n':
		return tr_buf_append(out, "\\n", 2);
	case '\t':
		return tr_buf_append(out, "\\t", 2);
	case '\\':
		return tr_buf_append(out, "\\\\", 2);
	default:
		return tr_buf_printf(out, "\\x%02x", c);
	}
}

static int put_bytes(struct tr_slice s, struct tr_buf *out)
{
	int rc = 0;
	for (size_t i = 0; i < s.n && rc == 0;) {
		uint8_t c = s.p[i];
		size_t len = tr_utf8_len(s.p + i, s.n - i);
		if (len == 0 || c < 0x20 || c == 0x7f || c == '\\') {
			rc = put_escaped(out, c);
			i++;
		} else {
			rc = tr_buf_append(out, s.p + i, len);
			i += len;
		}
	}
	return rc;
}

int tr_datum_to_text(struct tr_slice d, struct tr_buf *out)
{
	char text[TR_NUMBER_TEXT_MAX];
	struct tr_number v;
	struct tr_slice bytes;
	if (tr_datum_get_bytes(d, &bytes))
		return put_bytes(bytes, out);
	if (!tr_number_decode(d, &v))
		return tr_datum_to_json(d, out);
	tr_number_to_text(&v, text);
	return tr_buf_append(out, text, strlen(text));
}

static int from_int(const char *text, struct tr_buf *out, struct tr_error *err)
{
	char *end;
	errno = 0;
	intmax_t v = strtoimax(text, &end, 10);
	if (end == text || *end != '\0' || errno == ERANGE || v > INT64_MAX ||
		v < INT64_MIN)
		return tr_error_set(
			err, TR_EINVAL, "'%s' is no 64-bit integer", text);
	return tr_datum_put_int(out, v);
}

static int from_double(
	const char *text, struct tr_buf *out, struct tr_error *err)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end != '\0')
		return tr_error_set(err, TR_EINVAL, "'%s' is no number", text);
	return tr_datum_put_double(out, v);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int from_hex(const char *text, struct tr_buf *out, struct tr_error *err)
{
	size_t n = strlen(text);
	if (n % 2 != 0 || strspn(text, "0123456789abcdefABCDEF") != n)
		return tr_error_set(err, TR_EINVAL,
			"'%s' is not pairs of hex digits", text);
	int rc = tr_buf_reserve(out, n / 2 + 1);
	if (rc != 0)
		return rc;
	uint8_t *to = out->data + out->len;
	*to++ = TR_TAG_BYTES;
	for (size_t i = 0; i < n; i += 2)
		*to++ = (uint8_t)(hex_digit(text[i]) * 16 +
				  hex_digit(text[i + 1]));
	out->len += n / 2 + 1;
	return 0;
}

static int from_string(
	const char *text, struct tr_buf *out, struct tr_error *err)
{
	int rc = tr_datum_put_bytes(out, text, strlen(text));
	return rc == 0 ? 0
		       : tr_error_set(err, rc, "no room for %zu bytes of text",
				 strlen(text));
}

static int from_json(const char *text, struct tr_buf *out, struct tr_error *err)
{
	return tr_datum_from_json(tr_slice_of_text(text), out, err);
}

int tr_datum_from_text(
	const char *text, struct tr_buf *out, struct tr_error *err)
{
	static const struct {
		char prefix;
		int (*from)(const char *, struct tr_buf *, struct tr_error *);
	} forms[] = {
		{ 's', from_string },
		{ 'i', from_int },
		{ 'd', from_double },
		{ 'x', from_hex },
		{ 'j', from_json },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(forms); i++)
		if (text[0] == forms[i].prefix && text[1] == ':')
			return forms[i].from(text + 2, out, err);
	return from_string(text, out, err);
}
