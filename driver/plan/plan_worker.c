#include "driver/plan/plan_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "common/wire/framefd.h"
#include "common/wire/kinds.h"

enum {
	WORKER_FD = 3,
	ENDING_MS = 1000,
};

/* TZ lets the worker resolve civil times; nothing else is handed down. */
static int spawn(const char *binary, const char *tz, int fd, pid_t *pid)
{
	char zone[TR_NAME_MAX + 4] = "TZ=UTC";
	if (tz[0])
		snprintf(zone, sizeof(zone), "TZ=%s", tz);
	char name[] = "tranche-worker";
	char *argv[] = { name, NULL };
	char *envp[] = { zone, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none, deflt;
	sigemptyset(&none);
	sigfillset(&deflt);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, fd, WORKER_FD);
	posix_spawn_file_actions_addclosefrom_np(&fa, WORKER_FD + 1);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(
		&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &deflt);
	int rc = posix_spawn(pid, binary, &fa, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int send_init(int fd, const struct tr_plan_worker *w,
	const Tranche__V1__SubmitRequest *request, struct tr_slice artefact)
{
	Tranche__V1__WorkerInit init = TRANCHE__V1__WORKER_INIT__INIT;
	init.artefact_name = request->artefact_name;
	init.arguments = request->arguments;
	init.n_arguments = request->n_arguments;
	init.memory_bytes = w->memory_bytes;
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_BODY_MAX);
	int rc = tr_msg_pack(&body, &init);
	if (rc == 0) {
		struct tr_frame f = { .kind = TR_KIND_WORKER_INIT,
			.body = { body.data, body.len },
			.payload = artefact };
		rc = tr_framefd_write(fd, &f);
	}
	tr_buf_fini(&body);
	return rc;
}

/* Waits for the answer frame. TR_ETIMEOUT, TR_ECLOSED or a frame error. */
static int receive(struct tr_framefd *in, uint64_t deadline, struct tr_frame *f)
{
	for (;;) {
		uint64_t now = tr_clock_mono_ms();
		struct pollfd p = { .fd = in->fd, .events = POLLIN };
		if (now >= deadline)
			return TR_ETIMEOUT;
		int n = poll(&p, 1, (int)(deadline - now));
		if (n < 0 && errno != EINTR)
			return TR_EIO;
		if (n <= 0)
			continue;
		int rc = tr_framefd_read(in, f);
		if (rc == TR_EAGAIN)
			continue;
		/* print() at the top level has no job yet to log to. */
		if (rc == 0 && f->kind != TR_KIND_WORKER_PLAN)
			continue;
		return rc;
	}
}

/*
 * One that closed its end is ending: its own status is the reason. Any other,
 * and one that takes too long to end, is killed.
 */
static int end(pid_t pid, bool is_ending)
{
	uint64_t until = tr_clock_mono_ms() + ENDING_MS;
	int status = 0;
	pid_t got = 0;
	while (is_ending && (got = waitpid(pid, &status, WNOHANG)) == 0 &&
		tr_clock_mono_ms() < until)
		poll(NULL, 0, 2);
	if (got == pid)
		return status;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* Why a worker that gave no plan ended. It has been killed or is dead. */
static int explain(int rc, int status, const struct tr_plan_worker *w,
	struct tr_error *err)
{
	if (rc != TR_ETIMEOUT && rc != TR_ECLOSED)
		return tr_error_set(err, rc == TR_ELIMIT ? rc : TR_EIO,
			"the plan worker's answer cannot be read: %s",
			rc == TR_ELIMIT ? "the plan is larger than a message"
					: tr_err_name(rc));
	if (rc == TR_ETIMEOUT)
		return tr_error_set(err, TR_EKILLED,
			"the script's top level ran longer than %u ms: an "
			"endless loop outside of the operators?",
			w->timeout_ms);
	if (WIFSIGNALED(status))
		return tr_error_set(err, TR_EKILLED,
			"the script ended its plan worker: signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return tr_error_set(err, TR_EIO,
		"the plan worker '%s' gave no answer: exit status %d",
		w->binary, WIFEXITED(status) ? WEXITSTATUS(status) : status);
}

static int read_plan(const struct tr_frame *f, Tranche__V1__WorkerPlan **out,
	struct tr_error *err)
{
	Tranche__V1__WorkerPlan *plan = tr_msg_unpack(
		&tranche__v1__worker_plan__descriptor, f->body, err);
	if (!plan)
		return err->code;
	if (plan->error) {
		const char *where = plan->error->where;
		tr_msg_error_from(err, plan->error);
		if (err->code == TR_OK)
			err->code = TR_EPROTO;
		if (where[0] && !strstr(err->text, where))
			tr_error_prefix(err, "%s", where);
		tr_msg_free(plan);
		return err->code;
	}
	if (!plan->plan) {
		tr_msg_free(plan);
		return tr_error_set(
			err, TR_EPROTO, "the plan worker sent no plan");
	}
	*out = plan;
	return 0;
}

int tr_plan_worker_run(const struct tr_plan_worker *w,
	const Tranche__V1__SubmitRequest *request, struct tr_slice artefact,
	Tranche__V1__WorkerPlan **out, struct tr_error *err)
{
	uint64_t deadline = tr_clock_mono_ms() + w->timeout_ms;
	int pair[2];
	pid_t pid;
	struct tr_frame f;
	struct tr_framefd in;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return tr_error_set(err, TR_EIO,
			"cannot start a plan worker: %s", strerror(errno));
	/* A pair that is fd 3 already would keep its close-on-exec flag. */
	int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, WORKER_FD + 1);
	int rc = spawn(w->binary, request->tz, theirs, &pid);
	close(pair[1]);
	close(theirs);
	if (rc != 0) {
		close(pair[0]);
		return tr_error_set(err, TR_EIO,
			"cannot start the plan worker '%s': %s", w->binary,
			strerror(rc));
	}
	tr_framefd_init(&in, pair[0], TR_FRAME_MAX);
	struct timeval limit = { .tv_sec = w->timeout_ms / 1000 + 1 };
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	rc = send_init(pair[0], w, request, artefact);
	/* Half an answer must not hold us beyond the deadline. */
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	if (rc == 0 || rc == TR_ECLOSED)
		rc = receive(&in, deadline, &f);
	int got = rc == 0 ? read_plan(&f, out, err) : 0;
	int status = end(pid, rc == TR_ECLOSED);
	tr_framefd_fini(&in);
	close(pair[0]);
	return rc == 0 ? got : explain(rc, status, w, err);
}
