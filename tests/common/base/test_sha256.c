/* Values of FIPS 180-4's examples and of sha256sum. */
#include "common/base/sha256.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/test.h"

static void check(const char *text, size_t times, const char *want)
{
	struct tr_sha256 s;
	uint8_t digest[TR_SHA256_SIZE];
	char hex[TR_SHA256_HEX_SIZE];
	tr_sha256_init(&s);
	for (size_t i = 0; i < times; i++)
		tr_sha256_update(&s, text, strlen(text));
	tr_sha256_final(&s, digest);
	assert_string_equal(tr_sha256_hex(digest, hex), want);
}

static void test_sha256__known_values(void **state)
{
	(void)state;
	check("", 1,
		"e3b0c44298fc1c149afbf4c8996fb924"
		"27ae41e4649b934ca495991b7852b855");
	check("abc", 1,
		"ba7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad");
	check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		"248d6a61d20638b8e5c026930c3e6039"
		"a33ce45964ff2167f6ecedd419db06c1");
	check("aaaaaaa", 1000000 / 7 + 1,
		"1478d771a8c746aac1af1a0e31c85815"
		"4d87a5b92cc0a2cb536f142b3771ded8");
}

static void test_sha256__pieces_do_not_matter(void **state)
{
	(void)state;
	uint8_t bytes[300], whole[TR_SHA256_SIZE], parts[TR_SHA256_SIZE];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		tr_sha256(bytes, n, whole);
		struct tr_sha256 s;
		tr_sha256_init(&s);
		tr_sha256_update(&s, bytes, n / 3);
		tr_sha256_update(&s, bytes + n / 3, n - n / 3);
		tr_sha256_final(&s, parts);
		assert_memory_equal(whole, parts, sizeof(whole));
	}
}

TR_TEST_MAIN(cmocka_unit_test(test_sha256__known_values),
	cmocka_unit_test(test_sha256__pieces_do_not_matter));
