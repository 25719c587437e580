#include "tests/support/test.h"

#include "tests/driver/ctl/fake_driver.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"

static void send_msg(struct fake *f, struct tr_conn_id conn, enum tr_kind kind,
	const void *msg, struct tr_slice payload)
{
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_BODY_MAX);
	int rc = tr_msg_pack(&body, msg);
	tr_assert(rc == 0);
	struct tr_frame frame = { .kind = (uint8_t)kind,
		.body = { body.data, body.len },
		.payload = payload };
	rc = tr_net_send(f->net, conn, &frame, TR_NET_FULL_CLOSE);
	tr_assert(rc == 0 || rc == TR_ECLOSED);
	tr_buf_fini(&body);
}

void fake_reply(struct fake *f, const struct fake_request *r, enum tr_kind kind,
	void *msg, uint64_t job, struct tr_slice payload)
{
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__Ack *any = msg;
	env.request_id = r->id;
	env.job = job;
	any->env = &env;
	send_msg(f, r->conn, kind, msg, payload);
	any->env = NULL;
}

void fake_refuse(struct fake *f, const struct fake_request *r, int code,
	const char *text)
{
	struct tr_error err;
	Tranche__V1__ErrorInfo info;
	Tranche__V1__Ack m = TRANCHE__V1__ACK__INIT;
	tr_error_set(&err, code, "%s", text);
	tr_msg_error_info(&info, &err);
	m.error = &info;
	fake_reply(f, r, TR_KIND_ACK, &m, 0, TR_SLICE_ABSENT);
}

void fake_hang_up(struct fake *f, const struct fake_request *r)
{
	tr_net_conn_close(f->net, r->conn);
}

static bool is_token(const char *right, const char *given)
{
	return right && strcmp(right, given) == 0;
}

static void on_hello(struct fake *f, const struct tr_net_event *ev)
{
	struct tr_error err;
	char id[TR_NAME_MAX];
	Tranche__V1__ErrorInfo info;
	Tranche__V1__HelloReply r = TRANCHE__V1__HELLO_REPLY__INIT;
	Tranche__V1__Hello *m = tr_msg_unpack(
		&tranche__v1__hello__descriptor, ev->frame.body, &err);
	tr_assert(m != NULL);
	atomic_fetch_add(&f->hellos, 1);
	snprintf(id, sizeof(id), "%s", f->cluster_id ? f->cluster_id : "c1");
	r.cluster_id = id;
	const char *right = m->role == TRANCHE__V1__ROLE__ROLE_READER
				    ? f->reader_token
				    : f->submitter_token;
	int code = 0;
	if (m->cluster_id[0] && strcmp(m->cluster_id, id) != 0)
		code = tr_error_set(&err, TR_EAUTH, "of another cluster");
	else if (!is_token(right, m->token))
		code = tr_error_set(&err, TR_EAUTH, "wrong token");
	if (code != 0) {
		tr_msg_error_info(&info, &err);
		r.error = &info;
	} else {
		tr_net_conn_authenticated(f->net, ev->conn);
	}
	if (!f->silent)
		send_msg(f, ev->conn, TR_KIND_HELLO_REPLY, &r, TR_SLICE_ABSENT);
	if (code != 0)
		tr_net_conn_finish(f->net, ev->conn);
	tr_msg_free(m);
}

static const ProtobufCMessageDescriptor *type_of(uint8_t kind)
{
	switch (kind) {
	case TR_KIND_SUBMIT:
		return &tranche__v1__submit_request__descriptor;
	case TR_KIND_WATCH:
		return &tranche__v1__watch_request__descriptor;
	case TR_KIND_JOB_CANCEL:
		return &tranche__v1__job_cancel_request__descriptor;
	case TR_KIND_TABLE_SCAN:
		return &tranche__v1__table_scan_request__descriptor;
	case TR_KIND_JOB_LIST:
		return &tranche__v1__job_list_request__descriptor;
	case TR_KIND_EXECUTOR_LIST:
		return &tranche__v1__executor_list_request__descriptor;
	default:
		return NULL;
	}
}

static void on_request(struct fake *f, const struct tr_net_event *ev)
{
	struct tr_error err;
	const ProtobufCMessageDescriptor *type = type_of(ev->frame.kind);
	tr_assert(type != NULL);
	Tranche__V1__Ack *m = tr_msg_unpack(type, ev->frame.body, &err);
	tr_assert(m != NULL);
	struct fake_request r = { .conn = ev->conn,
		.kind = (enum tr_kind)ev->frame.kind,
		.id = tr_msg_env(m->env)->request_id,
		.msg = m,
		.payload = ev->frame.payload };
	atomic_fetch_add(&f->requests, 1);
	f->answer(f, &r);
	tr_msg_free(m);
}

static void take_mail(struct fake *f)
{
	struct tr_mail *next;
	for (struct tr_mail *m = tr_mailbox_take_all(f->mailbox); m; m = next) {
		next = m->next;
		struct tr_net_event *ev = tr_net_event_of(m);
		if (ev->kind == TR_NET_FRAME && ev->frame.kind == TR_KIND_HELLO)
			on_hello(f, ev);
		else if (ev->kind == TR_NET_FRAME)
			on_request(f, ev);
		tr_mail_free(m);
	}
}

static void *loop(void *arg)
{
	struct fake *f = arg;
	while (!atomic_load(&f->stopping)) {
		struct pollfd fds[] = {
			{ .fd = tr_mailbox_fd(f->mailbox), .events = POLLIN },
			{ .fd = f->wake, .events = POLLIN },
		};
		tr_net_tick(f->net, tr_clock_mono_ms());
		poll(fds, TR_ARRAY_LEN(fds), 100);
		take_mail(f);
	}
	return NULL;
}

void fake_start(struct fake *f)
{
	struct tr_error err;
	if (!f->scratch.dir[0])
		scratch_make(&f->scratch);
	snprintf(
		f->url, sizeof(f->url), "ipc://%s/driver.sock", f->scratch.dir);
	struct tr_net_endpoint at = { .url = f->url };
	atomic_store(&f->stopping, false);
	f->wake = eventfd(0, EFD_CLOEXEC);
	f->mailbox = tr_mailbox_new(SIZE_MAX);
	f->net = tr_net_new(NULL, f->mailbox);
	if (tr_net_listen(f->net, &at, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(pthread_create(&f->thread, NULL, loop, f), 0);
}

void fake_stop(struct fake *f)
{
	uint64_t one = 1;
	atomic_store(&f->stopping, true);
	assert_int_equal(write(f->wake, &one, sizeof(one)), sizeof(one));
	pthread_join(f->thread, NULL);
	tr_net_close(f->net);
	tr_net_stop(f->net);
	tr_mailbox_free(f->mailbox);
	tr_net_free(f->net);
	close(f->wake);
}

void fake_remove(struct fake *f)
{
	scratch_remove(&f->scratch);
}
