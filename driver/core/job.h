/*
 * Jobs: added, planned, run, committed, ended.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_JOB_H
#define TR_DRIVER_CORE_JOB_H

#include "driver/core/state.h"

struct tr_job *tr_core_job_find(const struct tr_core *c, struct tr_job_id id);

void tr_core_job_add(struct tr_core *c, const struct tr_core_job_event *ev);
void tr_core_job_planned(
	struct tr_core *c, const struct tr_core_plan_event *ev);
void tr_core_job_stop(struct tr_core *c, const struct tr_core_stop_event *ev);
void tr_core_job_committed(
	struct tr_core *c, const struct tr_core_committed_event *ev);

/* A row for a job of the event, PLANNING, or NULL: all are taken. */
struct tr_job *tr_core_job_new(
	struct tr_core *c, const struct tr_core_job_event *ev);

/* -> ENDING, and says so; work.c takes it apart. */
void tr_core_job_end(struct tr_core *c, struct tr_job *j,
	enum tr_core_outcome outcome, int error);

/* The same, because of a task. */
void tr_core_job_fail(struct tr_core *c, struct tr_job *j, int error);

/* A finished lane whose blocks are gone runs again; DONE or GONE. */
void tr_core_job_unfinish(struct tr_core *c, struct tr_job *j, uint32_t task);

/* ENDING -> FREE; it has no attempts. */
void tr_core_job_forget(struct tr_core *c, struct tr_job *j);

#endif /* TR_DRIVER_CORE_JOB_H */
