/*
 * Blocks for other executors, over connections that they make. A peer shows
 * the executors' token, then asks for parts of blocks by the ids of the attempt
 * that wrote them; the file's path is made from these numbers alone.
 *
 * Bounds: TR_SERVE_REQUESTS_MAX requests of a peer may wait, more close the
 * connection; TR_SERVE_CONN_BYTES may be on their way to one peer and
 * TR_SERVE_BYTES_MAX to all, then requests wait. A peer that has not taken
 * what is on its way within TR_SERVE_STALL_MS is hung up on, so that those who
 * stand still do not hold up the others for ever.
 *
 * Thread: the loop's. Reads files; may block on the disk.
 */
#ifndef TR_EXECUTOR_EDGE_SERVE_H
#define TR_EXECUTOR_EDGE_SERVE_H

#include "common/net/net.h"

struct tr_daemon;
struct tr_serve_peer;

struct tr_server {
	struct tr_serve_peer *peers;
	uint64_t in_flight;    /* bytes handed to connections, not drained */
	uint64_t served_bytes; /* since the start */
	uint64_t refused;      /* connections: token, version, protocol */
};

/* An event of a connection that somebody else made. */
void tr_serve_event(struct tr_daemon *d, const struct tr_net_event *ev);

/* Hangs up on peers that stand still. */
void tr_serve_tick(struct tr_daemon *d);
/* When that is due next; UINT64_MAX: nothing is on its way. */
uint64_t tr_serve_deadline(const struct tr_server *s);

void tr_server_fini(struct tr_server *s);

#endif /* TR_EXECUTOR_EDGE_SERVE_H */
