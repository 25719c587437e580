#include "driver/core/timer.h"

#include <stdbool.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "driver/core/list.h"

void tr_timer_init(struct tr_timer *t, uint32_t rows)
{
	t->heap = tr_xcalloc(rows, sizeof(*t->heap));
	t->place = tr_xcalloc(rows, sizeof(*t->place));
	t->count = 0;
}

void tr_timer_fini(struct tr_timer *t)
{
	tr_xfree(t->heap);
	tr_xfree(t->place);
}

static bool is_before(struct tr_timer_entry a, struct tr_timer_entry b)
{
	return a.at_ms != b.at_ms ? a.at_ms < b.at_ms : a.row < b.row;
}

static void put(struct tr_timer *t, uint32_t i, struct tr_timer_entry e)
{
	t->heap[i] = e;
	t->place[e.row] = i;
}

static void sift_up(struct tr_timer *t, uint32_t i, struct tr_timer_entry e)
{
	while (i > 0 && is_before(e, t->heap[(i - 1) / 2])) {
		put(t, i, t->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(t, i, e);
}

static void sift_down(struct tr_timer *t, uint32_t i, struct tr_timer_entry e)
{
	for (;;) {
		uint32_t child = 2 * i + 1;
		if (child >= t->count)
			break;
		if (child + 1 < t->count &&
			is_before(t->heap[child + 1], t->heap[child]))
			child++;
		if (!is_before(t->heap[child], e))
			break;
		put(t, i, t->heap[child]);
		i = child;
	}
	put(t, i, e);
}

void tr_timer_add(struct tr_timer *t, uint32_t row, uint64_t at_ms)
{
	struct tr_timer_entry e = { .at_ms = at_ms, .row = row };
	sift_up(t, t->count++, e);
}

void tr_timer_remove(struct tr_timer *t, uint32_t row)
{
	uint32_t i = t->place[row];
	tr_assert(i < t->count && t->heap[i].row == row);
	struct tr_timer_entry last = t->heap[--t->count];
	if (i == t->count)
		return;
	if (is_before(last, t->heap[i]))
		sift_up(t, i, last);
	else
		sift_down(t, i, last);
}

uint64_t tr_timer_next(const struct tr_timer *t)
{
	return t->count > 0 ? t->heap[0].at_ms : UINT64_MAX;
}

uint32_t tr_timer_take(struct tr_timer *t, uint64_t now_ms)
{
	if (tr_timer_next(t) > now_ms)
		return TR_ROW_NONE;
	uint32_t row = t->heap[0].row;
	tr_timer_remove(t, row);
	return row;
}
