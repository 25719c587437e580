#include "common/kv/kv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/kv/env.h"
#include "common/kv/folder.h"
#include "common/log/log.h"

int tr_kv_error(
	const char *path, int rc, const char *doing, struct tr_error *err)
{
	tr_assert(rc != 0 && rc != MDB_NOTFOUND);
	switch (rc) {
	case ENOSPC:
	case EDQUOT:
		return tr_error_set(err, TR_EFULL,
			"disk full: cannot %s '%s': free space and restart",
			doing, path);
	case MDB_MAP_FULL:
		return tr_error_set(
			err, TR_EFULL, "map full: cannot %s '%s'", doing, path);
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_PANIC:
	case MDB_CURSOR_FULL:
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: cannot %s: %s", path, doing,
			mdb_strerror(rc));
	case MDB_VERSION_MISMATCH:
		return tr_error_set(err, TR_EVERSION,
			"'%s' was written by another version of LMDB", path);
	case ENOMEM:
		return tr_error_set(err, TR_ENOMEM,
			"no address space or memory to %s '%s'", doing, path);
	case MDB_BAD_VALSIZE:
	case MDB_TXN_FULL:
	case MDB_READERS_FULL:
		return tr_error_set(err, TR_ELIMIT, "cannot %s '%s': %s", doing,
			path, mdb_strerror(rc));
	default:
		return tr_error_set(err, TR_EIO, "cannot %s '%s': %s", doing,
			path, mdb_strerror(rc));
	}
}

static int fail(
	struct tr_kv *kv, int rc, const char *doing, struct tr_error *err)
{
	return tr_kv_error(kv->path, rc, doing, err);
}

static char *with_suffix(const char *path, const char *suffix)
{
	size_t size = strlen(path) + strlen(suffix) + 1;
	char *joined = tr_xmalloc(size);
	snprintf(joined, size, "%s%s", path, suffix);
	return joined;
}

static char *data_file(const char *path)
{
	return with_suffix(path, "/data.mdb");
}

static int remove_file(const char *path, const char *name, struct tr_error *err)
{
	char *file = with_suffix(path, name);
	int rc = 0;
	if (unlink(file) != 0 && errno != ENOENT)
		rc = tr_error_set(err, TR_EIO, "cannot remove '%s': %s", file,
			strerror(errno));
	free(file);
	return rc;
}

static int remove_folder(const char *path, struct tr_error *err)
{
	int rc = remove_file(path, "/data.mdb", err);
	(void)TR_FP("kv.removing");
	if (rc == 0)
		rc = remove_file(path, "/lock.mdb", err);
	if (rc == 0 && rmdir(path) != 0 && errno != ENOENT)
		rc = tr_error_set(err, TR_EIO, "cannot remove '%s': %s", path,
			strerror(errno));
	return rc;
}

/*
 * Under another name first, and that on disk: a folder without data means
 * damage and never a crash while it was removed.
 */
int tr_kv_remove(const char *path, struct tr_error *err)
{
	char *gone = with_suffix(path, ".gone");
	int rc = remove_folder(gone, err);
	if (rc == 0 && rename(path, gone) == 0)
		rc = tr_folder_sync_parent(path, err);
	else if (rc == 0 && errno != ENOENT)
		rc = tr_error_set(err, TR_EIO, "cannot remove '%s': %s", path,
			strerror(errno));
	if (rc == 0)
		rc = remove_folder(gone, err);
	free(gone);
	return rc;
}

/* ----------------------------------------------------------- open, close */

int tr_kv_stat(const char *path, uint64_t *file_bytes, struct tr_error *err)
{
	struct stat st;
	if (stat(path, &st) != 0 && errno == ENOENT)
		return tr_error_set(
			err, TR_ENOTFOUND, "no environment '%s'", path);
	char *file = data_file(path);
	int rc = stat(file, &st) == 0 ? 0 : errno;
	free(file);
	if (rc != 0 && rc != ENOENT)
		return tr_error_set(err, TR_EIO, "cannot open '%s': %s", path,
			strerror(rc));
	if (rc == ENOENT || st.st_size == 0)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: its data is missing", path);
	*file_bytes = (uint64_t)st.st_size;
	return 0;
}

static int env_open(struct tr_kv *kv, const char *path, uint64_t map_bytes,
	struct tr_error *err)
{
	kv->map_bytes = map_bytes ? map_bytes : TR_KV_MAP_DEFAULT;
	int rc = mdb_env_create(&kv->env);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(kv->env, TR_KV_DBS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_set_mapsize(kv->env, (size_t)kv->map_bytes);
	if (rc == 0)
		rc = mdb_env_open(kv->env, path, MDB_NOTLS, 0600);
	if (rc != 0)
		return fail(kv, rc, "open", err);
	/* LMDB raises a size that is below what the file uses. */
	MDB_envinfo info;
	mdb_env_info(kv->env, &info);
	kv->map_bytes = info.me_mapsize;
	int dead;
	mdb_reader_check(kv->env, &dead);
	return 0;
}

/*
 * A new environment is made under another name and renamed when it is whole,
 * so that a folder without data means damage and never a crash while it was
 * made.
 */
static int make_new(
	struct tr_kv *kv, const struct tr_kv_opts *opts, struct tr_error *err)
{
	char *path = with_suffix(kv->path, ".new");
	int rc = tr_kv_remove(path, err);
	if (rc == 0)
		rc = tr_folder_make(path, err);
	if (rc == 0)
		rc = env_open(kv, path, opts->map_bytes, err);
	if (rc == 0)
		rc = tr_kv_update(kv, tr_kv_prepare, NULL, err);
	if (rc == 0)
		rc = tr_folder_sync(path, err);
	if (rc == 0 && rename(path, kv->path) != 0)
		rc = tr_error_set(err, TR_EIO, "cannot name '%s': %s", kv->path,
			strerror(errno));
	if (rc == 0)
		rc = tr_folder_sync_parent(kv->path, err);
	free(path);
	return rc;
}

static int open_old(
	struct tr_kv *kv, const struct tr_kv_opts *opts, struct tr_error *err)
{
	bool is_ready;
	int rc = tr_folder_make(kv->path, err);
	if (rc == 0)
		rc = env_open(kv, kv->path, opts->map_bytes, err);
	if (rc == 0)
		rc = tr_kv_open_dbs(kv, &is_ready, err);
	if (rc == 0 && !is_ready)
		rc = tr_kv_update(kv, tr_kv_prepare, NULL, err);
	return rc;
}

static void init_map_lock(pthread_rwlock_t *lock)
{
	/* Readers follow one another closely; without this the thread that
	 * grows the map might never get its turn. */
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	int rc = pthread_rwlock_init(lock, &attr);
	tr_assert(rc == 0);
	pthread_rwlockattr_destroy(&attr);
}

int tr_kv_open(
	struct tr_kv **out, const struct tr_kv_opts *opts, struct tr_error *err)
{
	tr_assert(opts->schema->n_dbs <= TR_KV_DBS_MAX);
	uint64_t file_bytes;
	int rc = tr_kv_stat(opts->path, &file_bytes, err);
	if (rc != 0 && (rc != TR_ENOTFOUND || opts->must_exist))
		return rc;
	struct tr_kv *kv = tr_xcalloc(1, sizeof(*kv));
	kv->path = tr_xstrdup(opts->path);
	kv->schema = opts->schema;
	init_map_lock(&kv->map_lock);
	rc = rc == 0 ? open_old(kv, opts, err) : make_new(kv, opts, err);
	if (rc != 0) {
		tr_kv_close(kv);
		return rc;
	}
	*out = kv;
	return 0;
}

void tr_kv_close(struct tr_kv *kv)
{
	if (!kv)
		return;
	if (kv->env)
		mdb_env_close(kv->env);
	pthread_rwlock_destroy(&kv->map_lock);
	free(kv->path);
	free(kv);
}

const char *tr_kv_path(const struct tr_kv *kv)
{
	return kv->path;
}

uint64_t tr_kv_used_bytes(struct tr_kv *kv)
{
	MDB_envinfo info;
	MDB_stat stat;
	mdb_env_info(kv->env, &info);
	mdb_env_stat(kv->env, &stat);
	return (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

uint64_t tr_kv_map_bytes(struct tr_kv *kv)
{
	pthread_rwlock_rdlock(&kv->map_lock);
	uint64_t bytes = kv->map_bytes;
	pthread_rwlock_unlock(&kv->map_lock);
	return bytes;
}

int tr_kv_reader_check(struct tr_kv *kv)
{
	int dead = 0;
	mdb_reader_check(kv->env, &dead);
	return dead;
}

/* --------------------------------------------------------------- update */

static int grow(struct tr_kv *kv, struct tr_error *err)
{
	pthread_rwlock_wrlock(&kv->map_lock);
	uint64_t bytes = kv->map_bytes * 2;
	int rc = bytes > TR_KV_MAP_MAX
			 ? MDB_MAP_FULL
			 : mdb_env_set_mapsize(kv->env, (size_t)bytes);
	if (rc == 0)
		kv->map_bytes = bytes;
	pthread_rwlock_unlock(&kv->map_lock);
	if (rc != 0)
		return fail(kv, rc, "grow the map of", err);
	tr_log_info("map-grown", "env=%s bytes=%llu", TR_LOG_STR(kv->path),
		(unsigned long long)bytes);
	return 0;
}

/*
 * LMDB answers a write that was cut short with EIO. That is what a disk does
 * that is about to be full.
 */
static bool is_disk_full(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < TR_MIB(1);
}

static int commit(struct tr_kv_txn *txn, struct tr_error *err)
{
	struct tr_kv *kv = txn->kv;
	int injected = TR_FP("lmdb.before_commit");
	if (injected != 0) {
		mdb_txn_abort(txn->txn);
		kv->has_failed = true;
		return tr_error_set(err, injected,
			"cannot commit to '%s': failpoint", kv->path);
	}
	int rc = mdb_txn_commit(txn->txn);
	if (rc == MDB_MAP_FULL) {
		txn->is_map_full = true;
		return TR_EFULL;
	}
	if (rc != 0) {
		kv->has_failed = true;
		if (rc == EIO && is_disk_full(kv->path))
			rc = ENOSPC;
		return fail(kv, rc, "commit to", err);
	}
	(void)TR_FP("lmdb.after_commit");
	return 0;
}

static int update_once(struct tr_kv *kv, tr_kv_update_fn *fn, void *arg,
	bool *is_map_full, struct tr_error *err)
{
	struct tr_kv_txn txn = { .kv = kv, .is_write = true };
	pthread_rwlock_rdlock(&kv->map_lock);
	int rc = mdb_txn_begin(kv->env, NULL, 0, &txn.txn);
	if (rc != 0) {
		rc = fail(kv, rc, "write to", err);
	} else {
		rc = fn(&txn, arg, err);
		if (rc != 0 || txn.is_map_full)
			mdb_txn_abort(txn.txn);
		else
			rc = commit(&txn, err);
	}
	pthread_rwlock_unlock(&kv->map_lock);
	*is_map_full = txn.is_map_full;
	return rc;
}

int tr_kv_update(
	struct tr_kv *kv, tr_kv_update_fn *fn, void *arg, struct tr_error *err)
{
	if (kv->has_failed)
		return tr_error_set(err, TR_EIO,
			"'%s' failed to commit before: restart", kv->path);
	for (;;) {
		bool is_map_full;
		int rc = update_once(kv, fn, arg, &is_map_full, err);
		if (!is_map_full)
			return rc;
		rc = grow(kv, err);
		if (rc != 0)
			return rc;
	}
}

bool tr_kv_has_failed(const struct tr_kv *kv)
{
	return kv->has_failed;
}

void tr_kv_exit(const struct tr_error *err)
{
	tr_log_err("store-failed", "code=%s error=%s", tr_err_name(err->code),
		TR_LOG_STR(err->text));
	_exit(1);
}

/* ----------------------------------------------------------------- read */

int tr_kv_read(struct tr_kv *kv, struct tr_kv_txn *txn, struct tr_error *err)
{
	*txn = (struct tr_kv_txn){ .kv = kv };
	pthread_rwlock_rdlock(&kv->map_lock);
	int rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn->txn);
	if (rc == 0)
		return 0;
	pthread_rwlock_unlock(&kv->map_lock);
	*txn = (struct tr_kv_txn){ 0 };
	return fail(kv, rc, "read", err);
}

void tr_kv_abort(struct tr_kv_txn *txn)
{
	if (!txn->txn)
		return;
	tr_assert(!txn->is_write);
	mdb_txn_abort(txn->txn);
	pthread_rwlock_unlock(&txn->kv->map_lock);
	*txn = (struct tr_kv_txn){ 0 };
}
