#include "driver/core/core.h"

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "driver/core/state.h"
#include "driver/core/transition.h"

void tr_core_limits_default(struct tr_core_limits *limits)
{
	*limits = (struct tr_core_limits){
		.executors = TR_EXECUTORS_MAX,
		.slots_per_executor = TR_SLOTS_PER_EXECUTOR_MAX,
		.jobs = TR_JOBS_ACTIVE_MAX,
		.stages = TR_STAGES_MAX,
		.tasks = TR_TASKS_MAX,
		.lease_ms = TR_LEASE_MS_DEFAULT,
		.grace_ms = TR_RECOVER_GRACE_MS,
		.backoff_ms_min = TR_RETRY_BACKOFF_MS_MIN,
		.backoff_ms_max = TR_RETRY_BACKOFF_MS_MAX,
		.attempts_per_task = TR_ATTEMPTS_PER_TASK,
		.losses_per_task = TR_LOSSES_PER_TASK,
		.worker_deaths_per_task = TR_WORKER_DEATHS_PER_TASK,
		.executor_failures = TR_EXECUTOR_FAILURES_MAX,
	};
}

static_assert(TR_STAGES_MAX <= TR_CORE_STAGES_MAX, "stages fit a mask");
static_assert(TR_JOBS_ACTIVE_MAX <= UINT16_MAX, "jobs fit struct tr_task");
static_assert(TR_LOSSES_PER_TASK < UINT8_MAX, "losses fit struct tr_task");

static void new_tables(struct tr_core *c)
{
	const struct tr_core_limits *l = &c->limits;
	size_t slots = (size_t)l->executors * l->slots_per_executor;
	c->jobs = tr_xcalloc(l->jobs, sizeof(*c->jobs));
	c->stages = tr_xcalloc((size_t)l->jobs * l->stages, sizeof(*c->stages));
	c->shares =
		tr_xcalloc((size_t)l->jobs * l->executors, sizeof(*c->shares));
	c->tasks = tr_xcalloc(l->tasks, sizeof(*c->tasks));
	c->groups = tr_xcalloc(l->tasks, sizeof(*c->groups));
	c->attempts = tr_xcalloc(slots, sizeof(*c->attempts));
	c->executors = tr_xcalloc(l->executors, sizeof(*c->executors));
	c->task_links = tr_xcalloc(l->tasks, sizeof(struct tr_link));
	c->group_links = tr_xcalloc(l->tasks, sizeof(struct tr_link));
	c->attempt_links = tr_xcalloc(slots, sizeof(struct tr_link));
	c->attempt_job_links = tr_xcalloc(slots, sizeof(struct tr_link));
	c->heard_links = tr_xcalloc(l->executors, sizeof(struct tr_link));
	c->free_links = tr_xcalloc(l->executors, sizeof(struct tr_link));
}

static void new_lists(struct tr_core *c)
{
	uint32_t numbers = c->limits.slots_per_executor + 1;
	tr_list_init(&c->heard);
	tr_list_init(&c->attempts_free);
	c->free_slots = tr_xcalloc(numbers, sizeof(*c->free_slots));
	for (uint32_t i = 0; i < numbers; i++)
		tr_list_init(&c->free_slots[i]);
	c->free_slots_map =
		tr_xcalloc(numbers / 64 + 1, sizeof(*c->free_slots_map));
}

struct tr_core *tr_core_new(const struct tr_core_limits *limits)
{
	tr_assert(limits->stages <= TR_CORE_STAGES_MAX);
	tr_assert(limits->jobs <= UINT16_MAX);
	tr_assert(limits->losses_per_task < UINT8_MAX);
	struct tr_core *c = tr_xcalloc(1, sizeof(*c));
	c->limits = *limits;
	c->grace_ms = UINT64_MAX;
	new_tables(c);
	new_lists(c);
	tr_index_init(&c->job_index, limits->jobs);
	tr_index_init(&c->executor_index, limits->executors);
	tr_timer_init(&c->backoff, limits->tasks);
	tr_transition_init(c);
	return c;
}

void tr_core_free(struct tr_core *c)
{
	if (!c)
		return;
	tr_transition_fini(c);
	tr_timer_fini(&c->backoff);
	tr_index_fini(&c->executor_index);
	tr_index_fini(&c->job_index);
	tr_xfree(c->free_slots_map);
	tr_xfree(c->free_slots);
	tr_xfree(c->free_links);
	tr_xfree(c->heard_links);
	tr_xfree(c->attempt_job_links);
	tr_xfree(c->attempt_links);
	tr_xfree(c->group_links);
	tr_xfree(c->task_links);
	tr_xfree(c->executors);
	tr_xfree(c->attempts);
	tr_xfree(c->groups);
	tr_xfree(c->tasks);
	tr_xfree(c->shares);
	tr_xfree(c->stages);
	tr_xfree(c->jobs);
	tr_xfree(c);
}

void tr_core_count(const struct tr_core *c, struct tr_core_counts *counts)
{
	*counts = (struct tr_core_counts){
		.executors = c->active,
		.slots = (uint32_t)c->slots,
		.running = c->attempts_count,
		.jobs = c->jobs_count,
	};
}
