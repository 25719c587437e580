/*
 * The private cluster of `tranche run`, with the real programs, which stand
 * beside this one.
 */
#include "tests/support/test.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/clock/clock.h"
#include "driver/ctl/local.h"
#include "tests/driver/ctl/scratch.h"

enum {
	PATIENCE_MS = 10000
};

static void start(struct tr_local *l, const struct tr_local_opts *opts)
{
	struct tr_error err;
	if (tr_local_start(l, opts, &err) != 0)
		fail_msg("%s", err.text);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void test_local__gone_when_its_parent_is_killed(void **state)
{
	struct {
		pid_t driver, executor;
		char dir[64];
	} told;
	int fds[2];
	(void)state;
	assert_int_equal(pipe(fds), 0);
	/* What the killed one leaves comes to us to be waited for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (pid == 0) {
		struct tr_local l;
		struct tr_error err;
		struct tr_local_opts opts = { .slots = 1, .executor = true };
		if (tr_local_start(&l, &opts, &err) != 0)
			_exit(1);
		told.driver = l.driver.pid;
		told.executor = l.executor.pid;
		memcpy(told.dir, l.dir, sizeof(told.dir));
		if (write(fds[1], &told, sizeof(told)) != sizeof(told))
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* By the kernel's hand, soon: waitpid blocks until then. */
	int status;
	assert_int_equal(waitpid(told.driver, &status, 0), told.driver);
	assert_true(WIFSIGNALED(status));
	/* It may not have come further than to see that it is an orphan. */
	assert_int_equal(waitpid(told.executor, NULL, 0), told.executor);
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", told.dir);
	assert_int_equal(system(cmd), 0);
	close(fds[0]);
	close(fds[1]);
}

static void assert_mode(const char *dir, const char *name, mode_t mode)
{
	char path[128];
	struct stat st;
	snprintf(path, sizeof(path), "%s%s", dir, name);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
}

static void test_local__serves_and_leaves_nothing(void **state)
{
	struct tr_local l;
	struct tr_local_opts opts = { .slots = 1, .executor = true };
	struct tr_error err;
	(void)state;
	start(&l, &opts);
	pid_t driver = l.driver.pid, executor = l.executor.pid;
	char dir[64];
	memcpy(dir, l.dir, sizeof(dir));
	if (tr_local_wait_executor(&l, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(tr_local_check(&l, &err), 0);
	assert_mode(dir, "", 0700);
	assert_mode(dir, "/executor.token", 0600);
	assert_mode(dir, "/submitter.token", 0600);
	tr_local_stop(&l);
	assert_false(is_there(dir));
	assert_int_equal(kill(driver, 0), -1);
	assert_int_equal(kill(executor, 0), -1);
}

static void test_local__says_that_a_process_was_killed(void **state)
{
	struct tr_local l;
	struct tr_local_opts opts = { .slots = 1, .executor = true };
	struct tr_error err;
	(void)state;
	start(&l, &opts);
	struct pollfd fd = { .fd = l.executor.fd, .events = POLLIN };
	kill(l.executor.pid, SIGKILL);
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_int_equal(tr_local_check(&l, &err), TR_ECLOSED);
	assert_string_equal(
		err.text, "tranche-executor was killed by signal 9");
	/* A client that lost its connection hears of the driver instead. */
	tr_error_set(&err, TR_EIO, "something else");
	kill(l.driver.pid, SIGKILL);
	fd.fd = l.driver.fd;
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	tr_error_set(&err, TR_ECLOSED, "lost the connection");
	assert_int_equal(tr_local_explain(&l, &err), TR_ECLOSED);
	assert_string_equal(err.text, "tranche-driver was killed by signal 9");
	tr_local_stop(&l);
}

/* Whether an argument of that process is `wanted`. */
static bool has_argument(pid_t pid, const char *wanted)
{
	char path[64], *arg = NULL;
	size_t cap = 0;
	bool has = false;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	while (!has && getdelim(&arg, &cap, '\0', f) > 0)
		has = strcmp(arg, wanted) == 0;
	free(arg);
	fclose(f);
	return has;
}

static void test_local__gives_a_job_the_memory_it_asks_for(void **state)
{
	struct tr_local l;
	struct tr_error err;
	struct tr_local_opts opts = {
		.slots = 1, .memory = UINT64_C(512) << 20, .executor = true
	};
	(void)state;
	start(&l, &opts);
	assert_int_equal(tr_local_wait_executor(&l, &err), 0);
	assert_true(has_argument(
		l.executor.pid, "executor.worker_memory=536870912"));
	tr_local_stop(&l);
}

static void test_local__keeps_the_users_folder(void **state)
{
	struct scratch s;
	struct tr_local l;
	struct tr_error err;
	(void)state;
	scratch_make(&s);
	struct tr_local_opts opts = { .data_dir = scratch_path(&s, "data"),
		.slots = 1,
		.executor = true };
	for (int i = 0; i < 2; i++) {
		start(&l, &opts);
		assert_true(is_there(scratch_path(&s, "data/spool")));
		tr_local_stop(&l);
		assert_true(is_there(scratch_path(&s, "data/driver/cluster")));
		assert_false(is_there(scratch_path(&s, "data/spool")));
	}
	/* Two at once: the second says why not, and takes nothing away. */
	struct tr_local second;
	start(&l, &opts);
	assert_int_equal(tr_local_start(&second, &opts, &err), TR_ECLOSED);
	assert_non_null(strstr(err.text, "tranche-driver ended: "));
	assert_non_null(strstr(err.text, "is held by another driver"));
	assert_true(is_there(scratch_path(&s, "data/spool")));
	assert_int_equal(tr_local_check(&l, &err), 0);
	tr_local_stop(&l);
	scratch_remove(&s);
}

static void test_local__a_folder_that_cannot_be_made(void **state)
{
	struct tr_local l;
	struct tr_error err;
	struct tr_local_opts opts = { .data_dir = "/proc/nowhere" };
	(void)state;
	assert_int_equal(tr_local_start(&l, &opts, &err), TR_EIO);
	assert_non_null(strstr(err.text, "'/proc/nowhere'"));
	assert_false(is_there(l.dir));
}

/* The first one forks before any other thread is there. */
TR_TEST_MAIN(cmocka_unit_test(test_local__gone_when_its_parent_is_killed),
	cmocka_unit_test(test_local__serves_and_leaves_nothing),
	cmocka_unit_test(test_local__says_that_a_process_was_killed),
	cmocka_unit_test(test_local__gives_a_job_the_memory_it_asks_for),
	cmocka_unit_test(test_local__keeps_the_users_folder),
	cmocka_unit_test(test_local__a_folder_that_cannot_be_made));
