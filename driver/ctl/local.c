#include "driver/ctl/local.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/config/libexec.h"
#include "driver/ctl/client.h"
#include "driver/ctl/ctl.h"
#include "driver/ctl/tokens.h"

enum {
	START_MS = 10000,
	STOP_MS = 5000,
	END_MS = 1000,
	LOOK_EVERY_MS = 1,
	ARGS_MAX = 32,
	TEXT_MAX = 4096 + 64,
};

/* ------------------------------------------------------------------ folder */

static int make_dir(const char *path, struct tr_error *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return tr_error_set(err, TR_EIO, "cannot make folder '%s': %s", path,
		strerror(errno));
}

/* Sockets have short names: where TMPDIR is too long, it is /tmp. */
static int make_folders(struct tr_local *l, const struct tr_local_opts *opts,
	struct tr_error *err)
{
	const char *tmp = getenv("TMPDIR");
	if (!tmp || *tmp != '/' ||
		strlen(tmp) + sizeof("/tranche-XXXXXX") > sizeof(l->dir))
		tmp = "/tmp";
	snprintf(l->dir, sizeof(l->dir), "%s/tranche-XXXXXX", tmp);
	if (!mkdtemp(l->dir)) {
		l->dir[0] = '\0';
		return tr_error_set(err, TR_EIO,
			"cannot make a folder in '%s': %s", tmp,
			strerror(errno));
	}
	l->keep = opts->data_dir != NULL;
	const char *base = l->keep ? opts->data_dir : l->dir;
	if ((size_t)snprintf(l->data_dir, PATH_MAX, "%s/driver", base) >=
			PATH_MAX ||
		(size_t)snprintf(l->spool_dir, PATH_MAX, "%s/spool", base) >=
			PATH_MAX)
		return tr_error_set(
			err, TR_EINVAL, "'%s' is too long a path", base);
	int rc = make_dir(base, err);
	return rc == 0 ? make_dir(l->data_dir, err) : rc;
}

static int remove_one(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	remove(path);
	return 0;
}

static void remove_folder(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int make_tokens(struct tr_local *l, struct tr_error *err)
{
	static const char *const names[] = { "executor.token",
		"submitter.token" };
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < TR_ARRAY_LEN(names); i++) {
		char path[sizeof(l->dir) + 32];
		snprintf(path, sizeof(path), "%s/%s", l->dir, names[i]);
		rc = tr_token_create(path, err);
	}
	return rc;
}

/* ---------------------------------------------------------------- children */

struct args {
	char *argv[ARGS_MAX];
	int n;
};

static void put_arg(struct args *a, const char *text)
{
	tr_assert(a->n < ARGS_MAX - 1);
	a->argv[a->n++] = tr_xstrdup(text);
}

static void put_set(struct args *a, const char *fmt, ...) TR_PRINTF(2, 3);

static void put_set(struct args *a, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_arg(a, "--set");
	put_arg(a, text);
}

static void free_args(struct args *a)
{
	for (int i = 0; i < a->n; i++)
		tr_xfree(a->argv[i]);
}

/*
 * In the child, after fork. A group of its own keeps the terminal's Ctrl-C
 * away; the kernel's signal comes when the parent is gone, unless it is gone
 * already.
 */
static _Noreturn void become(
	const char *path, char *const argv[], const char *log, pid_t parent)
{
	sigset_t none;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	int in = open("/dev/null", O_RDONLY);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 ||
		dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(path, argv);
	dprintf(STDERR_FILENO, "cannot run '%s': %s\n", path, strerror(errno));
	_exit(1);
}

static int start_child(struct tr_local *l, struct tr_local_child *c,
	struct args *a, struct tr_error *err)
{
	char path[PATH_MAX], log[sizeof(l->dir) + 64];
	int rc = tr_libexec_find(c->name, NULL, path, sizeof(path), err);
	if (rc != 0)
		return tr_error_set(err, rc,
			"the program '%s' does not stand beside this one: is "
			"the installation whole?",
			c->name);
	snprintf(log, sizeof(log), "%s/%s.log", l->dir, c->name);
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become(path, a->argv, log, parent);
	if (pid < 0)
		return tr_error_set(err, TR_EIO, "cannot start '%s': %s",
			c->name, strerror(errno));
	c->pid = pid;
	c->fd = pidfd_open(pid, 0);
	return 0;
}

static int start_driver(struct tr_local *l, struct tr_error *err)
{
	struct args a = { .n = 0 };
	put_arg(&a, l->driver.name);
	put_set(&a, "driver.listen=ipc://%s/driver.sock", l->dir);
	put_set(&a, "driver.data_dir=%s", l->data_dir);
	put_set(&a, "driver.executor_token=file:%s/executor.token", l->dir);
	put_set(&a, "driver.submitter_token=file:%s/submitter.token", l->dir);
	/* The user's own processes may read what the user names. */
	put_set(&a, "driver.job_secrets=/");
	int rc = start_child(l, &l->driver, &a, err);
	free_args(&a);
	return rc;
}

/* The spool is ours alone: the driver holds the lock of its data folder. */
static int start_executor(struct tr_local *l, const struct tr_local_opts *opts,
	struct tr_error *err)
{
	struct args a = { .n = 0 };
	int rc = make_dir(l->spool_dir, err);
	if (rc != 0)
		return rc;
	l->has_spool = true;
	put_arg(&a, l->executor.name);
	put_set(&a, "executor.name=local");
	put_set(&a, "executor.driver=ipc://%s/driver.sock", l->dir);
	put_set(&a, "executor.listen=ipc://%s/blocks.sock", l->dir);
	put_set(&a, "executor.token=file:%s/executor.token", l->dir);
	put_set(&a, "executor.spool_dir=%s", l->spool_dir);
	put_set(&a, "executor.slots=%u", opts->slots);
	/* A job asks for less by itself. */
	if (opts->memory > TR_WORKER_MEMORY_DEFAULT)
		put_set(&a, "executor.worker_memory=%llu",
			(unsigned long long)opts->memory);
	put_set(&a, "executor.job_secrets=/");
	rc = start_child(l, &l->executor, &a, err);
	free_args(&a);
	return rc;
}

/* ----------------------------------------------------------------- watching */

/* The last line that a program wrote, its own words before its log's. */
static void last_line(const struct tr_local *l, const struct tr_local_child *c,
	char *out, size_t size)
{
	char path[sizeof(l->dir) + 64], *line = NULL;
	size_t cap = 0, own = strlen(c->name);
	ssize_t n;
	snprintf(out, size, "it left no word");
	snprintf(path, sizeof(path), "%s/%s.log", l->dir, c->name);
	FILE *f = fopen(path, "re");
	while (f && (n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		bool plain = strncmp(line, c->name, own) == 0 &&
			     strncmp(line + own, ": ", 2) == 0;
		snprintf(out, size, "%s", plain ? line + own + 2 : line);
		if (plain)
			break;
	}
	free(line);
	if (f)
		fclose(f);
}

static bool has_ended(const struct tr_local_child *c, siginfo_t *how)
{
	memset(how, 0, sizeof(*how));
	return c->pid &&
	       waitid(P_PIDFD, (id_t)c->fd, how, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       how->si_pid == c->pid;
}

static int tell_end(const struct tr_local *l, const struct tr_local_child *c,
	const siginfo_t *how, struct tr_error *err)
{
	char words[TR_ERROR_TEXT_MAX - 64];
	if (how->si_code != CLD_EXITED)
		return tr_error_set(err, TR_ECLOSED,
			"%s was killed by signal %d", c->name, how->si_status);
	last_line(l, c, words, sizeof(words));
	return tr_error_set(err, TR_ECLOSED, "%s ended: %s", c->name, words);
}

int tr_local_check(struct tr_local *l, struct tr_error *err)
{
	const struct tr_local_child *children[] = { &l->driver, &l->executor };
	siginfo_t how;
	for (size_t i = 0; i < TR_ARRAY_LEN(children); i++)
		if (has_ended(children[i], &how))
			return tell_end(l, children[i], &how, err);
	return 0;
}

int tr_local_explain(struct tr_local *l, struct tr_error *err)
{
	struct pollfd fd = { .fd = l->driver.fd, .events = POLLIN };
	/* Its sockets close a moment before it has ended. */
	if (err->code == TR_ECLOSED)
		poll(&fd, 1, END_MS);
	int code = err->code, rc = tr_local_check(l, err);
	return rc ? rc : code;
}

/* Whether the driver of this folder says that it listens. */
static bool is_listening(const struct tr_local *l)
{
	char path[PATH_MAX + 16], url[128] = "";
	snprintf(path, sizeof(path), "%s/driver.url", l->data_dir);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	bool got = fgets(url, sizeof(url), f) != NULL;
	fclose(f);
	url[strcspn(url, "\n")] = '\0';
	return got && strcmp(url, l->conf.driver) == 0;
}

/* A moment, shorter when a child ends. */
static void breathe(const struct tr_local *l)
{
	struct pollfd fds[] = {
		{ .fd = l->driver.pid ? l->driver.fd : -1, .events = POLLIN },
		{ .fd = l->executor.pid ? l->executor.fd : -1,
			.events = POLLIN },
	};
	poll(fds, TR_ARRAY_LEN(fds), LOOK_EVERY_MS);
}

static int wait_driver(struct tr_local *l, struct tr_error *err)
{
	uint64_t until = tr_clock_mono_ms() + START_MS;
	int rc = 0;
	while (rc == 0 && !is_listening(l)) {
		if (tr_clock_mono_ms() >= until)
			return tr_error_set(err, TR_ETIMEOUT,
				"%s does not listen after %d s", l->driver.name,
				START_MS / 1000);
		breathe(l);
		rc = tr_local_check(l, err);
	}
	return rc;
}

static int count_executors(struct tr_client *c, size_t *n, struct tr_error *err)
{
	struct tr_reply *reply;
	Tranche__V1__ExecutorListRequest m =
		TRANCHE__V1__EXECUTOR_LIST_REQUEST__INIT;
	int rc = tr_client_ask(
		c, TR_KIND_EXECUTOR_LIST, &m, TR_SLICE_ABSENT, &reply, err);
	if (rc != 0)
		return rc;
	rc = tr_ctl_expect(reply, TR_KIND_EXECUTOR_LIST_REPLY, err);
	const Tranche__V1__ExecutorListReply *r = reply->msg;
	if (rc == 0)
		*n = r->n_executors;
	tr_reply_free(reply);
	return rc;
}

int tr_local_wait_executor(struct tr_local *l, struct tr_error *err)
{
	struct tr_client *c;
	struct tr_client_opts opts = { .conf = &l->conf, .wake_fd = -1 };
	uint64_t until = tr_clock_mono_ms() + START_MS;
	size_t n = 0;
	int rc = tr_client_open(&c, &opts, err);
	if (rc != 0)
		return rc;
	while ((rc = count_executors(c, &n, err)) == 0 && n == 0) {
		rc = tr_local_check(l, err);
		if (rc == 0 && tr_clock_mono_ms() >= until)
			rc = tr_error_set(err, TR_ETIMEOUT,
				"%s has not registered after %d s",
				l->executor.name, START_MS / 1000);
		if (rc != 0)
			break;
		breathe(l);
	}
	tr_client_close(c);
	return rc;
}

/* ------------------------------------------------------------- start, stop */

/* Of no file and no environment: those speak of another driver. */
static void make_conf(struct tr_local *l)
{
	char text[128];
	snprintf(text, sizeof(text), "ipc://%s/driver.sock", l->dir);
	l->conf.driver = tr_xstrdup(text);
	snprintf(text, sizeof(text), "file:%s/submitter.token", l->dir);
	l->conf.token = tr_xstrdup(text);
	l->conf.timeout_ms = START_MS;
}

int tr_local_start(struct tr_local *l, const struct tr_local_opts *opts,
	struct tr_error *err)
{
	*l = (struct tr_local){ .driver = { "tranche-driver", 0, -1 },
		.executor = { "tranche-executor", 0, -1 } };
	/* Workers whose executor is gone become ours to wait for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	int rc = make_folders(l, opts, err);
	make_conf(l);
	if (rc == 0)
		rc = make_tokens(l, err);
	if (rc == 0)
		rc = start_driver(l, err);
	if (rc == 0)
		rc = wait_driver(l, err);
	if (rc == 0 && opts->executor)
		rc = start_executor(l, opts, err);
	if (rc != 0)
		tr_local_stop(l);
	return rc;
}

static void end_child(struct tr_local_child *c, int signal, uint32_t wait_ms)
{
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };
	if (c->pid == 0)
		return;
	kill(c->pid, signal);
	if (signal != SIGKILL && poll(&fd, 1, (int)wait_ms) <= 0)
		kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	close(c->fd);
	c->pid = 0;
}

/* Workers die with their executor; nobody writes to the spool after this. */
static void reap_workers(void)
{
	uint64_t until = tr_clock_mono_ms() + STOP_MS;
	pid_t pid;
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 &&
		tr_clock_mono_ms() < until)
		if (pid == 0)
			poll(NULL, 0, LOOK_EVERY_MS);
}

void tr_local_stop(struct tr_local *l)
{
	/* What it holds is worth nothing without the job. */
	end_child(&l->executor, SIGKILL, 0);
	/* Made to be killed at any time; but what stays is closed properly. */
	end_child(&l->driver, l->keep ? SIGTERM : SIGKILL, STOP_MS);
	if (l->has_spool) {
		reap_workers();
		remove_folder(l->spool_dir);
	}
	if (l->dir[0])
		remove_folder(l->dir);
	tr_client_conf_free(&l->conf);
}
