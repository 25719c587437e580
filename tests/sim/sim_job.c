/*
 * Jobs, Kafka and what tasks compute.
 *
 * A record is a number that follows from its partition and offset. A map lane
 * adds up its range, split into blocks by reduce lane; a reduce lane adds up
 * its blocks. In the end the sums of the sinks must be those of the plan's
 * ranges: a record that is lost or counted twice shows.
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "common/base/err.h"

static void set_stage(
	struct sim *w, struct sim_job *j, uint32_t lanes_max, uint64_t upstream)
{
	uint32_t s = j->stages++;
	j->lanes[s] = (uint32_t)sim_between(w, 1, lanes_max);
	j->upstream[s] = upstream;
	for (uint32_t l = 0; l < j->lanes[s]; l++)
		j->partition[s][l] = l * SIM_PARTITIONS / SIM_LANES;
}

static void set_shape(struct sim *w, struct sim_job *j)
{
	switch (sim_below(w, 5)) {
	case 0:
		set_stage(w, j, SIM_LANES, 0);
		break;
	case 1:
		set_stage(w, j, SIM_LANES, 0);
		set_stage(w, j, SIM_LANES, 0);
		set_stage(w, j, SIM_LANES / 2, 3);
		break;
	case 2:
		set_stage(w, j, SIM_LANES, 0);
		set_stage(w, j, SIM_LANES / 2, 1);
		set_stage(w, j, 1, 2);
		break;
	default:
		set_stage(w, j, SIM_LANES, 0);
		set_stage(w, j, SIM_LANES / 2, 1);
		break;
	}
}

static bool has_trouble(struct sim *w, enum sim_fault fault, uint32_t percent)
{
	if (!w->fault[fault] || !sim_chance(w, percent))
		return false;
	w->struck[fault]++;
	return true;
}

static void set_troubles(struct sim *w, struct sim_job *j)
{
	j->nondeterministic = has_trouble(w, SIM_NONDETERMINISM, 60);
	j->poison = has_trouble(w, SIM_POISON, 25);
	j->plan_fails = has_trouble(w, SIM_PLAN_FAILS, 25);
	j->task_fails = has_trouble(w, SIM_TASK_FAILS, 50);
	if (has_trouble(w, SIM_CANCEL, 40))
		j->cancel_ms = j->submit_ms + sim_below(w, 3000);
}

void sim_jobs_make(struct sim *w)
{
	w->jobs_count = (uint32_t)sim_between(w, 1, SIM_JOBS);
	for (uint32_t i = 0; i < w->jobs_count; i++) {
		struct sim_job *j = &w->jobs[i];
		set_shape(w, j);
		j->weight = (uint32_t)sim_between(w, 1, 4);
		j->max_rate = sim_chance(w, 20) ? sim_between(w, 1, 100) : 0;
		j->submit_ms = sim_below(w, w->faults_end_ms * 3 / 4);
		set_troubles(w, j);
		sim_after(w, j->submit_ms,
			(struct sim_event){
				.kind = SIM_EVENT_SUBMIT, .arg = i });
		if (j->cancel_ms)
			sim_after(w, j->cancel_ms,
				(struct sim_event){
					.kind = SIM_EVENT_CANCEL, .arg = i });
	}
}

bool sim_is_sink(const struct sim_job *j, uint32_t stage)
{
	for (uint32_t s = stage + 1; s < j->stages; s++)
		if (j->upstream[s] >> stage & 1)
			return false;
	return true;
}

void sim_plan_make(struct sim *w, uint32_t job, struct sim_plan *plan)
{
	const struct sim_job *j = &w->jobs[job];
	memset(plan, 0, sizeof(*plan));
	plan->id = tr_rng_next(&w->rng) | 1;
	for (uint32_t s = 0; s < j->stages; s++)
		for (uint32_t l = 0; l < j->lanes[s] && !j->upstream[s]; l++) {
			struct sim_range *r = &plan->ranges[s][l];
			r->partition = j->partition[s][l];
			r->from = w->log_start[r->partition] + 100 * l +
				  sim_below(w, 50);
			r->until = r->from + sim_below(w, 16);
		}
}

/* -------------------------------------------------------------- compute */

static uint64_t record_at(
	const struct sim *w, uint32_t partition, uint64_t offset)
{
	return sim_mix(sim_mix(w->seed, partition), offset);
}

/* The lanes of the stage that reads from this one; 0: nobody does. */
static uint32_t reader_lanes(const struct sim_job *j, uint32_t stage)
{
	for (uint32_t s = stage + 1; s < j->stages; s++)
		if (j->upstream[s] >> stage & 1)
			return j->lanes[s];
	return 0;
}

static void add_records(struct sim_content *c, uint32_t lanes, uint64_t to,
	uint64_t records, uint64_t sum)
{
	c->records += records;
	c->sum += sum;
	if (lanes == 0)
		return;
	c->block_records[to % lanes] += records;
	c->block_sum[to % lanes] += sum;
}

static void set_digest(struct sim_content *c)
{
	c->digest = sim_mix(c->records, c->sum);
	for (uint32_t i = 0; i < SIM_LANES; i++)
		c->digest = sim_mix(c->digest,
			sim_mix(c->block_records[i], c->block_sum[i]));
	c->digest |= 1;
}

static int compute_map(
	const struct sim *w, const struct sim_task *task, struct sim_content *c)
{
	const struct sim_job *j = &w->jobs[task->ref.job.v - 1];
	const struct sim_range *r = &task->range;
	uint32_t lanes = reader_lanes(j, task->ref.lane.stage);
	if (r->from < r->until && r->from < w->log_start[r->partition])
		return TR_EINPUT_GONE;
	for (uint64_t o = r->from; o < r->until; o++) {
		uint64_t v = record_at(w, r->partition, o);
		if (j->nondeterministic)
			v = sim_mix(v, task->ref.attempt.v);
		add_records(c, lanes, v >> 7, 1, v);
	}
	return 0;
}

/* The output that an input refers to, if it can be had now. */
static const struct sim_output *reach(const struct sim *w, uint32_t node,
	uint64_t job, const struct sim_input *in)
{
	const struct sim_executor *x = &w->executors[in->node];
	if (!x->alive || x->instance != in->instance ||
		x->paused_until > w->now_ms ||
		sim_is_blocked(w, node, in->node) ||
		sim_is_blocked(w, in->node, node))
		return NULL;
	const struct sim_output *o = sim_output_find(x, job, in->attempt);
	return o && !o->rotten && !o->error ? o : NULL;
}

static int compute_reduce(struct sim *w, uint32_t node,
	const struct sim_task *task, struct sim_output *output)
{
	const struct sim_job *j = &w->jobs[task->ref.job.v - 1];
	struct tr_lane_id at = task->ref.lane;
	uint32_t lanes = reader_lanes(j, at.stage);
	for (size_t i = 0; i < task->inputs_count; i++) {
		const struct sim_input *in = &task->inputs[i];
		const struct sim_output *from =
			reach(w, node, task->ref.job.v, in);
		if (!from) {
			output->lost[output->lost_count++] = *in;
			continue;
		}
		const struct sim_content *c = &from->content;
		output->content.read[in->stage][in->lane] = c->digest;
		add_records(&output->content, lanes, at.lane,
			c->block_records[at.lane], c->block_sum[at.lane]);
	}
	return output->lost_count > 0 ? TR_ELOST : 0;
}

int sim_compute(struct sim *w, uint32_t node, const struct sim_task *task,
	struct sim_output *output)
{
	int rc = task->reads_blocks ? compute_reduce(w, node, task, output)
				    : compute_map(w, task, &output->content);
	set_digest(&output->content);
	return rc;
}

void sim_expect(const struct sim *w, uint32_t job, const struct sim_plan *plan,
	uint64_t *records, uint64_t *sum)
{
	const struct sim_job *j = &w->jobs[job];
	*records = 0;
	*sum = 0;
	for (uint32_t s = 0; s < j->stages; s++)
		for (uint32_t l = 0; l < j->lanes[s]; l++) {
			const struct sim_range *r = &plan->ranges[s][l];
			for (uint64_t o = r->from; o < r->until; o++) {
				*records += 1;
				*sum += record_at(w, r->partition, o);
			}
		}
}

/* -------------------------------------------------------------- clients */

void sim_submit(struct sim *w, uint32_t job)
{
	struct sim_job *j = &w->jobs[job];
	struct tr_core_event ev = { .kind = TR_CORE_JOB_ADD };
	if (j->state != SIM_JOB_NEW)
		return;
	if (!w->driver.alive) {
		sim_after(w, sim_between(w, 50, 400),
			(struct sim_event){
				.kind = SIM_EVENT_SUBMIT, .arg = job });
		return;
	}
	j->state = SIM_JOB_SENT;
	ev.u.job.job.v = job + 1;
	ev.u.job.weight = j->weight;
	ev.u.job.max_rate = j->max_rate;
	sim_driver_feed(w, &ev);
}

void sim_cancel(struct sim *w, uint32_t job)
{
	const struct sim_job *j = &w->jobs[job];
	struct tr_core_event ev = { .kind = TR_CORE_JOB_CANCEL };
	if (j->state == SIM_JOB_ENDED)
		return;
	if (!w->driver.alive || j->state != SIM_JOB_ACCEPTED) {
		sim_after(w, 200,
			(struct sim_event){
				.kind = SIM_EVENT_CANCEL, .arg = job });
		return;
	}
	ev.u.stop.job.v = job + 1;
	ev.u.stop.error = TR_ECANCELED;
	sim_driver_feed(w, &ev);
}
