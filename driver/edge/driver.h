/*
 * The driver's edge: the loop around the core. Shared by the files of this
 * folder; the rest of the world sees tr_driver_run().
 *
 *   driver.c   start, the loop, stop
 *   perform.c  updates of the core, in order: store, send, commit, reply
 *   cluster.c  executors: registration, launches, reports, rows, logs
 *   control.c  clients: submit, watch, cancel, and what they ask to see
 *   reads.c    requests that read the store, on pool threads
 *   planning.c planning, on pool threads
 *   recover.c  what was stored, back into the core
 *   job.c      the contents behind the core's decisions
 *
 * Thread: everything runs on the loop's thread unless its header says
 * otherwise (pool.h, writer.h).
 */
#ifndef TR_DRIVER_EDGE_DRIVER_H
#define TR_DRIVER_EDGE_DRIVER_H

#include "common/base/bounds.h"
#include "common/config/config.h"
#include "common/mailbox/mailbox.h"
#include "common/net/net.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "driver/core/core.h"
#include "driver/edge/job.h"
#include "driver/edge/pool.h"
#include "driver/edge/writer.h"
#include "driver/store/store.h"

struct tr_pending;

/* A client's wish to hear of a job. */
struct tr_watch {
	struct tr_watch *next;
	struct tr_job_id job;
	uint64_t request_id;
	uint32_t interval_ms;
	uint64_t next_ms; /* no status before */
	uint64_t seen;    /* the job's `changed` when one was sent */
};

/* One connection. */
struct tr_peer {
	struct tr_conn_id conn;
	Tranche__V1__Role role; /* ROLE_UNSPECIFIED: no Hello yet */
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
	size_t n_drops;
	uint64_t *jobs_told; /* ids of jobs whose JobSpec it has */
	size_t n_jobs_told;
	enum tr_core_executor_state state;
	uint64_t heard_ms; /* when the core heard of it last */
	uint64_t memory_bytes;
	uint64_t tasks_done, tasks_failed;
	uint32_t busy;
	int64_t connected_ms;
	/* Clients. */
	struct tr_watch *watches;
};

struct tr_driver {
	const struct tr_driver_conf *conf;
	char executor_token[TR_TOKEN_MAX];
	char submitter_token[TR_TOKEN_MAX];
	char reader_token[TR_TOKEN_MAX];
	char worker[4096]; /* path of the plan worker's program */
	struct tr_store *store;
	struct tr_mailbox *mailbox;
	struct tr_net *net;
	struct tr_writer *writer;
	struct tr_pool *planners;
	struct tr_pool *readers;
	struct tr_core *core;
	struct tr_core_update *update;
	struct tr_buf body; /* scratch for packing */
	struct tr_buf rows; /* scratch for checking rows */
	uint64_t now_ms;    /* monotonic, read once a turn */
	int64_t wall_ms;
	uint64_t core_deadline_ms;
	uint64_t next_heartbeat_ms;
	uint64_t last_job;
	uint64_t last_executor;
	struct tr_edge_job *jobs; /* active, by id */
	struct tr_peer **peers;   /* by tr_conn_slot */
	uint32_t n_peers;         /* slots of the table */
	struct tr_peer **members; /* registered executors, by executor id */
	size_t n_members;
	uint32_t n_watches;
	/* Processes that are to leave, also if they reconnect; the last ones.
	 */
	char drained[TR_DRAINED_MAX][TR_NAME_MAX];
	size_t n_drained;
	/* Updates being performed, oldest first. */
	struct tr_pending *pending, **pending_tail;
	bool performing;
	struct tr_core_job_event recovering; /* recover.c; job 0: none */
	uint64_t write_seq;                  /* of the last write put */
	uint64_t durable_seq; /* of the last write that came back */
	bool stopping;
};

/*
 * Runs a driver until SIGTERM or SIGINT. The configuration is borrowed. Errors
 * are those of starting: folder, port, tokens, certificates.
 */
int tr_driver_run(
	const struct tr_driver_conf *conf, struct tr_error *err) TR_MUST_USE;

/*
 * What -n checks beyond the text of the configuration: tokens, certificates,
 * addresses, the worker's program. Changes nothing.
 */
int tr_driver_check(
	const struct tr_driver_conf *conf, struct tr_error *err) TR_MUST_USE;

/* ---- perform.c ---- */

/* One event into the core, at the loop's time; performs what follows. */
void tr_driver_step(struct tr_driver *d, struct tr_core_event *ev);

/* Performs what has become possible; called when writes come back. */
void tr_driver_perform(struct tr_driver *d);

void tr_driver_pending_free(struct tr_driver *d);

/* Puts a write that nothing waits for (rows, log lines). */
void tr_driver_write(struct tr_driver *d, struct tr_write *w);

/* ---- driver.c ---- */

struct tr_edge_job *tr_driver_job(struct tr_driver *d, struct tr_job_id id);

/* By id or name; the newest of that name. Active ones only. */
struct tr_edge_job *tr_driver_job_named(struct tr_driver *d, const char *text);
void tr_driver_job_add(struct tr_driver *d, struct tr_edge_job *j);
void tr_driver_job_remove(struct tr_driver *d, struct tr_edge_job *j);

struct tr_peer *tr_driver_peer(struct tr_driver *d, struct tr_conn_id conn);
struct tr_peer *tr_driver_member(
	struct tr_driver *d, struct tr_executor_id executor);

/*
 * Packs and sends; a peer that is gone or too slow is closed by the net, whose
 * DOWN follows. TR_ELIMIT: the message is too large for a frame; nothing was
 * sent and the peer is fine.
 */
int tr_driver_send(struct tr_driver *d, struct tr_conn_id conn,
	enum tr_kind kind, const void *msg, struct tr_slice payload);

Tranche__V1__Envelope tr_driver_env(const struct tr_driver *d,
	const struct tr_attempt_ref *ref, uint64_t request_id);

/* Closes a peer that broke the protocol, with one log line. */
void tr_driver_misbehaved(
	struct tr_driver *d, struct tr_peer *p, const struct tr_error *why);

/* ---- cluster.c ---- */

/* A frame of an executor. Returns true when it kept the event. */
bool tr_cluster_frame(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev);
void tr_cluster_down(struct tr_driver *d, struct tr_peer *p);
void tr_cluster_send(struct tr_driver *d, const struct tr_core_send *s);

/* No new tasks for this executor, for as long as its process lives. */
void tr_cluster_drain(struct tr_driver *d, struct tr_peer *p);
void tr_cluster_heartbeat(struct tr_driver *d);

/* Of all that the task put out; zero without a receipt. */
struct tr_core_digest tr_cluster_digest(const Tranche__V1__Receipt *r);

/* ---- control.c ---- */

void tr_control_frame(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f);
void tr_control_down(struct tr_driver *d, struct tr_peer *p);

/* Tells waiting clients; returns when to call again at the latest. */
uint64_t tr_control_tick(struct tr_driver *d);

/* The core's word on a job, after what led to it is durable. */
void tr_control_notice(struct tr_driver *d, const struct tr_core_notice *n);

/* Answers with an error message of the request's own reply kind or Ack. */
void tr_control_ack(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, const struct tr_error *err);

/* Sends a job's status, as it is now, to one watcher. */
void tr_control_status(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, Tranche__V1__JobStatus *status);

/* ---- reads.c ---- */

/* Answers from the store, on a pool thread. `request` is taken over. */
void tr_reads_submit(struct tr_driver *d, struct tr_conn_id conn,
	enum tr_kind kind, void *request, struct tr_slice payload);

/* ---- planning.c ---- */

/* Plans a job; the answer enters the core as JOB_PLANNED or _PLAN_FAILED. */
void tr_planning_start(struct tr_driver *d, struct tr_edge_job *j);

/* Plans without a job and answers the client. `request` is taken over. */
void tr_planning_dry_run(struct tr_driver *d, struct tr_conn_id conn,
	Tranche__V1__SubmitRequest *request, struct tr_slice artefact);

/* Feeds a stored or new plan of j to the core. */
void tr_planning_feed(struct tr_driver *d, struct tr_edge_job *j);

struct tr_pool *tr_planning_pool(struct tr_driver *d);
struct tr_pool *tr_reads_pool(struct tr_driver *d);

/* ---- recover.c ---- */

int tr_driver_recover(struct tr_driver *d, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_EDGE_DRIVER_H */
