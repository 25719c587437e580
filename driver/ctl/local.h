/*
 * A driver and an executor of this machine alone, for `tranche run` and
 * `tranche plan`: the same programs as in a cluster, started as children, with
 * sockets, random tokens and logs in a folder that only this user can enter.
 *
 *   rc = tr_local_start(&l, &opts, &err);       the driver listens
 *   … l.conf is the configuration of a client of it …
 *   rc = tr_local_wait_executor(&l, &err);      its slots are there
 *   tr_local_stop(&l);                          processes and folder are gone
 *
 * They do not outlive this process: the kernel kills them when it dies. The
 * folder then stays behind. With opts.data_dir the database and the spool are
 * there instead, and the database stays.
 *
 * Thread: the process's main one, before any other thread: it forks. One at a
 * time: stopping waits for all children that the executor leaves behind.
 */
#ifndef TR_DRIVER_CTL_LOCAL_H
#define TR_DRIVER_CTL_LOCAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/config/config.h"

struct tr_local_opts {
	const char *data_dir; /* NULL: nothing is kept */
	uint32_t slots;       /* 0: as many as processors */
	uint64_t memory;      /* that a job's workers may have; 0: any */
	bool executor;        /* start one: planning needs none */
};

struct tr_local_child {
	const char *name; /* of the program */
	pid_t pid;        /* 0: not running */
	int fd;           /* a pidfd: readable once it has ended */
};

struct tr_local {
	char dir[64]; /* sockets, tokens, logs; without data_dir all */
	char data_dir[PATH_MAX]; /* of the driver */
	char spool_dir[PATH_MAX];
	bool keep;      /* data_dir is the user's */
	bool has_spool; /* spool_dir is made */
	struct tr_local_child driver, executor;
	struct tr_client_conf conf;
};

/* TR_ENOTFOUND, TR_EIO, or why a program ended at its start, in its words. */
int tr_local_start(struct tr_local *l, const struct tr_local_opts *opts,
	struct tr_error *err) TR_MUST_USE;

/* Until the driver has registered it. */
int tr_local_wait_executor(
	struct tr_local *l, struct tr_error *err) TR_MUST_USE;

/* Whether both still run; else what the one that ended said last. */
int tr_local_check(struct tr_local *l, struct tr_error *err) TR_MUST_USE;

/*
 * For an error of a client of it: when that came of a process that ended, why
 * it did takes the error's place. Returns the error's code.
 */
int tr_local_explain(struct tr_local *l, struct tr_error *err);

void tr_local_stop(struct tr_local *l);

#endif /* TR_DRIVER_CTL_LOCAL_H */
