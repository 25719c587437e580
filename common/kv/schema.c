/* The version of an environment: made, checked, migrated. */
#include "common/base/check.h"
#include "common/kv/be.h"
#include "common/kv/env.h"

static int open_dbs(struct tr_kv *kv, MDB_txn *txn, unsigned flags)
{
	const struct tr_kv_schema *schema = kv->schema;
	for (size_t i = 0; i < schema->n_dbs; i++) {
		int rc = mdb_dbi_open(txn, schema->dbs[i], flags, &kv->dbs[i]);
		if (rc != 0)
			return rc;
	}
	return mdb_dbi_open(
		txn, TR_KV_SCHEMA_DB, flags, &kv->dbs[schema->n_dbs]);
}

/* 0 with the version, or TR_ENOTFOUND in a new environment. */
static int get_version(
	struct tr_kv_txn *txn, uint32_t *version, struct tr_error *err)
{
	const struct tr_kv_schema *schema = txn->kv->schema;
	struct tr_slice v;
	int rc = tr_kv_get(txn, (unsigned)schema->n_dbs,
		tr_slice_of_text(TR_KV_SCHEMA_KEY), &v, err);
	if (rc != 0)
		return rc;
	if (v.n != sizeof(*version))
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: its version is no number",
			txn->kv->path);
	*version = tr_be_get32(v.p);
	if (*version > schema->version)
		return tr_error_set(err, TR_EVERSION,
			"'%s' has format %u, this program knows up to %u: use "
			"the newer program",
			txn->kv->path, *version, schema->version);
	return 0;
}

static int put_version(
	struct tr_kv_txn *txn, uint32_t version, struct tr_error *err)
{
	uint8_t be[4];
	tr_be_put32(be, version);
	struct tr_slice v = tr_slice_of(be, sizeof(be));
	return tr_kv_put(txn, (unsigned)txn->kv->schema->n_dbs,
		tr_slice_of_text(TR_KV_SCHEMA_KEY), &v, 1, err);
}

static int migrate(
	struct tr_kv_txn *txn, uint32_t version, struct tr_error *err)
{
	const struct tr_kv_schema *schema = txn->kv->schema;
	for (size_t i = 0; i < schema->n_migrations; i++) {
		const struct tr_kv_migration *m = &schema->migrations[i];
		if (m->from != version)
			continue;
		int rc = m->run(txn, err);
		if (rc != 0)
			return rc;
		version++;
	}
	tr_assert(version == schema->version);
	return put_version(txn, version, err);
}

int tr_kv_prepare(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	(void)arg;
	struct tr_kv *kv = txn->kv;
	int rc = open_dbs(kv, txn->txn, MDB_CREATE);
	if (rc == MDB_MAP_FULL) {
		txn->is_map_full = true;
		return TR_EFULL;
	}
	if (rc != 0)
		return tr_kv_error(kv->path, rc, "make databases in", err);
	uint32_t version;
	rc = get_version(txn, &version, err);
	if (rc == TR_ENOTFOUND)
		return put_version(txn, kv->schema->version, err);
	return rc != 0 ? rc : migrate(txn, version, err);
}

int tr_kv_open_dbs(struct tr_kv *kv, bool *is_ready, struct tr_error *err)
{
	*is_ready = false;
	struct tr_kv_txn txn = { .kv = kv };
	int rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn.txn);
	if (rc != 0)
		return tr_kv_error(kv->path, rc, "read", err);
	rc = open_dbs(kv, txn.txn, 0);
	if (rc == MDB_NOTFOUND) {
		mdb_txn_abort(txn.txn);
		return 0;
	}
	if (rc != 0) {
		mdb_txn_abort(txn.txn);
		return tr_kv_error(kv->path, rc, "open databases in", err);
	}
	uint32_t version;
	rc = get_version(&txn, &version, err);
	if (rc == TR_ENOTFOUND)
		rc = 0;
	else if (rc == 0)
		*is_ready = version == kv->schema->version;
	/* Handles opened here outlive the transaction only by its commit. */
	int committed = mdb_txn_commit(txn.txn);
	if (rc == 0 && committed != 0)
		rc = tr_kv_error(kv->path, committed, "read", err);
	return rc;
}
