/*
 * A whole cluster in one thread: the real driver core, the real executor
 * cores, and models of everything around them (network, store, Kafka, worker
 * processes, the code of jobs), on a virtual clock.
 *
 * A seed decides everything: topology, jobs, which classes of faults there
 * are at all, when each strikes. The same seed gives the same run.
 *
 * A run has two phases. First faults strike, and every event is followed by
 * the checks of sim_check.c. Then everything heals and the jobs must end.
 *
 * What survives a crash is in struct sim_disk (the driver's) and nowhere else;
 * an executor's spool does not survive its process.
 */
#ifndef TR_TESTS_SIM_SIM_H
#define TR_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "driver/core/core.h"
#include "executor/core/executor.h"

enum {
	SIM_EXECUTORS = 6,
	SIM_JOBS = 8,
	SIM_STAGES = 3,
	SIM_LANES = 8, /* of one stage */
	SIM_PARTITIONS = 4,
	SIM_DRIVER = SIM_EXECUTORS, /* its node number */
	SIM_NODES = SIM_EXECUTORS + 1,
	SIM_JOBS_AT_ONCE = 5, /* the driver's limit */
	SIM_SLOTS_MAX = 3,
	SIM_LEASE_MS = 1000,
	SIM_GRACE_MS = 1000,
	SIM_HEARTBEAT_MS = 250,
	SIM_HEALED_MS = 120000, /* then every job has ended */
};

#define SIM_NO_CONN UINT32_MAX

/* Classes of faults; a seed switches each on or off. */
enum sim_fault {
	SIM_CRASH_DRIVER,
	SIM_CRASH_EXECUTOR,
	SIM_PAUSE_DRIVER,
	SIM_PAUSE_EXECUTOR,
	SIM_PARTITION,
	SIM_PARTITION_ONE_WAY,
	SIM_PARTITION_EXECUTORS,
	SIM_RESET_CONNECTION,
	SIM_REPLAY_REPORT,
	SIM_ROT_BLOCKS, /* a live executor loses some output */
	SIM_DRAIN,
	SIM_TERMINATE,
	SIM_KILL_ALL,
	SIM_LOG_START, /* retention removes the begin of a partition */
	SIM_CANCEL,
	SIM_TASK_FAILS,
	SIM_WORKER_DIES,
	SIM_PLAN_FAILS,
	SIM_NONDETERMINISM,
	SIM_POISON, /* a job that kills every worker */
	SIM_FAULTS
};

/* ----------------------------------------------------------------- data */

/* What an attempt produced: sums over records, so that order is no matter. */
struct sim_content {
	uint64_t records;
	uint64_t sum;
	uint64_t digest;
	/* By reduce lane of the stage that reads it. */
	uint64_t block_records[SIM_LANES];
	uint64_t block_sum[SIM_LANES];
	/* The digest of each lane it has read, 0: none. */
	uint64_t read[SIM_STAGES][SIM_LANES];
};

struct sim_range {
	uint32_t partition;
	uint64_t from;
	uint64_t until;
};

/* plan(b): ranges of the map lanes. `id` is 0 while there is none. */
struct sim_plan {
	uint64_t id;
	struct sim_range ranges[SIM_STAGES][SIM_LANES];
};

/* Where a task finds the output of one lane. */
struct sim_input {
	uint32_t stage;
	uint32_t lane;
	uint64_t attempt;
	uint32_t node;
	uint64_t instance; /* of its process */
};

struct sim_task {
	struct tr_executor_ref ref;
	uint64_t plan;
	struct sim_range range;
	bool reads_blocks;
	size_t inputs_count;
	struct sim_input inputs[SIM_STAGES * SIM_LANES];
};

/* An attempt's report and output at its executor. */
struct sim_output {
	struct tr_executor_ref ref;
	int error;
	bool worker_died;
	bool rotten; /* its blocks cannot be read any more */
	struct sim_content content;
	size_t lost_count;
	struct sim_input lost[SIM_STAGES * SIM_LANES];
};

struct sim_held {
	bool finished;
	struct sim_output output;
};

/* -------------------------------------------------------------- network */

enum sim_msg_kind {
	SIM_MSG_CLOSED, /* the other side is gone */
	SIM_MSG_HELLO,
	SIM_MSG_HELLO_REPLY,
	SIM_MSG_REGISTER,   /* held */
	SIM_MSG_REGISTERED, /* held: to drop */
	SIM_MSG_HEARTBEAT,
	SIM_MSG_JOB_SPEC,
	SIM_MSG_TASK, /* task */
	SIM_MSG_KILL,
	SIM_MSG_JOB_END,
	SIM_MSG_DRAIN,
	SIM_MSG_REPORT, /* output */
};

struct sim_msg {
	enum sim_msg_kind kind;
	uint64_t term;
	struct tr_executor_ref ref;
	uint32_t slots;
	bool draining;
	size_t held_count;
	struct sim_held *held;     /* owned */
	struct sim_task *task;     /* owned */
	struct sim_output *output; /* owned */
	struct sim_msg *next;
};

enum sim_dir {
	SIM_TO_DRIVER,
	SIM_TO_EXECUTOR,
	SIM_DIRS
};

/* One TCP connection: ordered, whole or cut, never lossy. */
struct sim_conn {
	uint32_t node;
	uint64_t instance;   /* of the executor's process */
	uint64_t driver;     /* of the driver's process */
	bool open[SIM_DIRS]; /* at the receiving end */
	struct sim_msg *head[SIM_DIRS];
	struct sim_msg *tail[SIM_DIRS];
	uint64_t arrival_ms[SIM_DIRS];
	uint64_t executor; /* registered as; 0: not yet */
	bool jobs_told[SIM_JOBS];
};

/* ----------------------------------------------------------------- disk */

struct sim_disk_lane {
	bool known;
	bool finished; /* known, and not undone since */
	uint64_t attempt;
	struct sim_content content;
};

struct sim_disk_job {
	bool exists;
	bool committed;
	bool ended;
	uint32_t outcome;
	int error;
	struct sim_plan plan;
	struct sim_disk_lane lanes[SIM_STAGES][SIM_LANES];
};

/* Everything that survives the driver's process. */
struct sim_disk {
	uint64_t term;
	struct sim_disk_job jobs[SIM_JOBS];
};

struct sim_record {
	struct tr_core_record record;
	struct sim_plan plan;       /* PLAN */
	struct sim_content content; /* TASK_FINISHED */
};

/* --------------------------------------------------------------- driver */

enum {
	SIM_RECORDS = 4096, /* stored at once and not yet durable */
	SIM_REGISTRATIONS = 512,
};

/* A registration, as the driver's edge knows it. */
struct sim_registration {
	uint64_t executor;
	uint32_t conn;
	uint32_t slots;
	uint64_t heard_ms;
	bool live; /* by the core's notices */
	bool replied;
	bool asked_to_leave;
	size_t taken_count;
	uint64_t taken[2 * SIM_SLOTS_MAX]; /* attempts without report */
	size_t early_count;
	uint64_t early[SIM_SLOTS_MAX]; /* reported before the reply was sent */
	size_t held_count;
	struct sim_held *held;
	size_t drops_count;
	uint64_t *drops; /* attempts */
};

/* Where the blocks of a finished lane are. */
struct sim_location {
	uint64_t attempt;
	uint64_t executor;
};

/* An update that waits for its records. */
struct sim_pending {
	uint64_t records; /* of the journal that must be durable */
	size_t sends_count;
	size_t commits_count;
	size_t notices_count;
	struct tr_core_send *sends;
	struct tr_core_commit *commits;
	struct tr_core_notice *notices;
	struct sim_pending *next;
};

struct sim_received {
	uint64_t attempt;
	uint64_t job;
	struct sim_content content;
};

struct sim_driver {
	bool alive;
	uint64_t process; /* grows with each start */
	uint64_t paused_until;
	uint64_t tick_at;
	struct tr_core *core;
	struct sim_record *records; /* appended, not durable */
	size_t records_count;
	uint64_t appended;
	uint64_t durable;
	bool syncing;
	struct sim_pending *head;
	struct sim_pending *tail;
	uint64_t executors; /* registered so far by this process */
	size_t registrations_count;
	struct sim_registration registrations[SIM_REGISTRATIONS];
	struct sim_location at[SIM_JOBS][SIM_STAGES][SIM_LANES];
	struct sim_plan planned[SIM_JOBS]; /* not stored yet */
	size_t received_count;
	size_t received_room;
	struct sim_received *received; /* outputs by attempt */
	size_t wanted_count;
	uint64_t wanted[SIM_EXECUTORS * SIM_SLOTS_MAX * 4]; /* attempts */
	bool drained[SIM_EXECUTORS]; /* by the operator */
};

/* ------------------------------------------------------------- executor */

enum {
	SIM_OUTPUTS = 256
};

struct sim_executor {
	bool alive;
	uint64_t instance; /* grows with each start of its process */
	uint64_t paused_until;
	uint64_t tick_at;
	uint32_t slots;
	struct tr_executor *core;
	uint32_t conn; /* or SIM_NO_CONN */
	size_t outputs_count;
	struct sim_output *outputs[SIM_OUTPUTS];
	size_t tasks_count;
	struct sim_task *tasks[SIM_OUTPUTS];
	struct sim_output *last_report; /* for replays */
	uint64_t last_report_term;
};

/* ------------------------------------------------------------------ job */

enum sim_job_state {
	SIM_JOB_NEW,
	SIM_JOB_SENT, /* not yet accepted */
	SIM_JOB_ACCEPTED,
	SIM_JOB_ENDED
};

struct sim_job {
	uint32_t stages;
	uint32_t lanes[SIM_STAGES];
	uint64_t upstream[SIM_STAGES];
	uint32_t partition[SIM_STAGES][SIM_LANES]; /* of map lanes */
	uint32_t weight;
	uint64_t max_rate;
	bool nondeterministic;
	bool poison;
	bool plan_fails;
	bool task_fails;
	uint64_t submit_ms;
	uint64_t cancel_ms; /* 0: never */
	/* As its client sees it. */
	enum sim_job_state state;
	uint32_t outcome;
	int error;
};

/* ---------------------------------------------------------------- world */

enum sim_event_kind {
	SIM_EVENT_DELIVER,       /* node: conn, arg: dir */
	SIM_EVENT_SYNCED,        /* arg: records, epoch: driver process */
	SIM_EVENT_COMMIT,        /* arg: job, epoch */
	SIM_EVENT_COMMITTED,     /* arg: job, epoch */
	SIM_EVENT_PLANNED,       /* arg: job, epoch */
	SIM_EVENT_DRIVER_TICK,   /* epoch */
	SIM_EVENT_DRIVER_START,  /* epoch */
	SIM_EVENT_EXECUTOR_TICK, /* node, epoch: instance */
	SIM_EVENT_EXECUTOR_START,
	SIM_EVENT_DIALED,
	SIM_EVENT_ARTEFACT,    /* arg: job */
	SIM_EVENT_INPUTS,      /* arg: attempt */
	SIM_EVENT_WORKER_DONE, /* arg: attempt, more: worker */
	SIM_EVENT_WORKER_GONE, /* more: worker */
	SIM_EVENT_SUBMIT,      /* arg: job */
	SIM_EVENT_CANCEL,      /* arg: job */
	SIM_EVENT_FAULT,
	SIM_EVENT_HEAL,
};

struct sim_event {
	uint64_t at_ms;
	uint64_t seq;
	enum sim_event_kind kind;
	uint32_t node;
	uint64_t epoch;
	uint64_t arg;
	uint64_t more;
};

struct sim {
	uint64_t seed;
	struct tr_rng rng;
	uint64_t now_ms;
	uint64_t seq;
	uint64_t steps;
	uint64_t hash; /* of everything that happened */
	bool trace;
	bool healed;
	uint64_t faults_end_ms;
	bool fault[SIM_FAULTS];
	uint64_t struck[SIM_FAULTS];

	struct sim_event *heap;
	size_t heap_count;
	size_t heap_room;

	uint32_t executors_count;
	uint32_t jobs_count;
	uint64_t blocked_until[SIM_NODES][SIM_NODES]; /* [from][to] */
	size_t conns_count;
	size_t conns_room;
	struct sim_conn *conns;
	uint64_t log_start[SIM_PARTITIONS];

	struct sim_disk disk;
	struct sim_driver driver;
	struct sim_executor executors[SIM_EXECUTORS];
	struct sim_job jobs[SIM_JOBS];

	struct tr_core_update *update;
	struct tr_executor_update *executor_update;
	uint64_t *taken; /* coverage of the state tables, added up over runs */
};

/* ---- sim.c: time, chance, the run */

struct sim_result {
	uint64_t hash;
	uint64_t steps;
	uint64_t end_ms;
	uint64_t struck[SIM_FAULTS];
};

/* Runs a seed to its end; a check that fails does not return. */
void sim_run(uint64_t seed, uint64_t steps_max, bool trace, uint64_t *taken,
	struct sim_result *result);

/* Where sim_fail says what to do to see it again. */
void sim_at(uint64_t *seed, uint64_t *step, uint64_t *now_ms);

void sim_after(struct sim *w, uint64_t ms, struct sim_event ev);
uint64_t sim_below(struct sim *w, uint64_t n);
uint64_t sim_between(struct sim *w, uint64_t from, uint64_t to);
bool sim_chance(struct sim *w, uint32_t percent);
uint64_t sim_mix(uint64_t a, uint64_t b);
void sim_hash(struct sim *w, uint64_t v);
void sim_say(const struct sim *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- sim_net.c */

bool sim_is_blocked(const struct sim *w, uint32_t from, uint32_t to);
uint32_t sim_connect(struct sim *w, uint32_t node);
/* Takes the message and what it owns. */
void sim_send(
	struct sim *w, uint32_t conn, enum sim_dir dir, struct sim_msg *msg);
struct sim_msg *sim_msg(enum sim_msg_kind kind, uint64_t term);
void sim_msg_free(struct sim_msg *msg);
/* The side that sends in `dir` is gone; `reset`: with all that is under way. */
void sim_cut(struct sim *w, uint32_t conn, enum sim_dir dir, bool reset);
/* The network ends it; `all`: with all that is under way. */
void sim_reset(struct sim *w, uint32_t conn, bool all);
void sim_deliver(struct sim *w, uint32_t conn, enum sim_dir dir);
void sim_net_fini(struct sim *w);

/* ---- sim_disk.c: the driver's store, and what it does when it has stored */

void sim_disk_append(struct sim *w, const struct tr_core_record *record);
void sim_disk_sync(struct sim *w);
void sim_disk_synced(struct sim *w, uint64_t count);
/* The process ends: what is not durable may or may not be so. */
void sim_disk_crash(struct sim *w);

/* ---- sim_driver.c */

void sim_driver_start(struct sim *w);
void sim_driver_crash(struct sim *w);
void sim_driver_feed(struct sim *w, struct tr_core_event *ev);
void sim_driver_receive(struct sim *w, uint32_t conn, struct sim_msg *msg);
void sim_driver_release(struct sim *w);
void sim_driver_tick(struct sim *w);
void sim_driver_planned(struct sim *w, uint32_t job);
void sim_driver_commit(struct sim *w, uint32_t job);
void sim_driver_fini(struct sim *w);
struct sim_registration *sim_driver_registration(
	struct sim *w, uint64_t executor);
const struct sim_content *sim_driver_received(
	const struct sim *w, uint64_t job, uint64_t attempt);

/* ---- sim_perform.c: an update whose records are durable */

void sim_perform(struct sim *w, const struct sim_pending *p);

/* ---- sim_executor.c */

void sim_executor_start(struct sim *w, uint32_t node);
void sim_executor_crash(struct sim *w, uint32_t node, bool reset);
void sim_executor_receive(struct sim *w, uint32_t node, struct sim_msg *msg);
void sim_executor_event(struct sim *w, const struct sim_event *ev);
void sim_executor_feed(
	struct sim *w, uint32_t node, struct tr_executor_event *ev);
/* A report that was sent before is sent again as it was. */
void sim_executor_replay(struct sim *w, uint32_t node);
void sim_executor_fini(struct sim *w, uint32_t node);

/* ---- sim_spool.c: outputs and tasks of an executor */

struct sim_output *sim_output_find(
	const struct sim_executor *x, uint64_t job, uint64_t attempt);
struct sim_output *sim_output_add(
	struct sim_executor *x, const struct tr_executor_ref *ref);
struct sim_task *sim_task_find(const struct sim_executor *x, uint64_t attempt);
void sim_task_add(struct sim_executor *x, const struct sim_task *task);
/* Attempt 0: all of the job. */
void sim_spool_forget(struct sim_executor *x, uint64_t job, uint64_t attempt);
void sim_spool_clear(struct sim_executor *x);

/* ---- sim_job.c: what jobs are and compute */

void sim_jobs_make(struct sim *w);
bool sim_is_sink(const struct sim_job *j, uint32_t stage);
void sim_plan_make(struct sim *w, uint32_t job, struct sim_plan *plan);
/* 0, or why the attempt fails; output->content is what it gives. */
int sim_compute(struct sim *w, uint32_t node, const struct sim_task *task,
	struct sim_output *output);
/* All records of the plan, for a job that is deterministic. */
void sim_expect(const struct sim *w, uint32_t job, const struct sim_plan *plan,
	uint64_t *records, uint64_t *sum);
void sim_submit(struct sim *w, uint32_t job);
void sim_cancel(struct sim *w, uint32_t job);

/* ---- sim_fault.c */

void sim_faults_make(struct sim *w);
void sim_fault_strike(struct sim *w);
void sim_heal(struct sim *w);

/* ---- sim_check.c: the oracle */

_Noreturn void sim_fail(const struct sim *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* An executor was given a task. */
void sim_check_task(const struct sim *w, const struct sim_task *task);
/* commit(b) is about to become durable. */
void sim_check_commit(const struct sim *w, uint32_t job);
/* A report is about to be fed; and its update. */
void sim_check_report(const struct sim *w, const struct tr_core_event *ev,
	const struct tr_core_update *u);
/* Leases, slots; after each of the driver's events. */
void sim_check_driver(const struct sim *w, const struct tr_core_event *ev);
/* Long after the last fault a job has not ended. */
_Noreturn void sim_check_liveness(const struct sim *w);
void sim_check_end(const struct sim *w);

#endif /* TR_TESTS_SIM_SIM_H */
