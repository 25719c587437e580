/*
 * Lines of words whose counts are known without counting them again.
 *
 * The generator picks words by number and adds up what it picked; a test
 * compares the system's result with these sums, so that no code under test has
 * a part in what is expected. Same seed, same lines.
 *
 * Thread: plain values.
 */
#ifndef TR_TESTS_SUPPORT_GEN_H
#define TR_TESTS_SUPPORT_GEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"

enum {
	TR_GEN_WORDS = 1000,
	TR_GEN_WORD_MAX = 16,  /* with its NUL */
	TR_GEN_LINE_MAX = 128, /* with its NUL; 95 bytes in the mean */
};

struct tr_gen {
	struct tr_rng rng;
	uint64_t counts[TR_GEN_WORDS]; /* of each word, in all lines so far */
	uint64_t words;
	uint64_t lines;
	uint64_t bytes; /* of the lines, without line ends */
};

void tr_gen_init(struct tr_gen *g, uint64_t seed);

/* The next line; returns its length. Words are parted by one space each. */
size_t tr_gen_line(struct tr_gen *g, char line[TR_GEN_LINE_MAX]);

/* Text of word i < TR_GEN_WORDS; each has another. Returns word. */
const char *tr_gen_word(unsigned i, char word[TR_GEN_WORD_MAX]);

#endif /* TR_TESTS_SUPPORT_GEN_H */
