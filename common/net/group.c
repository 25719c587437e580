#include "common/net/group.h"

#include "common/base/xalloc.h"
#include "common/net/conn.h"

/*
 * An id is a generation and a slot. The generation is the group's, so that an
 * id is not used again before 2^32 connections have come and gone.
 */
static struct tr_conn_id make_id(uint32_t generation, uint32_t slot)
{
	return (struct tr_conn_id){ .v = (uint64_t)generation << 32 | slot };
}

static int check_room(const struct tr_net *net, bool unauthenticated)
{
	if (net->closing)
		return TR_ECLOSED;
	if (net->free_count == 0)
		return TR_ELIMIT;
	if (unauthenticated &&
		net->unauthenticated >= net->opts.unauthenticated_max)
		return TR_ELIMIT;
	return 0;
}

int tr_group_add(struct tr_net *net, struct tr_conn *c, bool unauthenticated)
{
	pthread_mutex_lock(&net->mu);
	int rc = check_room(net, unauthenticated);
	if (rc == 0) {
		uint32_t slot = net->free_slots[--net->free_count];
		if (++net->generation == 0)
			net->generation = 1;
		c->id = make_id(net->generation, slot);
		net->table[slot] = c;
		net->objects++;
		if (unauthenticated)
			net->unauthenticated++;
		tr_conn_ref(c);
	}
	pthread_mutex_unlock(&net->mu);
	return rc;
}

void tr_group_remove(struct tr_net *net, struct tr_conn *c)
{
	uint32_t slot = tr_conn_slot(c->id);
	pthread_mutex_lock(&net->mu);
	tr_assert(net->table[slot] == c);
	net->table[slot] = NULL;
	net->free_slots[net->free_count++] = slot;
	if (!c->dialed && !c->authenticated)
		net->unauthenticated--;
	pthread_mutex_unlock(&net->mu);
	tr_conn_unref(c);
}

void tr_group_authenticated(struct tr_net *net)
{
	pthread_mutex_lock(&net->mu);
	net->unauthenticated--;
	pthread_mutex_unlock(&net->mu);
}

struct tr_conn *tr_group_find(struct tr_net *net, struct tr_conn_id id)
{
	uint32_t slot = tr_conn_slot(id);
	if (slot >= net->opts.conns_max)
		return NULL;
	pthread_mutex_lock(&net->mu);
	struct tr_conn *c = net->table[slot];
	if (c && c->id.v == id.v)
		tr_conn_ref(c);
	else
		c = NULL;
	pthread_mutex_unlock(&net->mu);
	return c;
}

uint32_t tr_group_all(struct tr_net *net, struct tr_conn **out)
{
	uint32_t n = 0;
	pthread_mutex_lock(&net->mu);
	uint32_t used = net->opts.conns_max - net->free_count;
	for (uint32_t slot = 0; n < used; slot++) {
		if (!net->table[slot])
			continue;
		tr_conn_ref(net->table[slot]);
		out[n++] = net->table[slot];
	}
	pthread_mutex_unlock(&net->mu);
	return n;
}

void tr_group_reaped(struct tr_net *net)
{
	pthread_mutex_lock(&net->mu);
	tr_assert(net->objects > 0);
	if (--net->objects == 0)
		pthread_cond_broadcast(&net->gone);
	pthread_mutex_unlock(&net->mu);
}
