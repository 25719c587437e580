#include "tests/support/test.h"

#include <string.h>

#include "common/base/rng.h"
#include "common/data/crc32c.h"

typedef uint32_t crc_fn(uint32_t crc, const void *p, size_t n);

/* The vectors of RFC 3720, B.4, and the usual check value. */
static void assert_vectors(crc_fn *crc)
{
	uint8_t b[32] = { 0 };
	assert_int_equal(crc(0, "", 0), 0);
	assert_int_equal(crc(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc(0, b, 32), 0x8a9136aa);
	memset(b, 0xff, sizeof(b));
	assert_int_equal(crc(0, b, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		b[i] = i;
	assert_int_equal(crc(0, b, 32), 0x46dd794e);
	for (uint8_t i = 0; i < 32; i++)
		b[i] = 31 - i;
	assert_int_equal(crc(0, b, 32), 0x113fdb5c);
}

static void test_crc32c__vectors(void **state)
{
	(void)state;
	assert_vectors(tr_crc32c);
	assert_vectors(tr_crc32c_portable);
}

static void test_crc32c__continues_and_agrees(void **state)
{
	uint8_t b[300];
	struct tr_rng rng;
	(void)state;
	tr_rng_init(&rng, 1);
	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)tr_rng_next(&rng);
	for (size_t n = 0; n <= sizeof(b); n++) {
		uint32_t whole = tr_crc32c(0, b, n);
		size_t cut = n ? tr_rng_below(&rng, n) : 0;
		uint32_t parts =
			tr_crc32c(tr_crc32c(0, b, cut), b + cut, n - cut);
		assert_int_equal(whole, parts);
		assert_int_equal(whole, tr_crc32c_portable(0, b, n));
	}
}

TR_TEST_MAIN(cmocka_unit_test(test_crc32c__vectors),
	cmocka_unit_test(test_crc32c__continues_and_agrees));
