/*
 * The check before an environment is opened for good. It touches what a driver
 * may touch later: every branch and leaf page by walking along the keys, every
 * value page by its checksum, and the list of free pages. A file that is
 * shorter than its last page shows in the sizes, before a page behind the end
 * is touched.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/kv/be.h"
#include "common/kv/env.h"

enum {
	FREE_DBI = 0 /* LMDB's own: page numbers by transaction */
};

struct walk {
	const char *path;
	MDB_env *env;
	MDB_txn *txn;
	uint64_t last_page;
};

static int corrupt(struct walk *w, const char *what, struct tr_error *err)
{
	return tr_error_set(
		err, TR_ECORRUPT, "'%s' is corrupt: %s", w->path, what);
}

static int check_size(struct walk *w, struct tr_error *err)
{
	uint64_t file_bytes;
	int rc = tr_kv_stat(w->path, &file_bytes, err);
	if (rc != 0)
		return rc;
	MDB_envinfo info;
	MDB_stat stat;
	mdb_env_info(w->env, &info);
	mdb_env_stat(w->env, &stat);
	w->last_page = info.me_last_pgno;
	/* Pages of an unfinished transaction may lie behind; never before. */
	if (file_bytes < (w->last_page + 1) * stat.ms_psize)
		return corrupt(w, "the file is truncated", err);
	return 0;
}

typedef int row_fn(struct walk *w, const MDB_val *key, const MDB_val *value,
	struct tr_error *err);

static int each_row(
	struct walk *w, MDB_dbi dbi, row_fn *fn, struct tr_error *err)
{
	MDB_cursor *c;
	int rc = mdb_cursor_open(w->txn, dbi, &c);
	if (rc != 0)
		return tr_kv_error(w->path, rc, "read", err);
	MDB_val key;
	MDB_val value;
	int done = 0;
	while (done == 0 &&
		(rc = mdb_cursor_get(c, &key, &value, MDB_NEXT)) == 0)
		done = fn(w, &key, &value, err);
	mdb_cursor_close(c);
	if (done != 0)
		return done;
	return rc == MDB_NOTFOUND ? 0 : tr_kv_error(w->path, rc, "read", err);
}

/* A count, then that many page numbers. */
static int check_free_row(struct walk *w, const MDB_val *key,
	const MDB_val *value, struct tr_error *err)
{
	(void)key;
	size_t words = value->mv_size / sizeof(size_t);
	const uint8_t *p = value->mv_data;
	size_t n;
	if (words == 0)
		return corrupt(w, "an empty list of free pages", err);
	memcpy(&n, p, sizeof(n));
	if (n >= words)
		return corrupt(w, "a list of free pages is cut", err);
	for (size_t i = 1; i <= n; i++) {
		size_t page;
		memcpy(&page, p + i * sizeof(page), sizeof(page));
		if (page > w->last_page)
			return corrupt(
				w, "a free page lies behind the file", err);
	}
	return 0;
}

static int check_row(struct walk *w, const MDB_val *key, const MDB_val *value,
	struct tr_error *err)
{
	struct tr_slice v;
	return tr_kv_unseal(w->path, key, value, &v, err);
}

/* The version was read like any row before; newer ones are refused by name. */
static int check_version(struct walk *w, MDB_dbi dbi,
	const struct tr_kv_schema *schema, struct tr_error *err)
{
	MDB_val key = tr_kv_val(tr_slice_of_text(TR_KV_SCHEMA_KEY));
	MDB_val stored;
	struct tr_slice v;
	int rc = mdb_get(w->txn, dbi, &key, &stored);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return tr_kv_error(w->path, rc, "read", err);
	rc = tr_kv_unseal(w->path, &key, &stored, &v, err);
	if (rc != 0)
		return rc;
	if (v.n != 4)
		return corrupt(w, "its version is no number", err);
	if (tr_be_get32(v.p) > schema->version)
		return tr_error_set(err, TR_EVERSION,
			"'%s' has format %u, this program knows up to %u: use "
			"the newer program",
			w->path, tr_be_get32(v.p), schema->version);
	return 0;
}

static int walk_db(struct walk *w, const char *name,
	const struct tr_kv_schema *schema, struct tr_error *err)
{
	MDB_dbi dbi;
	int rc = mdb_dbi_open(w->txn, name, 0, &dbi);
	if (rc == MDB_NOTFOUND)
		return 0; /* of a schema before it */
	if (rc != 0)
		return tr_kv_error(w->path, rc, "read", err);
	if (strcmp(name, TR_KV_SCHEMA_DB) == 0) {
		rc = check_version(w, dbi, schema, err);
		if (rc != 0)
			return rc;
	}
	return each_row(w, dbi, check_row, err);
}

static int walk_all(
	struct walk *w, const struct tr_kv_schema *schema, struct tr_error *err)
{
	int rc = check_size(w, err);
	if (rc == 0)
		rc = each_row(w, FREE_DBI, check_free_row, err);
	if (rc == 0)
		rc = walk_db(w, TR_KV_SCHEMA_DB, schema, err);
	for (size_t i = 0; rc == 0 && i < schema->n_dbs; i++)
		rc = walk_db(w, schema->dbs[i], schema, err);
	return rc;
}

int tr_kv_walk(const char *path, const struct tr_kv_schema *schema,
	struct tr_error *err)
{
	struct walk w = { .path = path };
	uint64_t file_bytes;
	int rc = tr_kv_stat(path, &file_bytes, err);
	if (rc != 0)
		return rc;
	rc = mdb_env_create(&w.env);
	if (rc != 0)
		return tr_kv_error(path, rc, "read", err);
	rc = mdb_env_set_maxdbs(w.env, TR_KV_DBS_MAX + 1);
	if (rc == 0)
		rc = mdb_env_open(w.env, path, MDB_RDONLY | MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_txn_begin(w.env, NULL, MDB_RDONLY, &w.txn);
	if (rc != 0) {
		rc = tr_kv_error(path, rc, "open", err);
	} else {
		rc = walk_all(&w, schema, err);
		mdb_txn_abort(w.txn);
	}
	mdb_env_close(w.env);
	return rc;
}
