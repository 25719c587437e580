/*
 * The executor's folder on disk, for blocks, results and artefacts until their
 * job has ended. Nothing in it outlives the process: blocks of an earlier one
 * are unknown to everybody, so they are removed at start.
 *
 *	ROOT/lock              held while the process lives
 *	ROOT/INSTANCE/         0700, this process
 *	  artefacts/HEX        by SHA-256
 *	  j7/                  job 7
 *	    b1-s0-l3-aN.blocks what attempt N of that lane wrote for others
 *	    b1-s0-l3-aN.out    what it has to tell the driver (outbox.h)
 *	    b1-s2-l0-aN.in     blocks fetched for it
 *	  w5/                  worker 5: its page and scratch files
 *
 * Paths are made of numbers and of hexadecimal only, never of text that came
 * over a connection.
 *
 * Thread: the loop's. Calls go to the disk's cache and may block on it.
 */
#ifndef TR_EXECUTOR_EDGE_SPOOL_H
#define TR_EXECUTOR_EDGE_SPOOL_H

#include <limits.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/sha256.h"
#include "executor/core/executor.h"

struct tr_spool {
	int lock;               /* -1: closed */
	char dir[PATH_MAX / 2]; /* ROOT/INSTANCE */
};

enum tr_spool_file {
	TR_SPOOL_BLOCKS,
	TR_SPOOL_OUTBOX,
	TR_SPOOL_INPUT,
};

enum {
	TR_SPOOL_PATH_MAX = PATH_MAX
};

/*
 * Makes ROOT if need be, locks it and removes what earlier processes left.
 * TR_EEXIST: another process has it. TR_EIO.
 */
int tr_spool_open(struct tr_spool *s, const char *root, const char *instance,
	struct tr_error *err) TR_MUST_USE;

/* Removes INSTANCE and lets go of the lock. */
void tr_spool_close(struct tr_spool *s);

/* The path, in `out`. Returns out. */
const char *tr_spool_path(const struct tr_spool *s,
	const struct tr_executor_ref *ref, enum tr_spool_file file,
	char out[TR_SPOOL_PATH_MAX]);
const char *tr_spool_artefact(const struct tr_spool *s,
	const uint8_t digest[TR_SHA256_SIZE], char out[TR_SPOOL_PATH_MAX]);
const char *tr_spool_worker(const struct tr_spool *s, struct tr_worker_id w,
	char out[TR_SPOOL_PATH_MAX]);

int tr_spool_make_job(const struct tr_spool *s, struct tr_job_id job,
	struct tr_error *err) TR_MUST_USE;
int tr_spool_make_worker(const struct tr_spool *s, struct tr_worker_id w,
	struct tr_error *err) TR_MUST_USE;

/* Files that cannot be removed stay until the next start. */
void tr_spool_remove_job(const struct tr_spool *s, struct tr_job_id job);
void tr_spool_remove_worker(const struct tr_spool *s, struct tr_worker_id w);
void tr_spool_remove_task(
	const struct tr_spool *s, const struct tr_executor_ref *ref);

/* Translates errno of a failed write: TR_EFULL or TR_EIO. */
int tr_spool_error(struct tr_error *err, const char *what, const char *path);

#endif /* TR_EXECUTOR_EDGE_SPOOL_H */
