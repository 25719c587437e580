/*
 * Outboxes to the driver: one frame of each attempt in turn, as many as the
 * connection takes. At most TR_UPLINK_WINDOW bytes are on their way; the rest
 * stays on disk.
 */
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "executor/edge/daemon.h"

void tr_pump_add(struct tr_daemon *d, struct tr_attempt *a)
{
	struct tr_attempts *t = &d->attempts;
	if (a->queued)
		return;
	a->queued = true;
	a->queue_next = NULL;
	if (t->queue)
		t->queue_last->queue_next = a;
	else
		t->queue = a;
	t->queue_last = a;
}

static struct tr_attempt *take(struct tr_attempts *t)
{
	struct tr_attempt *a = t->queue;
	t->queue = a->queue_next;
	a->queued = false;
	return a;
}

/* The message with this term's envelope, whatever its writer put there. */
static int send_as_ours(struct tr_daemon *d, const struct tr_attempt *a,
	const struct tr_frame *f)
{
	Tranche__V1__Envelope env = tr_daemon_env(d, &a->ref), *had;
	union {
		ProtobufCMessage *any;
		Tranche__V1__ResultChunk *chunk;
		Tranche__V1__JobLog *log;
		Tranche__V1__TaskReport *report;
	} m;
	const ProtobufCMessageDescriptor *type =
		f->kind == TR_KIND_RESULT_CHUNK
			? &tranche__v1__result_chunk__descriptor
		: f->kind == TR_KIND_JOB_LOG
			? &tranche__v1__job_log__descriptor
			: &tranche__v1__task_report__descriptor;
	struct tr_error err;
	m.any = tr_msg_unpack(type, f->body, &err);
	if (!m.any)
		return err.code;
	Tranche__V1__Envelope **at =
		f->kind == TR_KIND_RESULT_CHUNK ? &m.chunk->env
		: f->kind == TR_KIND_JOB_LOG    ? &m.log->env
						: &m.report->env;
	had = *at;
	*at = &env;
	tr_buf_reset(&d->out);
	int rc = tr_msg_pack(&d->out, m.any);
	*at = had;
	tr_msg_free(m.any);
	if (rc != 0)
		return rc;
	struct tr_frame out = { .kind = f->kind,
		.body = tr_slice_of(d->out.data, d->out.len),
		.payload = f->payload };
	rc = tr_net_send(d->net, d->driver, &out, TR_NET_FULL_TRY);
	if (rc == 0)
		d->in_flight += tr_frame_size(&out);
	if (rc == 0 && f->kind == TR_KIND_TASK_REPORT)
		(void)TR_FP("exe.after_report");
	return rc;
}

/* Log lines sent twice would be read twice; results are told apart. */
static bool is_skipped(const struct tr_attempt *a, const struct tr_frame *f)
{
	return f->kind == TR_KIND_JOB_LOG && tr_outbox_repeats(&a->outbox);
}

/* The disk lost what it had to say; that is all that can be said now. */
static void send_broken(struct tr_daemon *d, struct tr_attempt *a)
{
	Tranche__V1__Envelope env = tr_daemon_env(d, &a->ref);
	Tranche__V1__TaskReport m = TRANCHE__V1__TASK_REPORT__INIT;
	Tranche__V1__ErrorInfo info;
	if (!a->outbox.reported)
		return; /* its worker has not finished */
	tr_msg_error_info(&info, &a->outbox.broken);
	m.env = &env;
	m.error = &info;
	(void)!tr_daemon_send(d, d->driver, TR_KIND_TASK_REPORT, &m);
}

/* One frame. False: the connection takes no more now. */
static bool send_next(struct tr_daemon *d, struct tr_attempt *a)
{
	char path[TR_SPOOL_PATH_MAX];
	struct tr_frame f;
	tr_spool_path(&d->spool, &a->ref, TR_SPOOL_OUTBOX, path);
	int rc = tr_outbox_peek(&a->outbox, path, &d->frame, &f);
	if (rc == TR_ENOMEM)
		return false;
	if (rc == TR_EAGAIN) {
		if (a->outbox.reported)
			tr_outbox_rest(&a->outbox);
		return true;
	}
	if (rc != 0) {
		send_broken(d, a);
		return true;
	}
	rc = is_skipped(a, &f) ? 0 : send_as_ours(d, a, &f);
	if (rc == TR_EAGAIN || rc == TR_ECLOSED || rc == TR_ENOMEM)
		return false;
	if (rc != 0) {
		/* No connection will ever take it: the others shall not wait.
		 */
		tr_error_set(&a->outbox.broken, rc,
			"a message of the task cannot be sent to the driver "
			"(%s)",
			tr_err_name(rc));
		send_broken(d, a);
		return true;
	}
	tr_outbox_advance(&a->outbox, &f);
	tr_pump_add(d, a);
	return true;
}

/* A buffer that held a large frame is given back. */
static void shrink(struct tr_buf *b)
{
	if (b->cap > TR_KIB(256))
		tr_buf_fini(b);
}

void tr_pump(struct tr_daemon *d)
{
	if (!d->registered || d->paused)
		return;
	while (d->attempts.queue && d->in_flight < TR_UPLINK_WINDOW) {
		struct tr_attempt *a = take(&d->attempts);
		if (!send_next(d, a)) {
			tr_pump_add(d, a);
			break;
		}
	}
	shrink(&d->frame);
	shrink(&d->out);
	if (d->attempts.queue) {
		d->paused = true;
		tr_net_conn_notify_drained(
			d->net, d->driver, TR_UPLINK_WINDOW / 4);
	}
}

void tr_pump_drained(struct tr_daemon *d)
{
	d->paused = false;
	d->in_flight = 0;
	tr_pump(d);
}
