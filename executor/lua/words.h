/*
 * Finds words for gmatch (match.lua), and knows the short ones it has met.
 *
 * Making a Lua string costs a hash, a look-up among all strings and most often
 * an allocation that is garbage at once. So the last short word of each of a
 * number of slots is remembered: its bytes here in `slots`, and under the same
 * slot, in a table on the Lua side, its string. find leaves the words it came
 * across in `found`, and in `new` which of them are not in their slots; Lua
 * takes the string of a slot that holds the word's bytes, and else makes the
 * string, puts it into its table and then the bytes into the slot, in this
 * order, so that a failure between does no harm.
 *
 * Thread: the program's.
 */
#ifndef TR_EXECUTOR_LUA_WORDS_H
#define TR_EXECUTOR_LUA_WORDS_H

#include <stdint.h>

enum {
	TR_LUA_WORD_MAX = 15, /* bytes of a short one */
	TR_LUA_WORDS_FOUND = 64,
	TR_LUA_WORDS_SLOTS = 1 << 13,
	TR_LUA_WORDS_NO_SLOT = TR_LUA_WORDS_SLOTS, /* too long for one */
};

/* A short word's bytes, zeroes, and its length in the last byte. */
struct tr_lua_word_bytes {
	int64_t low;
	int64_t high;
};

struct tr_lua_word {
	struct tr_lua_word_bytes bytes; /* of a short word */
	uint32_t begins;
	uint32_t ends;
	uint32_t slot;
	uint32_t unused;
};

/* Repeated in ffi.lua. */
struct tr_lua_words {
	struct tr_lua_word found[TR_LUA_WORDS_FOUND];
	uint32_t n_new;
	uint32_t new[TR_LUA_WORDS_FOUND]; /* indices of found */
	uint32_t unused;
	struct tr_lua_word_bytes slots[TR_LUA_WORDS_SLOTS];
};

struct tr_lua_words *tr_lua_words_new(void);
void tr_lua_words_free(struct tr_lua_words *w);

/*
 * Puts the next runs of bytes of s[at, n) that are in the set (256 flags, 0 or
 * 1) into w->found; returns how many. Fewer than TR_LUA_WORDS_FOUND are the
 * last. Any `at` is fine.
 */
uint32_t tr_lua_words_find(struct tr_lua_words *w, const uint8_t *set,
	const char *s, uint32_t n, uint32_t at);

#endif /* TR_EXECUTOR_LUA_WORDS_H */
