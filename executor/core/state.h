/*
 * The core's state and what its parts offer each other. Private to the core.
 */
#ifndef TR_EXECUTOR_CORE_STATE_H
#define TR_EXECUTOR_CORE_STATE_H

#include "common/base/check.h"
#include "common/base/rng.h"
#include "executor/core/executor.h"
#include "executor/core/slots.h"
#include "executor/core/tasks.h"

/*
 *	DOWN --> DIALING --> GREETING --> REGISTERING --> UP
 *	  ^---------+------------+-------------+----------+   closed, refused
 */
enum link_state {
	LINK_IS_DOWN, /* until retry_at */
	LINK_DIALING,
	LINK_GREETING,
	LINK_REGISTERING,
	LINK_IS_UP,
};

struct job {
	struct tr_job_id id; /* 0: free */
	bool artefact_here;
	bool artefact_failed;
	uint32_t tasks; /* known attempts */
};

struct tr_executor {
	struct tr_executor_opts opts;
	struct tr_rng rng;
	uint64_t now_ms;
	struct tr_executor_update *update; /* of this step */

	enum link_state link;
	uint64_t retry_at_ms;
	uint32_t failed_dials; /* in a row */
	uint64_t up_since_ms;
	uint32_t heartbeat_ms;
	uint64_t heartbeat_at_ms;
	struct tr_term term;

	struct tr_tasks tasks;
	struct tr_slots slots;
	struct job jobs[TR_JOBS_ACTIVE_MAX];

	bool driver_drains; /* the driver's wish */
	bool goodbye;       /* the driver lets us go */
	bool terminating;   /* our own */
	bool left;
	uint64_t leave_at_ms;

	uint64_t stale, refused, done, failed, cancelled;
};

/* Adds an action and returns it to be filled in. */
struct tr_executor_action *tr_executor_act(
	struct tr_executor *x, enum tr_executor_action_kind kind);

/* ---- link.c ---- */

void tr_link_start(struct tr_executor *x);
void tr_link_up(struct tr_executor *x);
void tr_link_down(struct tr_executor *x);
void tr_link_greeted(struct tr_executor *x, const struct tr_executor_event *e);
void tr_link_registered(struct tr_executor *x, bool draining);
void tr_link_tick(struct tr_executor *x);
uint64_t tr_link_deadline(const struct tr_executor *x);

/* Whether a driver's message of that term counts; adopts a higher one. */
bool tr_link_accepts(struct tr_executor *x, struct tr_term term);

/* ---- run.c ---- */

struct job *tr_job_find(struct tr_executor *x, struct tr_job_id id);
void tr_job_begin(struct tr_executor *x, struct tr_job_id id);
void tr_job_end(struct tr_executor *x, struct tr_job_id id);
/*
 * Nobody told us which jobs ended while we were away: those without a task go,
 * the driver names a job anew before its next task. The rest is asked for
 * again.
 */
void tr_jobs_registered(struct tr_executor *x);
void tr_job_artefact(struct tr_executor *x, struct tr_job_id id, int error);

void tr_task_begin(struct tr_executor *x, const struct tr_executor_event *e);
/* Stops it and removes it; an active one is answered with TR_ECANCELED. */
void tr_task_kill(struct tr_executor *x, struct tr_attempt_id attempt);
void tr_task_inputs(struct tr_executor *x, struct tr_attempt_id a, int error);
void tr_worker_done(struct tr_executor *x, const struct tr_executor_event *e);
void tr_worker_gone(struct tr_executor *x, struct tr_worker_id worker);

/* Ends workers that have been idle too long. */
void tr_run_tick(struct tr_executor *x);
uint64_t tr_run_deadline(const struct tr_executor *x);

#endif /* TR_EXECUTOR_CORE_STATE_H */
