/*
 * The driver's decisions as a pure state machine: which lane runs where, what
 * is tried again, when a batch is complete, what survives a lost executor or a
 * restart of the driver.
 *
 * tr_core_step() takes one event and fills one update. It does no I/O, reads
 * no clock, draws no randomness of its own and allocates nothing after
 * tr_core_new(): time is `now_ms` of the event, chance comes from the seed of
 * the INIT event. The same events give the same updates, bit for bit, which
 * is what tests/sim builds on. docs/core.md describes each event and update.
 *
 * Calling sequence, first start:
 *
 *	core = tr_core_new(&limits);
 *	step(INIT); step(RECOVER_END);
 *	for (;;) { wait; step(event); perform(update); }
 *
 * After a restart, between INIT and RECOVER_END: for each unfinished job
 * RECOVER_JOB, then JOB_PLANNED if its plan is stored, then RECOVER_TASK for
 * each lane with a stored result.
 *
 * An executor's Register message becomes EXECUTOR_UP, one TASK_HELD for each
 * task it still holds, and EXECUTOR_READY (or EXECUTOR_DOWN), fed without other
 * events between them: nothing is placed while a registration is open, so that
 * what an executor holds is adopted and not run again.
 *
 * Performing an update, in this order: *store* the records, then *send*, then
 * *commit*, then *reply* (notices). The sends, commits and notices of an
 * update may leave only when its records and those of all earlier updates are
 * durable; updates are performed strictly in order. While an update has
 * `more`, its lists were full: step(CONTINUE) comes before any other event.
 *
 * Time passes for leases, back-off and the grace after a restart only with
 * TICK; feed what has been received before it, so that a driver that was
 * stopped for a while does not take its own pause for silence.
 *
 * An executor answers every LAUNCH with exactly one report on the same
 * connection, also when it is killed (TASK_FAILED with TR_ECANCELED); its slot
 * counts as taken until then. Likewise for a held task that was not done and
 * is kept. A held task that is dropped needs no report.
 *
 * When a LAUNCH leaves, a lane that it reads may have been undone by a later
 * update already. It is sent with the place of the output as it was (the fetch
 * fails and says so), never with that input left out.
 *
 * Thread: one owner; step never blocks.
 */
#ifndef TR_DRIVER_CORE_CORE_H
#define TR_DRIVER_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/id.h"

struct tr_core;

/* Sizes of the tables and the numbers of the policies. */
struct tr_core_limits {
	uint32_t executors;
	uint32_t slots_per_executor;
	uint32_t jobs;
	uint32_t stages; /* of one job, at most 64 */
	uint32_t tasks;  /* of all active jobs */
	uint32_t lease_ms;
	/* After RECOVER_END: how long executors have to come back. */
	uint32_t grace_ms;
	uint32_t backoff_ms_min;
	uint32_t backoff_ms_max;
	uint32_t attempts_per_task; /* failures; a job may set its own */
	uint32_t losses_per_task;
	uint32_t worker_deaths_per_task;
	uint32_t executor_failures; /* of one job, then excluded for it */
};

/* The values of common/base/bounds.h. */
void tr_core_limits_default(struct tr_core_limits *limits);

/* One execution of one lane. */
struct tr_attempt_ref {
	struct tr_job_id job;
	uint64_t batch;
	struct tr_lane_id lane;
	struct tr_attempt_id attempt;
};

/* What a lane produced, over all its blocks and results. */
struct tr_core_digest {
	uint64_t lo;
	uint64_t hi;
};

/* ------------------------------------------------------------- events */

enum tr_core_event_kind {
	TR_CORE_INIT,
	TR_CORE_RECOVER_JOB,
	TR_CORE_RECOVER_TASK,
	TR_CORE_RECOVER_END,
	TR_CORE_TICK,     /* the deadline of an update has come */
	TR_CORE_CONTINUE, /* the update had `more` */
	TR_CORE_EXECUTOR_UP,
	TR_CORE_TASK_HELD,
	TR_CORE_EXECUTOR_READY,
	TR_CORE_EXECUTOR_HEARD, /* any message: the lease starts again */
	TR_CORE_EXECUTOR_DRAIN, /* the operator's or the executor's own wish */
	TR_CORE_EXECUTOR_DOWN,  /* the connection is closed */
	TR_CORE_JOB_ADD,
	TR_CORE_JOB_PLANNED,
	TR_CORE_JOB_PLAN_FAILED,
	TR_CORE_JOB_CANCEL,
	TR_CORE_TASK_DONE,
	TR_CORE_TASK_FAILED,
	TR_CORE_BLOCKS_LOST,
	TR_CORE_COMMITTED, /* the commit of that batch is durable */
	TR_CORE_EVENTS
};

struct tr_core_init_event {
	struct tr_term term;
	uint64_t seed;
};

struct tr_core_job_event {
	struct tr_job_id job;
	uint32_t weight;       /* fair share; 0 is 1 */
	uint32_t max_attempts; /* 0: attempts_per_task */
	uint64_t max_rate;     /* records/s over all map lanes; 0: no limit */
	/* RECOVER_JOB: commit(b) is stored, only the job's end is not. */
	bool committed;
};

/* One stage of a plan. Stages are in id order; upstreams have smaller ids. */
struct tr_core_stage_plan {
	uint32_t lanes;    /* 0: nothing to do, complete at once */
	uint64_t upstream; /* bit i: reads blocks of stage i; 0: reads ranges */
	/*
	 * Per lane the group (a partition) whose warm reader it profits from,
	 * dense from 0, or NULL: no such preference. Borrowed for the step.
	 */
	const uint32_t *groups;
};

struct tr_core_plan_event {
	struct tr_job_id job;
	uint64_t batch;
	uint32_t stages_count;
	const struct tr_core_stage_plan *stages; /* borrowed for the step */
};

/* JOB_PLAN_FAILED, JOB_CANCEL (TR_ECANCELED, or why the edge gives it up). */
struct tr_core_stop_event {
	struct tr_job_id job;
	int error;
};

struct tr_core_recover_task_event {
	struct tr_attempt_ref ref;
	struct tr_core_digest digest;
	bool has_blocks;
	/* A TASK_UNFINISHED is stored after it: only its digest counts. */
	bool unfinished;
};

struct tr_core_executor_event {
	struct tr_executor_id executor; /* never used before; ids grow */
	uint64_t node;                  /* hash of its name; one live each */
	uint32_t slots;
	bool draining;
};

/* EXECUTOR_READY, _HEARD, _DRAIN, _DOWN. */
struct tr_core_member_event {
	struct tr_executor_id executor;
};

/*
 * TASK_HELD, TASK_DONE, TASK_FAILED. BLOCKS_LOST: `ref` is the attempt that
 * wrote the blocks, fed before the TASK_FAILED of the one that misses them.
 *
 * TASK_HELD with `done` only if the output is whole: blocks at the executor,
 * result rows with the driver.
 */
struct tr_core_report_event {
	struct tr_executor_id executor;
	struct tr_term term; /* of the message */
	struct tr_attempt_ref ref;
	bool done;                    /* TASK_HELD */
	bool has_blocks;              /* done: others read from this executor */
	struct tr_core_digest digest; /* done */
	int error;                    /* TASK_FAILED: enum tr_err */
	bool worker_died;             /* TASK_FAILED */
};

struct tr_core_committed_event {
	struct tr_job_id job;
	uint64_t batch;
};

struct tr_core_event {
	enum tr_core_event_kind kind;
	uint64_t now_ms; /* monotonic, never before that of an earlier event */
	union {
		struct tr_core_init_event init;
		struct tr_core_job_event job;   /* JOB_ADD, RECOVER_JOB */
		struct tr_core_plan_event plan; /* JOB_PLANNED */
		struct tr_core_stop_event stop;
		struct tr_core_recover_task_event recover;
		struct tr_core_executor_event up;
		struct tr_core_member_event member;
		struct tr_core_report_event report;
		struct tr_core_committed_event committed;
	} u;
};

/* ------------------------------------------------------------ updates */

/*
 * What must be durable. The edge knows the contents (request, plan, receipt)
 * by job, or by attempt.
 */
enum tr_core_record_kind {
	TR_CORE_RECORD_JOB,             /* the job exists */
	TR_CORE_RECORD_PLAN,            /* plan(b) */
	TR_CORE_RECORD_TASK_FINISHED,   /* ref, executor */
	TR_CORE_RECORD_TASK_UNFINISHED, /* ref: the attempt undone */
	TR_CORE_RECORD_JOB_END,         /* outcome, error */
};

enum tr_core_outcome {
	TR_CORE_JOB_DONE,
	TR_CORE_JOB_FAILED,
	TR_CORE_JOB_CANCELLED,
};

struct tr_core_record {
	enum tr_core_record_kind kind;
	struct tr_attempt_ref ref;      /* job, batch; tasks: all of it */
	struct tr_executor_id executor; /* TASK_FINISHED: who did it */
	enum tr_core_outcome outcome;   /* JOB_END */
	int error;                      /* JOB_END, unless done */
};

enum tr_core_send_kind {
	TR_CORE_SEND_LAUNCH, /* ref, rate */
	/*
	 * ref: stop it if it runs, and drop what it has left if it is done;
	 * if it ran, its report still follows.
	 */
	TR_CORE_SEND_KILL,
	/*
	 * The answer to a registration: the KILLs for this executor between
	 * its EXECUTOR_UP and this are the held tasks to drop; all others are
	 * kept. `draining`.
	 */
	TR_CORE_SEND_REGISTERED,
	TR_CORE_SEND_DRAIN,   /* no new tasks will come */
	TR_CORE_SEND_GOODBYE, /* drained: it may leave, nothing of it is needed
			       */
	TR_CORE_SEND_CLOSE, /* error: end the connection; the id is not valid */
	TR_CORE_SEND_JOB_END, /* ref.job: forget the job, workers and blocks */
};

struct tr_core_send {
	enum tr_core_send_kind kind;
	struct tr_executor_id executor;
	struct tr_attempt_ref ref;
	uint64_t rate; /* LAUNCH: records/s of this attempt; 0: no limit */
	bool draining;
	int error; /* CLOSE: TR_ETIMEOUT (lease), TR_ELIMIT, TR_EEXIST */
};

enum tr_core_notice_kind {
	TR_CORE_NOTICE_JOB_REFUSED,    /* ref.job, error: nothing was stored */
	TR_CORE_NOTICE_PLAN_WANTED,    /* ref.job: plan it, then JOB_PLANNED */
	TR_CORE_NOTICE_JOB_STATE,      /* ref.job, job_state, error */
	TR_CORE_NOTICE_JOB_WAITS,      /* ref.job: no executor may run it now */
	TR_CORE_NOTICE_TASK_STARTED,   /* ref, executor, adopted */
	TR_CORE_NOTICE_TASK_ENDED,     /* ref, executor, task_end, error */
	TR_CORE_NOTICE_NONDETERMINISM, /* ref: its digest differs from before */
	TR_CORE_NOTICE_EXCLUDED,       /* ref.job, executor */
	TR_CORE_NOTICE_EXECUTOR_STATE, /* executor, executor_state */
};

/*
 *	        JOB_ADD            JOB_PLANNED         all lanes done
 *	(free) --------> PLANNING ------------> RUNNING -----------> COMMITTING
 *	   ^                |                      |                      |
 *	   |                | plan failed,         | failed,    COMMITTED |
 *	   |                | cancelled            | cancelled            |
 *	   |                v                      v                      v
 *	   +----------------------------- ENDING <------------------------+
 *	      attempts killed, executors told
 */
enum tr_core_job_state {
	TR_CORE_JOB_FREE,
	TR_CORE_JOB_PLANNING,
	TR_CORE_JOB_RUNNING,
	TR_CORE_JOB_COMMITTING,
	TR_CORE_JOB_ENDING,
	TR_CORE_JOB_STATES
};

/*
 *	(free) -> JOINING -> ACTIVE -> DRAINING -> LOST -> (free)
 *
 * JOINING lists what it holds. LOST is being taken apart; any state leads to
 * it. DRAINING gets no new task and leaves when nothing of it is needed.
 */
enum tr_core_executor_state {
	TR_CORE_EXECUTOR_FREE,
	TR_CORE_EXECUTOR_JOINING,
	TR_CORE_EXECUTOR_ACTIVE,
	TR_CORE_EXECUTOR_DRAINING,
	TR_CORE_EXECUTOR_LOST,
	TR_CORE_EXECUTOR_STATES
};

enum tr_core_task_end {
	TR_CORE_TASK_END_DONE,
	TR_CORE_TASK_END_FAILED,
	TR_CORE_TASK_END_LOST,      /* with its executor or its input */
	TR_CORE_TASK_END_CANCELLED, /* not wanted any more */
};

struct tr_core_notice {
	enum tr_core_notice_kind kind;
	struct tr_attempt_ref ref;
	struct tr_executor_id executor;
	enum tr_core_job_state job_state; /* ENDING: outcome says how */
	enum tr_core_outcome outcome;
	enum tr_core_executor_state executor_state;
	enum tr_core_task_end task_end;
	bool adopted; /* TASK_STARTED: it ran already, under an earlier term or
			 connection */
	int error;
};

struct tr_core_commit {
	struct tr_job_id job;
	uint64_t batch;
};

enum {
	TR_CORE_RECORDS_MAX = 256,
	TR_CORE_SENDS_MAX = 512,
	TR_CORE_COMMITS_MAX = 64,
	TR_CORE_NOTICES_MAX = 512,
};

/* The caller's; overwritten by each step. Order within a list matters. */
struct tr_core_update {
	size_t records_count;
	size_t sends_count;
	size_t commits_count;
	size_t notices_count;
	bool more;
	uint64_t next_deadline_ms; /* step(TICK) then; UINT64_MAX: none */
	struct tr_core_record records[TR_CORE_RECORDS_MAX];
	struct tr_core_send sends[TR_CORE_SENDS_MAX];
	struct tr_core_commit commits[TR_CORE_COMMITS_MAX];
	struct tr_core_notice notices[TR_CORE_NOTICES_MAX];
};

/* --------------------------------------------------------------- verbs */

/* Allocates every table; they cost memory only as they fill. */
struct tr_core *tr_core_new(const struct tr_core_limits *limits);
void tr_core_free(struct tr_core *core);

void tr_core_step(struct tr_core *core, const struct tr_core_event *event,
	struct tr_core_update *update);

/* Walks the whole core and asserts that it is consistent; for tests. */
void tr_core_check(const struct tr_core *core);

struct tr_core_counts {
	uint32_t executors; /* that may run tasks */
	uint32_t slots;     /* theirs */
	uint32_t running;   /* attempts, unwanted ones included */
	uint32_t jobs;
};

void tr_core_count(const struct tr_core *core, struct tr_core_counts *counts);

#endif /* TR_DRIVER_CORE_CORE_H */
