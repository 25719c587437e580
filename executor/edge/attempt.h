/*
 * What the edge knows of an attempt: its spec while it is active, its outbox
 * until the driver lets go of it.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_ATTEMPT_H
#define TR_EXECUTOR_EDGE_ATTEMPT_H

#include "common/wire/msg.h"
#include "executor/core/executor.h"
#include "executor/edge/outbox.h"
#include "executor/edge/spool.h"

struct tr_daemon;
struct tr_fetch;

struct tr_attempt {
	struct tr_attempt *chain;      /* of the same hash */
	struct tr_attempt *queue_next; /* pump.c */
	bool queued;
	bool receipt_told; /* by the last registration */
	struct tr_executor_ref ref;
	Tranche__V1__TaskSpec *spec; /* NULL: it is over */
	struct tr_fetch *fetch;      /* while blocks are on their way */
	uint32_t log_lines;          /* that came from its worker */
	struct tr_outbox outbox;
};

enum {
	TR_ATTEMPT_BUCKETS = 1024
};

struct tr_attempts {
	struct tr_attempt *buckets[TR_ATTEMPT_BUCKETS];
	struct tr_attempt *queue, *queue_last; /* pump.c */
};

struct tr_attempt *tr_attempt_find(
	const struct tr_attempts *t, struct tr_attempt_id id);

/* A new one; `spec` is taken over. */
struct tr_attempt *tr_attempt_add(struct tr_attempts *t,
	const struct tr_executor_ref *ref, Tranche__V1__TaskSpec *spec);

/* Its files go, and a fetch for it ends. Accepts NULL. */
void tr_attempt_remove(struct tr_daemon *d, struct tr_attempt *a);

/* The files stay: their job's folder goes as a whole. Accepts NULL. */
void tr_attempt_forget(struct tr_daemon *d, struct tr_attempt *a);
void tr_attempts_fini(struct tr_daemon *d);

/* Where something went wrong, for people; any field may be "". */
struct tr_place {
	char where[256];
	char position[TR_TOPIC_NAME_MAX + 64];
};

/* Writes the report, which ends the attempt. Its env is set here. */
void tr_attempt_report(struct tr_daemon *d, struct tr_attempt *a,
	Tranche__V1__TaskReport *report);

/* A report of failure. `place` may be NULL. */
void tr_attempt_fail(struct tr_daemon *d, struct tr_attempt *a,
	const struct tr_error *why, const struct tr_place *place,
	bool worker_died);

#endif /* TR_EXECUTOR_EDGE_ATTEMPT_H */
