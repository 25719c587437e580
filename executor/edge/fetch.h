/*
 * Blocks that a reduce task reads. Those of this executor are used where they
 * are; those of others are fetched into one file per attempt, in pieces of at
 * most TR_BLOCK_CHUNK_MAX.
 *
 * Connections are pooled per peer and stay for a while. Credit: at most
 * TR_FETCH_PER_PEER requests are outstanding with a peer, and at most
 * fetch_window bytes over all peers, so that memory is bounded however many
 * and large the blocks are. A peer that drops the connection is dialled again.
 * One that refuses it twice, is silent for TR_FETCH_SILENCE_MS while it owes
 * an answer, answers nothing on TR_FETCH_TRIES connections, or does not have a
 * block, costs the blocks, and the attempt is reported with the list of them.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_FETCH_H
#define TR_EXECUTOR_EDGE_FETCH_H

#include "common/net/net.h"
#include "common/wire/msg.h"
#include "executor/core/executor.h"

struct tr_daemon;
struct tr_attempt;
struct tr_fetch;
struct tr_fetch_peer;

struct tr_fetcher {
	struct tr_fetch_peer *peers;
	uint64_t in_flight; /* bytes asked for */
	uint64_t last_request;
	uint64_t fetched_bytes; /* since the start */
};

/*
 * Gets the attempt's blocks. The answer is an INPUTS event, with the report
 * written when blocks are lost.
 */
void tr_fetch_start(struct tr_daemon *d, struct tr_attempt *a);

/* No answer will come. Accepts NULL. */
void tr_fetch_cancel(struct tr_fetcher *f, struct tr_fetch *fetch);

/* Where each block of the attempt is, in plan order; for its worker. */
struct tr_fetch_files {
	Tranche__V1__BlockFile *files;
	Tranche__V1__BlockFile **list;
	char **paths;
	size_t n;
};

void tr_fetch_files(struct tr_daemon *d, const struct tr_attempt *a,
	struct tr_fetch_files *out);
void tr_fetch_files_fini(struct tr_fetch_files *f);

/* An event of a connection to a peer; false: it is none of ours. */
bool tr_fetch_event(struct tr_daemon *d, const struct tr_net_event *ev);

/* Redials what is due. */
void tr_fetch_tick(struct tr_daemon *d);
uint64_t tr_fetch_deadline(const struct tr_fetcher *f);

void tr_fetcher_fini(struct tr_daemon *d);

#endif /* TR_EXECUTOR_EDGE_FETCH_H */
