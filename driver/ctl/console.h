/*
 * The person's side of waiting for a job: progress and notes on stderr, what
 * Ctrl-C means, and at the end the rows of print on stdout.
 *
 *   tr_console_init(&con, ctl, &err);
 *   wait.ops = &tr_console_ops; wait.arg = &con; wait.wake_fd = con.wake_fd;
 *   rc = tr_wait_run(&wait, &err);
 *   code = tr_console_finish(&con, rc, &err);
 *   tr_console_fini(&con);
 *
 * Rows are kept until the job's end is certain and then printed at once: a
 * connection lost meanwhile prints nothing twice.
 *
 * SIGINT and SIGTERM come as descriptors from init on; they are the process's
 * again after fini. Children started meanwhile inherit the mask.
 *
 * Thread: the process's main one.
 */
#ifndef TR_DRIVER_CTL_CONSOLE_H
#define TR_DRIVER_CTL_CONSOLE_H

#include <jansson.h>
#include <signal.h>

#include "driver/ctl/ctl.h"
#include "driver/ctl/progress.h"
#include "driver/ctl/wait.h"

struct tr_console {
	struct tr_ctl *ctl;
	bool terminal; /* stderr is one: a bar */
	bool drawn;    /* the bar stands on the current line */
	struct tr_progress progress;
	uint64_t next_line_ms;
	uint64_t job;
	uint32_t interrupts;
	sigset_t old_mask;
	int signal_fd;
	int wake_fd; /* epoll: signals, and what the caller adds */
	/* Ctrl-C cancels the job: it lives no longer than this command. */
	bool owns_job;
	/* Looks at what the caller added to wake_fd; may be NULL. */
	int (*check)(void *arg, struct tr_error *err);
	void *check_arg;
	/* The end. */
	Tranche__V1__JobStatus *status;
	struct tr_buf rows;
	json_t *outputs;
	struct tr_buf logs; /* with owns_job: what the user's code said */
};

extern const struct tr_wait_ops tr_console_ops;

int tr_console_init(struct tr_console *con, struct tr_ctl *ctl,
	struct tr_error *err) TR_MUST_USE;
void tr_console_fini(struct tr_console *con);

/* A descriptor that ends waiting when it is readable. */
void tr_console_add_fd(struct tr_console *con, int fd);

/* Prints the end. `rc` and err are those of tr_wait_run. */
enum tr_exit tr_console_finish(
	struct tr_console *con, int rc, struct tr_error *err);

#endif /* TR_DRIVER_CTL_CONSOLE_H */
