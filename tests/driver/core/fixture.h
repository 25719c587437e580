/*
 * A core and the events to feed it by hand, with a trace of everything that
 * went in and came out.
 *
 * Each verb feeds one event (and CONTINUE while the core asks for it), checks
 * the core's invariants, and adds to the trace. Time stands still but for
 * fx_wait. Attempts are named by their number in the current term.
 */
#ifndef TR_TESTS_DRIVER_CORE_FIXTURE_H
#define TR_TESTS_DRIVER_CORE_FIXTURE_H

#include "common/base/buf.h"
#include "driver/core/core.h"

enum {
	FX_DIGEST = 0xD /* of an attempt that nobody gave another */
};

struct fixture {
	struct tr_core *core;
	struct tr_core_update *update; /* of the last step */
	struct tr_buf trace;
	uint64_t now_ms;
	uint64_t term;
};

/* Small tables: 8 executors of 8 slots, 4 jobs, 4 stages, 64 tasks. */
void fx_limits(struct tr_core_limits *limits);

/* INIT and RECOVER_END; NULL limits: fx_limits. */
void fx_start(struct fixture *f, const struct tr_core_limits *limits);
/* INIT of that term only. */
void fx_begin(struct fixture *f, uint64_t term);
void fx_stop(struct fixture *f);

void fx_step(struct fixture *f, const struct tr_core_event *ev);
void fx_simple(struct fixture *f, enum tr_core_event_kind kind);

/* TICK that much later. */
void fx_wait(struct fixture *f, uint64_t ms);

/* ---- executors; the node is the id unless it is given */
void fx_up(struct fixture *f, uint64_t executor, uint64_t node, uint32_t slots);
void fx_member(
	struct fixture *f, enum tr_core_event_kind kind, uint64_t executor);
void fx_join(struct fixture *f, uint64_t executor, uint32_t slots);

/* ---- jobs; every plan is one map stage and one reduce stage that reads it,
 *      or only the map stage when reduce_lanes is 0 */
void fx_add(struct fixture *f, uint64_t job, uint32_t weight);
void fx_plan(struct fixture *f, uint64_t job, uint32_t map_lanes,
	uint32_t reduce_lanes);
void fx_stages(struct fixture *f, uint64_t job, uint32_t count,
	const struct tr_core_stage_plan *stages);
void fx_submit(struct fixture *f, uint64_t job, uint32_t map_lanes,
	uint32_t reduce_lanes);
void fx_stop_job(struct fixture *f, enum tr_core_event_kind kind, uint64_t job,
	int error);
void fx_committed(struct fixture *f, uint64_t job);

/* ---- reports */
struct tr_core_event fx_report(const struct fixture *f,
	enum tr_core_event_kind kind, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt);
void fx_done(struct fixture *f, uint64_t executor, uint64_t job, uint32_t stage,
	uint32_t lane, uint64_t attempt);
void fx_done_with(struct fixture *f, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt, uint64_t digest);
void fx_failed(struct fixture *f, uint64_t executor, uint64_t job,
	uint32_t stage, uint32_t lane, uint64_t attempt, int error);
void fx_held(struct fixture *f, uint64_t executor, uint64_t job, uint32_t stage,
	uint32_t lane, struct tr_attempt_id attempt, bool done);
void fx_recover_task(struct fixture *f, uint64_t job, uint32_t stage,
	uint32_t lane, struct tr_attempt_id attempt, bool unfinished);

struct tr_attempt_id fx_attempt(uint64_t term, uint64_t n);

/* ---- looking at the last step */
/* Sends of a kind; *first is the first of them, if there is one. */
size_t fx_sends(const struct fixture *f, enum tr_core_send_kind kind,
	const struct tr_core_send **first);
size_t fx_notices(const struct fixture *f, enum tr_core_notice_kind kind,
	const struct tr_core_notice **first);
size_t fx_records(const struct fixture *f, enum tr_core_record_kind kind,
	const struct tr_core_record **first);

/* A line of prose in the trace. */
void fx_say(struct fixture *f, const char *text);

/*
 * Compares the trace with traces/<name>.txt; with TR_UPDATE_TRACES=1 in the
 * environment it writes that file instead.
 */
void fx_compare(const struct fixture *f, const char *name);

#endif /* TR_TESTS_DRIVER_CORE_FIXTURE_H */
