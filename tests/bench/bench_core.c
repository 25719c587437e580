/*
 * How fast the driver's core decides, with nothing around it: each launch is
 * answered at once.
 *
 *	bench_core [LANES [EXECUTORS [SLOTS]]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "driver/core/core.h"

enum {
	PARTITIONS = 64
};

struct bench {
	struct tr_core *core;
	struct tr_core_update *update;
	struct tr_core_send *launched; /* a ring of those not yet answered */
	uint64_t head;
	uint64_t tail;
	uint64_t ring;
	uint64_t steps;
	uint64_t records;
	bool committed;
};

static void take(struct bench *b)
{
	const struct tr_core_update *u = b->update;
	for (size_t i = 0; i < u->sends_count; i++)
		if (u->sends[i].kind == TR_CORE_SEND_LAUNCH)
			b->launched[b->tail++ % b->ring] = u->sends[i];
	b->records += u->records_count;
	b->committed |= u->commits_count > 0;
}

static void step(struct bench *b, struct tr_core_event *ev)
{
	tr_core_step(b->core, ev, b->update);
	take(b);
	b->steps++;
	while (b->update->more) {
		struct tr_core_event next = { .kind = TR_CORE_CONTINUE };
		tr_core_step(b->core, &next, b->update);
		take(b);
		b->steps++;
	}
}

static void start(struct bench *b, uint32_t executors, uint32_t slots)
{
	struct tr_core_limits limits;
	tr_core_limits_default(&limits);
	b->core = tr_core_new(&limits);
	b->update = tr_xcalloc(1, sizeof(*b->update));
	b->ring = (uint64_t)executors * slots + 1;
	b->launched = tr_xcalloc(b->ring, sizeof(*b->launched));
	struct tr_core_event ev = { .kind = TR_CORE_INIT };
	ev.u.init.term.v = 1;
	step(b, &ev);
	ev = (struct tr_core_event){ .kind = TR_CORE_RECOVER_END };
	step(b, &ev);
	for (uint32_t i = 1; i <= executors; i++) {
		ev = (struct tr_core_event){ .kind = TR_CORE_EXECUTOR_UP };
		ev.u.up = (struct tr_core_executor_event){
			.executor = { i }, .node = i, .slots = slots
		};
		step(b, &ev);
		ev = (struct tr_core_event){ .kind = TR_CORE_EXECUTOR_READY };
		ev.u.member.executor.v = i;
		step(b, &ev);
	}
}

static void plan(struct bench *b, uint32_t lanes)
{
	uint32_t *groups = tr_xcalloc(lanes, sizeof(*groups));
	for (uint32_t i = 0; i < lanes; i++)
		groups[i] = (uint32_t)((uint64_t)i * PARTITIONS / lanes);
	struct tr_core_stage_plan stage = { .lanes = lanes, .groups = groups };
	struct tr_core_event ev = { .kind = TR_CORE_JOB_ADD };
	ev.u.job.job.v = 1;
	step(b, &ev);
	ev = (struct tr_core_event){ .kind = TR_CORE_JOB_PLANNED };
	ev.u.plan = (struct tr_core_plan_event){
		.job = { 1 }, .batch = 1, .stages_count = 1, .stages = &stage
	};
	step(b, &ev);
	tr_xfree(groups);
}

static void answer_all(struct bench *b)
{
	while (b->head < b->tail) {
		const struct tr_core_send s = b->launched[b->head++ % b->ring];
		struct tr_core_event ev = { .kind = TR_CORE_TASK_DONE };
		ev.u.report.executor = s.executor;
		ev.u.report.term.v = 1;
		ev.u.report.ref = s.ref;
		step(b, &ev);
	}
}

static uint32_t argument(int argc, char **argv, int i, uint32_t otherwise)
{
	return i < argc ? (uint32_t)strtoul(argv[i], NULL, 10) : otherwise;
}

static double seconds_since(uint64_t start_us)
{
	return (double)(tr_clock_mono_us() - start_us) / 1e6;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	uint32_t lanes = argument(argc, argv, 1, 100000);
	uint32_t executors = argument(argc, argv, 2, 100);
	uint32_t slots = argument(argc, argv, 3, 8);
	start(&b, executors, slots);
	uint64_t t0 = tr_clock_mono_us();
	plan(&b, lanes);
	double planned = seconds_since(t0);
	t0 = tr_clock_mono_us();
	answer_all(&b);
	double ran = seconds_since(t0);
	tr_assert(b.committed);
	printf("plan of %" PRIu32 " lanes: %.4f s\n", lanes, planned);
	printf("%" PRIu32 " empty tasks on %" PRIu32 " executors of %" PRIu32
	       " slots: %.4f s, %.0f tasks/s (%" PRIu64 " steps, %" PRIu64
	       " records)\n",
		lanes, executors, slots, ran, lanes / ran, b.steps, b.records);
	tr_core_free(b.core);
	tr_xfree(b.update);
	tr_xfree(b.launched);
	return 0;
}
