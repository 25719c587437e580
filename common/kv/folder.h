/*
 * Folders that hold durable state.
 *
 * Thread: any. They block on the disk.
 */
#ifndef TR_COMMON_KV_FOLDER_H
#define TR_COMMON_KV_FOLDER_H

#include <stdbool.h>

#include "common/base/err.h"

/*
 * Makes the folder with mode 0700 unless it is there. Refuses network
 * filesystems, where locks and shared maps do not hold (TR_EINVAL).
 */
int tr_folder_make(const char *path, struct tr_error *err) TR_MUST_USE;

/* Makes the names in a folder durable (fsync of the folder). */
int tr_folder_sync(const char *path, struct tr_error *err) TR_MUST_USE;

/* The same for the folder that holds the name `path`. */
int tr_folder_sync_parent(const char *path, struct tr_error *err) TR_MUST_USE;

/* Whether statfs(2) names this f_type for a filesystem that is not local. */
bool tr_folder_is_network(long fs_type);

#endif /* TR_COMMON_KV_FOLDER_H */
