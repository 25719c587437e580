/*
 * Worker processes: started for a slot and a job, spoken to over a socket pair
 * (proto/tranche/v1/worker.proto), watched, ended and reaped.
 *
 * A worker gets nothing but descriptors 0 to 4 (3: its socket, 4: its page),
 * an environment of a few harmless variables and those that its job's Kafka
 * settings refer to, and a folder of its own. It is not trusted: what it sends
 * is unpacked, its envelope replaced before anything is passed on, and taken
 * in pieces so that a flood keeps nobody else waiting. It is a process group,
 * which ends with it.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_PROCESS_H
#define TR_EXECUTOR_EDGE_PROCESS_H

#include <poll.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/wire/framefd.h"
#include "executor/core/executor.h"
#include "executor/edge/attempt.h"
#include "executor/worker/page.h"

struct tr_job;

struct tr_process {
	struct tr_process *next;
	struct tr_worker_id id;
	uint32_t slot;
	struct tr_job_id job;
	pid_t pid;
	int fd; /* -1: closed */
	struct tr_framefd in;
	struct tr_buf out; /* what it has not read yet, from out_at on */
	size_t out_at;
	int page_fd; /* -1: handed on */
	struct tr_page *page;
	struct tr_attempt_id attempt; /* that it runs; 0: none */
	bool stopped; /* by the core: what it says is of no interest */

	/* watch.c */
	uint64_t progress; /* of the page, when it last changed */
	uint64_t still_ms; /* watched since then */
	uint64_t memory_max;
	uint64_t memory; /* at the last look */
	uint32_t timeout_ms;
	struct tr_error verdict; /* why we ended it; code 0: we did not */
};

struct tr_processes {
	struct tr_process *all;
	uint64_t look_at_ms; /* when workers are looked at next */
	uint64_t looked_ms;  /* when they were last */
};

/* Without a process afterwards: it could not be started, *err says why. */
int tr_process_spawn(struct tr_daemon *d, struct tr_worker_id id, uint32_t slot,
	struct tr_job *job, struct tr_error *err) TR_MUST_USE;

struct tr_process *tr_process_find(struct tr_daemon *d, struct tr_worker_id id);

/* Sends the task; `err` when the message cannot be made. */
int tr_process_run(struct tr_daemon *d, struct tr_process *p,
	struct tr_attempt *a, struct tr_error *err) TR_MUST_USE;

/* Kills it; it is reaped later and nobody hears of it. */
void tr_process_stop(struct tr_process *p);

/* SIGKILL to it and whatever it may have started; it is reaped later. */
void tr_process_kill(const struct tr_process *p);

/* What to poll for; events 0 when its results wait for the driver. */
struct pollfd tr_process_pollfd(struct tr_daemon *d, struct tr_process *p);
void tr_process_ready(struct tr_daemon *d, struct tr_process *p, short revents);

/* After SIGCHLD: looks which have ended and says so to the core. */
void tr_process_reap(struct tr_daemon *d);

/* Kills all and waits for them. */
void tr_processes_fini(struct tr_daemon *d);

/* Memory of all workers at the last look. */
uint64_t tr_processes_memory(const struct tr_daemon *d);

/* ---- watch.c ---- */

/* Ends workers without progress or with too much memory. */
void tr_watch(struct tr_daemon *d);

/* When to look again; UINT64_MAX: there is nothing to look at. */
uint64_t tr_watch_deadline(const struct tr_daemon *d);

/* Where the worker is or was, from its page. */
void tr_watch_place(
	struct tr_daemon *d, const struct tr_process *p, struct tr_place *out);

/* " in operator 2 (wordcount.lua:3) at lines-0@17", or less. */
const char *tr_watch_describe(struct tr_daemon *d, const struct tr_process *p,
	char *out, size_t size);

#endif /* TR_EXECUTOR_EDGE_PROCESS_H */
