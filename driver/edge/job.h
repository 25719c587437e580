/*
 * What the edge knows of an active job: what was submitted, plan(b), and for
 * every lane its attempts, receipts and where its blocks are. The core decides;
 * this is the contents behind its decisions.
 *
 * Owns all messages it holds. A job enters when it is submitted or recovered
 * and leaves when its end is durable.
 *
 * Thread: the loop's.
 */
#ifndef TR_DRIVER_EDGE_JOB_H
#define TR_DRIVER_EDGE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/buf.h"
#include "common/base/id.h"
#include "common/data/digest.h"
#include "common/plan/stages.h"
#include "common/wire/msg.h"
#include "driver/core/core.h"

/* Rows that came in for one sink, to be compared with the receipt. */
struct tr_edge_rows {
	uint32_t op;
	uint32_t next_seq; /* of the chunk to come */
	uint64_t records;
	struct tr_digest digest;
	struct tr_buf last; /* key: the next chunk's are greater */
};

/* One execution of a lane. */
struct tr_edge_attempt {
	struct tr_attempt_id id;
	struct tr_executor_id executor; /* the one that holds it now */
	char *executor_name;
	enum tr_edge_outcome {
		TR_EDGE_RUNNING,
		TR_EDGE_DONE,
		TR_EDGE_FAILED,
		TR_EDGE_LOST,
		TR_EDGE_CANCELLED,
	} outcome;
	int64_t started_ms, ended_ms; /* wall clock */
	uint64_t records, bytes;      /* as last heard */
	Tranche__V1__ErrorInfo *error;
	Tranche__V1__Receipt *receipt; /* done */
	struct tr_edge_rows *rows;     /* since it runs for this executor */
	uint32_t n_rows;
	struct tr_error rows_error; /* code 0: none */
};

struct tr_edge_task {
	struct tr_edge_attempt *attempts; /* in order of starting */
	uint32_t n_attempts;
	uint32_t forgotten; /* older attempts not kept any more */
	uint32_t done;      /* index + 1 of the attempt that counts; 0: none */
	/*
	 * The same, and kept when the result is undone: a reduce task that was
	 * decided on before still names its blocks, and reports them lost.
	 */
	uint32_t last;
	/* Its part of the job's progress. */
	bool running;
	uint64_t records, bytes;
};

struct tr_edge_stage {
	uint32_t lanes;
	struct tr_edge_task *tasks;
	Tranche__V1__Range **ranges; /* by lane, borrowed from the plan */
	uint32_t *sinks;             /* operators whose rows its lanes give */
	uint32_t n_sinks;
};

/* What the lanes that are done have put out for one sink. */
struct tr_edge_sum {
	uint64_t records;
	uint64_t bytes;
};

/* A request to be answered when what it asks for is durable. */
struct tr_edge_waiter {
	uint64_t conn; /* struct tr_conn_id */
	uint64_t request_id;
};

struct tr_edge_job {
	struct tr_edge_job *next; /* in id order */
	struct tr_job_id id;
	char uuid[33];
	int64_t submitted_ms;
	Tranche__V1__SubmitRequest *request;
	uint8_t *artefact; /* owned; NULL once it is only in the store */
	size_t artefact_len;
	Tranche__V1__BatchPlan *plan; /* NULL while planning */
	struct tr_stages *stages;
	struct tr_edge_stage *lanes; /* by stage */
	enum tr_core_job_state state;
	enum tr_core_outcome outcome; /* when ENDING */
	bool durable; /* the job is stored: its id may be given out */
	struct tr_edge_waiter *waiters; /* submits: until it is durable */
	size_t n_waiters;
	struct tr_edge_waiter *cancels; /* until its end is durable */
	size_t n_cancels;
	bool ending;           /* its end is decided: the error stands */
	int64_t ended_ms;      /* when ending */
	struct tr_error error; /* why it failed or will */
	char error_where[128];
	char error_position[320];
	uint64_t retries;
	uint64_t nondeterministic;
	uint64_t tasks_total, tasks_done, ranges_total, ranges_done;
	uint64_t records_total;
	/* Sums over the tasks, kept up to date. */
	uint64_t tasks_running, records, bytes;
	struct tr_edge_sum *sums; /* by operator */
	/* Of a commit that was stored before this driver started, or NULL. */
	Tranche__V1__JobStatus *committed;
	uint64_t log_seq; /* of the last log line */
	uint64_t log_lines;
	uint64_t changed; /* grows with every visible change */
};

struct tr_edge_job *tr_edge_job_new(struct tr_job_id id, const char *uuid,
	int64_t submitted_ms, const Tranche__V1__SubmitRequest *request);
void tr_edge_job_free(struct tr_edge_job *j);

void tr_edge_waiters_add(struct tr_edge_waiter **list, size_t *n, uint64_t conn,
	uint64_t request_id);

/*
 * Takes the plan over and lays out its lanes. TR_EINVAL when the plan and its
 * stages disagree; the plan remains the caller's then.
 */
int tr_edge_job_set_plan(struct tr_edge_job *j, Tranche__V1__BatchPlan *plan,
	struct tr_error *err) TR_MUST_USE;

/* NULL when the job has no such lane. */
struct tr_edge_task *tr_edge_job_task(
	struct tr_edge_job *j, struct tr_lane_id lane);

struct tr_edge_attempt *tr_edge_attempt_find(
	struct tr_edge_task *t, struct tr_attempt_id id);

/* Whether one more may be kept without one that runs or counts going. */
bool tr_edge_task_has_room(const struct tr_edge_task *t);

/*
 * The attempt, made when it is not there. Beyond a limit the oldest goes that
 * neither runs nor counts. `executor_name` NULL: unknown.
 */
struct tr_edge_attempt *tr_edge_attempt_get(struct tr_edge_task *t,
	struct tr_attempt_id id, struct tr_executor_id executor,
	const char *executor_name, int64_t now_ms);

/* Rows for a sink begin, or go on. */
struct tr_edge_rows *tr_edge_attempt_rows(
	struct tr_edge_attempt *a, uint32_t op);

/* Forgets what rows came in: they will come from the first one again. */
void tr_edge_attempt_forget_rows(struct tr_edge_attempt *a);

/* A copy; the text is cut to what a row of a table should hold. */
void tr_edge_attempt_set_error(
	struct tr_edge_attempt *a, const Tranche__V1__ErrorInfo *info);

/* The attempt whose output counts, or NULL. */
const struct tr_edge_attempt *tr_edge_task_result(const struct tr_edge_task *t);

/* The attempt that finished last, undone or not, or NULL. */
const struct tr_edge_attempt *tr_edge_task_last(const struct tr_edge_task *t);

/* Makes a, which has a receipt, the attempt that counts for its lane. */
void tr_edge_task_finish(struct tr_edge_job *j, struct tr_lane_id lane,
	const struct tr_edge_attempt *a);
/* No attempt counts any more. */
void tr_edge_task_unfinish(struct tr_edge_job *j, struct tr_lane_id lane);

/* Counts the lane anew, after any change to its attempts. */
void tr_edge_task_changed(struct tr_edge_job *j, struct tr_lane_id lane);

/*
 * Remembers why the job fails; later reasons replace earlier ones, until its
 * end is decided.
 */
void tr_edge_job_set_error(struct tr_edge_job *j, int code, const char *text,
	const char *where, const char *position);

/* ---- status.c: as messages; freed with tr_msg_free ---- */

Tranche__V1__JobStatus *tr_edge_job_status(
	const struct tr_edge_job *j, uint64_t term, int64_t now_ms);

/*
 * Lanes by stage and lane, at most `max`. The caller frees each and the array.
 */
Tranche__V1__TaskRow **tr_edge_job_rows(
	const struct tr_edge_job *j, size_t max, size_t *n);

Tranche__V1__JobState tr_edge_job_state(const struct tr_edge_job *j);

#endif /* TR_DRIVER_EDGE_JOB_H */
