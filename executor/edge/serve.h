/*
 * Blocks for other executors, over connections that they make. A peer shows
 * the executors' token, then asks for parts of blocks by the ids of the attempt
 * that wrote them; the file's path is made from these numbers alone.
 *
 * Bounds: TR_SERVE_REQUESTS_MAX requests of a peer may wait, more close the
 * connection; TR_SERVE_CONN_BYTES may be on their way to one peer and
 * TR_SERVE_BYTES_MAX to all, then requests wait.
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

void tr_server_fini(struct tr_server *s);

#endif /* TR_EXECUTOR_EDGE_SERVE_H */
