#include "tests/driver/core/fixture.h"

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "driver/core/render.h"

void fx_limits(struct tr_core_limits *limits)
{
	tr_core_limits_default(limits);
	limits->executors = 8;
	limits->slots_per_executor = 8;
	limits->jobs = 4;
	limits->stages = 4;
	limits->tasks = 64;
}

static void print(struct fixture *f, const char *prefix, const char *line)
{
	assert_int_equal(tr_buf_printf(&f->trace, "%s%s\n", prefix, line), 0);
}

static void print_action(const char *line, void *context)
{
	print(context, "    ", line);
}

void fx_say(struct fixture *f, const char *text)
{
	print(f, "# ", text);
}

/* The lists of the steps of one event follow each other in the trace. */
static void step_once(struct fixture *f, const struct tr_core_event *ev)
{
	char line[TR_CORE_LINE_MAX];
	tr_core_render_event(ev, line);
	print(f, "", line);
	tr_core_step(f->core, ev, f->update);
	tr_core_render_update(f->update, print_action, f);
	tr_core_check(f->core);
}

void fx_step(struct fixture *f, const struct tr_core_event *ev)
{
	step_once(f, ev);
	while (f->update->more) {
		struct tr_core_event next = { .kind = TR_CORE_CONTINUE,
			.now_ms = f->now_ms };
		step_once(f, &next);
	}
}

void fx_simple(struct fixture *f, enum tr_core_event_kind kind)
{
	struct tr_core_event ev = { .kind = kind, .now_ms = f->now_ms };
	fx_step(f, &ev);
}

static void new_core(struct fixture *f, const struct tr_core_limits *limits)
{
	struct tr_core_limits small;
	fx_limits(&small);
	*f = (struct fixture){ .now_ms = 1000 };
	tr_buf_init(&f->trace, TR_MIB(1));
	f->core = tr_core_new(limits ? limits : &small);
	f->update = calloc(1, sizeof(*f->update));
	assert_non_null(f->update);
}

static void init(struct fixture *f, uint64_t term)
{
	struct tr_core_event ev = { .kind = TR_CORE_INIT, .now_ms = f->now_ms };
	ev.u.init.term.v = term;
	ev.u.init.seed = 1;
	f->term = term;
	fx_step(f, &ev);
}

void fx_begin(struct fixture *f, uint64_t term)
{
	new_core(f, NULL);
	init(f, term);
}

void fx_start(struct fixture *f, const struct tr_core_limits *limits)
{
	new_core(f, limits);
	init(f, 1);
	fx_simple(f, TR_CORE_RECOVER_END);
}

void fx_stop(struct fixture *f)
{
	tr_core_free(f->core);
	tr_buf_fini(&f->trace);
	free(f->update);
}

void fx_wait(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms;
	fx_simple(f, TR_CORE_TICK);
}

/* ----------------------------------------------------------- executors */

void fx_up(struct fixture *f, uint64_t executor, uint64_t node, uint32_t slots)
{
	struct tr_core_event ev = { .kind = TR_CORE_EXECUTOR_UP,
		.now_ms = f->now_ms };
	ev.u.up.executor.v = executor;
	ev.u.up.node = node;
	ev.u.up.slots = slots;
	fx_step(f, &ev);
}

void fx_member(
	struct fixture *f, enum tr_core_event_kind kind, uint64_t executor)
{
	struct tr_core_event ev = { .kind = kind, .now_ms = f->now_ms };
	ev.u.member.executor.v = executor;
	fx_step(f, &ev);
}

void fx_join(struct fixture *f, uint64_t executor, uint32_t slots)
{
	fx_up(f, executor, executor, slots);
	fx_member(f, TR_CORE_EXECUTOR_READY, executor);
}

/* ---------------------------------------------------------------- jobs */

void fx_add(struct fixture *f, uint64_t job, uint32_t weight)
{
	struct tr_core_event ev = { .kind = TR_CORE_JOB_ADD,
		.now_ms = f->now_ms };
	ev.u.job.job.v = job;
	ev.u.job.weight = weight;
	fx_step(f, &ev);
}

void fx_stages(struct fixture *f, uint64_t job, uint32_t count,
	const struct tr_core_stage_plan *stages)
{
	struct tr_core_event ev = { .kind = TR_CORE_JOB_PLANNED,
		.now_ms = f->now_ms };
	ev.u.plan.job.v = job;
	ev.u.plan.batch = 1;
	ev.u.plan.stages_count = count;
	ev.u.plan.stages = stages;
	fx_step(f, &ev);
}

void fx_plan(struct fixture *f, uint64_t job, uint32_t map_lanes,
	uint32_t reduce_lanes)
{
	struct tr_core_stage_plan stages[] = {
		{ .lanes = map_lanes },
		{ .lanes = reduce_lanes, .upstream = 1 },
	};
	fx_stages(f, job, reduce_lanes ? 2 : 1, stages);
}

void fx_submit(struct fixture *f, uint64_t job, uint32_t map_lanes,
	uint32_t reduce_lanes)
{
	fx_add(f, job, 1);
	fx_plan(f, job, map_lanes, reduce_lanes);
}

void fx_stop_job(struct fixture *f, enum tr_core_event_kind kind, uint64_t job,
	int error)
{
	struct tr_core_event ev = { .kind = kind, .now_ms = f->now_ms };
	ev.u.stop.job.v = job;
	ev.u.stop.error = error;
	fx_step(f, &ev);
}

void fx_committed(struct fixture *f, uint64_t job)
{
	struct tr_core_event ev = { .kind = TR_CORE_COMMITTED,
		.now_ms = f->now_ms };
	ev.u.committed.job.v = job;
	ev.u.committed.batch = 1;
	fx_step(f, &ev);
}

/* ------------------------------------------------------------- reports */

struct tr_attempt_id fx_attempt(uint64_t term, uint64_t n)
{
	return (struct tr_attempt_id){ term << 32 | n };
}

static struct tr_attempt_ref ref_of(uint64_t job, uint32_t stage, uint32_t lane,
	struct tr_attempt_id attempt)
{
	return (struct tr_attempt_ref){ .job = { job },
		.batch = 1,
		.lane = { .stage = stage, .lane = lane },
		.attempt = attempt };
}

struct tr_core_event fx_report(const struct fixture *f,
	enum tr_core_event_kind kind, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt)
{
	struct tr_core_event ev = { .kind = kind, .now_ms = f->now_ms };
	ev.u.report.executor.v = executor;
	ev.u.report.term.v = f->term;
	ev.u.report.ref =
		ref_of(job, stage, lane, fx_attempt(f->term, attempt));
	return ev;
}

void fx_done_with(struct fixture *f, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt, uint64_t digest)
{
	struct tr_core_event ev = fx_report(
		f, TR_CORE_TASK_DONE, executor, job, stage, lane, attempt);
	ev.u.report.has_blocks = stage == 0;
	ev.u.report.digest.lo = digest;
	fx_step(f, &ev);
}

void fx_done(struct fixture *f, uint64_t executor, uint64_t job, uint32_t stage,
	uint32_t lane, uint64_t attempt)
{
	fx_done_with(f, executor, job, stage, lane, attempt, FX_DIGEST);
}

void fx_failed(struct fixture *f, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt, int error)
{
	struct tr_core_event ev = fx_report(
		f, TR_CORE_TASK_FAILED, executor, job, stage, lane, attempt);
	ev.u.report.error = error;
	fx_step(f, &ev);
}

void fx_held(struct fixture *f, uint64_t executor, uint64_t job, uint32_t stage,
	uint32_t lane, struct tr_attempt_id attempt, bool done)
{
	struct tr_core_event ev =
		fx_report(f, TR_CORE_TASK_HELD, executor, job, stage, lane, 0);
	ev.u.report.ref.attempt = attempt;
	ev.u.report.done = done;
	ev.u.report.has_blocks = stage == 0;
	ev.u.report.digest.lo = FX_DIGEST;
	fx_step(f, &ev);
}

void fx_recover_task(struct fixture *f, uint64_t job, uint32_t stage,
	uint32_t lane, struct tr_attempt_id attempt, bool unfinished)
{
	struct tr_core_event ev = { .kind = TR_CORE_RECOVER_TASK,
		.now_ms = f->now_ms };
	ev.u.recover.ref = ref_of(job, stage, lane, attempt);
	ev.u.recover.digest.lo = FX_DIGEST;
	ev.u.recover.has_blocks = stage == 0;
	ev.u.recover.unfinished = unfinished;
	fx_step(f, &ev);
}

/* ------------------------------------------------------------- looking */

size_t fx_sends(const struct fixture *f, enum tr_core_send_kind kind,
	const struct tr_core_send **first)
{
	size_t n = 0;
	for (size_t i = 0; i < f->update->sends_count; i++)
		if (f->update->sends[i].kind == kind && n++ == 0 && first)
			*first = &f->update->sends[i];
	return n;
}

size_t fx_notices(const struct fixture *f, enum tr_core_notice_kind kind,
	const struct tr_core_notice **first)
{
	size_t n = 0;
	for (size_t i = 0; i < f->update->notices_count; i++)
		if (f->update->notices[i].kind == kind && n++ == 0 && first)
			*first = &f->update->notices[i];
	return n;
}

size_t fx_records(const struct fixture *f, enum tr_core_record_kind kind,
	const struct tr_core_record **first)
{
	size_t n = 0;
	for (size_t i = 0; i < f->update->records_count; i++)
		if (f->update->records[i].kind == kind && n++ == 0 && first)
			*first = &f->update->records[i];
	return n;
}

/* -------------------------------------------------------------- traces */

static void path_of(char path[512], const char *name)
{
	snprintf(path, 512, "%s/%s.txt", TR_TRACES, name);
}

static void write_trace(const struct fixture *f, const char *path)
{
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(
		fwrite(f->trace.data, 1, f->trace.len, out), f->trace.len);
	assert_int_equal(fclose(out), 0);
}

static void read_trace(struct tr_buf *into, const char *path)
{
	char piece[4096];
	size_t n;
	FILE *in = fopen(path, "r");
	if (!in)
		fail_msg("no trace '%s': write it with TR_UPDATE_TRACES=1",
			path);
	while ((n = fread(piece, 1, sizeof(piece), in)) > 0)
		assert_int_equal(tr_buf_append(into, piece, n), 0);
	fclose(in);
}

/* Prints where they part, and the lines from there on. */
static void print_difference(
	const struct tr_buf *want, const struct tr_buf *got)
{
	size_t i = 0;
	size_t start = 0;
	int line = 1;
	while (i < want->len && i < got->len && want->data[i] == got->data[i])
		if (want->data[i++] == '\n') {
			start = i;
			line++;
		}
	print_message("traces differ at line %d\n--- wanted\n%.*s\n--- got\n"
		      "%.*s\n",
		line, (int)(want->len - start),
		(const char *)want->data + start, (int)(got->len - start),
		(const char *)got->data + start);
}

void fx_compare(const struct fixture *f, const char *name)
{
	char path[512];
	path_of(path, name);
	if (getenv("TR_UPDATE_TRACES")) {
		write_trace(f, path);
		return;
	}
	struct tr_buf want;
	tr_buf_init(&want, TR_MIB(1));
	read_trace(&want, path);
	bool same = want.len == f->trace.len &&
		    memcmp(want.data, f->trace.data, want.len) == 0;
	if (!same)
		print_difference(&want, &f->trace);
	tr_buf_fini(&want);
	assert_true(same);
}
