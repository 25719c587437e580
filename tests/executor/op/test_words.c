#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/rng.h"
#include "executor/op/words.h"

/* The definition, byte by byte: the six of isspace() in the C locale. */
static int is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' ||
	       c == '\r';
}

struct span {
	size_t from, until;
};

static size_t reference(const uint8_t *p, size_t n, struct span *out)
{
	size_t k = 0, i = 0;
	while (i < n) {
		while (i < n && is_space(p[i]))
			i++;
		size_t from = i;
		while (i < n && !is_space(p[i]))
			i++;
		if (i > from)
			out[k++] = (struct span){ from, i };
	}
	return k;
}

static void check(const uint8_t *text, size_t n)
{
	struct span *want = calloc(n + 1, sizeof(*want));
	size_t n_want = reference(text, n, want), seen = 0, k;
	/* In memory of exactly that size, so that reading on is found. */
	uint8_t *exact = malloc(n > 0 ? n : 1);
	assert_non_null(exact);
	memcpy(exact, text, n);
	static struct tr_words w;
	tr_words_init(&w, exact, n);
	while ((k = tr_words_next(&w)) > 0) {
		for (size_t i = 0; i < k; i++, seen++) {
			assert_true(seen < n_want);
			assert_int_equal(w.edge[2 * i], want[seen].from);
			assert_int_equal(w.edge[2 * i + 1], want[seen].until);
		}
	}
	assert_int_equal(seen, n_want);
	assert_int_equal(tr_words_next(&w), 0);
	free(exact);
	free(want);
}

static void test_words__of_ugly_texts(void **state)
{
	(void)state;
	static const char *const texts[] = { "", " ", "a", " a", "a ", " a ",
		"a b", "a\t\n\v\f\r b", "\xc3\xa9t\xc3\xa9 \xff\xfe",
		"\xc2\xa0no-break", "\x1c\x1d\x1e\x1f", "\x85 \x08\x0e",
		"...  ...",
		"one  two   three    four     five      six       seven" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check((const uint8_t *)texts[i], strlen(texts[i]));
	static const uint8_t nuls[] = "a\0b \0 c\0";
	check(nuls, sizeof(nuls));
}

static void test_words__of_every_byte(void **state)
{
	(void)state;
	uint8_t text[3 * 256];
	for (unsigned c = 0; c < 256; c++) {
		text[3 * c] = 'x';
		text[3 * c + 1] = (uint8_t)c;
		text[3 * c + 2] = ' ';
	}
	check(text, sizeof(text));
}

/* Every length around the blocks of 64, word and space at each border. */
static void test_words__of_every_length(void **state)
{
	(void)state;
	uint8_t text[300];
	for (size_t n = 0; n <= sizeof(text); n++) {
		memset(text, 'w', n);
		check(text, n);
		memset(text, ' ', n);
		check(text, n);
		for (size_t i = 0; i < n; i++)
			text[i] = i % 2 ? ' ' : 'w';
		check(text, n);
	}
}

static void test_words__of_random_texts(void **state)
{
	(void)state;
	static const uint8_t alphabet[] = { 'a', 'b', 0, ' ', '\t', '\n', '\v',
		'\f', '\r', 8, 14, 31, 33, 128, 160, 255 };
	struct tr_rng rng;
	tr_rng_init(&rng, 7);
	uint8_t text[5000];
	for (unsigned round = 0; round < 2000; round++) {
		size_t n = tr_rng_below(&rng, round % 50 ? 200 : sizeof(text));
		uint64_t spaces = tr_rng_below(&rng, 16) + 1;
		for (size_t i = 0; i < n; i++)
			text[i] = tr_rng_below(&rng, spaces)
					  ? alphabet[tr_rng_below(&rng, 3)]
					  : alphabet[tr_rng_below(&rng, 16)];
		check(text, n);
	}
}

TR_TEST_MAIN(cmocka_unit_test(test_words__of_ugly_texts),
	cmocka_unit_test(test_words__of_every_byte),
	cmocka_unit_test(test_words__of_every_length),
	cmocka_unit_test(test_words__of_random_texts));
