/*
 * Hits are counted for the life of a process, so each case has names of its
 * own, and what ends a process is tried in a child.
 */
#include "tests/support/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/failpoint.h"

static int tear_down(void **state)
{
	(void)state;
	unsetenv("TRANCHE_FAILPOINT");
	unsetenv("TRANCHE_FAILPOINT_LOG");
	return 0;
}

static void set_points(const char *spec)
{
	assert_int_equal(setenv("TRANCHE_FAILPOINT", spec, 1), 0);
}

static void test_failpoint__does_nothing_unless_named(void **state)
{
	(void)state;
	assert_int_equal(TR_FP("quiet"), 0);
	set_points("other=error:3;quieter=error:3;quie=error:3");
	assert_int_equal(TR_FP("quiet"), 0);
	set_points("");
	assert_int_equal(TR_FP("quiet"), 0);
}

static void test_failpoint__error_is_given_once(void **state)
{
	(void)state;
	set_points("once=error:12");
	assert_int_equal(TR_FP("once"), TR_EIO);
	assert_int_equal(TR_FP("once"), 0);
}

static void test_failpoint__takes_the_nth_hit(void **state)
{
	(void)state;
	set_points("first=error:3;third=error:22@3;last=error:12@2");
	assert_int_equal(TR_FP("third"), 0);
	assert_int_equal(TR_FP("first"), TR_ELIMIT);
	assert_int_equal(TR_FP("third"), 0);
	assert_int_equal(TR_FP("third"), TR_EFULL);
	assert_int_equal(TR_FP("third"), 0);
	assert_int_equal(TR_FP("last"), 0);
	assert_int_equal(TR_FP("last"), TR_EIO);
}

static void test_failpoint__sleeps(void **state)
{
	struct timespec from;
	struct timespec to;
	(void)state;
	set_points("slow=sleep:20");
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(TR_FP("slow"), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((to.tv_sec - from.tv_sec) * 1000000000 + to.tv_nsec -
			    from.tv_nsec >=
		    20000000);
}

/* The wait status of a child that runs into the point. */
static int status_of_child(const char *spec)
{
	int status = 0;
	set_points(spec);
	pid_t child = fork();
	if (child == 0) {
		(void)TR_FP("child");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	if (WIFSTOPPED(status)) {
		assert_int_equal(kill(child, SIGKILL), 0);
		int last;
		assert_int_equal(waitpid(child, &last, 0), child);
	}
	return status;
}

static void test_failpoint__ends_or_stops_the_process(void **state)
{
	(void)state;
	int status = status_of_child("child=kill");
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	status = status_of_child("child=stop");
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	status = status_of_child("child=abort");
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = status_of_child("child=kill@2");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_failpoint__logs_each_name_once(void **state)
{
	char path[] = "/tmp/tranche-failpoint-XXXXXX";
	char text[64] = "";
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(setenv("TRANCHE_FAILPOINT_LOG", path, 1), 0);
	(void)TR_FP("log.a");
	(void)TR_FP("log.b");
	(void)TR_FP("log.a");
	assert_int_equal(read(fd, text, sizeof(text) - 1), 12);
	assert_string_equal(text, "log.a\nlog.b\n");
	close(fd);
	unlink(path);
}

#define CASE(f) cmocka_unit_test_teardown(f, tear_down)

TR_TEST_MAIN(CASE(test_failpoint__does_nothing_unless_named),
	CASE(test_failpoint__error_is_given_once),
	CASE(test_failpoint__takes_the_nth_hit), CASE(test_failpoint__sleeps),
	CASE(test_failpoint__ends_or_stops_the_process),
	CASE(test_failpoint__logs_each_name_once));
