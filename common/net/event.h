/*
 * Events on their way from a connection to the loop.
 *
 * An event keeps its connection's memory alive, because it shows its peer and
 * error texts, and because freeing it is what opens the inbox again.
 */
#ifndef TR_COMMON_NET_EVENT_H
#define TR_COMMON_NET_EVENT_H

#include "common/net/conn.h"

struct tr_event {
	struct tr_net_event pub;
	struct tr_conn *conn;
	size_t charge; /* of the connection's inbox, in bytes */
};

/*
 * Fills e, except for frame and charge, and puts it. False when nobody will
 * take it because the mailbox is closed; then e is freed.
 */
bool tr_event_put(
	struct tr_event *e, struct tr_conn *c, enum tr_net_event_kind kind);

/* The same for an event that is no frame. */
void tr_event_post(struct tr_conn *c, enum tr_net_event_kind kind);

/* A frame's event has been freed: reading may go on. */
void tr_conn_credit(struct tr_conn *c, size_t charge);

#endif /* TR_COMMON_NET_EVENT_H */
