#include "driver/store/checkup.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/kv/kv.h"
#include "driver/store/folder.h"
#include "driver/store/layout.h"

/*
 * What the child has to say, in memory shared with it: one that dies of a
 * signal cannot say where it was, but has said it before.
 */
struct verdict {
	struct tr_error error;
	char at[PATH_MAX]; /* the environment it works on */
};

struct walk {
	const char *folder;
	struct verdict *verdict;
	unsigned jobs;
};

static int walk_env(struct walk *w, const char *path,
	const struct tr_kv_schema *schema, struct tr_error *err)
{
	snprintf(w->verdict->at, sizeof(w->verdict->at), "%s", path);
	return tr_kv_walk(path, schema, err);
}

static int walk_job(void *arg, uint64_t job, struct tr_error *err)
{
	struct walk *w = arg;
	char path[PATH_MAX];
	w->jobs++;
	return walk_env(w, tr_folder_job(path, w->folder, job),
		&tr_store_job_schema, err);
}

static int walk_folder(struct walk *w, struct tr_error *err)
{
	char path[PATH_MAX];
	int rc = tr_folder_each_job(w->folder, walk_job, w, err);
	if (rc != 0)
		return rc;
	rc = walk_env(w, tr_folder_cluster(path, w->folder),
		&tr_store_cluster_schema, err);
	if (rc != TR_ENOTFOUND)
		return rc;
	if (w->jobs > 0)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is missing, but there are %u jobs", path,
			w->jobs);
	return 0; /* a new folder */
}

static _Noreturn void child(struct walk *w, int lock_fd)
{
	static const int deadly[] = { SIGBUS, SIGSEGV, SIGABRT, SIGILL,
		SIGFPE };
	const struct rlimit no_core = { 0, 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A shared description: while the child has it, so has the lock. */
	close(lock_fd);
	setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < TR_ARRAY_LEN(deadly); i++)
		signal(deadly[i], SIG_DFL);
	int rc = walk_folder(w, &w->verdict->error);
	_exit(rc == 0 ? 0 : 1);
}

static int judge(const struct verdict *v, int status, struct tr_error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && v->error.code != 0)
		return tr_error_set(err, v->error.code, "%s", v->error.text);
	if (WIFSIGNALED(status))
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: reading it ended with signal %d (%s)",
			v->at, WTERMSIG(status), strsignal(WTERMSIG(status)));
	return tr_error_set(err, TR_EIO,
		"the check of '%s' ended with status %d", v->at, status);
}

int tr_checkup(const char *folder, int lock_fd, struct tr_error *err)
{
	struct verdict *v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (v == MAP_FAILED)
		return tr_error_set(err, TR_ENOMEM, "no memory for a check");
	struct walk w = { .folder = folder, .verdict = v };
	int status = 0;
	int rc = 0;
	pid_t pid = fork();
	if (pid == 0)
		child(&w, lock_fd);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		rc = tr_error_set(err, TR_EIO, "cannot start the check: %s",
			strerror(errno));
	else
		rc = judge(v, status, err);
	munmap(v, sizeof(*v));
	return rc;
}
