#include "tests/support/test.h"

#include "tests/executor/worker/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/wire/kinds.h"

static void spawn(struct peer *p, int theirs, int page)
{
	char name[] = "tranche-worker";
	char *argv[] = { name, NULL };
	posix_spawn_file_actions_t fa;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, theirs, 3);
	posix_spawn_file_actions_adddup2(&fa, page, 4);
	assert_int_equal(posix_spawn(&p->pid, TR_WORKER_BINARY, &fa, NULL, argv,
				 environ),
		0);
	posix_spawn_file_actions_destroy(&fa);
}

void peer_start(struct peer *p)
{
	int pair[2];
	struct tr_error err;
	memset(p, 0, sizeof(*p));
	tr_buf_init(&p->rows, SIZE_MAX);
	tr_buf_init(&p->log, SIZE_MAX);
	snprintf(p->folder, sizeof(p->folder), "/tmp/tr-worker-test-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	int made;
	assert_int_equal(tr_page_create(&made, &p->page, &err), 0);
	int page = fcntl(made, F_DUPFD_CLOEXEC, 10);
	close(made);
	snprintf(p->page_path, sizeof(p->page_path), "/proc/self/fd/4");
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	int theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
	spawn(p, theirs, page);
	close(pair[1]);
	close(theirs);
	close(page);
	p->fd = pair[0];
	tr_framefd_init(&p->in, p->fd, TR_FRAME_MAX);
}

int peer_stop(struct peer *p)
{
	int status = 0;
	char command[PEER_PATH + 16];
	close(p->fd);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	tr_framefd_fini(&p->in);
	tr_page_unmap(p->page);
	tr_buf_fini(&p->rows);
	tr_buf_fini(&p->log);
	snprintf(command, sizeof(command), "rm -rf %s", p->folder);
	assert_int_equal(system(command), 0);
	return status;
}

static void send_frame(
	struct peer *p, uint8_t kind, const void *msg, struct tr_slice payload)
{
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_BODY_MAX);
	assert_int_equal(tr_msg_pack(&body, msg), 0);
	struct tr_frame f = { .kind = kind,
		.body = tr_slice_of(body.data, body.len),
		.payload = payload };
	assert_int_equal(tr_framefd_write(p->fd, &f), 0);
	tr_buf_fini(&body);
}

void peer_init(
	struct peer *p, Tranche__V1__WorkerInit *init, const char *script)
{
	init->progress_page = p->page_path;
	send_frame(p, TR_KIND_WORKER_INIT, init, tr_slice_of_text(script));
}

void peer_task(struct peer *p, Tranche__V1__WorkerTask *task)
{
	send_frame(p, TR_KIND_WORKER_TASK, task, TR_SLICE_ABSENT);
}

static void read_frame(struct peer *p, struct tr_frame *f)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };
	assert_int_equal(poll(&poll_fd, 1, PEER_MS), 1);
	assert_int_equal(tr_framefd_read(&p->in, f), 0);
}

Tranche__V1__WorkerPlan *peer_plan(struct peer *p)
{
	struct tr_frame f;
	struct tr_error err;
	read_frame(p, &f);
	assert_int_equal(f.kind, TR_KIND_WORKER_PLAN);
	Tranche__V1__WorkerPlan *m = tr_msg_unpack(
		&tranche__v1__worker_plan__descriptor, f.body, &err);
	assert_non_null(m);
	return m;
}

static void take_chunk(struct peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__ResultChunk *m = tr_msg_unpack(
		&tranche__v1__result_chunk__descriptor, f->body, &err);
	assert_non_null(m);
	assert_non_null(m->env);
	p->rows_n += m->records;
	assert_int_equal(
		tr_buf_append(&p->rows, f->payload.p, f->payload.n), 0);
	tr_msg_free(m);
}

static void take_log(struct peer *p, const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__JobLog *m =
		tr_msg_unpack(&tranche__v1__job_log__descriptor, f->body, &err);
	assert_non_null(m);
	p->log_dropped += m->dropped;
	for (size_t i = 0; i < m->n_lines; i++)
		assert_int_equal(
			tr_buf_printf(&p->log, "%u %s %s\n",
				m->lines[i]->operator_, m->lines[i]->position,
				m->lines[i]->text),
			0);
	tr_msg_free(m);
}

Tranche__V1__WorkerDone *peer_done(struct peer *p)
{
	struct tr_frame f;
	struct tr_error err;
	tr_buf_reset(&p->rows);
	tr_buf_reset(&p->log);
	p->rows_n = p->log_dropped = 0;
	for (;;) {
		read_frame(p, &f);
		if (f.kind == TR_KIND_RESULT_CHUNK)
			take_chunk(p, &f);
		else if (f.kind == TR_KIND_JOB_LOG)
			take_log(p, &f);
		else
			break;
	}
	assert_int_equal(tr_buf_append_u8(&p->log, 0), 0);
	assert_int_equal(f.kind, TR_KIND_WORKER_DONE);
	Tranche__V1__WorkerDone *m = tr_msg_unpack(
		&tranche__v1__worker_done__descriptor, f.body, &err);
	assert_non_null(m);
	return m;
}
