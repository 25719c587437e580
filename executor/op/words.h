/*
 * Words: the longest runs of bytes that are no white space. White space is the
 * six bytes of isspace() in the C locale, which is Lua's %s: the words of a
 * text are those of string.gmatch(text, "%S+"), NUL and bytes above 127
 * included.
 *
 *	struct tr_words w;
 *	tr_words_init(&w, text, n);
 *	while ((k = tr_words_next(&w)) > 0)
 *		word i < k is text[w.edge[2 * i], w.edge[2 * i + 1])
 *
 * Thread: the owner's.
 */
#ifndef TR_EXECUTOR_OP_WORDS_H
#define TR_EXECUTOR_OP_WORDS_H

#include <stddef.h>
#include <stdint.h>

enum {
	TR_WORDS_BLOCK = 64, /* bytes looked at in one go */
	TR_WORDS_EDGES = 512
};

struct tr_words {
	const uint8_t *p;
	size_t n;
	size_t at;        /* bytes before it were looked at */
	uint64_t before;  /* 1: white space or nothing stands before `at` */
	uint32_t n_edges; /* of the last call, that of an unended word too */
	uint32_t edge[TR_WORDS_EDGES + TR_WORDS_BLOCK + 1];
};

static inline void tr_words_init(struct tr_words *w, const uint8_t *p, size_t n)
{
	w->p = p;
	w->n = n;
	w->at = 0;
	w->before = 1;
	w->n_edges = 0;
}

/* How many words it found; 0 at the end. */
size_t tr_words_next(struct tr_words *w);

#endif /* TR_EXECUTOR_OP_WORDS_H */
