/*
 * The executor's decisions as a pure state machine: which attempts exist here,
 * what a message about one is answered with, which worker serves which slot
 * and job, when to dial, register, drain and leave.
 *
 * tr_executor_step() takes one event and fills one update, a list of actions
 * to be performed in order. It does no I/O, reads no clock and allocates
 * nothing after tr_executor_new(); time is `now_ms` of the event. The same
 * events give the same updates. docs/core.md describes it; tests/sim runs it.
 *
 *	core = tr_executor_new(&opts);
 *	step(START);
 *	for (;;) { wait until deadline or event; step(event); perform(update); }
 *
 * What an attempt reads and writes (spec, blocks, receipt, rows) is the edge's,
 * keyed by attempt id. The edge has always written an attempt's report before
 * it steps the event that ends it, so a report can be sent, and sent again,
 * as soon as the core says so.
 *
 * An attempt that was accepted is answered with exactly one report on each
 * connection that it is asked for: its own, or TR_ECANCELED when it is killed.
 *
 * Terms: a message of a lower term than the highest seen is dropped, so that
 * a driver that was replaced cannot reach in; a higher one is adopted.
 *
 * Thread: one owner; step never blocks.
 */
#ifndef TR_EXECUTOR_CORE_EXECUTOR_H
#define TR_EXECUTOR_CORE_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/id.h"

struct tr_executor;

struct tr_executor_opts {
	uint32_t slots;     /* 1 … TR_SLOTS_PER_EXECUTOR_MAX */
	uint32_t tasks_max; /* attempts known at once, finished ones included */
	uint32_t worker_idle_ms;
	uint32_t drain_timeout_ms;
	uint64_t seed; /* of the jitter between dials */
};

struct tr_executor_ref {
	struct tr_job_id job;
	uint64_t batch;
	struct tr_lane_id lane;
	struct tr_attempt_id attempt;
};

/* Counts from 1, never reused: one process in one slot. 0 is none. */
struct tr_worker_id {
	uint64_t v;
};

/* ------------------------------------------------------------- events */

enum tr_executor_event_kind {
	TR_EXECUTOR_START,
	TR_EXECUTOR_TICK, /* the deadline of an update has come */
	TR_EXECUTOR_LINK_UP,
	TR_EXECUTOR_LINK_DOWN,  /* also: the dial failed */
	TR_EXECUTOR_GREETED,    /* HelloReply: term, heartbeat_ms, refused */
	TR_EXECUTOR_DROP,       /* one of RegisterReply's list: ref */
	TR_EXECUTOR_REGISTERED, /* the rest of RegisterReply: draining */
	TR_EXECUTOR_HEARD,      /* a heartbeat: term */
	TR_EXECUTOR_JOB,        /* JobSpec: ref.job */
	TR_EXECUTOR_JOB_END,
	TR_EXECUTOR_TASK,        /* TaskSpec: ref, has_inputs */
	TR_EXECUTOR_KILL,        /* TaskKill: ref */
	TR_EXECUTOR_DRAIN,       /* the driver's wish: nothing new */
	TR_EXECUTOR_ARTEFACT,    /* ref.job's is here, or error */
	TR_EXECUTOR_INPUTS,      /* ref's blocks are here, or error: report is
				    written */
	TR_EXECUTOR_WORKER_DONE, /* worker, ref, error; report is written */
	TR_EXECUTOR_WORKER_GONE, /* worker; report of its attempt is written */
	TR_EXECUTOR_TERMINATE,   /* SIGTERM: drain, then leave */
	TR_EXECUTOR_EVENTS
};

struct tr_executor_event {
	enum tr_executor_event_kind kind;
	uint64_t now_ms; /* monotonic, never before that of an earlier event */
	struct tr_term term; /* of the driver's message */
	struct tr_executor_ref ref;
	struct tr_worker_id worker;
	int error;             /* enum tr_err, 0: none */
	bool has_inputs;       /* TASK: reads blocks */
	bool draining;         /* REGISTERED */
	bool refused;          /* GREETED */
	bool goodbye;          /* DRAIN: nothing here is needed, leave */
	uint32_t heartbeat_ms; /* GREETED */
};

/* ------------------------------------------------------------ updates */

enum tr_executor_action_kind {
	TR_EXECUTOR_DIAL,
	TR_EXECUTOR_HANG_UP, /* close the connection; no LINK_DOWN is due */
	TR_EXECUTOR_SEND_HELLO,
	TR_EXECUTOR_SEND_REGISTER, /* with every task of tr_executor_next() */
	TR_EXECUTOR_SEND_HEARTBEAT,
	TR_EXECUTOR_SEND_DRAIN,
	TR_EXECUTOR_SEND_KEPT,    /* go on with, and repeat, what was kept */
	TR_EXECUTOR_SEND_REPORT,  /* ref: the report that is written */
	TR_EXECUTOR_SEND_REFUSAL, /* ref, error: a report without a task */
	TR_EXECUTOR_GET_ARTEFACT, /* ref.job: answer with ARTEFACT */
	TR_EXECUTOR_GET_INPUTS,   /* ref: answer with INPUTS */
	TR_EXECUTOR_SPAWN,        /* worker for slot and ref.job */
	TR_EXECUTOR_STOP,         /* worker: kill it; no WORKER_GONE is due */
	TR_EXECUTOR_RUN,          /* ref on worker */
	TR_EXECUTOR_FORGET_TASK,  /* ref: stop fetching, remove its files */
	TR_EXECUTOR_FORGET_JOB,   /* ref.job: and all files of its tasks */
	TR_EXECUTOR_LEAVE,        /* drained: end the process */
	TR_EXECUTOR_ACTIONS
};

struct tr_executor_action {
	enum tr_executor_action_kind kind;
	struct tr_executor_ref ref;
	struct tr_worker_id worker;
	uint32_t slot;
	int error;
};

enum {
	/* Attempts that wait or run: the driver counts slots, but its view may
	   be ahead of workers that are being killed. */
	TR_EXECUTOR_ACTIVE_PER_SLOT = 2,
	/* An ended job: each active attempt is stopped and answered, each
	   worker stopped; and some for the rest. */
	TR_EXECUTOR_ACTIONS_MAX =
		(3 * TR_EXECUTOR_ACTIVE_PER_SLOT + 4) * 256 + 64,
};

static_assert(TR_SLOTS_PER_EXECUTOR_MAX == 256, "ACTIONS_MAX counts on it");

/* The caller's; overwritten by each step. */
struct tr_executor_update {
	size_t n;
	uint64_t next_deadline_ms; /* step(TICK) then; UINT64_MAX: none */
	struct tr_executor_action actions[TR_EXECUTOR_ACTIONS_MAX];
};

/* --------------------------------------------------------------- verbs */

/* Tables cost memory only as they fill. */
struct tr_executor *tr_executor_new(const struct tr_executor_opts *opts);
void tr_executor_free(struct tr_executor *x);

void tr_executor_step(struct tr_executor *x,
	const struct tr_executor_event *event,
	struct tr_executor_update *update);

/*
 * Life of an attempt. KILL and JOB_END end it in every state; STOPPED attempts
 * are gone at once, so they have no state.
 *
 *	TASK --> WAITING --> FETCHING --> RUNNING --> DONE
 *	            |            |           |
 *	            |            +-----------+------> FAILED
 *	            +-- no artefact: refused and gone
 */
enum tr_executor_task_state {
	TR_EXECUTOR_WAITING, /* for the artefact or a slot */
	TR_EXECUTOR_FETCHING,
	TR_EXECUTOR_RUNNING,
	TR_EXECUTOR_DONE,
	TR_EXECUTOR_FAILED,
	TR_EXECUTOR_TASK_STATES
};

struct tr_executor_task {
	struct tr_executor_ref ref;
	enum tr_executor_task_state state;
	bool has_inputs;
	uint32_t slot; /* FETCHING, RUNNING */
};

/*
 * All attempts, in the order in which they came; NULL after the last. `prev`
 * NULL begins. Borrowed until the next step.
 */
const struct tr_executor_task *tr_executor_next(
	const struct tr_executor *x, const struct tr_executor_task *prev);
const struct tr_executor_task *tr_executor_find(
	const struct tr_executor *x, struct tr_attempt_id attempt);

/* Whether the job was described and has not ended. */
bool tr_executor_has_job(const struct tr_executor *x, struct tr_job_id job);

/* The attempt that the worker runs, or NULL. */
const struct tr_executor_task *tr_executor_task_of(
	const struct tr_executor *x, struct tr_worker_id worker);

struct tr_executor_counts {
	uint32_t active;   /* attempts that wait, fetch or run */
	uint32_t finished; /* attempts kept for the driver */
	uint32_t workers;
	uint32_t jobs;
	uint64_t stale;   /* messages dropped for their term */
	uint64_t refused; /* tasks not taken */
	uint64_t done, failed, cancelled;
	bool registered;
	bool draining;
	struct tr_term term; /* the highest seen */
};

void tr_executor_count(
	const struct tr_executor *x, struct tr_executor_counts *out);

/* The highest term seen; 0 before the first. */
struct tr_term tr_executor_term(const struct tr_executor *x);

/* Asserts that everything is consistent; for tests. */
void tr_executor_check(const struct tr_executor *x);

#endif /* TR_EXECUTOR_CORE_EXECUTOR_H */
