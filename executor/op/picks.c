#include "executor/op/picks.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

enum {
	FIRST_CAP = 32
};

void tr_picks_init(struct tr_picks *t, uint64_t limit, bool largest,
	struct tr_budget *budget)
{
	*t = (struct tr_picks){
		.limit = limit, .largest = largest, .budget = budget
	};
}

void tr_picks_fini(struct tr_picks *t)
{
	uint64_t bytes = t->cap * sizeof(*t->picks);
	for (uint64_t i = 0; i < t->n; i++) {
		bytes += t->picks[i].cap;
		free(t->picks[i].bytes);
	}
	free(t->picks);
	tr_budget_give(t->budget, bytes);
	*t = (struct tr_picks){ .budget = t->budget };
}

/* Positive: a comes before b in the result. */
static int compare(
	struct tr_slice a_key, struct tr_slice a_value, const struct tr_pick *b)
{
	int c = tr_slice_compare(a_value, tr_pick_value(b));
	return c != 0 ? c : tr_slice_compare(tr_pick_key(b), a_key);
}

static int compare_picks(const struct tr_pick *a, const struct tr_pick *b)
{
	return compare(tr_pick_key(a), tr_pick_value(a), b);
}

static int set(struct tr_picks *t, struct tr_pick *e, struct tr_slice key,
	struct tr_slice value)
{
	size_t n = key.n + value.n;
	if (n > e->cap) {
		if (!tr_budget_take(t->budget, n - e->cap))
			return TR_ENOMEM;
		uint8_t *p = realloc(e->bytes, n);
		if (!p) {
			tr_budget_give(t->budget, n - e->cap);
			return TR_ENOMEM;
		}
		e->bytes = p;
		e->cap = (uint32_t)n;
	}
	memcpy(e->bytes, key.p, key.n);
	memcpy(e->bytes + key.n, value.p, value.n);
	e->key_n = (uint32_t)key.n;
	e->value_n = (uint32_t)value.n;
	return 0;
}

static void swap(struct tr_picks *t, uint64_t a, uint64_t b)
{
	struct tr_pick e = t->picks[a];
	t->picks[a] = t->picks[b];
	t->picks[b] = e;
}

static void sift_up(struct tr_picks *t, uint64_t at)
{
	while (at > 0) {
		uint64_t parent = (at - 1) / 2;
		if (compare_picks(&t->picks[at], &t->picks[parent]) >= 0)
			return;
		swap(t, at, parent);
		at = parent;
	}
}

static void sift_down(struct tr_picks *t, uint64_t at)
{
	for (;;) {
		uint64_t least = at;
		for (uint64_t c = 2 * at + 1; c <= 2 * at + 2 && c < t->n; c++)
			if (compare_picks(&t->picks[c], &t->picks[least]) < 0)
				least = c;
		if (least == at)
			return;
		swap(t, at, least);
		at = least;
	}
}

static int grow(struct tr_picks *t)
{
	uint64_t cap = t->cap ? 2 * t->cap : FIRST_CAP;
	uint64_t more = (cap - t->cap) * sizeof(*t->picks);
	if (!tr_budget_take(t->budget, more))
		return TR_ENOMEM;
	void *p = realloc(t->picks, cap * sizeof(*t->picks));
	if (!p) {
		tr_budget_give(t->budget, more);
		return TR_ENOMEM;
	}
	t->picks = p;
	t->cap = cap;
	return 0;
}

int tr_picks_add(struct tr_picks *t, struct tr_slice key, struct tr_slice value)
{
	if (tr_picks_is_full(t))
		return 0;
	if (t->n == t->limit) {
		if (compare(key, value, &t->picks[0]) <= 0)
			return 0;
		int rc = set(t, &t->picks[0], key, value);
		sift_down(t, 0);
		return rc;
	}
	if (t->n == t->cap && grow(t) != 0)
		return TR_ENOMEM;
	t->picks[t->n] = (struct tr_pick){ 0 };
	int rc = set(t, &t->picks[t->n], key, value);
	if (rc != 0)
		return rc;
	t->n++;
	if (t->largest)
		sift_up(t, t->n - 1);
	return 0;
}

static int compare_for_sort(const void *a, const void *b)
{
	return compare_picks(b, a);
}

void tr_picks_sort(struct tr_picks *t)
{
	if (t->largest && t->n > 0)
		qsort(t->picks, t->n, sizeof(*t->picks), compare_for_sort);
}
