#include "executor/op/wordcount.h"

#include "common/base/xalloc.h"
#include "common/data/datum.h"
#include "executor/op/combine.h"
#include "executor/op/split.h"
#include "executor/op/words.h"

enum {
	/* With the tag of its encoding a word fills 16 bytes at most. */
	SHORT_WORD = TR_TABLE_INLINE_KEY - 1
};

struct wordcount {
	struct tr_combine combine;
	const Tranche__V1__Operator *split;
	struct tr_words words;
};

static struct tr_slot *put_long(
	struct wordcount *wc, const uint8_t *word, size_t n)
{
	struct tr_combine *c = &wc->combine;
	bool fresh;
	tr_buf_reset(&c->key);
	if (tr_datum_put_bytes(&c->key, word, n) != 0)
		return NULL;
	return tr_table_put(
		&c->table, tr_slice_of(c->key.data, c->key.len), &fresh);
}

/* The k words that stand in wc->words. False: out of memory. */
static bool count_words(struct wordcount *wc, size_t k)
{
	struct tr_table *t = &wc->combine.table;
	const uint8_t *text = wc->words.p, *end = text + wc->words.n;
	if (tr_table_reserve(t, k) != 0)
		return false;
	for (size_t i = 0; i < k; i++) {
		const uint8_t *word = text + wc->words.edge[2 * i];
		size_t n = wc->words.edge[2 * i + 1] - wc->words.edge[2 * i];
		struct tr_slot *s;
		if (n <= SHORT_WORD) {
			struct tr_shortkey key = tr_shortkey_tagged(
				tr_shortkey_in_text(word, n, end),
				TR_TAG_BYTES);
			bool fresh;
			s = tr_table_put_short(t, key, (uint32_t)n + 1, &fresh);
		} else {
			s = put_long(wc, word, n);
			if (!s)
				return false;
		}
		s->i++;
	}
	return true;
}

/* The first word that is over the limit for keys, or 0. */
static size_t find_too_long(const struct tr_words *w, size_t k)
{
	for (size_t i = 0; i < k; i++) {
		size_t n = w->edge[2 * i + 1] - w->edge[2 * i];
		if (n > TR_KEY_MAX)
			return n;
	}
	return 0;
}

static int count_text(
	struct wordcount *wc, struct tr_slice text, const struct tr_elem *e)
{
	struct tr_node *n = &wc->combine.node;
	tr_words_init(&wc->words, text.p, text.n);
	size_t k;
	while ((k = tr_words_next(&wc->words)) > 0) {
		size_t too_long =
			text.n > TR_KEY_MAX ? find_too_long(&wc->words, k) : 0;
		if (too_long)
			return tr_node_too_large(
				n, e, "key", too_long, TR_KEY_MAX);
		if (!count_words(wc, k))
			return tr_node_no_memory(n);
	}
	return 0;
}

static int wordcount_push(struct tr_node *n, const struct tr_elem_batch *batch)
{
	struct wordcount *wc = (struct wordcount *)n;
	for (uint32_t i = 0; i < batch->n; i++) {
		const struct tr_elem *e = &batch->elems[i];
		struct tr_slice text;
		int rc = tr_split_text(n, wc->split, e, &text);
		if (rc == 0)
			rc = count_text(wc, text, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int wordcount_push_records(struct tr_node *n,
	const struct tr_record_view *records, size_t n_records)
{
	struct wordcount *wc = (struct wordcount *)n;
	for (size_t i = 0; i < n_records; i++) {
		int rc = count_text(wc, records[i].value, NULL);
		if (rc != 0)
			return tr_exec_at_record(n->exec, &records[i], rc);
	}
	return 0;
}

static void wordcount_free(struct tr_node *n)
{
	tr_combine_fini((struct tr_combine *)n);
	tr_xfree(n);
}

static const struct tr_node_ops wordcount_ops = {
	.push = wordcount_push,
	.push_records = wordcount_push_records,
	.finish = tr_combine_finish,
	.free = wordcount_free,
};

struct tr_node *tr_wordcount_new(struct tr_exec *x,
	const Tranche__V1__Operator *split, const Tranche__V1__Operator *count,
	uint32_t stage)
{
	struct wordcount *wc = tr_xcalloc(1, sizeof(*wc));
	tr_combine_init(&wc->combine, &wordcount_ops, x, count, stage);
	wc->split = split;
	return &wc->combine.node;
}
