/*
 * The driver's store. Records are appended and become durable in groups, in
 * order; a crash loses those that are not, or finds that the last group was.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "common/base/check.h"

void sim_disk_append(struct sim *w, const struct tr_core_record *record)
{
	struct sim_driver *d = &w->driver;
	tr_assert(d->records_count < SIM_RECORDS);
	struct sim_record *r = &d->records[d->records_count++];
	d->appended++;
	memset(r, 0, sizeof(*r));
	r->record = *record;
	uint64_t job = record->ref.job.v;
	if (record->kind == TR_CORE_RECORD_PLAN) {
		r->plan = d->planned[job - 1];
	} else if (record->kind == TR_CORE_RECORD_TASK_FINISHED) {
		const struct sim_content *content =
			sim_driver_received(w, job, record->ref.attempt.v);
		if (!content)
			sim_fail(w, "a lane finished without output");
		r->content = *content;
	}
}

static void apply(struct sim *w, const struct sim_record *r)
{
	const struct tr_attempt_ref *ref = &r->record.ref;
	struct sim_disk_job *j = &w->disk.jobs[ref->job.v - 1];
	struct sim_disk_lane *lane = &j->lanes[ref->lane.stage][ref->lane.lane];
	switch (r->record.kind) {
	case TR_CORE_RECORD_JOB:
		memset(j, 0, sizeof(*j));
		j->exists = true;
		break;
	case TR_CORE_RECORD_PLAN:
		if (j->plan.id)
			sim_fail(w, "a second plan is stored (I1)");
		j->plan = r->plan;
		break;
	case TR_CORE_RECORD_TASK_FINISHED:
		if (lane->known && lane->attempt > ref->attempt.v)
			sim_fail(w, "a lane's version went back");
		lane->known = true;
		lane->finished = true;
		lane->attempt = ref->attempt.v;
		lane->content = r->content;
		break;
	case TR_CORE_RECORD_TASK_UNFINISHED:
		if (!lane->finished)
			sim_fail(w, "a lane is undone that was not finished");
		lane->finished = false;
		break;
	case TR_CORE_RECORD_JOB_END:
		if (j->ended)
			sim_fail(w, "a job ends twice");
		j->ended = true;
		j->outcome = (uint32_t)r->record.outcome;
		j->error = r->record.error;
		break;
	}
}

void sim_disk_synced(struct sim *w, uint64_t count)
{
	struct sim_driver *d = &w->driver;
	uint64_t n = count - d->durable;
	tr_assert(n <= d->records_count);
	for (uint64_t i = 0; i < n; i++)
		apply(w, &d->records[i]);
	d->records_count -= n;
	memmove(d->records, d->records + n,
		d->records_count * sizeof(*d->records));
	d->durable = count;
	d->syncing = false;
	sim_driver_release(w);
	sim_disk_sync(w);
}

void sim_disk_sync(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	if (d->syncing || d->durable == d->appended)
		return;
	d->syncing = true;
	uint64_t ms = sim_chance(w, 5) ? sim_between(w, 20, 150)
				       : sim_between(w, 1, 8);
	sim_after(w, ms,
		(struct sim_event){ .kind = SIM_EVENT_SYNCED,
			.arg = d->appended,
			.epoch = d->process });
}

void sim_disk_crash(struct sim *w)
{
	struct sim_driver *d = &w->driver;
	uint64_t survive = sim_below(w, d->records_count + 1);
	if (!sim_chance(w, 50))
		survive = 0;
	for (uint64_t i = 0; i < survive; i++)
		apply(w, &d->records[i]);
	d->records_count = 0;
}
