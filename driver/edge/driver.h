/*
 * The driver's edge: the loop around the core. Shared by the files of this
 * folder; the rest of the world sees tr_driver_run().
 *
 *   driver.c   start, the loop, stop
 *   perform.c  updates of the core, in order: store, send, commit, reply
 *   cluster.c  executors: who registers, which frame goes where
 *   report.c   what executors say of attempts: rows, reports, log lines
 *   dispatch.c what executors are told: launches, kills, goodbyes
 *   control.c  clients: their requests
 *   submit.c   a client's job, until it is durable
 *   watch.c    clients that wait for a job
 *   notice.c   the core's word on jobs, tasks and executors
 *   reads.c    requests that read the store, on pool threads
 *   planning.c planning, on pool threads
 *   recover.c  what was stored, back into the core
 *   job.c, status.c, receipt.c
 *              the contents behind the core's decisions
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
#include "driver/edge/peer.h"
#include "driver/edge/pool.h"
#include "driver/edge/writer.h"
#include "driver/store/store.h"

struct tr_pending;

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
	uint64_t wake_ms;         /* when the loop meant to be awake again */
	uint64_t listen_until_ms; /* it was held up: no TICK before */
	uint64_t next_heartbeat_ms;
	uint64_t last_job;
	uint64_t last_executor;
	uint64_t specs;           /* TaskSpecs made: see dispatch.c */
	uint32_t dry_runs;        /* that are under way */
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

/* A record of this term to be filled in, all of it from the heap. */
Tranche__V1__JournalRecord *tr_driver_record(const struct tr_driver *d,
	Tranche__V1__JournalRecord__RecordCase record_case);

/* ---- driver.c ---- */

struct tr_edge_job *tr_driver_job(struct tr_driver *d, struct tr_job_id id);

/*
 * By id or name; the newest of that name. Active ones that are durable only:
 * of others nobody may hear.
 */
struct tr_edge_job *tr_driver_job_named(struct tr_driver *d, const char *text);
void tr_driver_job_add(struct tr_driver *d, struct tr_edge_job *j);
void tr_driver_job_remove(struct tr_driver *d, struct tr_edge_job *j);

struct tr_peer *tr_driver_peer(struct tr_driver *d, struct tr_conn_id conn);
struct tr_peer *tr_driver_member(
	struct tr_driver *d, struct tr_executor_id executor);

/*
 * Packs and sends. TR_ELIMIT: the message is too large for a frame; nothing was
 * sent and the peer is fine. After any other error the peer is gone or closed,
 * and its DOWN follows.
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

/* No new tasks for this executor, for as long as its process lives. */
void tr_cluster_drain(struct tr_driver *d, struct tr_peer *p);
void tr_cluster_heartbeat(struct tr_driver *d);

/* ---- report.c ---- */

/* Returns true when it kept the event. */
bool tr_edge_report_rows(
	struct tr_driver *d, struct tr_peer *p, struct tr_net_event *ev);
void tr_edge_report_task(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f);
void tr_edge_report_progress(struct tr_driver *d, struct tr_peer *p,
	const Tranche__V1__TaskProgress *m);
void tr_edge_report_log(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f);

/* The attempt has failed, as p says or as is said for it. */
void tr_edge_report_failed(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, const Tranche__V1__ErrorInfo *info,
	bool worker_died);

/* ---- dispatch.c ---- */

void tr_dispatch(struct tr_driver *d, const struct tr_core_send *s);

/* ---- control.c ---- */

void tr_control_frame(
	struct tr_driver *d, struct tr_peer *p, const struct tr_frame *f);

/* Answers with the error, or that it was done; NULL. */
void tr_control_ack(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, const struct tr_error *err);

/* Sends a job's status, as it is now, to one client. */
void tr_control_status(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, Tranche__V1__JobStatus *status);

/*
 * Sends the reply. One that no message holds is sent without the plan's
 * ranges, which its rows have too, and then with fewer rows.
 */
void tr_control_show(struct tr_driver *d, struct tr_conn_id conn,
	uint64_t request_id, Tranche__V1__JobShowReply *reply);

/* ---- submit.c ---- */

/* `m` is taken over. */
void tr_submit(struct tr_driver *d, struct tr_peer *p,
	Tranche__V1__SubmitRequest *m, struct tr_slice artefact);

/* The job is durable, or refused: `err`. */
void tr_submit_answer(
	struct tr_driver *d, struct tr_edge_job *j, const struct tr_error *err);

/* ---- watch.c ---- */

/* p hears of j until its end. */
void tr_watch_add(struct tr_driver *d, struct tr_peer *p,
	const struct tr_edge_job *j, uint64_t request_id, uint32_t interval_ms);

/* Everybody who watches the job hears of it now; `last`: for good. */
void tr_watch_tell(struct tr_driver *d, struct tr_edge_job *j, bool last);

/* Tells those whose time has come; returns when to call again at the latest. */
uint64_t tr_watch_tick(struct tr_driver *d);
void tr_watch_down(struct tr_driver *d, struct tr_peer *p);

/* ---- notice.c ---- */

/* The core's word, after what led to it is durable. */
void tr_notice(struct tr_driver *d, const struct tr_core_notice *n);

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
