#include "driver/ctl/wait.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "driver/ctl/ctl.h"
#include "driver/ctl/progress.h"

enum {
	STATUS_EVERY_MS = 100,
	QUIET_MS = 3000, /* then the driver is asked whether it is there */
	REDIAL_MS_MIN = 50,
	REDIAL_MS_MAX = 1000,
};

/* ---------------------------------------------------------------- requests */

static int submit(struct tr_wait *w, struct tr_client *c, struct tr_error *err)
{
	struct tr_reply *reply;
	int rc = tr_client_ask(
		c, TR_KIND_SUBMIT, w->request, w->artefact, &reply, err);
	if (rc != 0)
		return rc;
	rc = tr_ctl_expect(reply, TR_KIND_SUBMIT_REPLY, err);
	if (rc == 0) {
		const Tranche__V1__SubmitReply *r = reply->msg;
		w->job = tr_msg_env(r->env)->job;
		w->ops->submitted(w->arg, w->job);
	}
	tr_reply_free(reply);
	return rc;
}

static int watch(struct tr_wait *w, struct tr_client *c, struct tr_error *err)
{
	char job[24];
	Tranche__V1__WatchRequest m = TRANCHE__V1__WATCH_REQUEST__INIT;
	snprintf(job, sizeof(job), "%" PRIu64, w->job);
	m.job = job;
	m.interval_ms = STATUS_EVERY_MS;
	return tr_client_send(c, TR_KIND_WATCH, &m, TR_SLICE_ABSENT, err);
}

static int cancel(struct tr_wait *w, struct tr_client *c, struct tr_error *err)
{
	char job[24];
	struct tr_reply *reply;
	Tranche__V1__JobCancelRequest m = TRANCHE__V1__JOB_CANCEL_REQUEST__INIT;
	snprintf(job, sizeof(job), "%" PRIu64, w->job);
	m.job = job;
	w->cancel = false;
	int rc = tr_client_ask(
		c, TR_KIND_JOB_CANCEL, &m, TR_SLICE_ABSENT, &reply, err);
	if (rc == 0)
		tr_reply_free(reply);
	/* It may have ended meanwhile: its status says so. */
	return rc == TR_EINVAL ? 0 : rc;
}

/* Whether the driver is there, and anybody to run the job. */
static int look_after(
	struct tr_wait *w, struct tr_client *c, struct tr_error *err)
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
	if (rc == 0 && r->n_executors == 0 && !w->told_no_executors) {
		w->ops->note(w->arg,
			"no executor is connected: the job waits for one");
		w->told_no_executors = true;
	}
	if (rc == 0 && r->n_executors > 0)
		w->told_no_executors = false;
	tr_reply_free(reply);
	return rc;
}

/* ----------------------------------------------------------------- waiting */

/* 0: go on. */
static int woken(struct tr_wait *w, struct tr_error *err)
{
	switch (w->ops->woken(w->arg, err)) {
	case TR_WAIT_STOP:
		return TR_ECANCELED;
	case TR_WAIT_CANCEL:
		w->cancel = true;
		break;
	case TR_WAIT_GO_ON:
		break;
	}
	return 0;
}

static int take_status(struct tr_wait *w, struct tr_client *c,
	const struct tr_reply *reply, bool *ended, struct tr_error *err)
{
	const Tranche__V1__JobStatus *s = reply->msg;
	int rc = tr_ctl_expect(reply, TR_KIND_JOB_STATUS, err);
	if (rc != 0)
		return rc;
	w->ops->status(w->arg, s);
	*ended = tr_job_state_is_ended(s->state);
	return *ended ? w->ops->ended(w->arg, c, s, err) : 0;
}

/* Takes what comes until the job has ended. */
static int follow(struct tr_wait *w, struct tr_client *c, struct tr_error *err)
{
	bool ended = false;
	int rc = watch(w, c, err);
	while (rc == 0 && !ended) {
		struct tr_reply *reply;
		if (w->cancel)
			rc = cancel(w, c, err);
		if (rc == 0)
			rc = tr_client_next(c, QUIET_MS, &reply, err);
		if (rc == 0) {
			rc = take_status(w, c, reply, &ended, err);
			tr_reply_free(reply);
		}
		if (rc == TR_ECANCELED && w->ops->woken)
			rc = woken(w, err);
		else if (rc == TR_ETIMEOUT && !tr_client_is_broken(c))
			rc = look_after(w, c, err);
	}
	return rc;
}

/* Opens; *again says whether to try once more when that failed. */
static int open_session(struct tr_wait *w, struct tr_client **c, bool *again,
	struct tr_error *err)
{
	struct tr_client_opts opts = { .conf = w->conf,
		.cluster_id = w->cluster_id,
		.wake_fd = w->wake_fd };
	int rc = tr_client_open(c, &opts, err);
	if (rc == TR_ECANCELED) {
		*again = woken(w, err) == 0;
		return rc;
	}
	/* Who was never reached is not waited for, and who answers that it
	   will not have us means it. */
	*again = rc != 0 && w->cluster_id[0] && rc != TR_EAUTH &&
		 rc != TR_EVERSION;
	if (rc == 0)
		snprintf(w->cluster_id, sizeof(w->cluster_id), "%s",
			tr_client_cluster_id(*c));
	return rc;
}

/* One connection. *again: it was lost, so try another. */
static int session(
	struct tr_wait *w, bool *met, bool *again, struct tr_error *err)
{
	struct tr_client *c;
	int rc = open_session(w, &c, again, err);
	if (rc != 0)
		return rc;
	*met = true;
	if (w->job == 0)
		rc = submit(w, c, err);
	if (rc == 0 && !w->detach)
		rc = follow(w, c, err);
	*again = rc != 0 && tr_client_is_broken(c);
	tr_client_close(c);
	return rc;
}

/* 0: the time has passed. */
static int pause_for(struct tr_wait *w, uint64_t ms, struct tr_error *err)
{
	uint64_t until = tr_clock_mono_ms() + ms, now;
	while ((now = tr_clock_mono_ms()) < until) {
		struct pollfd fd = { .fd = w->wake_fd, .events = POLLIN };
		poll(&fd, 1, (int)(until - now));
		if (fd.revents && woken(w, err) != 0)
			return TR_ECANCELED;
	}
	return 0;
}

/* How long the driver has been away. */
struct absence {
	uint64_t since_ms; /* 0: it is there */
	uint64_t pause_ms;
};

/* Waits before the next dial. */
static int sit_out(struct tr_wait *w, struct absence *a, struct tr_error *err)
{
	uint64_t now = tr_clock_mono_ms();
	if (a->since_ms == 0) {
		char text[TR_ERROR_TEXT_MAX + 64];
		snprintf(text, sizeof(text), "%s; waiting for it to come back",
			err->text);
		w->ops->note(w->arg, text);
		a->since_ms = now;
		a->pause_ms = REDIAL_MS_MIN;
	}
	if (now - a->since_ms >= TR_CLIENT_RECONNECT_MS)
		return tr_error_prefix(err,
			"given up waiting for the driver, job %" PRIu64
			" goes on when it is back",
			w->job);
	int rc = pause_for(w, a->pause_ms, err);
	a->pause_ms *= 2;
	if (a->pause_ms > REDIAL_MS_MAX)
		a->pause_ms = REDIAL_MS_MAX;
	return rc;
}

int tr_wait_run(struct tr_wait *w, struct tr_error *err)
{
	struct absence away = { 0 };
	for (;;) {
		bool again = false, met = false;
		int rc = session(w, &met, &again, err);
		if (rc == 0 || !again || w->no_reconnect)
			return rc;
		if (met)
			away = (struct absence){ 0 };
		rc = sit_out(w, &away, err);
		if (rc != 0)
			return rc;
	}
}
