/*
 * What a connection and a listener need of the net they belong to: a place in
 * its table, its limits, its counters, its mailbox and its reaper.
 *
 * Locks: a connection's lock may be held when these are called; they take the
 * group's own lock, and no other after it. No lock is held while a callback of
 * the caller's runs, because there are none: events go to the mailbox.
 *
 * Lifetime: of the net, which outlives all its objects up to their reaping;
 * what events keep alive longer (a connection's memory) must not come here.
 */
#ifndef TR_COMMON_NET_GROUP_H
#define TR_COMMON_NET_GROUP_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/net/net.h"
#include "common/net/reaper.h"

struct tr_conn;

struct tr_net_stats { /* as struct tr_net_counters */
	atomic_uint_fast64_t accepted;
	atomic_uint_fast64_t dialed;
	atomic_uint_fast64_t refused_limit;
	atomic_uint_fast64_t hello_timeouts;
	atomic_uint_fast64_t idle_timeouts;
	atomic_uint_fast64_t bad_frames;
	atomic_uint_fast64_t tls_failures;
	atomic_uint_fast64_t slow_peers;
	atomic_uint_fast64_t accept_errors;
	atomic_uint_fast64_t frames_in;
	atomic_uint_fast64_t bytes_in;
	atomic_uint_fast64_t frames_out;
	atomic_uint_fast64_t bytes_out;
};

static inline void tr_stat_add(atomic_uint_fast64_t *stat, uint64_t n)
{
	atomic_fetch_add_explicit(stat, n, memory_order_relaxed);
}

struct tr_listener;

struct tr_net {
	struct tr_net_opts opts; /* defaults filled in; constant */
	struct tr_mailbox *mailbox;
	struct tr_reaper *reaper;
	struct tr_net_stats stats;
	atomic_bool rescan; /* some deadline may be earlier than planned */

	pthread_mutex_t mu;  /* of all below, down to listeners */
	pthread_cond_t gone; /* objects has become 0 */
	bool closing;
	uint32_t objects;         /* connections and listeners not yet reaped */
	uint32_t unauthenticated; /* accepted ones only */
	uint32_t generation;
	struct tr_conn **table; /* by slot: conns_max entries */
	uint32_t *free_slots;
	uint32_t free_count;
	struct tr_listener *listeners;

	uint64_t next_scan_ms; /* the loop's */
	struct tr_conn **scan; /* the loop's: room for conns_max */
};

/*
 * Gives c a slot and an id, and keeps one reference to it until removed.
 * TR_ELIMIT: no room. TR_ECLOSED: the net is closing.
 */
int tr_group_add(struct tr_net *net, struct tr_conn *c,
	bool unauthenticated) TR_MUST_USE;
void tr_group_remove(struct tr_net *net, struct tr_conn *c);

/* One less of those that count as unauthenticated. */
void tr_group_authenticated(struct tr_net *net);

/* With a reference for the caller, or NULL. */
struct tr_conn *tr_group_find(struct tr_net *net, struct tr_conn_id id);

/* All, each with a reference for the caller; returns how many. */
uint32_t tr_group_all(struct tr_net *net, struct tr_conn **out);

/* The reaper has freed one of the group's objects. */
void tr_group_reaped(struct tr_net *net);

#endif /* TR_COMMON_NET_GROUP_H */
