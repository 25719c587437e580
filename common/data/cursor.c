#include "common/data/cursor.h"

#include <string.h>

#include "common/data/datum.h"
#include "common/data/nested.h"

void tr_cursor_init(
	struct tr_cursor *c, struct tr_slice d, struct tr_buf *scratch)
{
	tr_assert(d.p[0] == TR_TAG_LIST || d.p[0] == TR_TAG_MAP);
	*c = (struct tr_cursor){ d.p + 1, d.p + d.n - 1, scratch };
}

static bool has_escapes(struct tr_slice item)
{
	return item.p[0] == TR_TAG_BYTES &&
	       memchr(item.p + 1, 0, item.n - 2) != NULL;
}

/*
 * The item as a datum of its own. Bytes without escapes are one already, but
 * for their end. `scratch` has room for the others.
 */
static struct tr_slice to_datum(struct tr_slice item, struct tr_buf *scratch)
{
	if (item.p[0] != TR_TAG_BYTES)
		return item;
	if (!has_escapes(item))
		return tr_slice_of(item.p, item.n - 1);
	uint8_t *to = scratch->data + scratch->len;
	to[0] = TR_TAG_BYTES;
	size_t n = tr_nested_unescape(to + 1, item.p + 1, item.n - 2);
	scratch->len += n + 1;
	return tr_slice_of(to, n + 1);
}

static struct tr_slice step(struct tr_cursor *c)
{
	const uint8_t *p = c->p;
	c->p = tr_nested_end(p, c->end, NULL);
	return tr_slice_of(p, (size_t)(c->p - p));
}

int tr_cursor_next(struct tr_cursor *c, struct tr_slice *item)
{
	if (tr_cursor_at_end(c))
		return 0;
	struct tr_slice nested = step(c);
	if (has_escapes(nested)) {
		tr_buf_reset(c->scratch);
		int rc = tr_buf_reserve(c->scratch, nested.n);
		if (rc != 0)
			return rc;
	}
	*item = to_datum(nested, c->scratch);
	return 1;
}

int tr_cursor_next_entry(
	struct tr_cursor *c, struct tr_slice *key, struct tr_slice *value)
{
	if (tr_cursor_at_end(c))
		return 0;
	struct tr_slice k = step(c);
	struct tr_slice v = step(c);
	if (has_escapes(k) || has_escapes(v)) {
		tr_buf_reset(c->scratch);
		int rc = tr_buf_reserve(c->scratch, k.n + v.n);
		if (rc != 0)
			return rc;
	}
	*key = to_datum(k, c->scratch);
	*value = to_datum(v, c->scratch);
	return 1;
}
