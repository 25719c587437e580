/*
 * Connections that carry frames (common/wire/frame.h), over tcp://, tls+tcp://
 * and ipc:// URLs.
 *
 * A struct tr_net is a group of listeners and connections of one loop. All
 * that happens to them arrives as events in the loop's mailbox; all that the
 * loop wants is a call that returns at once. The threads of the NNG library
 * below only parse, copy and wake.
 *
 *   net = tr_net_new(&opts, mailbox);
 *   tr_net_listen(net, &endpoint, bound, &err);     and / or
 *   tr_net_dial(net, &endpoint, &conn, &err);
 *   each turn:  wait = tr_net_tick(net, now_ms);  poll(…);
 *               for each mail: tr_net_event_of(mail) …; tr_mail_free(mail);
 *   tr_net_close(net); … last sends …; tr_net_stop(net); tr_net_free(net);
 *
 * Life of a connection: UP, then FRAMEs, then DOWN; each UP has exactly one
 * DOWN, also when this side closed it, and nothing follows it. A dial that
 * fails has one DIAL_FAILED instead of all these. NNG and TLS shake hands when
 * the first bytes flow: UP does not mean that the peer's certificate is good,
 * its first FRAME does. Redialling is the caller's policy.
 *
 * A connection starts unauthenticated: it may send one frame at a time, none
 * over TR_FRAME_BEFORE_HELLO_MAX, and must send one before the hello deadline;
 * anything else closes it. tr_net_conn_authenticated() lifts this, after the
 * caller has checked Hello. Beyond the limits on connections, new ones are
 * accepted, closed and counted.
 *
 * Memory: what a connection may have waiting in the mailbox is limited; beyond
 * it nothing is read from it until events are freed, so a peer that floods
 * fills its own socket. What may wait to be sent is limited too (tr_net_send).
 *
 * Thread: everything but tr_net_counters belongs to the loop, with two
 * exceptions that any thread may use: tr_net_send* and freeing events. Only
 * tr_net_stop and tr_net_free wait for anything; neither waits for a peer.
 * NNG's threads do not survive fork(): spawn processes with posix_spawn.
 */
#ifndef TR_COMMON_NET_NET_H
#define TR_COMMON_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/mailbox/mailbox.h"
#include "common/net/tls.h"
#include "common/wire/frame.h"

enum {
	TR_NET_URL_MAX = 256, /* with its NUL */
};

/* Never reused within a process. 0 is none. */
struct tr_conn_id {
	uint64_t v;
};

/*
 * A small number that no other connection of this net has between UP (or dial)
 * and DOWN: below opts.conns_max, for callers' tables.
 */
static inline uint32_t tr_conn_slot(struct tr_conn_id id)
{
	return (uint32_t)id.v;
}

struct tr_net_opts { /* 0 in a field: the limit of bounds.h */
	uint32_t conns_max;
	uint32_t unauthenticated_max;
	uint32_t hello_deadline_ms;
	uint32_t dial_timeout_ms;
	size_t inbox_max;  /* bytes of one connection waiting in the mailbox */
	size_t output_max; /* bytes of one connection waiting to be sent */
};

struct tr_net_endpoint {
	const char *url;               /* tcp:// tls+tcp:// ipc:// */
	const struct tr_tls_opts *tls; /* for tls+tcp://, else NULL */
	bool insecure; /* tcp:// beyond loopback is what the user wants */
};

enum tr_net_event_kind {
	TR_NET_UP,          /* accepted or dialled */
	TR_NET_FRAME,       /* `frame` came in */
	TR_NET_DRAINED,     /* see tr_net_conn_notify_drained */
	TR_NET_DOWN,        /* the last event; `error` says why */
	TR_NET_DIAL_FAILED, /* the only event; `error` says why */
};

struct tr_net_event {
	struct tr_mail mail; /* type tr_net_event_type */
	enum tr_net_event_kind kind;
	bool dialed; /* by this side */
	struct tr_net *net;
	struct tr_conn_id conn;
	const char *peer;      /* address as text, e.g. "10.0.0.7:41312" */
	struct tr_frame frame; /* FRAME: borrows the event's memory */
	const struct tr_error *error; /* DOWN, DIAL_FAILED */
};

extern const struct tr_mail_type tr_net_event_type;

/* The event that m is, or NULL when somebody else sent m. */
struct tr_net_event *tr_net_event_of(struct tr_mail *m);

/* ---- the group ---- */

/* `opts` may be NULL. The mailbox is borrowed until tr_net_stop has returned.
 */
struct tr_net *tr_net_new(
	const struct tr_net_opts *opts, struct tr_mailbox *mailbox);

/* Refuses new connections, dials and listeners. Those that are up go on. */
void tr_net_close(struct tr_net *net);

/*
 * Closes all connections (their DOWNs arrive) and waits until the library has
 * let go of them. Events already in the mailbox stay good until freed, also
 * after tr_net_free.
 */
void tr_net_stop(struct tr_net *net);

/* Stops it when that has not been done. Accepts NULL. */
void tr_net_free(struct tr_net *net);

/*
 * Enforces deadlines. Call once a turn with a monotonic clock; cheap when
 * nothing is due. Returns when to call again at the latest (UINT64_MAX: an
 * event will come first). All times of a net come from here.
 */
uint64_t tr_net_tick(struct tr_net *net, uint64_t now_ms);

/*
 * Listens. Port 0 picks one; `bound` (TR_NET_URL_MAX bytes, may be NULL) gets
 * the URL with the port in use. With tls+tcp:// the port is found by binding it
 * for a moment, as the library does not tell: another process may grab it in
 * between, which is then an error. A stale ipc:// socket is replaced.
 *
 * TR_EINVAL: the URL, or plain tcp:// beyond loopback without `insecure`.
 * TR_EEXIST: address in use. TR_EAUTH, TR_EIO: TLS files. TR_ECLOSED.
 */
int tr_net_listen(struct tr_net *net, const struct tr_net_endpoint *at,
	char *bound, struct tr_error *err) TR_MUST_USE;

/*
 * Begins to connect; the answer is an UP or a DIAL_FAILED event of *conn.
 * Errors as tr_net_listen, and TR_ELIMIT at conns_max. TLS files are read anew
 * each time, so renewed certificates are used.
 */
int tr_net_dial(struct tr_net *net, const struct tr_net_endpoint *to,
	struct tr_conn_id *conn, struct tr_error *err) TR_MUST_USE;

/* ---- one connection ---- */

/* What to do when the bytes waiting to be sent would exceed output_max. */
enum tr_net_full {
	TR_NET_FULL_CLOSE, /* give up the peer as too slow */
	TR_NET_FULL_TRY,   /* answer TR_EAGAIN, change nothing */
};

/*
 * Queues a copy of the frame.
 *   TR_ECLOSED  the connection is gone, or finishing: expect its DOWN
 *   TR_ELIMIT   the frame is over TR_FRAME_MAX or TR_FRAME_BODY_MAX; or, with
 *               FULL_CLOSE, the queue was full and the connection is closed
 *   TR_EAGAIN   with FULL_TRY: the queue is full
 *   TR_ENOMEM
 */
int tr_net_send(struct tr_net *net, struct tr_conn_id conn,
	const struct tr_frame *f, enum tr_net_full full) TR_MUST_USE;

/*
 * The same without copying the payload: `payload` of f is memory from malloc
 * that belongs to the net on success, and remains the caller's on error.
 */
int tr_net_send_take(struct tr_net *net, struct tr_conn_id conn,
	const struct tr_frame *f, enum tr_net_full full) TR_MUST_USE;

/*
 * Asks for one DRAINED event as soon as at most `low_water` bytes wait to be
 * sent, at once if so already. A second call before it came replaces the first.
 */
void tr_net_conn_notify_drained(
	struct tr_net *net, struct tr_conn_id conn, size_t low_water);

/*
 * The caller has checked Hello: full frame size, no hello deadline. Call it
 * before the event that brought the Hello is freed, because the next frame is
 * looked at then.
 */
void tr_net_conn_authenticated(struct tr_net *net, struct tr_conn_id conn);

/*
 * DOWN(TR_ETIMEOUT) when no byte arrives for that long; 0 turns it off.
 * Heartbeats are the caller's messages. Time in which this side does not read,
 * because the mailbox holds too much from the peer, does not count.
 */
void tr_net_conn_set_idle_deadline(
	struct tr_net *net, struct tr_conn_id conn, uint32_t ms);

/* Closes it now; what waits to be sent is dropped. Unknown ids are ignored. */
void tr_net_conn_close(struct tr_net *net, struct tr_conn_id conn);

/*
 * Sends what is queued, a refusal for instance, and gives the peer until
 * TR_CONN_LINGER_MS to read it and close. Frames that still come in are
 * dropped, and further sends refused.
 */
void tr_net_conn_finish(struct tr_net *net, struct tr_conn_id conn);

/* ---- for everybody ---- */

struct tr_net_counters {
	uint64_t accepted;       /* connections let in */
	uint64_t dialed;         /* dials that connected */
	uint64_t refused_limit;  /* closed at once: too many connections */
	uint64_t hello_timeouts; /* silent before authentication */
	uint64_t idle_timeouts;
	uint64_t bad_frames;   /* connections closed for what they sent */
	uint64_t tls_failures; /* handshakes that failed, seen from here */
	uint64_t slow_peers;   /* closed because the output queue was full */
	uint64_t accept_errors;
	uint64_t frames_in, bytes_in;
	uint64_t frames_out, bytes_out; /* queued, sent */
	uint32_t conns;                 /* now */
	uint32_t unauthenticated;
};

/* Thread: any. */
void tr_net_counters(struct tr_net *net, struct tr_net_counters *out);

/*
 * Whether everything sent there stays on this machine: ipc://, or a host that
 * is "localhost", 127.0.0.0/8 or ::1.
 */
bool tr_net_url_is_local(const char *url);

/*
 * Whether the URL can be used at all: scheme, length, TLS options where they
 * belong, plain tcp:// beyond loopback only with `insecure` (the error names
 * --insecure). For checking configuration before anything starts.
 */
int tr_net_endpoint_check(
	const struct tr_net_endpoint *at, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_NET_NET_H */
