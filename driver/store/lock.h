/*
 * driver.lock: one driver per data folder, for as long as it lives.
 *
 * An open file description lock (fcntl(2)): the kernel drops it with the
 * process, however that ends, and no other descriptor of this process can drop
 * it by being closed. The file holds the owner's pid, for the message.
 *
 * Thread: open and close; any.
 */
#ifndef TR_DRIVER_STORE_LOCK_H
#define TR_DRIVER_STORE_LOCK_H

#include "common/base/err.h"

/* *fd is the lock; close(2) gives it up. TR_EEXIST: somebody else has it. */
int tr_lock_take(const char *folder, int *fd, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_LOCK_H */
