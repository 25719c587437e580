/*
 * The lines that a job's code wrote with print() and log().
 *
 *   12:00:01 lines-0@42  the text
 *
 * Thread: the client's.
 */
#ifndef TR_DRIVER_CTL_LOGS_H
#define TR_DRIVER_CTL_LOGS_H

#include "common/base/buf.h"
#include "driver/ctl/client.h"

/* A line, borrowed for the call. */
typedef int tr_log_line_fn(void *arg, const Tranche__V1__StoredLogLine *line,
	struct tr_error *err);

/* Those behind number *after, which moves on. */
int tr_logs_each(struct tr_client *c, const char *job, uint64_t *after,
	tr_log_line_fn *fn, void *arg, struct tr_error *err) TR_MUST_USE;

/* Appends one as text, control characters as \xNN, with its line end. */
int tr_log_line_text(
	struct tr_buf *out, const Tranche__V1__StoredLogLine *line) TR_MUST_USE;

/* Appends all of a job as text. */
int tr_logs_collect(struct tr_client *c, uint64_t job, struct tr_buf *out,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_LOGS_H */
