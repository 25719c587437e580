/* Rows of an environment: put, get, delete, walk along. */
#include <string.h>

#include "common/base/check.h"
#include "common/data/crc32c.h"
#include "common/kv/be.h"
#include "common/kv/env.h"

static int fail(
	struct tr_kv_txn *txn, int rc, const char *doing, struct tr_error *err)
{
	if (rc == MDB_MAP_FULL)
		txn->is_map_full = true;
	return tr_kv_error(txn->kv->path, rc, doing, err);
}

/* ---------------------------------------------------------------- seals */

static uint32_t seal_of(const MDB_val *key, const void *p, size_t n)
{
	uint32_t crc = tr_crc32c(0, key->mv_data, key->mv_size);
	return tr_crc32c(crc, p, n);
}

int tr_kv_unseal(const char *path, const MDB_val *key, const MDB_val *stored,
	struct tr_slice *value, struct tr_error *err)
{
	const uint8_t *p = stored->mv_data;
	size_t n = stored->mv_size;
	if (n < TR_KV_SEAL || seal_of(key, p, n - TR_KV_SEAL) !=
				      tr_be_get32(p + n - TR_KV_SEAL))
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: the checksum of a row is wrong",
			path);
	*value = tr_slice_of(p, n - TR_KV_SEAL);
	return 0;
}

/* Copies the parts, and the seal behind them, to where LMDB made room. */
static void fill(const MDB_val *key, uint8_t *to, const struct tr_slice *parts,
	size_t n_parts)
{
	uint32_t crc = tr_crc32c(0, key->mv_data, key->mv_size);
	for (size_t i = 0; i < n_parts; i++) {
		if (parts[i].n == 0)
			continue;
		memcpy(to, parts[i].p, parts[i].n);
		crc = tr_crc32c(crc, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	tr_be_put32(to, crc);
}

static int put_flagged(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts, unsigned flags,
	struct tr_error *err)
{
	tr_assert(txn->is_write && db <= txn->kv->schema->n_dbs);
	MDB_val k = tr_kv_val(key);
	MDB_val v = { TR_KV_SEAL, NULL };
	for (size_t i = 0; i < n_parts; i++)
		v.mv_size += parts[i].n;
	int rc = mdb_put(
		txn->txn, txn->kv->dbs[db], &k, &v, flags | MDB_RESERVE);
	if (rc == MDB_KEYEXIST)
		return TR_EEXIST;
	if (rc != 0)
		return fail(txn, rc, "write to", err);
	fill(&k, v.mv_data, parts, n_parts);
	return 0;
}

/* ------------------------------------------------------------ single rows */

int tr_kv_put(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts, struct tr_error *err)
{
	return put_flagged(txn, db, key, parts, n_parts, 0, err);
}

int tr_kv_insert(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts, struct tr_error *err)
{
	return put_flagged(txn, db, key, parts, n_parts, MDB_NOOVERWRITE, err);
}

int tr_kv_append(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts, struct tr_error *err)
{
	return put_flagged(txn, db, key, parts, n_parts, MDB_APPEND, err);
}

int tr_kv_del(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	struct tr_error *err)
{
	tr_assert(txn->is_write);
	MDB_val k = tr_kv_val(key);
	int rc = mdb_del(txn->txn, txn->kv->dbs[db], &k, NULL);
	if (rc == MDB_NOTFOUND)
		return TR_ENOTFOUND;
	return rc == 0 ? 0 : fail(txn, rc, "delete from", err);
}

int tr_kv_get(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	struct tr_slice *value, struct tr_error *err)
{
	MDB_val k = tr_kv_val(key);
	MDB_val v;
	int rc = mdb_get(txn->txn, txn->kv->dbs[db], &k, &v);
	if (rc == MDB_NOTFOUND)
		return TR_ENOTFOUND;
	if (rc != 0)
		return fail(txn, rc, "read", err);
	return tr_kv_unseal(txn->kv->path, &k, &v, value, err);
}

int tr_kv_count(struct tr_kv_txn *txn, unsigned db, uint64_t *rows,
	struct tr_error *err)
{
	MDB_stat stat;
	int rc = mdb_stat(txn->txn, txn->kv->dbs[db], &stat);
	if (rc != 0)
		return fail(txn, rc, "read", err);
	*rows = stat.ms_entries;
	return 0;
}

/* --------------------------------------------------------------- cursors */

int tr_kv_cursor_open(struct tr_kv_cursor *c, struct tr_kv_txn *txn,
	unsigned db, struct tr_error *err)
{
	*c = (struct tr_kv_cursor){ .txn = txn, .db = db };
	int rc = mdb_cursor_open(txn->txn, txn->kv->dbs[db], &c->cursor);
	return rc == 0 ? 0 : fail(txn, rc, "read", err);
}

void tr_kv_cursor_close(struct tr_kv_cursor *c)
{
	if (c->cursor)
		mdb_cursor_close(c->cursor);
	*c = (struct tr_kv_cursor){ 0 };
}

static int move(struct tr_kv_cursor *c, MDB_val *k, MDB_cursor_op op,
	struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val v;
	int rc = mdb_cursor_get(c->cursor, k, &v, op);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(c->txn, rc, "read", err);
	rc = tr_kv_unseal(c->txn->kv->path, k, &v, &row->value, err);
	if (rc != 0)
		return rc;
	row->key = tr_slice_of(k->mv_data, k->mv_size);
	return 1;
}

int tr_kv_cursor_first(
	struct tr_kv_cursor *c, struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val k;
	return move(c, &k, MDB_FIRST, row, err);
}

int tr_kv_cursor_last(
	struct tr_kv_cursor *c, struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val k;
	return move(c, &k, MDB_LAST, row, err);
}

int tr_kv_cursor_seek(struct tr_kv_cursor *c, struct tr_slice at_least,
	struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val k = tr_kv_val(at_least);
	return move(c, &k, MDB_SET_RANGE, row, err);
}

int tr_kv_cursor_next(
	struct tr_kv_cursor *c, struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val k;
	return move(c, &k, MDB_NEXT, row, err);
}

int tr_kv_cursor_prev(
	struct tr_kv_cursor *c, struct tr_kv_row *row, struct tr_error *err)
{
	MDB_val k;
	return move(c, &k, MDB_PREV, row, err);
}

int tr_kv_cursor_del(struct tr_kv_cursor *c, struct tr_error *err)
{
	int rc = mdb_cursor_del(c->cursor, 0);
	return rc == 0 ? 0 : fail(c->txn, rc, "delete from", err);
}
