#include "tests/driver/edge/side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "tests/support/test.h"

extern char **environ;

static char *str(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

/* ------------------------------------------------------------------ driver */

static void put_file(const char *folder, const char *name, const char *text)
{
	int fd = open(scratch_file(folder, name),
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

void driver_make(struct driver_process *d)
{
	*d = (struct driver_process){ 0 };
	scratch_make(d->path);
	put_file(d->path, "executor.token", SIDE_EXECUTOR_TOKEN);
	put_file(d->path, "submitter.token", SIDE_SUBMITTER_TOKEN);
}

static void spawn_driver(struct driver_process *d)
{
	char sets[7][SCRATCH_PATH + 64];
	char *argv[2 + 2 * TR_ARRAY_LEN(sets)];
	size_t n = 0;
	snprintf(sets[0], sizeof(sets[0]), "driver.data_dir=%s/data", d->path);
	snprintf(sets[1], sizeof(sets[1]), "driver.listen=tcp://127.0.0.1:0");
	snprintf(sets[2], sizeof(sets[2]),
		"driver.executor_token=file:%s/executor.token", d->path);
	snprintf(sets[3], sizeof(sets[3]),
		"driver.submitter_token=file:%s/submitter.token", d->path);
	snprintf(sets[4], sizeof(sets[4]), "driver.worker=%s", TR_TEST_WORKER);
	snprintf(sets[5], sizeof(sets[5]), "driver.lease=30s");
	snprintf(sets[6], sizeof(sets[6]), "driver.heartbeat=1s");
	argv[n++] = str(TR_TEST_DRIVER);
	for (size_t i = 0; i < TR_ARRAY_LEN(sets); i++) {
		argv[n++] = str("-s");
		argv[n++] = sets[i];
	}
	argv[n] = NULL;
	assert_int_equal(
		posix_spawn(&d->pid, argv[0], NULL, NULL, argv, environ), 0);
}

void driver_start(struct driver_process *d)
{
	char path[SCRATCH_PATH + 32];
	uint64_t end = tr_clock_mono_ms() + SIDE_DEADLINE_MS;
	snprintf(path, sizeof(path), "%s/data/driver.url", d->path);
	unlink(path);
	spawn_driver(d);
	while (access(path, F_OK) != 0) {
		assert_true(tr_clock_mono_ms() < end);
		assert_int_equal(waitpid(d->pid, NULL, WNOHANG), 0);
		poll(NULL, 0, 5);
	}
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "tcp://127.0.0.1:%d", &d->port), 1);
	fclose(f);
}

static int wait_status(struct driver_process *d)
{
	uint64_t end = tr_clock_mono_ms() + SIDE_DEADLINE_MS;
	int status;
	while (waitpid(d->pid, &status, WNOHANG) == 0) {
		if (tr_clock_mono_ms() > end)
			fail_msg("the driver does not end");
		poll(NULL, 0, 2);
	}
	d->pid = 0;
	return status;
}

void driver_kill(struct driver_process *d)
{
	kill(d->pid, SIGKILL);
	wait_status(d);
}

uint64_t driver_stop(struct driver_process *d)
{
	uint64_t from = tr_clock_mono_ms();
	kill(d->pid, SIGTERM);
	assert_int_equal(wait_status(d), 0);
	return tr_clock_mono_ms() - from;
}

void driver_remove(struct driver_process *d)
{
	if (d->pid)
		driver_kill(d);
	scratch_remove(d->path);
}

/* ------------------------------------------------------------- connections */

void side_dial(struct side *s, const struct driver_process *d)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)d->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	*s = (struct side){ 0 };
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(s->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	tr_framefd_init(&s->in, s->fd, TR_FRAME_MAX);
}

void side_hang_up(struct side *s)
{
	close(s->fd);
	tr_framefd_fini(&s->in);
}

void side_send_payload(struct side *s, enum tr_kind kind, const void *msg,
	struct tr_slice payload)
{
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_BODY_MAX);
	assert_int_equal(tr_msg_pack(&body, msg), 0);
	struct tr_frame f = { .kind = (uint8_t)kind,
		.body = { body.data, body.len },
		.payload = payload };
	assert_int_equal(tr_framefd_write(s->fd, &f), 0);
	tr_buf_fini(&body);
}

void side_send(struct side *s, enum tr_kind kind, const void *msg)
{
	side_send_payload(s, kind, msg, TR_SLICE_ABSENT);
}

static const ProtobufCMessageDescriptor *type_of(enum tr_kind kind)
{
	switch ((int)kind) {
	case TR_KIND_HELLO_REPLY:
		return &tranche__v1__hello_reply__descriptor;
	case TR_KIND_ACK:
		return &tranche__v1__ack__descriptor;
	case TR_KIND_REGISTER_REPLY:
		return &tranche__v1__register_reply__descriptor;
	case TR_KIND_JOB_SPEC:
		return &tranche__v1__job_spec__descriptor;
	case TR_KIND_TASK_SPEC:
		return &tranche__v1__task_spec__descriptor;
	case TR_KIND_TASK_KILL:
		return &tranche__v1__task_kill__descriptor;
	case TR_KIND_DRAIN:
		return &tranche__v1__drain__descriptor;
	case TR_KIND_SUBMIT_REPLY:
		return &tranche__v1__submit_reply__descriptor;
	case TR_KIND_JOB_STATUS:
		return &tranche__v1__job_status__descriptor;
	case TR_KIND_JOB_SHOW_REPLY:
		return &tranche__v1__job_show_reply__descriptor;
	case TR_KIND_JOB_LOGS_REPLY:
		return &tranche__v1__job_logs_reply__descriptor;
	case TR_KIND_EXECUTOR_LIST_REPLY:
		return &tranche__v1__executor_list_reply__descriptor;
	case TR_KIND_TABLE_SCAN_REPLY:
		return &tranche__v1__table_scan_reply__descriptor;
	default:
		fail_msg("kind %d is not one the driver sends here", kind);
		return NULL;
	}
}

/* Whether there is something to read within the time. */
static bool is_readable(struct side *s, int ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	return poll(&p, 1, ms) > 0;
}

void *side_wait(struct side *s, enum tr_kind kind)
{
	struct tr_error err;
	uint64_t end = tr_clock_mono_ms() + SIDE_DEADLINE_MS;
	while (tr_clock_mono_ms() < end) {
		if (!is_readable(s, 100))
			continue;
		int rc = tr_framefd_read(&s->in, &s->frame);
		if (rc != 0)
			fail_msg("waiting for kind %d: %s", kind,
				tr_err_name(rc));
		if (s->frame.kind != kind)
			continue;
		void *m = tr_msg_unpack(type_of(kind), s->frame.body, &err);
		assert_non_null(m);
		return m;
	}
	fail_msg("no frame of kind %d came", kind);
	return NULL;
}

bool side_is_silent(struct side *s, int ms)
{
	uint64_t end = tr_clock_mono_ms() + (uint64_t)ms;
	while (tr_clock_mono_ms() < end) {
		if (!is_readable(s, (int)(end - tr_clock_mono_ms()) + 1))
			continue;
		if (tr_framefd_read(&s->in, &s->frame) != 0 ||
			s->frame.kind != TR_KIND_HEARTBEAT)
			return false;
	}
	return true;
}

void side_wait_closed(struct side *s)
{
	uint64_t end = tr_clock_mono_ms() + SIDE_DEADLINE_MS;
	while (tr_clock_mono_ms() < end)
		if (is_readable(s, 100) &&
			tr_framefd_read(&s->in, &s->frame) != 0)
			return;
	fail_msg("the driver does not close the connection");
}

/* ------------------------------------------------------------------ greeting
 */

Tranche__V1__HelloReply *side_hello(struct side *s, Tranche__V1__Role role,
	const char *token, const char *name)
{
	Tranche__V1__Hello m = TRANCHE__V1__HELLO__INIT;
	m.version_min = TR_PROTOCOL_MIN;
	m.version_max = TR_PROTOCOL_MAX;
	m.role = role;
	m.token = str(token);
	m.name = str(name);
	m.instance = str(name);
	side_send(s, TR_KIND_HELLO, &m);
	Tranche__V1__HelloReply *r = side_wait(s, TR_KIND_HELLO_REPLY);
	s->term = r->term;
	return r;
}

void side_client(struct side *s, const struct driver_process *d)
{
	side_dial(s, d);
	Tranche__V1__HelloReply *r =
		side_hello(s, TRANCHE__V1__ROLE__ROLE_SUBMITTER,
			SIDE_SUBMITTER_TOKEN, "client");
	assert_null(r->error);
	tr_msg_free(r);
}

Tranche__V1__RegisterReply *side_executor(struct side *s,
	const struct driver_process *d, const char *name,
	Tranche__V1__HeldTask **held, size_t n_held)
{
	side_dial(s, d);
	Tranche__V1__HelloReply *r = side_hello(
		s, TRANCHE__V1__ROLE__ROLE_EXECUTOR, SIDE_EXECUTOR_TOKEN, name);
	assert_null(r->error);
	tr_msg_free(r);
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__Register m = TRANCHE__V1__REGISTER__INIT;
	env.term = s->term;
	m.env = &env;
	m.slots = 2;
	m.block_url = str("tcp://127.0.0.1:1");
	m.held = held;
	m.n_held = n_held;
	side_send(s, TR_KIND_REGISTER, &m);
	return side_wait(s, TR_KIND_REGISTER_REPLY);
}
