#include "executor/op/merge.h"

#include "common/base/xalloc.h"
#include "executor/op/pairkey.h"
#include "executor/op/prefix.h"

static bool is_before(const struct tr_merge *m, uint32_t a, uint32_t b)
{
	const struct tr_merge_way *wa = &m->ways[a], *wb = &m->ways[b];
	if (wa->prefix != wb->prefix)
		return wa->prefix < wb->prefix;
	int c = m->pairs ? tr_pairkey_compare(&wa->head, &wb->head)
			 : tr_slice_compare(wa->head.key, wb->head.key);
	return c != 0 ? c < 0 : a < b;
}

static void sift_down(struct tr_merge *m, uint32_t at)
{
	uint32_t way = m->heap[at];
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= m->n_heap)
			break;
		if (child + 1 < m->n_heap &&
			is_before(m, m->heap[child + 1], m->heap[child]))
			child++;
		if (!is_before(m, m->heap[child], way))
			break;
		m->heap[at] = m->heap[child];
		at = child;
	}
	m->heap[at] = way;
}

/* Reads the way's next element: 1, 0 at its end, or a failure. */
static int advance(struct tr_merge_way *w)
{
	int rc = tr_blockin_next(&w->in, &w->head);
	if (rc > 0)
		w->prefix = tr_prefix_of(w->head.key);
	else
		tr_blockin_close(&w->in);
	return rc;
}

int tr_merge_open(struct tr_merge *m, struct tr_node *n,
	const struct tr_exec_input *inputs, size_t n_inputs, bool pairs)
{
	*m = (struct tr_merge){
		.node = n,
		.ways = tr_xcalloc(n_inputs, sizeof(*m->ways)),
		.heap = tr_xcalloc(n_inputs, sizeof(*m->heap)),
		.pairs = pairs,
	};
	for (uint32_t i = 0; i < n_inputs; i++) {
		m->n_ways = i + 1;
		tr_blockin_open(&m->ways[i].in, n, &inputs[i]);
		int rc = advance(&m->ways[i]);
		if (rc < 0)
			return rc;
		if (rc > 0)
			m->heap[m->n_heap++] = i;
	}
	for (uint32_t i = m->n_heap / 2; i-- > 0;)
		sift_down(m, i);
	return 0;
}

void tr_merge_close(struct tr_merge *m)
{
	for (uint32_t i = 0; i < m->n_ways; i++)
		tr_blockin_close(&m->ways[i].in);
	tr_xfree(m->ways);
	tr_xfree(m->heap);
}

/* Replaces the element handed out last by its block's next one. */
static int refill(struct tr_merge *m)
{
	int rc = advance(&m->ways[m->heap[0]]);
	if (rc < 0)
		return rc;
	if (rc == 0)
		m->heap[0] = m->heap[--m->n_heap];
	if (m->n_heap > 0)
		sift_down(m, 0);
	return 0;
}

int tr_merge_next(struct tr_merge *m, struct tr_element *out)
{
	if (m->taken) {
		int rc = refill(m);
		if (rc != 0)
			return rc;
	}
	m->taken = m->n_heap > 0;
	if (m->n_heap == 0)
		return 0;
	*out = m->ways[m->heap[0]].head;
	return 1;
}
