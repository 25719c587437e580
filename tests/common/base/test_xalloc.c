#include "tests/support/test.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/xalloc.h"

static void test_xalloc__gives_memory(void **state)
{
	static const char zeros[100];
	(void)state;
	char *p = tr_xmalloc(100);
	memset(p, 1, 100);
	p = tr_xrealloc(p, 200);
	assert_int_equal(p[99], 1);
	tr_xfree(p);
	p = tr_xcalloc(10, 10);
	assert_memory_equal(p, zeros, 100);
	tr_xfree(p);
	tr_xfree(NULL);
}

static void test_xalloc__copies(void **state)
{
	(void)state;
	char *s = tr_xstrdup("text");
	assert_string_equal(s, "text");
	char *m = tr_xmemdup("a\0b", 3);
	assert_memory_equal(m, "a\0b", 3);
	tr_xfree(s);
	tr_xfree(m);
}

/* Nothing is no failure: a pointer comes back, and it can be freed. */
static void test_xalloc__of_nothing(void **state)
{
	(void)state;
	void *all[] = { tr_xmalloc(0), tr_xcalloc(0, 8), tr_xmemdup("", 0),
		tr_xrealloc(tr_xmalloc(8), 0) };
	for (size_t i = 0; i < 4; i++) {
		assert_non_null(all[i]);
		tr_xfree(all[i]);
	}
}

static void test_xalloc__ends_the_process_when_out_of_memory(void **state)
{
	volatile size_t too_much = SIZE_MAX / 4;
	int status = 0;
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		tr_xfree(tr_xmalloc(too_much));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	/* By abort, or by the sanitizer that the build has. */
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TR_TEST_MAIN(cmocka_unit_test(test_xalloc__gives_memory),
	cmocka_unit_test(test_xalloc__copies),
	cmocka_unit_test(test_xalloc__of_nothing),
	cmocka_unit_test(test_xalloc__ends_the_process_when_out_of_memory));
