/*
 * Inside of an environment, for the files of common/kv only.
 *
 * Thread: map_lock is held for reading by every open transaction and for
 * writing while the map is replaced. The rest is fixed after open, except
 * has_failed, which belongs to the thread that updates.
 */
#ifndef TR_COMMON_KV_ENV_H
#define TR_COMMON_KV_ENV_H

#include <lmdb.h>
#include <pthread.h>

#include "common/kv/kv.h"

enum {
	TR_KV_SEAL = 4 /* bytes of CRC-32C behind every value */
};

struct tr_kv {
	MDB_env *env;
	char *path;
	const struct tr_kv_schema *schema;
	MDB_dbi dbs[TR_KV_DBS_MAX + 1]; /* the last one in use: the schema's */
	uint64_t map_bytes;
	pthread_rwlock_t map_lock;
	bool has_failed;
};

/* The database that holds the schema's version, and the key of it there. */
#define TR_KV_SCHEMA_DB  "schema"
#define TR_KV_SCHEMA_KEY "version"

/* LMDB has no const in its interface; it only reads keys. */
static inline MDB_val tr_kv_val(struct tr_slice s)
{
	union {
		const void *in;
		void *out;
	} p = { s.p };
	return (MDB_val){ s.n, p.out };
}

/* TR_ENOTFOUND: no folder; TR_ECORRUPT: a folder without data in it. */
int tr_kv_stat(const char *path, uint64_t *file_bytes,
	struct tr_error *err) TR_MUST_USE;

/* The code of one LMDB result, with text; never for MDB_NOTFOUND. */
int tr_kv_error(
	const char *path, int rc, const char *doing, struct tr_error *err);

/*
 * Opens the databases of an environment that is up to date; *is_ready false
 * when there is something to make or to migrate.
 */
int tr_kv_open_dbs(
	struct tr_kv *kv, bool *is_ready, struct tr_error *err) TR_MUST_USE;

/* An update that makes the databases, or brings older ones up to date. */
int tr_kv_prepare(
	struct tr_kv_txn *txn, void *arg, struct tr_error *err) TR_MUST_USE;

/* Checks a stored value's seal; *value without it. TR_ECORRUPT. */
int tr_kv_unseal(const char *path, const MDB_val *key, const MDB_val *stored,
	struct tr_slice *value, struct tr_error *err);

#endif /* TR_COMMON_KV_ENV_H */
