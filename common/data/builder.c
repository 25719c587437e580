#include "common/data/builder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/data/datum.h"
#include "common/data/nested.h"

/* An entry on its way into order; bytes from the map's first item. */
struct entry {
	uint32_t from;
	uint32_t value_from;
	uint32_t until;
};

void tr_builder_init(struct tr_builder *b)
{
	*b = (struct tr_builder){ 0 };
	/* An item has a byte at least, so these hold a value at its limit. */
	tr_buf_init(&b->marks, TR_VALUE_DATUM_MAX * sizeof(uint32_t));
	tr_buf_init(&b->sorted, TR_VALUE_DATUM_MAX / 2 * sizeof(struct entry) +
					TR_VALUE_DATUM_MAX);
}

void tr_builder_fini(struct tr_builder *b)
{
	tr_buf_fini(&b->marks);
	tr_buf_fini(&b->sorted);
}

void tr_builder_start(struct tr_builder *b, struct tr_buf *out)
{
	b->out = out;
	b->start = out->len;
	b->items = 0;
	b->depth = 0;
	tr_buf_reset(&b->marks);
}

/* Accounts for an item that begins at the end of the buffer. */
static int begin_item(struct tr_builder *b)
{
	if (b->out->len - b->start >= TR_VALUE_DATUM_MAX)
		return TR_ELIMIT;
	if (b->depth == 0) {
		tr_assert(b->items == 0);
		b->items = 1;
		return 0;
	}
	struct tr_builder_level *level = &b->levels[b->depth - 1];
	level->items++;
	if (!level->is_map)
		return 0;
	uint32_t at = (uint32_t)(b->out->len - level->first);
	return tr_buf_append(&b->marks, &at, sizeof(at));
}

int tr_builder_put_null(struct tr_builder *b)
{
	int rc = begin_item(b);
	return rc != 0 ? rc : tr_datum_put_null(b->out);
}

int tr_builder_put_bool(struct tr_builder *b, bool v)
{
	int rc = begin_item(b);
	return rc != 0 ? rc : tr_datum_put_bool(b->out, v);
}

int tr_builder_put_int(struct tr_builder *b, int64_t v)
{
	int rc = begin_item(b);
	return rc != 0 ? rc : tr_datum_put_int(b->out, v);
}

int tr_builder_put_double(struct tr_builder *b, double v)
{
	int rc = begin_item(b);
	return rc != 0 ? rc : tr_datum_put_double(b->out, v);
}

int tr_builder_put_bytes(struct tr_builder *b, const void *p, size_t n)
{
	if (n > TR_VALUE_MAX)
		return TR_ELIMIT;
	int rc = begin_item(b);
	if (rc != 0)
		return rc;
	return b->depth == 0 ? tr_datum_put_bytes(b->out, p, n)
			     : tr_nested_put_bytes(b->out, p, n);
}

int tr_builder_put_datum(struct tr_builder *b, struct tr_slice d)
{
	struct tr_slice bytes;
	if (tr_datum_get_bytes(d, &bytes))
		return tr_builder_put_bytes(b, bytes.p, bytes.n);
	unsigned depth;
	tr_nested_end(d.p, d.p + d.n, &depth);
	if (b->depth + depth > TR_DATUM_DEPTH_MAX)
		return TR_ELIMIT;
	int rc = begin_item(b);
	return rc != 0 ? rc : tr_buf_append(b->out, d.p, d.n);
}

static int begin_level(struct tr_builder *b, uint8_t tag)
{
	if (b->depth == TR_DATUM_DEPTH_MAX)
		return TR_ELIMIT;
	int rc = begin_item(b);
	if (rc == 0)
		rc = tr_buf_append_u8(b->out, tag);
	if (rc != 0)
		return rc;
	b->levels[b->depth++] = (struct tr_builder_level){
		.is_map = tag == TR_TAG_MAP,
		.first = b->out->len,
		.marks_from = b->marks.len,
	};
	return 0;
}

int tr_builder_begin_list(struct tr_builder *b)
{
	return begin_level(b, TR_TAG_LIST);
}

int tr_builder_begin_map(struct tr_builder *b)
{
	return begin_level(b, TR_TAG_MAP);
}

static struct entry entry_at(const struct tr_builder *b,
	const struct tr_builder_level *level, uint32_t i)
{
	uint32_t at[3];
	const uint8_t *marks = b->marks.data + level->marks_from;
	bool is_last = 2 * i + 2 == level->items;
	memcpy(at, marks + 2 * i * sizeof(uint32_t),
		(is_last ? 2 : 3) * sizeof(uint32_t));
	if (is_last)
		at[2] = (uint32_t)(b->out->len - level->first);
	return (struct entry){ at[0], at[1], at[2] };
}

static int compare_entries(const void *a, const void *b, void *first_item)
{
	const struct entry *x = a;
	const struct entry *y = b;
	const uint8_t *base = first_item;
	return tr_slice_compare(
		tr_slice_of(base + x->from, x->value_from - x->from),
		tr_slice_of(base + y->from, y->value_from - y->from));
}

/* Negative: in order; 0: a key twice; positive: to be sorted. */
static int worst_step(
	const struct tr_builder *b, const struct tr_builder_level *level)
{
	int worst = -1;
	uint8_t *base = b->out->data + level->first;
	struct entry last = entry_at(b, level, 0);
	for (uint32_t i = 1; i < level->items / 2 && worst <= 0; i++) {
		struct entry next = entry_at(b, level, i);
		int c = compare_entries(&last, &next, base);
		worst = c >= 0 ? c : worst;
		last = next;
	}
	return worst;
}

/* Entries into `sorted`, their bytes behind them, and these back again. */
static int sort_entries(
	struct tr_builder *b, const struct tr_builder_level *level)
{
	uint32_t n = level->items / 2;
	size_t bytes = b->out->len - level->first;
	tr_buf_reset(&b->sorted);
	int rc = tr_buf_reserve(&b->sorted, n * sizeof(struct entry) + bytes);
	if (rc != 0)
		return rc;
	struct entry *entries = (void *)b->sorted.data;
	for (uint32_t i = 0; i < n; i++)
		entries[i] = entry_at(b, level, i);
	uint8_t *base = b->out->data + level->first;
	qsort_r(entries, n, sizeof(*entries), compare_entries, base);
	uint8_t *to = b->sorted.data + n * sizeof(*entries);
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && compare_entries(
				     &entries[i - 1], &entries[i], base) == 0)
			return TR_EEXIST;
		size_t len = entries[i].until - entries[i].from;
		memcpy(to, base + entries[i].from, len);
		to += len;
	}
	memcpy(base, to - bytes, bytes);
	return 0;
}

static int end_map(struct tr_builder *b, const struct tr_builder_level *level)
{
	tr_assert(level->items % 2 == 0);
	int worst = level->items > 2 ? worst_step(b, level) : -1;
	if (worst == 0)
		return TR_EEXIST;
	int rc = worst > 0 ? sort_entries(b, level) : 0;
	b->marks.len = level->marks_from;
	return rc;
}

int tr_builder_end(struct tr_builder *b)
{
	tr_assert(b->depth > 0);
	struct tr_builder_level *level = &b->levels[b->depth - 1];
	int rc = level->is_map ? end_map(b, level) : 0;
	if (rc != 0)
		return rc;
	b->depth--;
	return tr_buf_append_u8(b->out, TR_TAG_END);
}

int tr_builder_finish(struct tr_builder *b)
{
	tr_assert(b->depth == 0 && b->items == 1);
	return b->out->len - b->start > TR_VALUE_DATUM_MAX ? TR_ELIMIT : 0;
}

void tr_builder_abort(struct tr_builder *b)
{
	b->out->len = b->start;
}
