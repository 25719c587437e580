#include "driver/store/merge.h"

#include <stdlib.h>

#include "common/base/xalloc.h"
#include "driver/store/layout.h"

void tr_merge_close(struct tr_merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		tr_longkey_iter_close(&m->runs[i]);
	free(m->runs);
	free(m->heap);
	*m = (struct tr_merge){ 0 };
}

int tr_merge_open(struct tr_merge *m, struct tr_kv_txn *txn,
	const uint64_t *runs, size_t n, struct tr_error *err)
{
	*m = (struct tr_merge){
		.runs = tr_xcalloc(n, sizeof(*m->runs)),
		.heap = tr_xcalloc(n, sizeof(*m->heap)),
	};
	for (; m->n < n; m->n++) {
		int rc = tr_longkey_iter_open(
			&m->runs[m->n], txn, TR_JOB_ROWS, runs[m->n], err);
		if (rc != 0) {
			tr_merge_close(m);
			return rc;
		}
	}
	return 0;
}

static bool is_less(const struct tr_merge *m, size_t a, size_t b)
{
	int order = tr_slice_compare(m->runs[a].row.key, m->runs[b].row.key);
	return order != 0 ? order < 0 : a < b;
}

static void sift_down(struct tr_merge *m, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t c = 2 * at + 1; c <= 2 * at + 2; c++)
			if (c < m->heap_n &&
				is_less(m, m->heap[c], m->heap[least]))
				least = c;
		if (least == at)
			return;
		size_t swap = m->heap[at];
		m->heap[at] = m->heap[least];
		m->heap[least] = swap;
		at = least;
	}
}

/* Moves the run on top to its next row, or out of the heap. */
static int advance_top(struct tr_merge *m, struct tr_error *err)
{
	int rc = tr_longkey_iter_next(&m->runs[m->heap[0]], err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		m->heap[0] = m->heap[--m->heap_n];
	sift_down(m, 0);
	return 0;
}

static int settle(struct tr_merge *m)
{
	if (m->heap_n == 0)
		return 0;
	m->row = m->runs[m->heap[0]].row;
	return 1;
}

int tr_merge_seek(struct tr_merge *m, struct tr_slice from, bool is_after,
	struct tr_error *err)
{
	m->heap_n = 0;
	for (size_t i = 0; i < m->n; i++) {
		int rc = tr_longkey_iter_seek(&m->runs[i], from, is_after, err);
		if (rc < 0)
			return rc;
		if (rc > 0)
			m->heap[m->heap_n++] = i;
	}
	for (size_t i = m->heap_n / 2; i > 0; i--)
		sift_down(m, i - 1);
	return settle(m);
}

int tr_merge_next(struct tr_merge *m, struct tr_error *err)
{
	struct tr_slice key = m->row.key;
	while (m->heap_n > 0 &&
		tr_slice_equal(m->runs[m->heap[0]].row.key, key)) {
		int rc = advance_top(m, err);
		if (rc != 0)
			return rc;
	}
	return settle(m);
}
