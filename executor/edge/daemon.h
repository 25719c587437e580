/*
 * The executor daemon: one thread that carries bytes between the driver, other
 * executors, worker processes and the disk, and lets the core (executor/core)
 * decide.
 *
 *	event -> core -> actions -> performed in order -> perhaps more events
 *
 * Events that come up while actions are performed wait until all actions of
 * that step are done.
 *
 *   loop.c      waits, and turns what happens into events
 *   perform.c   the actions
 *   uplink.c    messages from and to the driver; pump.c sends outboxes
 *   attempt.c   what is known of an attempt, its report
 *   process.c   worker processes; watch.c ends those that misbehave
 *   fetch.c     blocks from other executors; serve.c blocks to them
 *   spool.c, outbox.c  files
 *
 * Private to executor/edge, but for tr_daemon_run() and tr_daemon_check().
 *
 * Thread: all of it belongs to the loop.
 */
#ifndef TR_EXECUTOR_EDGE_DAEMON_H
#define TR_EXECUTOR_EDGE_DAEMON_H

#include <limits.h>

#include "common/base/sha256.h"
#include "common/config/config.h"
#include "common/mailbox/mailbox.h"
#include "common/net/net.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "executor/core/executor.h"
#include "executor/edge/attempt.h"
#include "executor/edge/fetch.h"
#include "executor/edge/process.h"
#include "executor/edge/serve.h"
#include "executor/edge/spool.h"

/* A job as the driver described it. */
struct tr_job {
	struct tr_job *next;
	struct tr_job_id id;
	Tranche__V1__JobSpec *spec;
	struct tr_error no_artefact; /* code 0: none has failed to come */
};

struct tr_daemon {
	const struct tr_executor_conf *conf;
	char name[TR_NAME_MAX];
	char token[TR_TOKEN_MAX];
	char instance[33];
	char cluster[TR_NAME_MAX]; /* empty until the driver told */
	char worker[PATH_MAX];
	char block_url[TR_NET_URL_MAX];
	uint32_t slots;
	struct tr_tls_opts tls; /* where files are set */

	uint64_t now_ms; /* read once a turn */
	struct tr_executor *core;
	struct tr_executor_update *update;
	struct tr_executor_event *events; /* a queue: [at, n) wait */
	size_t events_at, events_n, events_cap;

	struct tr_mailbox *mailbox;
	struct tr_net *net;
	struct tr_spool spool;
	struct tr_job *jobs;
	struct tr_attempts attempts;
	struct tr_processes processes;
	struct tr_worker_id not_started; /* the last that could not be */
	struct tr_error not_started_why;
	struct tr_fetcher fetcher;
	struct tr_server server;

	struct tr_conn_id driver; /* 0: no connection */
	bool greeted;             /* our Register is sent */
	bool registered;          /* and answered */
	uint32_t dials_failed;    /* since it was last greeted */
	bool paused;              /* its queue is full until DRAINED */
	uint64_t in_flight;       /* bytes sent since */
	struct tr_buf out;        /* a body being made */
	struct tr_buf frame;      /* a frame read back */

	int signals;     /* signalfd */
	bool terminated; /* a SIGTERM came */
	bool leaving;
	bool again; /* a second SIGTERM: now */
	uint64_t leave_by_ms;
};

/*
 * Runs until drained (0), or ended by a second SIGTERM (TR_ECANCELED). Other
 * errors come up before it begins: spool in use, address, TLS files, token.
 *
 * SIGTERM, SIGINT and SIGCHLD are blocked, also in threads that exist already.
 */
int tr_daemon_run(
	const struct tr_executor_conf *conf, struct tr_error *err) TR_MUST_USE;

/* What can be known to be wrong without starting: files, token, addresses. */
int tr_daemon_check(
	const struct tr_executor_conf *conf, struct tr_error *err) TR_MUST_USE;

/* ---- loop.c ---- */

/* Queues the event; its time is filled in. */
void tr_daemon_raise(
	struct tr_daemon *d, const struct tr_executor_event *event);

/* ---- perform.c ---- */

void tr_daemon_perform(
	struct tr_daemon *d, const struct tr_executor_update *update);
struct tr_job *tr_daemon_job(struct tr_daemon *d, struct tr_job_id id);
void tr_daemon_forget_job(struct tr_daemon *d, struct tr_job_id id);

/* ---- uplink.c ---- */

Tranche__V1__Envelope tr_daemon_env(
	const struct tr_daemon *d, const struct tr_executor_ref *ref);
struct tr_executor_ref tr_daemon_ref(const Tranche__V1__Envelope *env);

/* Sends a message to any connection. Errors of tr_net_send. */
int tr_daemon_send(struct tr_daemon *d, struct tr_conn_id conn,
	enum tr_kind kind, const void *msg);

void tr_uplink_dial(struct tr_daemon *d);
void tr_uplink_hang_up(struct tr_daemon *d);
void tr_uplink_hello(struct tr_daemon *d);
void tr_uplink_register(struct tr_daemon *d);
void tr_uplink_heartbeat(struct tr_daemon *d);
void tr_uplink_drain(struct tr_daemon *d);
void tr_uplink_get_artefact(struct tr_daemon *d, struct tr_job *job);
void tr_uplink_refuse(
	struct tr_daemon *d, const struct tr_executor_ref *ref, int error);

/* An event of the connection to the driver. */
void tr_uplink_event(struct tr_daemon *d, const struct tr_net_event *ev);

/* ---- pump.c ---- */

/* Sends what waits in outboxes while the connection takes it. */
void tr_pump(struct tr_daemon *d);
void tr_pump_drained(struct tr_daemon *d);

/* Has the attempt's outbox sent, after those that wait already. */
void tr_pump_add(struct tr_daemon *d, struct tr_attempt *a);

#endif /* TR_EXECUTOR_EDGE_DAEMON_H */
