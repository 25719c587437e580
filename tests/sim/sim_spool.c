/*
 * What an executor's process keeps: the tasks it was given and the outputs
 * and reports of its attempts. Gone with the process.
 */
#include "tests/sim/sim.h"

#include "common/base/check.h"
#include "common/base/xalloc.h"

struct sim_output *sim_output_find(
	const struct sim_executor *x, uint64_t job, uint64_t attempt)
{
	for (size_t i = 0; i < x->outputs_count; i++)
		if (x->outputs[i]->ref.attempt.v == attempt &&
			x->outputs[i]->ref.job.v == job)
			return x->outputs[i];
	return NULL;
}

struct sim_output *sim_output_add(
	struct sim_executor *x, const struct tr_executor_ref *ref)
{
	tr_assert(x->outputs_count < SIM_OUTPUTS);
	struct sim_output *o = tr_xcalloc(1, sizeof(*o));
	o->ref = *ref;
	x->outputs[x->outputs_count++] = o;
	return o;
}

struct sim_task *sim_task_find(const struct sim_executor *x, uint64_t attempt)
{
	for (size_t i = 0; i < x->tasks_count; i++)
		if (x->tasks[i]->ref.attempt.v == attempt)
			return x->tasks[i];
	return NULL;
}

void sim_task_add(struct sim_executor *x, const struct sim_task *task)
{
	if (sim_task_find(x, task->ref.attempt.v))
		return;
	tr_assert(x->tasks_count < SIM_OUTPUTS);
	x->tasks[x->tasks_count++] = tr_xmemdup(task, sizeof(*task));
}

static bool is_meant(
	const struct tr_executor_ref *ref, uint64_t job, uint64_t attempt)
{
	return ref->job.v == job && (!attempt || ref->attempt.v == attempt);
}

void sim_spool_forget(struct sim_executor *x, uint64_t job, uint64_t attempt)
{
	for (size_t i = x->outputs_count; i-- > 0;)
		if (is_meant(&x->outputs[i]->ref, job, attempt)) {
			tr_xfree(x->outputs[i]);
			x->outputs[i] = x->outputs[--x->outputs_count];
		}
	for (size_t i = x->tasks_count; i-- > 0;)
		if (is_meant(&x->tasks[i]->ref, job, attempt)) {
			tr_xfree(x->tasks[i]);
			x->tasks[i] = x->tasks[--x->tasks_count];
		}
}

void sim_spool_clear(struct sim_executor *x)
{
	while (x->outputs_count > 0)
		tr_xfree(x->outputs[--x->outputs_count]);
	while (x->tasks_count > 0)
		tr_xfree(x->tasks[--x->tasks_count]);
	tr_xfree(x->last_report);
	x->last_report = NULL;
}
