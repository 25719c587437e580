/*
 * A task's files: the one that its blocks go to, and the regions of others
 * that a reduce task reads.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_WORKER_SPOOL_H
#define TR_EXECUTOR_WORKER_SPOOL_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/slice.h"

/* Created when the first bytes come; a task without blocks makes none. */
struct tr_spool_file {
	const char *path; /* borrowed */
	int fd;
	struct tr_buf pending;
};

void tr_spool_file_init(struct tr_spool_file *f, const char *path);

/* TR_EFULL: the disk is. TR_EIO. */
int tr_spool_file_write(struct tr_spool_file *f, struct tr_slice bytes,
	struct tr_error *err) TR_MUST_USE;

/* Writes what is pending and closes. Errors as write. */
int tr_spool_file_finish(
	struct tr_spool_file *f, struct tr_error *err) TR_MUST_USE;

/* After an error: closes and removes the file. */
void tr_spool_file_abandon(struct tr_spool_file *f);

/* A mapped region of a file. */
struct tr_spool_region {
	struct tr_slice bytes;
	void *map;
	size_t map_len;
};

/* TR_ELOST: the file or this part of it is not there. TR_EIO. */
int tr_spool_region_open(struct tr_spool_region *r, const char *path,
	uint64_t offset, uint64_t len, struct tr_error *err) TR_MUST_USE;
void tr_spool_region_close(struct tr_spool_region *r);

#endif /* TR_EXECUTOR_WORKER_SPOOL_H */
