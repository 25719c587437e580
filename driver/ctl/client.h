/*
 * A client of a driver, as calls that wait: connect and say Hello, ask and be
 * answered, and take what a watch brings.
 *
 *   rc = tr_client_open(&c, &opts, &err);
 *   rc = tr_client_ask(c, TR_KIND_JOB_LIST, &request, payload, &reply, &err);
 *   … reply->msg … tr_reply_free(reply);
 *   tr_client_close(c);
 *
 * Every wait has a deadline, opts.conf->timeout_ms where none is given. Opening
 * and tr_client_next end early when opts.wake_fd becomes readable
 * (TR_ECANCELED): a signalfd, say, or an epoll descriptor over several things.
 *
 * Once the connection is gone, or an answer did not come in time, the client
 * is broken and good for nothing but closing: open another one. An error that
 * the driver answered with leaves it whole.
 *
 * Who has a submitter's token may do everything; a reader's is found out by
 * trying, and lets the driver refuse what changes something.
 *
 * Thread: its owner's. Blocks as said. Starts NNG's threads: fork before.
 */
#ifndef TR_DRIVER_CTL_CLIENT_H
#define TR_DRIVER_CTL_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/config/config.h"
#include "common/data/slice.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"

struct tr_client;

struct tr_client_opts {
	const struct tr_client_conf *conf; /* borrowed for the call */
	const char *cluster_id;            /* only this one; NULL or "": any */
	int wake_fd;                       /* -1: none */
};

/* An answer. Everything in it lives as long as it does. */
struct tr_reply {
	enum tr_kind kind;
	uint64_t request_id;
	const void *msg;         /* of the kind's type */
	struct tr_slice payload; /* may be empty */
};

/*
 * TR_EUNREACH: nobody there. TR_ETIMEOUT: no answer. TR_EAUTH: no token, the
 * token or the certificates are refused. TR_EVERSION. TR_ENOTFOUND, TR_EIO: the
 * token or a file of TLS. TR_ECANCELED. Texts name the URL and what to do.
 */
int tr_client_open(struct tr_client **out, const struct tr_client_opts *opts,
	struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. */
void tr_client_close(struct tr_client *c);

/* Whether the connection is lost, as opposed to a request refused. */
bool tr_client_is_broken(const struct tr_client *c);

/* 32 hex digits of the driver's cluster. */
const char *tr_client_cluster_id(const struct tr_client *c);

/*
 * Sends a request and waits for its answer. `request` is a message whose first
 * field is its envelope, which is set here and gone after the call. The
 * driver's refusals are errors with its code and words, and where in the
 * user's code they came from. Others' answers that come meanwhile are kept for
 * tr_client_next.
 */
int tr_client_ask(struct tr_client *c, enum tr_kind kind, void *request,
	struct tr_slice payload, struct tr_reply **reply,
	struct tr_error *err) TR_MUST_USE;

/* Sends a request whose answers tr_client_next takes. */
int tr_client_send(struct tr_client *c, enum tr_kind kind, void *request,
	struct tr_slice payload, struct tr_error *err) TR_MUST_USE;

/*
 * The next answer to what was sent before, oldest first. TR_ETIMEOUT: none
 * within `timeout_ms`; the client is whole all the same. A refusal is an error
 * as with ask.
 */
int tr_client_next(struct tr_client *c, uint64_t timeout_ms,
	struct tr_reply **reply, struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. */
void tr_reply_free(struct tr_reply *r);

/* "where: text (record position)", as far as there are any. */
void tr_client_error(struct tr_error *err, const Tranche__V1__ErrorInfo *info);

#endif /* TR_DRIVER_CTL_CLIENT_H */
