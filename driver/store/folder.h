/*
 * Names inside the data folder.
 *
 * Thread: plain functions.
 */
#ifndef TR_DRIVER_STORE_FOLDER_H
#define TR_DRIVER_STORE_FOLDER_H

#include <limits.h>
#include <stdint.h>

#include "common/base/err.h"

/* Each fills `out` and returns it. */
const char *tr_folder_cluster(char out[PATH_MAX], const char *data);
const char *tr_folder_jobs(char out[PATH_MAX], const char *data);
const char *tr_folder_job(char out[PATH_MAX], const char *data, uint64_t job);

/*
 * Calls fn for each job folder there is, in no order; its errors are passed
 * on. No jobs folder means no jobs.
 */
typedef int tr_folder_job_fn(void *arg, uint64_t job, struct tr_error *err);
int tr_folder_each_job(const char *data, tr_folder_job_fn *fn, void *arg,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_FOLDER_H */
