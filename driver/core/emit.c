#include "driver/core/emit.h"

#include "common/base/check.h"

enum {
	ROOM = 16 /* of each list, more than one piece of work emits */
};

bool tr_has_room(const struct tr_core *c)
{
	const struct tr_core_update *u = c->update;
	return u->records_count + ROOM <= TR_CORE_RECORDS_MAX &&
	       u->sends_count + ROOM <= TR_CORE_SENDS_MAX &&
	       u->commits_count + ROOM <= TR_CORE_COMMITS_MAX &&
	       u->notices_count + ROOM <= TR_CORE_NOTICES_MAX;
}

static struct tr_core_record *add_record(
	struct tr_core *c, enum tr_core_record_kind kind)
{
	struct tr_core_update *u = c->update;
	tr_assert(u->records_count < TR_CORE_RECORDS_MAX);
	struct tr_core_record *r = &u->records[u->records_count++];
	*r = (struct tr_core_record){ .kind = kind };
	return r;
}

static struct tr_core_send *add_send(struct tr_core *c,
	enum tr_core_send_kind kind, struct tr_executor_id executor)
{
	struct tr_core_update *u = c->update;
	tr_assert(u->sends_count < TR_CORE_SENDS_MAX);
	struct tr_core_send *s = &u->sends[u->sends_count++];
	*s = (struct tr_core_send){ .kind = kind, .executor = executor };
	return s;
}

static struct tr_core_notice *add_notice(
	struct tr_core *c, enum tr_core_notice_kind kind)
{
	struct tr_core_update *u = c->update;
	tr_assert(u->notices_count < TR_CORE_NOTICES_MAX);
	struct tr_core_notice *n = &u->notices[u->notices_count++];
	*n = (struct tr_core_notice){ .kind = kind };
	return n;
}

void tr_emit_record(struct tr_core *c, enum tr_core_record_kind kind,
	const struct tr_attempt_ref *ref, struct tr_executor_id executor)
{
	struct tr_core_record *r = add_record(c, kind);
	r->ref = *ref;
	r->executor = executor;
}

void tr_emit_job_end(struct tr_core *c, const struct tr_job *j)
{
	struct tr_core_record *r = add_record(c, TR_CORE_RECORD_JOB_END);
	r->ref.job = j->id;
	r->ref.batch = j->batch;
	r->outcome = (enum tr_core_outcome)j->outcome;
	r->error = j->error;
}

void tr_emit_commit(struct tr_core *c, const struct tr_job *j)
{
	struct tr_core_update *u = c->update;
	tr_assert(u->commits_count < TR_CORE_COMMITS_MAX);
	u->commits[u->commits_count++] =
		(struct tr_core_commit){ .job = j->id, .batch = j->batch };
}

void tr_emit_send(struct tr_core *c, enum tr_core_send_kind kind,
	struct tr_executor_id executor, const struct tr_attempt_ref *ref)
{
	add_send(c, kind, executor)->ref = *ref;
}

void tr_emit_launch(struct tr_core *c, const struct tr_attempt *a)
{
	struct tr_core_send *s =
		add_send(c, TR_CORE_SEND_LAUNCH, c->executors[a->executor].id);
	s->ref = a->ref;
	s->rate = a->rate;
}

void tr_emit_registered(struct tr_core *c, const struct tr_member *e)
{
	add_send(c, TR_CORE_SEND_REGISTERED, e->id)->draining =
		e->state == TR_CORE_EXECUTOR_DRAINING;
}

void tr_emit_close(struct tr_core *c, struct tr_executor_id executor, int error)
{
	add_send(c, TR_CORE_SEND_CLOSE, executor)->error = error;
}

void tr_emit_job_notice(struct tr_core *c, enum tr_core_notice_kind kind,
	struct tr_job_id job, int error)
{
	struct tr_core_notice *n = add_notice(c, kind);
	n->ref.job = job;
	n->error = error;
}

void tr_emit_job_state(struct tr_core *c, const struct tr_job *j)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_JOB_STATE);
	n->ref.job = j->id;
	n->ref.batch = j->batch;
	n->job_state = (enum tr_core_job_state)j->state;
	n->outcome = (enum tr_core_outcome)j->outcome;
	n->error = j->error;
}

void tr_emit_excluded(
	struct tr_core *c, const struct tr_job *j, const struct tr_member *e)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_EXCLUDED);
	n->ref.job = j->id;
	n->executor = e->id;
}

void tr_emit_executor_state(struct tr_core *c, const struct tr_member *e)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_EXECUTOR_STATE);
	n->executor = e->id;
	n->executor_state = (enum tr_core_executor_state)e->state;
}

void tr_emit_started(
	struct tr_core *c, const struct tr_attempt *a, bool adopted)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_TASK_STARTED);
	n->ref = a->ref;
	n->executor = c->executors[a->executor].id;
	n->adopted = adopted;
}

void tr_emit_ended(struct tr_core *c, const struct tr_attempt *a,
	enum tr_core_task_end end, int error)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_TASK_ENDED);
	n->ref = a->ref;
	n->executor = c->executors[a->executor].id;
	n->task_end = end;
	n->error = error;
}

void tr_emit_nondeterminism(struct tr_core *c, const struct tr_attempt_ref *ref,
	struct tr_executor_id executor)
{
	struct tr_core_notice *n = add_notice(c, TR_CORE_NOTICE_NONDETERMINISM);
	n->ref = *ref;
	n->executor = executor;
}
