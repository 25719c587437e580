/*
 * Looks for corruption before the data folder is opened: a child process walks
 * the cluster's environment and every job's, because LMDB answers damage with
 * SIGBUS or SIGSEGV. It reads the whole folder once.
 *
 * A fork without exec, so that no program needs a hidden mode: it happens
 * before the process has threads or an open environment, and the child does
 * not outlive its parent.
 *
 * Thread: the only one of the process.
 */
#ifndef TR_DRIVER_STORE_CHECKUP_H
#define TR_DRIVER_STORE_CHECKUP_H

#include "common/base/err.h"

/* TR_ECORRUPT or TR_EVERSION with a line that names the environment. */
int tr_checkup(
	const char *folder, int lock_fd, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_CHECKUP_H */
