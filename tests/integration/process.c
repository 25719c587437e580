#include "tests/support/test.h"

#include "tests/integration/process.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock/clock.h"

enum {
	LOOK_EVERY_US = 5000,
	CANNOT_EXECUTE = 127,
};

bool wait_until(bool (*is)(void *arg), void *arg, uint64_t ms)
{
	uint64_t deadline = tr_clock_mono_ms() + ms;

	while (!is(arg)) {
		if (tr_clock_mono_ms() >= deadline)
			return false;
		usleep(LOOK_EVERY_US); /* lint: waits for the condition */
	}
	return true;
}

static void open_as(const char *path, int flags, int fd)
{
	int file = open(path, flags | O_CLOEXEC, 0600);

	if (file < 0 || dup2(file, fd) < 0)
		_exit(CANNOT_EXECUTE);
}

/* Between fork and exec: nothing that takes a lock. */
static void become(const struct process_spec *spec, char **env, pid_t parent)
{
	union {
		const char *const *in;
		char *const *out;
	} argv = { spec->argv };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CANNOT_EXECUTE);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (spec->folder != NULL && chdir(spec->folder) != 0)
		_exit(CANNOT_EXECUTE);
	/* Who opens both ends of a FIFO never sees its end. */
	open_as(spec->in != NULL ? spec->in : "/dev/null",
		spec->in != NULL ? O_RDWR : O_RDONLY, STDIN_FILENO);
	open_as(spec->out, O_WRONLY | O_CREAT | O_APPEND, STDOUT_FILENO);
	open_as(spec->err, O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
	execvpe(argv.out[0], argv.out, env);
	_exit(CANNOT_EXECUTE);
}

static bool is_set_in(const char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=") + 1;

	for (; env != NULL && *env != NULL; env++)
		if (strncmp(*env, entry, n) == 0)
			return true;
	return false;
}

/* The test's own environment with `over` over it. */
static char **environment(const char *const *over)
{
	size_t n = 0, k = 0;

	while (environ[n] != NULL)
		n++;
	for (const char *const *o = over; o != NULL && *o != NULL; o++)
		n++;
	char **env = calloc(n + 1, sizeof(*env));
	assert_non_null(env);
	for (char **e = environ; *e != NULL; e++)
		if (!is_set_in(over, *e))
			env[k++] = *e;
	for (; over != NULL && *over != NULL; over++) {
		union {
			const char *in;
			char *out;
		} entry = { *over };
		env[k++] = entry.out;
	}
	return env;
}

void process_start(struct process *p, const struct process_spec *spec)
{
	char **env = environment(spec->env);
	pid_t parent = getpid();

	assert_int_equal(p->pid, 0);
	p->pid = fork();
	if (p->pid == 0)
		become(spec, env, parent);
	free(env);
	assert_true(p->pid > 0);
}

static void take_status(struct process *p, int status)
{
	p->pid = 0;
	p->status = WIFEXITED(status) ? WEXITSTATUS(status)
				      : PROCESS_SIGNALLED + WTERMSIG(status);
}

bool process_is_running(struct process *p)
{
	int status;

	if (p->pid == 0)
		return false;
	if (waitpid(p->pid, &status, WNOHANG) == 0)
		return true;
	take_status(p, status);
	return false;
}

void process_signal(struct process *p, int signal)
{
	if (process_is_running(p))
		kill(p->pid, signal);
}

static bool has_ended(void *arg)
{
	return !process_is_running(arg);
}

int process_wait(struct process *p, uint64_t ms)
{
	return wait_until(has_ended, p, ms) ? p->status : PROCESS_RUNNING;
}

void process_kill(struct process *p)
{
	int status;

	if (p->pid == 0)
		return;
	kill(p->pid, SIGKILL);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	take_status(p, status);
}

int process_end(struct process *p, uint64_t ms)
{
	process_signal(p, SIGTERM);
	if (process_wait(p, ms) == PROCESS_RUNNING)
		process_kill(p);
	return p->status;
}

/* A thread's children are listed with the thread. */
static size_t children_of(const char *thread, pid_t *pids, size_t n, size_t max)
{
	FILE *in = fopen(thread, "re");
	int pid;

	while (in != NULL && n < max && fscanf(in, "%d", &pid) == 1)
		pids[n++] = pid;
	if (in != NULL)
		fclose(in);
	return n;
}

size_t process_children(const struct process *p, pid_t *pids, size_t max)
{
	char pattern[PROCESS_PATH_MAX];
	glob_t threads;
	size_t n = 0;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/children",
		(int)p->pid);
	if (glob(pattern, 0, NULL, &threads) != 0)
		return 0;
	for (size_t i = 0; i < threads.gl_pathc; i++)
		n = children_of(threads.gl_pathv[i], pids, n, max);
	globfree(&threads);
	return n;
}
