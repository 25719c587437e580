/*
 * The core's tables, private to driver/core.
 *
 * Rows refer to each other by index, never by pointer; TR_ROW_NONE is no row.
 * A row belongs to the file named after it (job.c, task.c …), which alone
 * changes its state, through tr_move_* (transition.h).
 */
#ifndef TR_DRIVER_CORE_STATE_H
#define TR_DRIVER_CORE_STATE_H

#include "common/base/rng.h"
#include "driver/core/canary.h"
#include "driver/core/core.h"
#include "driver/core/index.h"
#include "driver/core/list.h"
#include "driver/core/timer.h"

enum {
	TR_CORE_TRANSITIONS_MAX = 24, /* rows of one state table */
	TR_CORE_STAGES_MAX = 64,      /* bits of a stage mask */
};

/*
 *	             launched, adopted           done
 *	  PENDING <-------------------> RUNNING ------> DONE <----> GONE
 *	   ^   ^          lost            |              |           |
 *	   |   |                   failed |              |           |
 *	   |   +------- BACKOFF <---------+              |           |
 *	   |  time over                                  |           |
 *	   +---------------------------------------------+-----------+
 *	              blocks lost and still needed
 *
 * DONE: its output is where the readers can have it. GONE: finished, but
 * nobody holds its blocks; that matters once they are needed (again). Held
 * output that a returning executor offers leads from anywhere to DONE.
 */
enum tr_task_state {
	TR_TASK_PENDING,
	TR_TASK_BACKOFF,
	TR_TASK_RUNNING,
	TR_TASK_DONE,
	TR_TASK_GONE,
	TR_TASK_STATES
};

/* A lane of the open batch. */
struct tr_task {
	uint8_t state;
	uint8_t stage;
	uint8_t failures;
	uint8_t losses;
	uint8_t deaths;  /* workers that it killed */
	bool retry;      /* PENDING: in the stage's retry list */
	bool known;      /* `version` and `digest` are of a finished attempt */
	bool has_blocks; /* DONE, GONE */
	uint16_t job;
	uint32_t group;   /* row in groups */
	uint32_t attempt; /* RUNNING: row in attempts */
	uint32_t holder;  /* DONE with blocks: row in executors */
	uint64_t avoid;   /* node where it failed last; 0: none */
	uint64_t version; /* the attempt that finished it last; only grows */
	struct tr_core_digest digest;
};

/* The lanes of one stage that profit from the same warm reader. */
struct tr_group {
	struct tr_list pending; /* tasks */
};

/*
 * An execution that takes a slot. It is *wanted* while its task refers to it;
 * an unwanted one was told to stop and only waits for its report.
 */
struct tr_attempt {
	struct tr_attempt_ref ref;
	uint32_t task; /* TR_ROW_NONE: unwanted */
	uint32_t executor;
	uint64_t rate; /* its part of the job's max_rate */
};

struct tr_stage {
	uint32_t first; /* row in tasks of lane 0; also of group 0 in groups */
	uint32_t lanes;
	uint32_t finished; /* DONE or GONE */
	uint32_t blocked;  /* upstream stages that are not complete */
	uint64_t upstream; /* stage masks */
	uint64_t downstream;
	struct tr_list retry;  /* tasks: PENDING, placed first */
	struct tr_list groups; /* with pending tasks; those at the head are
				  those no executor has begun */
	struct tr_list gone;   /* tasks */
	uint32_t pending;      /* tasks in retry and in the groups */
	uint64_t launched;     /* the last attempt launched */
	uint32_t known;        /* tasks that were finished once */
	uint64_t version_max;  /* over its tasks */
};

/* What a job has to do with one executor. */
struct tr_share {
	bool involved; /* was sent something of the job */
	bool excluded;
	bool warm; /* it was launched something: the next two count */
	uint8_t warm_stage;
	uint32_t failures;
	uint32_t blocks;     /* lanes whose blocks it holds */
	uint32_t warm_group; /* row in groups, of the last */
};

struct tr_job {
	struct tr_job_id id;
	uint8_t state; /* enum tr_core_job_state */
	uint8_t outcome;
	bool recovering; /* waits for executors to come back */
	bool announce;   /* recovered: nobody was told of it yet */
	bool waits;      /* the notice went out */
	int error;
	uint64_t batch;
	uint32_t weight;
	uint32_t attempts_max;
	uint64_t max_rate;
	uint64_t rate_used;
	uint64_t pass; /* stride scheduling: launches over weight */
	uint32_t stages_count;
	uint32_t tasks_first;
	uint32_t tasks_count;
	uint32_t stages_open; /* not complete */
	uint32_t excluded;    /* ACTIVE executors */
	uint32_t told;        /* ENDING: executors before this row know */
	uint64_t ready;       /* stages with something to place */
	uint64_t revive;      /* stages whose GONE lanes may be needed again */
	uint64_t stale;       /* stages whose input was replaced */
	uint64_t placed_step; /* nothing more to place in this step */
	struct tr_list running; /* wanted attempts */
};

struct tr_member {
	struct tr_executor_id id;
	uint8_t state; /* enum tr_core_executor_state */
	bool drain;    /* JOINING: DRAINING comes next */
	bool goodbye;  /* said */
	uint64_t node;
	uint32_t slots;
	uint64_t heard_ms;
	struct tr_list attempts; /* wanted and unwanted: the taken slots */
	struct tr_list held;     /* tasks: DONE with blocks here */
};

struct tr_core {
	struct tr_core_limits limits;
	struct tr_core_update *update; /* of the running step */
	uint64_t now_ms;
	uint64_t tick_ms; /* of the last TICK: leases are judged by it */
	uint64_t step;
	bool more; /* CONTINUE comes next */
	struct tr_term term;
	uint64_t attempts_issued; /* of this term */
	struct tr_rng rng;
	bool recovering;   /* between INIT and RECOVER_END */
	uint64_t grace_ms; /* until then; UINT64_MAX: none, or over */
	uint64_t pass;     /* of the job placed last */
	uint32_t joining;  /* executors */
	uint32_t active;   /* executors */
	uint32_t draining; /* executors */
	uint64_t slots;    /* of the active ones */
	uint32_t jobs_top; /* rows in use are below */
	uint32_t jobs_count;
	uint32_t executors_top;
	uint32_t lost;       /* executors to take apart */
	uint32_t ending;     /* jobs to take apart */
	uint32_t announcing; /* jobs */
	uint32_t attempts_top;
	uint32_t attempts_count;

	struct tr_job *jobs;
	struct tr_stage *stages; /* limits.stages per job */
	struct tr_share *shares; /* limits.executors per job */
	struct tr_task *tasks;
	struct tr_group *groups; /* beside tasks: as many as lanes at most */
	struct tr_attempt *attempts;
	struct tr_member *executors;
	struct tr_index job_index;
	struct tr_index executor_index;
	struct tr_timer backoff; /* tasks */

	struct tr_link *task_links; /* group, retry, gone or held list */
	struct tr_link *group_links;
	struct tr_link *attempt_links;     /* executor's list, or free */
	struct tr_link *attempt_job_links; /* job's list */
	struct tr_link *heard_links;       /* executors */
	struct tr_link *free_links;        /* executors */
	struct tr_list heard;         /* live executors, longest silent first */
	struct tr_list attempts_free; /* rows that were used before */
	struct tr_list *free_slots;   /* by number: ACTIVE executors */
	uint64_t *free_slots_map;     /* bit n: free_slots[n] has some */

	uint8_t *rows_of; /* transition.c: [table][from][to] */
	uint64_t *taken;  /* [table][row] */
};

static inline struct tr_stage *tr_stage_of(
	const struct tr_core *c, const struct tr_job *j, uint32_t stage)
{
	size_t row = (size_t)(j - c->jobs) * c->limits.stages + stage;
	return &c->stages[row];
}

static inline struct tr_share *tr_share_of(
	const struct tr_core *c, const struct tr_job *j, uint32_t executor)
{
	size_t row = (size_t)(j - c->jobs) * c->limits.executors + executor;
	return &c->shares[row];
}

static inline uint64_t tr_stage_bit(uint32_t stage)
{
	return (uint64_t)1 << stage;
}

#endif /* TR_DRIVER_CORE_STATE_H */
