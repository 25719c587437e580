#include "driver/core/index.h"

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "driver/core/list.h"

void tr_index_init(struct tr_index *x, uint32_t rows)
{
	uint32_t size = 8;
	while (size < 2 * (uint64_t)rows)
		size *= 2;
	x->entries = tr_xcalloc(size, sizeof(*x->entries));
	x->mask = size - 1;
}

void tr_index_fini(struct tr_index *x)
{
	tr_xfree(x->entries);
	x->entries = NULL;
}

/* Fibonacci hashing: ids are small consecutive numbers. */
static uint32_t home(const struct tr_index *x, uint64_t id)
{
	return (uint32_t)((id * 0x9E3779B97F4A7C15u) >> 32) & x->mask;
}

/* Where id is, or the empty place where it would go. */
static uint32_t place_of(const struct tr_index *x, uint64_t id)
{
	uint32_t i = home(x, id);
	while (x->entries[i].id != 0 && x->entries[i].id != id)
		i = (i + 1) & x->mask;
	return i;
}

uint32_t tr_index_find(const struct tr_index *x, uint64_t id)
{
	tr_assert(id > 0);
	const struct tr_index_entry *e = &x->entries[place_of(x, id)];
	return e->id == id ? e->row : TR_ROW_NONE;
}

void tr_index_add(struct tr_index *x, uint64_t id, uint32_t row)
{
	tr_assert(id > 0);
	struct tr_index_entry *e = &x->entries[place_of(x, id)];
	tr_assert(e->id == 0);
	e->id = id;
	e->row = row;
}

/* Closes the gap (Knuth 6.4 R), so that no tombstones pile up. */
void tr_index_remove(struct tr_index *x, uint64_t id)
{
	uint32_t gap = place_of(x, id);
	tr_assert(x->entries[gap].id == id);
	uint32_t i = gap;
	for (;;) {
		x->entries[gap].id = 0;
		uint32_t want;
		do {
			i = (i + 1) & x->mask;
			if (x->entries[i].id == 0)
				return;
			want = home(x, x->entries[i].id);
		} while (((i - want) & x->mask) < ((i - gap) & x->mask));
		x->entries[gap] = x->entries[i];
		gap = i;
	}
}
