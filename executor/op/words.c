/*
 * 64 bytes become one word of bits, set where there is white space; a word
 * begins or ends where a bit differs from the one before it. So the work is
 * the same for any text, and the only unpredictable branch is the number of
 * edges in a block.
 */
#include "executor/op/words.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>

static uint64_t spaces_16(const uint8_t *p)
{
	__m128i c = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* \t \n \v \f \r are 9 to 13. */
	__m128i t = _mm_sub_epi8(c, _mm_set1_epi8(9));
	__m128i tab = _mm_cmpeq_epi8(_mm_min_epu8(t, _mm_set1_epi8(4)), t);
	__m128i blank = _mm_cmpeq_epi8(c, _mm_set1_epi8(' '));
	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(tab, blank));
}

static uint64_t spaces(const uint8_t *p)
{
	return spaces_16(p) | spaces_16(p + 16) << 16 |
	       spaces_16(p + 32) << 32 | spaces_16(p + 48) << 48;
}
#else
static uint64_t spaces(const uint8_t *p)
{
	uint64_t mask = 0;
	for (unsigned i = 0; i < TR_WORDS_BLOCK; i++) {
		uint64_t is_space = p[i] == ' ' || (uint8_t)(p[i] - 9) <= 4;
		mask |= is_space << i;
	}
	return mask;
}
#endif

/* The last n < 64 bytes of a text; what is beyond its end is white space. */
static uint64_t spaces_at_end(const uint8_t *text, size_t text_n, size_t n)
{
	uint64_t beyond = ~UINT64_C(0) << n;
	if (text_n >= TR_WORDS_BLOCK) {
		const uint8_t *p = text + text_n - TR_WORDS_BLOCK;
		return spaces(p) >> (TR_WORDS_BLOCK - n) | beyond;
	}
	uint8_t room[TR_WORDS_BLOCK] = { 0 };
	memcpy(room, text + text_n - n, n);
	return spaces(room) | beyond;
}

size_t tr_words_next(struct tr_words *w)
{
	/* An odd number of edges: the last one began a word that goes on. */
	uint32_t k = w->n_edges & 1;
	if (k)
		w->edge[0] = w->edge[w->n_edges - 1];
	while (w->at < w->n && k < TR_WORDS_EDGES) {
		size_t left = w->n - w->at;
		uint64_t s = left >= TR_WORDS_BLOCK
				     ? spaces(w->p + w->at)
				     : spaces_at_end(w->p, w->n, left);
		uint64_t edges = s ^ (s << 1 | w->before);
		w->before = s >> 63;
		for (; edges != 0; edges &= edges - 1)
			w->edge[k++] = (uint32_t)w->at +
				       (uint32_t)__builtin_ctzll(edges);
		w->at += TR_WORDS_BLOCK;
	}
	if (w->at >= w->n && (k & 1)) /* the text ends in a word */
		w->edge[k++] = (uint32_t)w->n;
	w->n_edges = k;
	return k / 2;
}
