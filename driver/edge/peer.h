/*
 * One connection, and what the driver knows of who is at its other end.
 *
 * Thread: the loop's.
 */
#ifndef TR_DRIVER_EDGE_PEER_H
#define TR_DRIVER_EDGE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/net/net.h"
#include "common/wire/msg.h"
#include "driver/core/core.h"

/* A client's wish to hear of a job. */
struct tr_watch {
	struct tr_watch *next;
	struct tr_job_id job;
	uint64_t request_id;
	uint32_t interval_ms;
	uint64_t next_ms; /* no status before */
	uint64_t seen;    /* the job's `changed` when one was sent */
};

struct tr_peer {
	struct tr_conn_id conn;
	Tranche__V1__Role role; /* ROLE_UNSPECIFIED: no Hello yet */
	bool closing;           /* it broke the protocol: nothing more counts */
	char name[TR_NAME_MAX];
	char instance[TR_NAME_MAX];
	char address[TR_NAME_MAX];
	/* Executors, from Register on. */
	struct tr_executor_id executor; /* 0: not registered */
	char *block_url;
	char version[TR_NAME_MAX];
	uint32_t slots;
	bool registering;             /* between EXECUTOR_UP and REGISTERED */
	struct tr_attempt_ref *drops; /* held tasks to drop, meanwhile */
	size_t n_drops, cap_drops;
	uint64_t *jobs_told; /* ids of jobs whose JobSpec it has */
	size_t n_jobs_told;
	/* Attempts it was given and owes a report for: one per busy slot. */
	struct tr_attempt_id *running;
	uint32_t n_running;
	enum tr_core_executor_state state;
	uint64_t heard_ms; /* when the core heard of it last */
	uint64_t memory_bytes;
	uint64_t tasks_done, tasks_failed;
	int64_t connected_ms;
	/* Of the TaskSpec being put together: see dispatch.c. */
	uint64_t source_of;
	uint32_t source;
	/* Clients. */
	struct tr_watch *watches;
};

struct tr_peer *tr_peer_new(struct tr_conn_id conn, const char *address);
void tr_peer_free(struct tr_peer *p); /* its watches are gone */

/* It owes a report for the attempt; once is enough. */
void tr_peer_begin(struct tr_peer *p, struct tr_attempt_id attempt);
bool tr_peer_runs(const struct tr_peer *p, struct tr_attempt_id attempt);

/* The report came. False: none was owed. */
bool tr_peer_end(struct tr_peer *p, struct tr_attempt_id attempt);

void tr_peer_drop(struct tr_peer *p, const struct tr_attempt_ref *ref);

bool tr_peer_was_told(const struct tr_peer *p, struct tr_job_id job);
void tr_peer_told(struct tr_peer *p, struct tr_job_id job);
void tr_peer_untold(struct tr_peer *p, struct tr_job_id job);

#endif /* TR_DRIVER_EDGE_PEER_H */
