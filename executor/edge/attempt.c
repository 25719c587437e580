#include "executor/edge/attempt.h"

#include <string.h>
#include <unistd.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "executor/edge/daemon.h"

static struct tr_attempt **bucket(
	const struct tr_attempts *t, struct tr_attempt_id id)
{
	struct tr_attempt *const *at = &t->buckets[id.v % TR_ATTEMPT_BUCKETS];
	union {
		struct tr_attempt *const *in;
		struct tr_attempt **out;
	} link = { at };
	return link.out;
}

struct tr_attempt *tr_attempt_find(
	const struct tr_attempts *t, struct tr_attempt_id id)
{
	struct tr_attempt *a = *bucket(t, id);
	while (a && a->ref.attempt.v != id.v)
		a = a->chain;
	return a;
}

struct tr_attempt *tr_attempt_add(struct tr_attempts *t,
	const struct tr_executor_ref *ref, Tranche__V1__TaskSpec *spec)
{
	struct tr_attempt **head = bucket(t, ref->attempt);
	struct tr_attempt *a = tr_xcalloc(1, sizeof(*a));
	a->ref = *ref;
	a->spec = spec;
	a->chain = *head;
	tr_outbox_init(&a->outbox);
	*head = a;
	return a;
}

static void leave_queue(struct tr_attempts *t, struct tr_attempt *a)
{
	if (!a->queued)
		return;
	struct tr_attempt *prev = NULL;
	for (struct tr_attempt *q = t->queue; q != a; q = q->queue_next)
		prev = q;
	if (prev)
		prev->queue_next = a->queue_next;
	else
		t->queue = a->queue_next;
	if (t->queue_last == a)
		t->queue_last = prev;
	a->queued = false;
}

void tr_attempt_forget(struct tr_daemon *d, struct tr_attempt *a)
{
	if (!a)
		return;
	struct tr_attempt **link = bucket(&d->attempts, a->ref.attempt);
	while (*link != a)
		link = &(*link)->chain;
	*link = a->chain;
	leave_queue(&d->attempts, a);
	tr_fetch_cancel(&d->fetcher, a->fetch);
	tr_outbox_fini(&a->outbox);
	tr_msg_free(a->spec);
	tr_xfree(a);
}

void tr_attempt_remove(struct tr_daemon *d, struct tr_attempt *a)
{
	if (!a)
		return;
	tr_spool_remove_task(&d->spool, &a->ref);
	tr_attempt_forget(d, a);
}

void tr_attempts_fini(struct tr_daemon *d)
{
	for (size_t i = 0; i < TR_ATTEMPT_BUCKETS; i++)
		while (d->attempts.buckets[i])
			tr_attempt_forget(d, d->attempts.buckets[i]);
}

/* What only a running attempt needs. */
static void release(struct tr_daemon *d, struct tr_attempt *a)
{
	char path[TR_SPOOL_PATH_MAX];
	tr_msg_free(a->spec);
	a->spec = NULL;
	unlink(tr_spool_path(&d->spool, &a->ref, TR_SPOOL_INPUT, path));
}

void tr_attempt_report(struct tr_daemon *d, struct tr_attempt *a,
	Tranche__V1__TaskReport *report)
{
	char path[TR_SPOOL_PATH_MAX];
	Tranche__V1__Envelope env = tr_daemon_env(d, &a->ref);
	(void)TR_FP("exe.before_report");
	report->env = &env;
	tr_buf_reset(&d->out);
	struct tr_frame f = { .kind = TR_KIND_TASK_REPORT };
	tr_spool_path(&d->spool, &a->ref, TR_SPOOL_OUTBOX, path);
	if (tr_msg_pack(&d->out, report) == 0) {
		f.body = tr_slice_of(d->out.data, d->out.len);
		tr_outbox_append_report(&a->outbox, path, &f);
	} else {
		tr_error_set(&a->outbox.broken, TR_ELIMIT,
			"the report is larger than a message can be");
		a->outbox.reported = true;
	}
	release(d, a);
}

void tr_attempt_fail(struct tr_daemon *d, struct tr_attempt *a,
	const struct tr_error *why, const struct tr_place *place,
	bool worker_died)
{
	Tranche__V1__ErrorInfo info;
	Tranche__V1__TaskReport report = TRANCHE__V1__TASK_REPORT__INIT;
	union {
		const char *in;
		char *out;
	} where, position;
	tr_msg_error_info(&info, why);
	if (place) {
		where.in = place->where;
		position.in = place->position;
		info.where = where.out;
		info.position = position.out;
	}
	report.error = &info;
	report.worker_died = worker_died;
	tr_attempt_report(d, a, &report);
}
