/*
 * What one attempt has to tell the driver, in a file of frames: result chunks
 * and log lines in the order in which the worker made them, at the end the
 * report. The file is the queue, so that results of any size cost no memory,
 * and it is kept until the driver lets go of the attempt, so that everything
 * can be sent again on another connection.
 *
 *	append … append, append_report         as it comes from the worker
 *	while (peek(…) == 0) { send; advance; }  as the connection takes it
 *	rewind                                 on another connection
 *
 * When the disk refuses, the outbox is `broken`: what is in it is no longer
 * whole, and the error is to be reported in place of its report.
 *
 * Thread: the loop's.
 */
#ifndef TR_EXECUTOR_EDGE_OUTBOX_H
#define TR_EXECUTOR_EDGE_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/wire/frame.h"

struct tr_outbox {
	int fd;             /* -1: not open now */
	uint64_t end;       /* bytes written */
	uint64_t sent;      /* the next frame to send starts here */
	uint64_t sent_once; /* frames before it have been sent before */
	uint64_t report_at; /* where the report starts */
	bool reported;      /* the report is in */
	bool has_results;
	struct tr_error broken; /* code 0: it is whole */
};

void tr_outbox_init(struct tr_outbox *o);
/* Closes it; the file stays. */
void tr_outbox_fini(struct tr_outbox *o);

/* Appends the frame. On errors the outbox is broken. */
void tr_outbox_append(
	struct tr_outbox *o, const char *path, const struct tr_frame *f);
void tr_outbox_append_report(
	struct tr_outbox *o, const char *path, const struct tr_frame *f);

/* Bytes that wait to be sent. */
static inline uint64_t tr_outbox_waiting(const struct tr_outbox *o)
{
	return o->end - o->sent;
}

/*
 * The next frame to send; it borrows `buf`. TR_EAGAIN: all is sent. TR_EIO,
 * TR_ECORRUPT: the outbox is broken.
 */
int tr_outbox_peek(struct tr_outbox *o, const char *path, struct tr_buf *buf,
	struct tr_frame *f) TR_MUST_USE;

/* The frame that peek gave has been sent. */
void tr_outbox_advance(struct tr_outbox *o, const struct tr_frame *f);

/* Whether the next frame to send has been sent before. */
static inline bool tr_outbox_repeats(const struct tr_outbox *o)
{
	return o->sent < o->sent_once;
}

/* The report. TR_ENOTFOUND: there is none yet. */
int tr_outbox_report(struct tr_outbox *o, const char *path, struct tr_buf *buf,
	struct tr_frame *f) TR_MUST_USE;

void tr_outbox_rewind(struct tr_outbox *o);
void tr_outbox_rewind_to_report(struct tr_outbox *o);

/* Closes the file until it is used again: finished attempts are many. */
void tr_outbox_rest(struct tr_outbox *o);

#endif /* TR_EXECUTOR_EDGE_OUTBOX_H */
