/* The examples of FIPS 180-4, and lengths around its block size. */
#include "tests/support/test.h"

#include <string.h>

#include "common/base/sha256.h"

static void expect(const char *text, const char *want)
{
	uint8_t digest[TR_SHA256_SIZE];
	char hex[TR_SHA256_HEX_SIZE];
	tr_sha256(text, strlen(text), digest);
	assert_string_equal(tr_sha256_hex(digest, hex), want);
}

static void test_sha256__published_vectors(void **state)
{
	(void)state;
	expect("", "e3b0c44298fc1c149afbf4c8996fb924"
		   "27ae41e4649b934ca495991b7852b855");
	expect("abc", "ba7816bf8f01cfea414140de5dae2223"
		      "b00361a396177a9cb410ff61f20015ad");
	expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039"
		"a33ce45964ff2167f6ecedd419db06c1");
}

TR_TEST_MAIN(cmocka_unit_test(test_sha256__published_vectors));
