/*
 * One connection: its life, and the three operations of the library that can
 * be pending on it.
 *
 *      DIALING ──▶ OPEN ──▶ FINISHING ──▶ DEAD
 *         │          │  accept begins here  ▲
 *         └──────────┴──────────────────────┘
 *
 * In OPEN exactly one party owns the receiving half: the pending receive, the
 * thread that parses what came, or nobody while `rx_paused`, when whoever frees
 * the event that brings the inbox below its limit takes it over.
 *
 * `pending` counts operations that will call back and the parsing thread. When
 * a dead connection reaches 0 it goes to the reaper, which frees all that
 * belongs to the library. The memory itself lives until the last reference is
 * gone: the table's until DEAD, the library's until reaped, one per event.
 *
 * The library never calls back from within a call (its stream code completes
 * on its task threads only), so calls are made with the lock held. That keeps
 * the rule that TLS streams need: nothing is ever posted after an error or
 * after close, or it would stay pending for good.
 *
 * Thread: any, through the lock.
 */
#ifndef TR_COMMON_NET_CONN_H
#define TR_COMMON_NET_CONN_H

#include <nng/nng.h>

#include "common/net/deadline.h"
#include "common/net/group.h"
#include "common/net/outq.h"
#include "common/net/rx.h"

enum tr_conn_state {
	TR_CONN_DIALING,
	TR_CONN_OPEN,
	TR_CONN_FINISHING, /* frames that come in are dropped */
	TR_CONN_DEAD,
};

struct tr_conn {
	struct tr_net *net;
	struct tr_conn_id id; /* by the group, before anyone sees it */
	atomic_uint refs;
	bool dialed;
	bool tls;
	char peer[TR_NET_URL_MAX];

	pthread_mutex_t mu; /* of all below */
	enum tr_conn_state state;
	bool authenticated;
	bool framed; /* a frame has come: any TLS handshake is over */
	bool rx_paused;
	bool tx_busy;
	bool want_drained;
	size_t low_water;
	size_t inbox; /* bytes in events not yet freed */
	unsigned pending;
	struct tr_rx rx; /* its owner's, without the lock */
	struct tr_outq out;
	nng_stream *stream;
	nng_stream_dialer *dialer;
	nng_aio *dial_aio;
	nng_aio *rx_aio;
	nng_aio *tx_aio;
	struct tr_reap reap;
	struct tr_error error; /* why it is DEAD; constant from then on */

	bool rx_seen; /* bytes came since the last scan */
	struct tr_deadline deadline;
};

void tr_conn_ref(struct tr_conn *c);
void tr_conn_unref(struct tr_conn *c);

/* Takes an accepted stream, if there is room: errors as tr_group_add. */
int tr_conn_accept(
	struct tr_net *net, nng_stream *stream, bool tls) TR_MUST_USE;

/* Takes the dialer on success. Errors as tr_group_add. */
int tr_conn_dial(struct tr_net *net, nng_stream_dialer *dialer,
	const struct tr_net_endpoint *to, struct tr_conn_id *id) TR_MUST_USE;

/* Takes the entry on success. Errors as tr_net_send. */
int tr_conn_send(struct tr_conn *c, struct tr_outq_entry *e,
	enum tr_net_full full) TR_MUST_USE;

void tr_conn_notify_drained(struct tr_conn *c, size_t low_water);
void tr_conn_authenticated(struct tr_conn *c);
void tr_conn_finish(struct tr_conn *c);

/* Ends it, if it has not ended: its last event is put. */
void tr_conn_end(struct tr_conn *c, int code, const char *text);

void tr_conn_set_idle_deadline(struct tr_conn *c, uint32_t ms);

/* Ends it when a deadline has passed. Returns when to look again. */
uint64_t tr_conn_scan(struct tr_conn *c, uint64_t now_ms);

/* ---- between the files of a connection; all with the lock held ---- */

static inline bool tr_conn_is_alive(const struct tr_conn *c)
{
	return c->state == TR_CONN_OPEN || c->state == TR_CONN_FINISHING;
}

nng_aio *tr_conn_aio_new(struct tr_conn *c, void (*done)(void *));

/* conn_rx.c, conn_tx.c: the stream is there. */
void tr_conn_rx_start(struct tr_conn *c);
void tr_conn_tx_start(struct tr_conn *c);

/* One pending operation less. The last of a dead connection has it reaped. */
void tr_conn_release(struct tr_conn *c);

void tr_conn_end_locked(struct tr_conn *c, int code, const char *fmt, ...)
	TR_PRINTF(3, 4);

/* The library's word for what happened to an operation on the stream. */
void tr_conn_end_by_stream(struct tr_conn *c, int nng_err);

#endif /* TR_COMMON_NET_CONN_H */
