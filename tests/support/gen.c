#include "tests/support/gen.h"

#include <string.h>

enum {
	CONSONANTS = 10,
	VOWELS = 5,
	SYLLABLES = CONSONANTS * VOWELS,
	LINE_BYTES_MIN = 88,
};

void tr_gen_init(struct tr_gen *g, uint64_t seed)
{
	memset(g, 0, sizeof(*g));
	tr_rng_init(&g->rng, seed);
}

const char *tr_gen_word(unsigned i, char word[TR_GEN_WORD_MAX])
{
	size_t n = 0;

	/* Digits of a number in base 50 are unique; so are syllables. */
	do {
		unsigned digit = i % SYLLABLES;
		word[n++] = "bdfgklmnst"[digit / VOWELS];
		word[n++] = "aeiou"[digit % VOWELS];
		i /= SYLLABLES;
	} while (i > 0);
	word[n] = '\0';
	return word;
}

/* Small numbers come more often, as common words do. */
static unsigned pick(struct tr_gen *g)
{
	uint64_t a = tr_rng_below(&g->rng, TR_GEN_WORDS);

	return (unsigned)tr_rng_below(&g->rng, a + 1);
}

size_t tr_gen_line(struct tr_gen *g, char line[TR_GEN_LINE_MAX])
{
	uint64_t target = LINE_BYTES_MIN + tr_rng_below(&g->rng, 10);
	size_t n = 0;

	while (n < target) {
		char word[TR_GEN_WORD_MAX];
		unsigned i = pick(g);
		size_t len = strlen(tr_gen_word(i, word));

		if (n > 0)
			line[n++] = ' ';
		memcpy(line + n, word, len);
		n += len;
		g->counts[i]++;
		g->words++;
	}
	line[n] = '\0';
	g->lines++;
	g->bytes += n;
	return n;
}
