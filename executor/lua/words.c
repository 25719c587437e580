#include "executor/lua/words.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/xalloc.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	"to_bytes cuts bytes off the upper end");

enum {
	CHUNK = 64 /* bytes of text whose membership is known at once */
};

/*
 * Which bytes of s[from, from + CHUNK) are in the set, bit by bit. Looking 64
 * bytes up in a row takes no branch, and finding the ends of runs in the bits
 * none that depends on where they are.
 */
struct walk {
	const uint8_t *set;
	const uint8_t *s;
	uint32_t n;
	uint32_t from; /* UINT32_MAX: no chunk yet */
	uint64_t members;
};

struct tr_lua_words *tr_lua_words_new(void)
{
	return tr_xcalloc(1, sizeof(struct tr_lua_words));
}

void tr_lua_words_free(struct tr_lua_words *w)
{
	tr_xfree(w);
}

static uint64_t look_up(const uint8_t *set, const uint8_t *p, uint32_t n)
{
	uint64_t members = 0;
	uint32_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint32_t low = set[p[i]] | (uint32_t)set[p[i + 1]] << 1 |
			       (uint32_t)set[p[i + 2]] << 2 |
			       (uint32_t)set[p[i + 3]] << 3;
		uint32_t high = set[p[i + 4]] | (uint32_t)set[p[i + 5]] << 1 |
				(uint32_t)set[p[i + 6]] << 2 |
				(uint32_t)set[p[i + 7]] << 3;
		members |= (uint64_t)(low | high << 4) << i;
	}
	for (; i < n; i++)
		members |= (uint64_t)set[p[i]] << i;
	return members;
}

/* The bits of the text from `at` on, at < n, in bit 0 and up. */
static uint64_t members_from(struct walk *w, uint32_t at)
{
	uint32_t from = at / CHUNK * CHUNK;
	if (from != w->from) {
		uint32_t left = w->n - from;
		w->members = look_up(
			w->set, w->s + from, left < CHUNK ? left : CHUNK);
		w->from = from;
	}
	return w->members >> (at - from);
}

/* The first position from `at` on that is in the set, or is not; or n. */
static uint32_t next(struct walk *w, uint32_t at, bool in_set)
{
	while (at < w->n) {
		uint64_t bits = members_from(w, at);
		uint32_t left = CHUNK - at % CHUNK;
		if (!in_set)
			bits = ~bits;
		uint32_t skip = bits ? (uint32_t)__builtin_ctzll(bits) : CHUNK;
		if (skip < left)
			return at + skip < w->n ? at + skip : w->n;
		at += left;
	}
	return w->n;
}

/* Word s[0, len); `room` bytes of text follow s. */
static struct tr_lua_word_bytes to_bytes(
	const uint8_t *s, uint32_t len, uint32_t room)
{
	uint64_t half[2] = { 0, 0 };
	if (room < sizeof(half)) {
		memcpy(half, s, len);
	} else {
		memcpy(half, s, sizeof(half));
		uint32_t low = len < 8 ? len : 8, high = len - low;
		half[0] &= low == 8 ? UINT64_MAX : ~(UINT64_MAX << (8 * low));
		half[1] &= ~(UINT64_MAX << (8 * high));
	}
	half[1] |= (uint64_t)len << 56;
	return (struct tr_lua_word_bytes){ (int64_t)half[0], (int64_t)half[1] };
}

static uint32_t slot_of(struct tr_lua_word_bytes b)
{
	uint64_t h = (uint64_t)b.low * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32 ^ (uint64_t)b.high) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t)(h >> 32) % TR_LUA_WORDS_SLOTS;
}

/* Bytes and slot of a word of the text, whose bounds are set. */
static void identify(
	struct tr_lua_words *w, uint32_t i, const struct walk *walk)
{
	struct tr_lua_word *word = &w->found[i];
	uint32_t len = word->ends - word->begins;
	if (len > TR_LUA_WORD_MAX) {
		word->slot = TR_LUA_WORDS_NO_SLOT;
		return;
	}
	word->bytes =
		to_bytes(walk->s + word->begins, len, walk->n - word->begins);
	word->slot = slot_of(word->bytes);
	const struct tr_lua_word_bytes *known = &w->slots[word->slot];
	w->new[w->n_new] = i;
	w->n_new += ((known->low ^ word->bytes.low) |
			    (known->high ^ word->bytes.high)) != 0;
}

uint32_t tr_lua_words_find(struct tr_lua_words *w, const uint8_t *set,
	const char *s, uint32_t n, uint32_t at)
{
	struct walk walk = { set, (const uint8_t *)s, n, UINT32_MAX, 0 };
	uint32_t count = 0;
	w->n_new = 0;
	for (; count < TR_LUA_WORDS_FOUND; count++) {
		struct tr_lua_word *word = &w->found[count];
		word->begins = next(&walk, at, true);
		if (word->begins >= n)
			break;
		at = word->ends = next(&walk, word->begins, false);
		identify(w, count, &walk);
	}
	return count;
}
