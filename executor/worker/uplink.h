/*
 * What a worker says to its executor: frames on the socket pair, and the log
 * lines of user code on their way into them.
 *
 * Log lines are collected and leave in groups; beyond TR_TASK_LOG_LINES_MAX
 * lines a task's are only counted, so that a print() per record costs little
 * and floods nobody.
 *
 * Thread: the worker's only one; sending blocks until the executor takes it.
 */
#ifndef TR_EXECUTOR_WORKER_UPLINK_H
#define TR_EXECUTOR_WORKER_UPLINK_H

#include "common/base/buf.h"
#include "common/data/slice.h"
#include "common/wire/msg.h"
#include "executor/op/elem.h"

enum {
	TR_UPLINK_LINES = 64 /* in one frame */
};

struct tr_uplink {
	int fd;
	/* Of the task at hand; borrowed, NULL while there is none. */
	Tranche__V1__Envelope *env;
	struct tr_buf body;
	Tranche__V1__LogLine lines[TR_UPLINK_LINES];
	size_t n_lines;
	uint32_t lines_sent; /* of this task, those waiting included */
	uint64_t dropped;    /* of this task, not yet told */
	int code;            /* of a log frame that could not be sent */
};

void tr_uplink_init(struct tr_uplink *u, int fd);
void tr_uplink_fini(struct tr_uplink *u);

/* A task begins: its log is empty. */
void tr_uplink_begin(struct tr_uplink *u, Tranche__V1__Envelope *env);

/*
 * Sends a message and its payload. TR_ECLOSED: the executor is gone.
 * TR_ELIMIT: too large for a frame.
 */
int tr_uplink_send(struct tr_uplink *u, uint8_t kind, const void *msg,
	struct tr_slice payload) TR_MUST_USE;

/*
 * Takes a line, cut at TR_LOG_LINE_MAX; origin may be NULL. A full group is
 * sent; should that fail, the next flush says so.
 */
void tr_uplink_log(struct tr_uplink *u, uint32_t op,
	const struct tr_origin *origin, const char *text, size_t len);

/* Sends the lines that wait, if any. Errors as send. */
int tr_uplink_flush_log(struct tr_uplink *u) TR_MUST_USE;

#endif /* TR_EXECUTOR_WORKER_UPLINK_H */
