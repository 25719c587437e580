#include "executor/edge/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "executor/edge/daemon.h"
#include "executor/edge/environment.h"

enum {
	WORKER_FD = 3,
	PAGE_FD = 4
};

static char page_path[] = "/proc/self/fd/4";

struct tr_process *tr_process_find(struct tr_daemon *d, struct tr_worker_id id)
{
	struct tr_process *p = d->processes.all;
	while (p && p->id.v != id.v)
		p = p->next;
	return p;
}

static void process_free(struct tr_daemon *d, struct tr_process *p)
{
	if (p->fd >= 0)
		close(p->fd);
	tr_framefd_fini(&p->in);
	tr_buf_fini(&p->out);
	if (p->page_fd >= 0)
		close(p->page_fd);
	tr_page_unmap(p->page);
	tr_spool_remove_worker(&d->spool, p->id);
	tr_xfree(p);
}

/* ----------------------------------------------------------------- start */

static int queue_frame(struct tr_process *p, enum tr_kind kind, const void *msg,
	struct tr_slice payload, struct tr_buf *body)
{
	tr_buf_reset(body);
	int rc = tr_msg_pack(body, msg);
	if (rc != 0)
		return rc;
	struct tr_frame f = {
		.kind = (uint8_t)kind,
		.body = tr_slice_of(body->data, body->len),
		.payload = payload,
	};
	uint8_t header[TR_FRAME_HEADER_SIZE];
	rc = tr_frame_header(&f, header);
	if (rc == 0)
		rc = tr_buf_reserve(&p->out, tr_frame_size(&f));
	if (rc != 0)
		return rc;
	(void)!tr_buf_append(&p->out, header, sizeof(header));
	(void)!tr_buf_append(&p->out, f.body.p, f.body.n);
	(void)!tr_buf_append(&p->out, f.payload.p, f.payload.n);
	return 0;
}

static int read_artefact(struct tr_daemon *d, const struct tr_job *job,
	struct tr_buf *out, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	tr_spool_artefact(&d->spool, job->spec->artefact.data, path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tr_spool_error(err, "open", path);
	ssize_t n = 1;
	int rc = 0;
	while (rc == 0 && n > 0) {
		rc = tr_buf_reserve(out, TR_KIB(64));
		if (rc != 0)
			break;
		n = read(fd, out->data + out->len, TR_KIB(64));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			out->len += (size_t)n;
	}
	if (rc == 0 && n < 0)
		rc = tr_spool_error(err, "read", path);
	else if (rc != 0)
		tr_error_set(err, rc, "'%s' does not fit in memory", path);
	close(fd);
	return rc;
}

static uint64_t memory_budget(
	const struct tr_daemon *d, const struct tr_job *job)
{
	uint64_t own = d->conf->worker_memory_bytes;
	uint64_t asked = job->spec->worker_memory;
	return asked && asked < own ? asked : own;
}

static int queue_init(struct tr_daemon *d, struct tr_process *p,
	const struct tr_job *job, const char *spool, struct tr_error *err)
{
	const Tranche__V1__JobSpec *s = job->spec;
	Tranche__V1__WorkerInit m = TRANCHE__V1__WORKER_INIT__INIT;
	union {
		const char *in;
		char *out;
	} folder = { spool }, secrets = { d->conf->job_secrets };
	m.artefact_name = s->artefact_name;
	m.n_arguments = s->n_arguments;
	m.arguments = s->arguments;
	m.plan_digest = s->plan_digest;
	m.kafka = s->kafka;
	m.batch_time_ms = s->batch_time_ms;
	m.seed = s->seed;
	m.memory_bytes = memory_budget(d, job);
	m.window_bytes = d->conf->window_bytes;
	m.spool = folder.out;
	m.n_stages = s->n_stages;
	m.stages = s->stages;
	m.progress_page = page_path;
	m.secrets_dir = secrets.out;
	struct tr_buf artefact;
	tr_buf_init(&artefact, TR_ARTEFACT_MAX + TR_KIB(64));
	int rc = read_artefact(d, job, &artefact, err);
	if (rc == 0) {
		rc = queue_frame(p, TR_KIND_WORKER_INIT, &m,
			tr_slice_of(artefact.data, artefact.len), &d->out);
		if (rc != 0)
			tr_error_set(err, rc,
				"the job does not fit a worker's first "
				"message");
	}
	tr_buf_fini(&artefact);
	return rc;
}

/* Above those that the worker gets: no dup2 there overwrites it. */
static int move_up(int fd)
{
	int up = fcntl(fd, F_DUPFD_CLOEXEC, PAGE_FD + 1);
	close(fd);
	return up;
}

static int start(struct tr_daemon *d, const struct tr_process *p, int child_fd,
	char *const env[], pid_t *pid, struct tr_error *err)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char name[] = "tranche-worker";
	char *argv[] = { name, NULL };
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	/* stdout is nobody's; what a worker has to say goes to our log. */
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&files, 2, 1);
	posix_spawn_file_actions_adddup2(&files, child_fd, WORKER_FD);
	posix_spawn_file_actions_adddup2(&files, p->page_fd, PAGE_FD);
	posix_spawn_file_actions_addclosefrom_np(&files, PAGE_FD + 1);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	/* A group of its own: Ctrl-C is for the daemon to act on, and what it
	   might start ends with it. */
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	int rc = posix_spawn(pid, d->worker, &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (rc == 0)
		return 0;
	return tr_error_set(
		err, TR_EIO, "cannot start '%s': %s", d->worker, strerror(rc));
}

static int spawn_connected(struct tr_daemon *d, struct tr_process *p,
	const struct tr_job *job, struct tr_error *err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return tr_error_set(err, TR_EIO,
			"cannot make a socket pair: %s", strerror(errno));
	p->fd = pair[0];
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	tr_framefd_init(&p->in, p->fd, TR_FRAME_MAX);
	int theirs = move_up(pair[1]);
	p->page_fd = move_up(p->page_fd);
	if (theirs < 0 || p->page_fd < 0) {
		if (theirs >= 0)
			close(theirs);
		return tr_error_set(err, TR_EIO,
			"cannot pass descriptors on: %s", strerror(errno));
	}
	char **env = tr_environment_new(job->spec->kafka);
	int rc = start(d, p, theirs, env, &p->pid, err);
	tr_environment_free(env);
	close(theirs);
	close(p->page_fd);
	p->page_fd = -1;
	return rc;
}

static int prepare(struct tr_daemon *d, struct tr_process *p,
	const struct tr_job *job, struct tr_error *err)
{
	char folder[TR_SPOOL_PATH_MAX];
	tr_spool_worker(&d->spool, p->id, folder);
	/* Where the report goes that says what else was in the way. */
	int rc = tr_spool_make_job(&d->spool, job->id, err);
	if (rc != 0)
		return rc;
	rc = TR_FP("exe.before_spawn");
	if (rc != 0)
		return tr_error_set(err, rc, "failpoint exe.before_spawn");
	rc = tr_spool_make_worker(&d->spool, p->id, err);
	if (rc == 0)
		rc = tr_page_create(&p->page_fd, &p->page, err);
	if (rc == 0)
		rc = queue_init(d, p, job, folder, err);
	return rc;
}

int tr_process_spawn(struct tr_daemon *d, struct tr_worker_id id, uint32_t slot,
	struct tr_job *job, struct tr_error *err)
{
	struct tr_process *p = tr_xcalloc(1, sizeof(*p));
	p->id = id;
	p->slot = slot;
	p->job = job->id;
	p->fd = -1;
	p->page_fd = -1;
	p->timeout_ms = job->spec->task_timeout_ms;
	if (p->timeout_ms == 0)
		p->timeout_ms = d->conf->task_timeout_ms;
	p->memory_max = memory_budget(d, job) + d->conf->window_bytes +
			TR_WORKER_MEMORY_BASE;
	tr_buf_init(&p->out, 4 * TR_FRAME_MAX);
	int rc = prepare(d, p, job, err);
	if (rc == 0)
		rc = spawn_connected(d, p, job, err);
	if (rc != 0) {
		process_free(d, p);
		return rc;
	}
	p->next = d->processes.all;
	d->processes.all = p;
	tr_log_info("worker-started",
		"worker=%" PRIu64 " pid=%d slot=%u job=%" PRIu64, id.v,
		(int)p->pid, slot, job->id.v);
	return 0;
}

/* ------------------------------------------------------------------- run */

int tr_process_run(struct tr_daemon *d, struct tr_process *p,
	struct tr_attempt *a, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	Tranche__V1__TaskSpec spec = *a->spec;
	Tranche__V1__WorkerTask m = TRANCHE__V1__WORKER_TASK__INIT;
	struct tr_fetch_files files;
	tr_fetch_files(d, a, &files);
	spec.n_block_urls = 0;
	spec.n_blocks = 0;
	m.spec = &spec;
	m.n_inputs = files.n;
	m.inputs = files.list;
	tr_spool_path(&d->spool, &a->ref, TR_SPOOL_BLOCKS, path);
	m.block_path = path;
	int rc = queue_frame(
		p, TR_KIND_WORKER_TASK, &m, TR_SLICE_ABSENT, &d->out);
	tr_fetch_files_fini(&files);
	if (rc != 0)
		return tr_error_set(err, rc,
			"the task does not fit a message to its worker");
	p->attempt = a->ref.attempt;
	p->still_ms = 0;
	return 0;
}

/* Until it is reaped nobody else can have its number, nor its group's. */
void tr_process_kill(const struct tr_process *p)
{
	kill(-p->pid, SIGKILL);
}

void tr_process_stop(struct tr_process *p)
{
	p->stopped = true;
	tr_process_kill(p);
}

/* -------------------------------------------------------------- messages */

static struct tr_attempt *current(struct tr_daemon *d, struct tr_process *p)
{
	return p->attempt.v ? tr_attempt_find(&d->attempts, p->attempt) : NULL;
}

/* Ends a worker that does not keep to the protocol. */
static void misbehaved(struct tr_process *p, const struct tr_error *why)
{
	if (p->verdict.code != 0)
		return;
	tr_error_set(&p->verdict, TR_EKILLED, "the worker misbehaved: %s",
		why->text);
	tr_process_kill(p);
}

/* The worker holds to these limits itself; one that does not is no worker. */
static int check_log(struct tr_attempt *a, const Tranche__V1__JobLog *m,
	struct tr_error *err)
{
	for (size_t i = 0; i < m->n_lines; i++) {
		if (strlen(m->lines[i]->text) > TR_LOG_LINE_MAX)
			return tr_error_set(err, TR_ELIMIT,
				"a log line is longer than %llu bytes",
				(unsigned long long)TR_LOG_LINE_MAX);
		if (strlen(m->lines[i]->position) > TR_POSITION_MAX)
			return tr_error_set(err, TR_ELIMIT,
				"a log line's position is longer than %u bytes",
				TR_POSITION_MAX);
	}
	if (m->n_lines > TR_TASK_LOG_LINES_MAX - a->log_lines)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u log lines came", TR_TASK_LOG_LINES_MAX);
	a->log_lines += (uint32_t)m->n_lines;
	return 0;
}

static void keep(struct tr_daemon *d, struct tr_process *p,
	struct tr_attempt *a, const struct tr_frame *f,
	const ProtobufCMessageDescriptor *type)
{
	struct tr_error err;
	void *m = tr_msg_unpack(type, f->body, &err);
	bool good =
		m && (f->kind != TR_KIND_JOB_LOG || check_log(a, m, &err) == 0);
	tr_msg_free(m);
	if (!good) {
		misbehaved(p, &err);
		return;
	}
	char path[TR_SPOOL_PATH_MAX];
	tr_outbox_append(&a->outbox,
		tr_spool_path(&d->spool, &a->ref, TR_SPOOL_OUTBOX, path), f);
	if (f->kind == TR_KIND_RESULT_CHUNK)
		a->outbox.has_results = true;
	tr_pump_add(d, a);
}

static void on_done(struct tr_daemon *d, struct tr_process *p,
	struct tr_attempt *a, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__WorkerDone *m = tr_msg_unpack(
		&tranche__v1__worker_done__descriptor, f->body, &err);
	if (!m || (!m->receipt && !m->error)) {
		if (m)
			tr_error_set(&err, TR_EPROTO,
				"neither receipt nor error came");
		tr_msg_free(m);
		misbehaved(p, &err);
		return;
	}
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_WORKER_DONE,
		.worker = p->id,
		.ref = a->ref,
	};
	Tranche__V1__TaskReport report = TRANCHE__V1__TASK_REPORT__INIT;
	report.receipt = m->error ? NULL : m->receipt;
	report.error = m->error;
	if (m->error) {
		ev.error = tr_err_from_name(m->error->code);
		ev.error = ev.error ? ev.error : TR_EPROTO;
	}
	tr_attempt_report(d, a, &report);
	tr_msg_free(m);
	if (a->outbox.broken.code != 0)
		ev.error = a->outbox.broken.code;
	p->attempt.v = 0;
	tr_daemon_raise(d, &ev);
}

static void on_frame(
	struct tr_daemon *d, struct tr_process *p, const struct tr_frame *f)
{
	struct tr_attempt *a = current(d, p);
	struct tr_error err;
	if (p->stopped || p->verdict.code != 0)
		return;
	if (!a) {
		tr_error_set(&err, TR_EPROTO,
			"a frame of kind %u came while it had no task",
			f->kind);
		misbehaved(p, &err);
		return;
	}
	switch (f->kind) {
	case TR_KIND_RESULT_CHUNK:
		keep(d, p, a, f, &tranche__v1__result_chunk__descriptor);
		break;
	case TR_KIND_JOB_LOG:
		keep(d, p, a, f, &tranche__v1__job_log__descriptor);
		break;
	case TR_KIND_WORKER_DONE:
		on_done(d, p, a, f);
		break;
	default:
		tr_error_set(&err, TR_EPROTO,
			"a frame of kind %u is none of a worker's", f->kind);
		misbehaved(p, &err);
	}
}

static void close_socket(struct tr_process *p)
{
	close(p->fd);
	p->fd = -1;
}

/* A large frame's buffer is given back: workers are many. */
static void shrink(struct tr_process *p)
{
	if (p->in.buf.cap <= TR_KIB(64) || !p->in.done)
		return;
	tr_framefd_fini(&p->in);
	tr_framefd_init(&p->in, p->fd, TR_FRAME_MAX);
}

static void read_frames(struct tr_daemon *d, struct tr_process *p,
	uint32_t frames_max, uint64_t bytes_max)
{
	struct tr_frame f;
	uint64_t bytes = 0;
	int rc = 0;
	for (uint32_t i = 0; i < frames_max && bytes < bytes_max; i++) {
		rc = tr_framefd_read(&p->in, &f);
		if (rc != 0)
			break;
		bytes += tr_frame_size(&f);
		on_frame(d, p, &f);
		shrink(p);
	}
	if (rc == 0 || rc == TR_EAGAIN)
		return;
	close_socket(p);
	if (rc == TR_ECLOSED)
		return; /* it ends, or has: SIGCHLD tells how */
	struct tr_error err;
	tr_error_set(&err, rc, "a frame cannot be read (%s)", tr_err_name(rc));
	misbehaved(p, &err);
}

static void write_frames(struct tr_process *p)
{
	while (p->out_at < p->out.len) {
		ssize_t n = send(p->fd, p->out.data + p->out_at,
			p->out.len - p->out_at, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			close_socket(p);
			break;
		}
		p->out_at += (size_t)n;
	}
	tr_buf_fini(&p->out);
	p->out_at = 0;
}

struct pollfd tr_process_pollfd(struct tr_daemon *d, struct tr_process *p)
{
	struct pollfd poll = { .fd = p->fd };
	const struct tr_attempt *a = current(d, p);
	if (!a || tr_outbox_waiting(&a->outbox) < d->conf->backlog_bytes)
		poll.events |= POLLIN;
	if (p->out_at < p->out.len)
		poll.events |= POLLOUT;
	return poll;
}

void tr_process_ready(struct tr_daemon *d, struct tr_process *p, short revents)
{
	if (revents & POLLOUT)
		write_frames(p);
	if (p->fd >= 0 && (revents & (POLLIN | POLLHUP | POLLERR)))
		read_frames(d, p, TR_WORKER_FRAMES, TR_WORKER_BYTES);
	/* A worker without a socket can neither get nor report anything. */
	if (p->fd < 0)
		tr_process_kill(p);
}

/* ------------------------------------------------------------------- end */

static void explain(struct tr_daemon *d, struct tr_process *p, int status,
	struct tr_error *out)
{
	char place[640];
	tr_watch_describe(d, p, place, sizeof(place));
	if (p->verdict.code != 0)
		*out = p->verdict;
	else if (WIFSIGNALED(status))
		tr_error_set(out, TR_EKILLED, "the worker was ended by SIG%s%s",
			sigabbrev_np(WTERMSIG(status))
				? sigabbrev_np(WTERMSIG(status))
				: "RT",
			place);
	else
		tr_error_set(out, TR_EKILLED,
			"the worker exited with status %d%s",
			WEXITSTATUS(status), place);
}

static void ended(struct tr_daemon *d, struct tr_process *p, int status)
{
	/* What it said before it ended still counts: what a socket can hold.
	   There may be more only if somebody else holds its end as well. */
	if (!p->stopped && p->verdict.code == 0 && p->fd >= 0)
		read_frames(d, p, TR_WORKER_LEFT_FRAMES, TR_WORKER_LEFT_BYTES);
	struct tr_attempt *a = p->stopped ? NULL : current(d, p);
	if (a) {
		struct tr_error err;
		struct tr_place place;
		explain(d, p, status, &err);
		tr_watch_place(d, p, &place);
		tr_attempt_fail(d, a, &err, &place, true);
	}
	tr_log_info("worker-gone",
		"worker=%" PRIu64 " pid=%d status=%d attempt=%" PRIu64, p->id.v,
		(int)p->pid, status, p->attempt.v);
	if (p->stopped)
		return;
	struct tr_executor_event ev = {
		.kind = TR_EXECUTOR_WORKER_GONE,
		.worker = p->id,
	};
	tr_daemon_raise(d, &ev);
}

static bool has_ended(const struct tr_process *p)
{
	siginfo_t info = { .si_pid = 0 };
	return waitid(P_PID, (id_t)p->pid, &info,
		       WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == p->pid;
}

/* Ends the rest of its group first, while the number is still ours. */
static int wait_for(const struct tr_process *p)
{
	int status = 0;
	tr_process_kill(p);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

void tr_process_reap(struct tr_daemon *d)
{
	struct tr_process **link = &d->processes.all;
	while (*link) {
		struct tr_process *p = *link;
		if (!has_ended(p)) {
			link = &p->next;
			continue;
		}
		int status = wait_for(p);
		*link = p->next;
		ended(d, p, status);
		process_free(d, p);
	}
}

void tr_processes_fini(struct tr_daemon *d)
{
	while (d->processes.all) {
		struct tr_process *p = d->processes.all;
		d->processes.all = p->next;
		(void)wait_for(p);
		process_free(d, p);
	}
}

uint64_t tr_processes_memory(const struct tr_daemon *d)
{
	uint64_t sum = 0;
	for (struct tr_process *p = d->processes.all; p; p = p->next)
		sum += p->memory;
	return sum;
}
