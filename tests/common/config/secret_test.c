#include "common/config/secret.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

static char path[64];
static char ref[80];

static void write_secret(const char *bytes, size_t n, mode_t mode)
{
	snprintf(path, sizeof(path), "/tmp/tranche-secret-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	snprintf(ref, sizeof(ref), "file:%s", path);
}

static int remove_secret(void **state)
{
	(void)state;
	if (*path)
		unlink(path);
	*path = '\0';
	return 0;
}

static void test_secret__file_without_white_space_at_its_end(void **state)
{
	(void)state;
	write_secret("s3cret \r\n", 9, 0600);
	char out[32];
	struct tr_error err;
	assert_int_equal(tr_secret_resolve(ref, out, sizeof(out), &err), 0);
	assert_string_equal(out, "s3cret");
}

static void test_secret__file_for_everybody_is_refused(void **state)
{
	(void)state;
	write_secret("s3cret", 6, 0644);
	char out[32], want[128];
	struct tr_error err;
	assert_int_equal(
		tr_secret_resolve(ref, out, sizeof(out), &err), TR_EAUTH);
	snprintf(want, sizeof(want),
		"'%s' can be read by everybody: chmod 600 it", path);
	assert_string_equal(err.text, want);
}

static void test_secret__bad_files(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
		int code;
	} cases[] = {
		{ "", 0, TR_EINVAL },
		{ " \n", 2, TR_EINVAL },
		{ "a\0b", 3, TR_EINVAL },
		{ "12345678", 8, TR_ELIMIT },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		write_secret(cases[i].bytes, cases[i].n, 0600);
		char out[8];
		struct tr_error err;
		assert_int_equal(tr_secret_resolve(ref, out, sizeof(out), &err),
			cases[i].code);
		remove_secret(NULL);
	}
}

static void test_secret__from_the_environment(void **state)
{
	(void)state;
	setenv("TR_TEST_SECRET", "abc", 1);
	char out[8];
	struct tr_error err;
	assert_int_equal(
		tr_secret_resolve("env:TR_TEST_SECRET", out, 8, &err), 0);
	assert_string_equal(out, "abc");
	unsetenv("TR_TEST_SECRET");
	assert_int_equal(tr_secret_resolve("env:TR_TEST_SECRET", out, 8, &err),
		TR_ENOTFOUND);
	assert_string_equal(
		err.text, "environment variable 'TR_TEST_SECRET' is not set");
}

static void test_secret__in_the_clear_is_refused_unrepeated(void **state)
{
	(void)state;
	struct tr_error err;
	assert_int_equal(tr_secret_check("hunter2", &err), TR_EINVAL);
	assert_null(strstr(err.text, "hunter2"));
}

TR_TEST_MAIN(cmocka_unit_test_teardown(
		     test_secret__file_without_white_space_at_its_end,
		     remove_secret),
	cmocka_unit_test_teardown(
		test_secret__file_for_everybody_is_refused, remove_secret),
	cmocka_unit_test_teardown(test_secret__bad_files, remove_secret),
	cmocka_unit_test(test_secret__from_the_environment),
	cmocka_unit_test(test_secret__in_the_clear_is_refused_unrepeated));
