#include "common/net/event.h"

#include <stdlib.h>

#include "common/base/xalloc.h"

static void event_free(struct tr_mail *m)
{
	struct tr_event *e = (struct tr_event *)m;
	struct tr_conn *c = e->conn;
	size_t charge = e->charge;
	free(e);
	if (charge > 0)
		tr_conn_credit(c, charge);
	tr_conn_unref(c);
}

const struct tr_mail_type tr_net_event_type = {
	.name = "net",
	.free = event_free,
};

struct tr_net_event *tr_net_event_of(struct tr_mail *m)
{
	return m->type == &tr_net_event_type ? (struct tr_net_event *)m : NULL;
}

bool tr_event_put(
	struct tr_event *e, struct tr_conn *c, enum tr_net_event_kind kind)
{
	e->conn = c;
	e->pub.mail.type = &tr_net_event_type;
	e->pub.kind = kind;
	e->pub.dialed = c->dialed;
	e->pub.net = c->net;
	e->pub.conn = c->id;
	e->pub.peer = c->peer;
	bool last = kind == TR_NET_DOWN || kind == TR_NET_DIAL_FAILED;
	e->pub.error = last ? &c->error : NULL;
	tr_conn_ref(c);
	if (tr_mailbox_put_counted(c->net->mailbox, &e->pub.mail) == 0)
		return true;
	tr_conn_unref(c);
	free(e);
	return false;
}

void tr_event_post(struct tr_conn *c, enum tr_net_event_kind kind)
{
	struct tr_event *e = tr_xcalloc(1, sizeof(*e));
	(void)tr_event_put(e, c, kind);
}
