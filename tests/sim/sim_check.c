/*
 * What must be true, whatever happens. Invariants are named as in
 * docs/core.md.
 */
#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/err.h"

_Noreturn void sim_fail(const struct sim *w, const char *fmt, ...)
{
	va_list ap;
	fflush(stdout);
	fprintf(stderr,
		"sim: seed %llu, %llu ms: ", (unsigned long long)w->seed,
		(unsigned long long)w->now_ms);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* ---------------------------------------------------------------- tasks */

/* I1: plan(b) is durable before any of its tasks is sent, and the only one. */
void sim_check_task(const struct sim *w, const struct sim_task *task)
{
	const struct sim_disk_job *d = &w->disk.jobs[task->ref.job.v - 1];
	if (!d->plan.id)
		sim_fail(w, "a task is sent before its plan is stored (I1)");
	if (d->plan.id != task->plan)
		sim_fail(w, "a task is sent of a plan that is not stored (I1)");
}

/* -------------------------------------------------------------- reports */

static bool is_wanted(const struct sim *w, uint64_t attempt)
{
	for (size_t i = 0; i < w->driver.wanted_count; i++)
		if (w->driver.wanted[i] == attempt)
			return true;
	return false;
}

static bool is_report(enum tr_core_event_kind kind)
{
	return kind == TR_CORE_TASK_DONE || kind == TR_CORE_TASK_FAILED ||
	       kind == TR_CORE_BLOCKS_LOST;
}

/*
 * A report of another term, or of an attempt that is not current, is never
 * applied (I8, and 1.1 of the protocol: docs/core.md).
 */
void sim_check_report(const struct sim *w, const struct tr_core_event *ev,
	const struct tr_core_update *u)
{
	if (!is_report(ev->kind))
		return;
	bool counts = u->records_count + u->commits_count > 0;
	for (size_t i = 0; i < u->notices_count; i++)
		if (u->notices[i].kind == TR_CORE_NOTICE_TASK_ENDED)
			counts = true;
	if (counts && ev->u.report.term.v != w->disk.term)
		sim_fail(w, "a report of an old term is applied (I8)");
	if (ev->kind == TR_CORE_BLOCKS_LOST)
		return;
	if (counts && !is_wanted(w, ev->u.report.ref.attempt.v))
		sim_fail(w, "a report of an attempt that is not current "
			    "is applied");
}

/* --------------------------------------------------------------- leases */

/*
 * At a tick nobody is counted on that was silent for longer than a lease. A
 * driver that was paused catches up at its first tick after.
 */
void sim_check_driver(const struct sim *w, const struct tr_core_event *ev)
{
	const struct sim_driver *d = &w->driver;
	if (ev->kind != TR_CORE_TICK)
		return;
	for (size_t i = 0; i < d->registrations_count; i++) {
		const struct sim_registration *r = &d->registrations[i];
		if (r->live && r->heard_ms + SIM_LEASE_MS <= w->now_ms)
			sim_fail(w,
				"executor %llu is silent since %llu ms and "
				"still counted on",
				(unsigned long long)r->executor,
				(unsigned long long)r->heard_ms);
	}
}

/* --------------------------------------------------------------- commit */

static void check_lane(
	const struct sim *w, uint32_t job, uint32_t stage, uint32_t lane)
{
	const struct sim_job *j = &w->jobs[job];
	const struct sim_disk_job *d = &w->disk.jobs[job];
	const struct sim_disk_lane *l = &d->lanes[stage][lane];
	if (!l->known || !l->finished)
		sim_fail(w, "job %u is committed without lane %u/%u", job + 1,
			stage, lane);
	for (uint32_t s = 0; s < stage; s++)
		for (uint32_t i = 0; i < j->lanes[s]; i++) {
			if (!(j->upstream[stage] >> s & 1))
				continue;
			if (l->content.read[s][i] !=
				d->lanes[s][i].content.digest)
				sim_fail(w,
					"job %u: lane %u/%u has read another "
					"version of lane %u/%u than the "
					"committed one",
					job + 1, stage, lane, s, i);
		}
}

/* Each record of the plan's ranges has exactly one effect. */
static void check_sums(const struct sim *w, uint32_t job)
{
	const struct sim_job *j = &w->jobs[job];
	const struct sim_disk_job *d = &w->disk.jobs[job];
	uint64_t records = 0;
	uint64_t sum = 0;
	uint64_t records_expected;
	uint64_t sum_expected;
	for (uint32_t s = 0; s < j->stages; s++)
		for (uint32_t l = 0; l < j->lanes[s]; l++) {
			if (!sim_is_sink(j, s))
				continue;
			records += d->lanes[s][l].content.records;
			sum += d->lanes[s][l].content.sum;
		}
	sim_expect(w, job, &d->plan, &records_expected, &sum_expected);
	if (records != records_expected)
		sim_fail(w, "job %u commits %llu records of %llu", job + 1,
			(unsigned long long)records,
			(unsigned long long)records_expected);
	if (!j->nondeterministic && sum != sum_expected)
		sim_fail(w, "job %u commits a wrong sum", job + 1);
}

/* I2, I10: once, complete, and of the stored plan. */
void sim_check_commit(const struct sim *w, uint32_t job)
{
	const struct sim_disk_job *d = &w->disk.jobs[job];
	if (d->committed)
		sim_fail(w, "job %u is committed twice (I2)", job + 1);
	if (d->ended)
		sim_fail(w, "job %u is committed after its end", job + 1);
	for (uint32_t s = 0; s < w->jobs[job].stages; s++)
		for (uint32_t l = 0; l < w->jobs[job].lanes[s]; l++)
			check_lane(w, job, s, l);
	check_sums(w, job);
}

/* ------------------------------------------------------------------ end */

/* The errors that this job may end with. */
static bool may_fail_with(
	const struct sim *w, const struct sim_job *j, int error)
{
	switch (error) {
	case TR_ENONDET:
		return j->nondeterministic;
	case TR_EKILLED:
		return j->poison || w->fault[SIM_WORKER_DIES];
	case TR_EINPUT_GONE:
		return w->fault[SIM_LOG_START];
	case TR_EUSER:
		return j->plan_fails || j->task_fails;
	case TR_EIO:
		return j->task_fails;
	default:
		return false;
	}
}

static void check_job_end(const struct sim *w, uint32_t job)
{
	const struct sim_job *j = &w->jobs[job];
	const struct sim_disk_job *d = &w->disk.jobs[job];
	if (!d->ended || d->outcome != j->outcome || d->error != j->error)
		sim_fail(w, "job %u: its client heard of another end", job + 1);
	if (d->committed != (d->outcome == TR_CORE_JOB_DONE))
		sim_fail(w, "job %u: outcome and commit disagree", job + 1);
	if (d->outcome == TR_CORE_JOB_CANCELLED && !j->cancel_ms)
		sim_fail(w, "job %u: nobody has cancelled it", job + 1);
	if (d->outcome == TR_CORE_JOB_FAILED && !may_fail_with(w, j, d->error))
		sim_fail(w, "job %u fails with '%s'", job + 1,
			tr_err_name(d->error));
}

_Noreturn void sim_check_liveness(const struct sim *w)
{
	uint32_t i = 0;
	while (w->jobs[i].state == SIM_JOB_ENDED)
		i++;
	sim_fail(w,
		"job %u has not ended %d ms after the last fault (its "
		"client: %d, stored %d, planned %d, ended %d)",
		i + 1, SIM_HEALED_MS, (int)w->jobs[i].state,
		w->disk.jobs[i].exists, w->disk.jobs[i].plan.id != 0,
		w->disk.jobs[i].ended);
}

void sim_check_end(const struct sim *w)
{
	for (uint32_t i = 0; i < w->jobs_count; i++)
		check_job_end(w, i);
}
