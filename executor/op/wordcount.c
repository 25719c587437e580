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

struct short_key {
	uint64_t k0;
	uint64_t k1;
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

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/*
 * The 16 bytes from `word` on, of which only those before `end` are touched:
 * near the end of a text of 16 bytes or more its last 16 are shifted down.
 */
static inline struct short_key load(
	const uint8_t *text, const uint8_t *word, const uint8_t *end)
{
	struct short_key k = { 0, 0 };
	size_t room = (size_t)(end - word);
	if (room >= 16) {
		memcpy(&k, word, 16);
	} else if (end - text >= 16) {
		memcpy(&k, end - 16, 16);
		unsigned drop = 8 * (16 - (unsigned)room);
		if (drop >= 64) {
			k.k0 = k.k1 >> (drop - 64);
			k.k1 = 0;
		} else {
			k.k0 = k.k0 >> drop | k.k1 << 1 << (63 - drop);
			k.k1 >>= drop;
		}
	} else {
		memcpy(&k, word, room);
	}
	return k;
}

/* What stays of the two halves of a word of that length. */
static const uint64_t keep0[SHORT_WORD + 1] = { 0, 0xff, 0xffff, 0xffffff,
	0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
	~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0),
	~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0) };
static const uint64_t keep1[SHORT_WORD + 1] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff,
	0xffffffffffffff };

/* The key of a short word: its tag and its bytes. */
static inline struct short_key key_of_word(
	const uint8_t *text, const uint8_t *word, size_t n, const uint8_t *end)
{
	struct short_key k = load(text, word, end);
	k.k0 &= keep0[n];
	k.k1 &= keep1[n];
	return (struct short_key){
		.k0 = k.k0 << 8 | TR_TAG_BYTES,
		.k1 = k.k1 << 8 | k.k0 >> 56,
	};
}
#else
static inline struct short_key key_of_word(
	const uint8_t *text, const uint8_t *word, size_t n, const uint8_t *end)
{
	(void)text;
	(void)end;
	uint8_t room[TR_TABLE_INLINE_KEY] = { TR_TAG_BYTES };
	struct short_key k;
	memcpy(room + 1, word, n);
	memcpy(&k, room, sizeof(k));
	return k;
}
#endif

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
			struct short_key key = key_of_word(text, word, n, end);
			bool fresh;
			s = tr_table_put_short(
				t, key.k0, key.k1, (uint32_t)n + 1, &fresh);
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
