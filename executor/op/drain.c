#include "executor/op/drain.h"

#include <stdlib.h>

#include "common/data/lane.h"
#include "executor/op/blockout.h"
#include "executor/op/pairkey.h"
#include "executor/op/prefix.h"
#include "executor/op/val.h"

/* One slot on its way into order. */
struct item {
	uint64_t prefix; /* the key's first bytes, as a number */
	const struct tr_slot *slot;
	uint32_t lane;
};

static int compare_head(const struct item *a, const struct item *b)
{
	if (a->lane != b->lane)
		return a->lane < b->lane ? -1 : 1;
	return (a->prefix > b->prefix) - (a->prefix < b->prefix);
}

static int compare_keys(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;
	int c = compare_head(a, b);
	if (c != 0)
		return c;
	uint8_t ra[TR_TABLE_INLINE_KEY], rb[TR_TABLE_INLINE_KEY];
	return tr_slice_compare(
		tr_slot_key(a->slot, ra), tr_slot_key(b->slot, rb));
}

static int compare_pairs(const void *va, const void *vb)
{
	const struct item *a = va, *b = vb;
	int c = compare_head(a, b);
	if (c != 0)
		return c;
	uint8_t ra[TR_TABLE_INLINE_KEY], rb[TR_TABLE_INLINE_KEY];
	struct tr_element ea = tr_pairkey_split(tr_slot_key(a->slot, ra));
	struct tr_element eb = tr_pairkey_split(tr_slot_key(b->slot, rb));
	return tr_pairkey_compare(&ea, &eb);
}

static struct item item_of(const struct tr_slot *s, uint32_t lanes, bool pairs)
{
	uint8_t room[TR_TABLE_INLINE_KEY];
	struct tr_slice key = tr_slot_key(s, room);
	uint64_t hash;
	if (pairs) {
		struct tr_element e = tr_pairkey_split(key);
		key = e.key;
		hash = tr_pairkey_lane_hash(&e);
	} else {
		hash = tr_lane_hash(key);
	}
	return (struct item){
		.prefix = tr_prefix_of(key),
		.slot = s,
		.lane = tr_lane_of_hash(hash, lanes),
	};
}

static void collect(const struct tr_table *t, uint32_t lanes, bool pairs,
	struct item *items)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < tr_table_cap(t); i++)
		if (t->slots[i].len > 0)
			items[n++] = item_of(&t->slots[i], lanes, pairs);
	tr_assert(n == t->n);
}

static int put_item(struct tr_blockout *out, const struct item *it, bool pairs)
{
	uint8_t room[TR_TABLE_INLINE_KEY];
	struct tr_slice key = tr_slot_key(it->slot, room);
	if (pairs) {
		struct tr_element e = tr_pairkey_split(key);
		return tr_blockout_put(out, e.key, e.value, NULL);
	}
	struct tr_val v = tr_slot_get(it->slot);
	return tr_blockout_put_val(out, key, &v, NULL);
}

/* Writes the items of one lane, which are next to each other. */
static int write_lane(struct tr_node *n, uint32_t stage,
	const struct item *items, uint64_t n_items, bool pairs)
{
	struct tr_blockout out;
	tr_blockout_open(&out, n, stage, items[0].lane);
	for (uint64_t i = 0; i < n_items; i++) {
		int rc = put_item(&out, &items[i], pairs);
		if (rc != 0) {
			tr_blockout_abandon(&out);
			return rc;
		}
	}
	return tr_blockout_close(&out);
}

static int write_lanes(struct tr_node *n, uint32_t stage,
	const struct item *items, uint64_t n_items, bool pairs)
{
	uint64_t from = 0;
	while (from < n_items) {
		uint64_t to = from + 1;
		while (to < n_items && items[to].lane == items[from].lane)
			to++;
		int rc = write_lane(n, stage, items + from, to - from, pairs);
		if (rc != 0)
			return rc;
		tr_page_beat(n->exec->opts.page);
		from = to;
	}
	return 0;
}

int tr_drain(
	struct tr_node *n, const struct tr_table *t, uint32_t stage, bool pairs)
{
	if (t->n == 0)
		return 0;
	struct tr_budget *budget = &n->exec->budget;
	uint64_t bytes = t->n * sizeof(struct item);
	if (!tr_budget_take(budget, bytes))
		return tr_node_no_memory(n);
	struct item *items = malloc(bytes);
	int rc;
	if (!items) {
		rc = tr_node_no_memory(n);
	} else {
		collect(t, n->exec->opts.lanes[stage], pairs, items);
		qsort(items, t->n, sizeof(*items),
			pairs ? compare_pairs : compare_keys);
		rc = write_lanes(n, stage, items, t->n, pairs);
	}
	free(items);
	tr_budget_give(budget, bytes);
	return rc;
}
