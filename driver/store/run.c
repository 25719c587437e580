#include "driver/store/run.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/kv/longkey.h"
#include "driver/store/layout.h"

enum {
	ENTRY = 24 /* id, records, bytes */
};

static struct tr_slice entry_key(
	uint8_t out[TR_RUN_KEY], const struct tr_store_run *r)
{
	uint8_t *p = tr_be_put64(out, r->batch);
	p = tr_be_put32(tr_be_put32(p, r->op), r->lane);
	tr_be_put64(p, r->attempt.v);
	return tr_slice_of(out, TR_RUN_KEY);
}

static int decode_entry(struct tr_kv_txn *txn, struct tr_slice v,
	struct tr_run *run, struct tr_error *err)
{
	if (v.n != ENTRY)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: no entry of a run",
			tr_kv_path(txn->kv));
	run->id = tr_be_get64(v.p);
	run->records = tr_be_get64(v.p + 8);
	run->bytes = tr_be_get64(v.p + 16);
	return 0;
}

static int get_entry(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	struct tr_run *run, struct tr_error *err)
{
	uint8_t key[TR_RUN_KEY];
	struct tr_slice v;
	int rc = tr_kv_get(txn, TR_JOB_RUNS, entry_key(key, whose), &v, err);
	return rc == 0 ? decode_entry(txn, v, run, err) : rc;
}

static int put_entry(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	const struct tr_run *run, struct tr_error *err)
{
	uint8_t key[TR_RUN_KEY];
	uint8_t bytes[ENTRY];
	tr_be_put64(tr_be_put64(tr_be_put64(bytes, run->id), run->records),
		run->bytes);
	struct tr_slice v = tr_slice_of(bytes, sizeof(bytes));
	return tr_kv_put(txn, TR_JOB_RUNS, entry_key(key, whose), &v, 1, err);
}

int tr_run_allocate(struct tr_kv_txn *txn, uint64_t *id, struct tr_error *err)
{
	uint64_t last;
	int rc = tr_meta_get64(txn, TR_JOB_META, TR_META_LAST_RUN, &last, err);
	if (rc == 0)
		rc = tr_meta_put64(
			txn, TR_JOB_META, TR_META_LAST_RUN, last + 1, err);
	if (rc == 0)
		*id = last + 1;
	return rc;
}

int tr_run_is_last(
	struct tr_kv_txn *txn, uint64_t id, bool *is_last, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_ROWS, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_last(&c, &row, err);
	if (rc >= 0)
		*is_last = rc == 0 || row.key.n < TR_LONGKEY_SPACE ||
			   tr_be_get64(row.key.p) <= id;
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

int tr_run_put(struct tr_kv_txn *txn, struct tr_run *run, bool append,
	struct tr_slice key, struct tr_slice value, struct tr_error *err)
{
	struct tr_longkey k;
	bool is_new;
	tr_longkey_init(&k, key);
	int rc = tr_longkey_put(
		txn, TR_JOB_ROWS, run->id, &k, value, append, &is_new, err);
	if (rc == 0 && is_new) {
		run->records++;
		run->bytes += key.n + value.n;
	}
	return rc;
}

static int put_rows(struct tr_kv_txn *txn, struct tr_run *run,
	struct tr_slice chunks, struct tr_buf *scratch, uint64_t *written,
	struct tr_error *err)
{
	bool append;
	int rc = tr_run_is_last(txn, run->id, &append, err);
	if (rc != 0)
		return rc;
	struct tr_block_reader r;
	struct tr_element e;
	tr_block_reader_init(&r, chunks, scratch);
	while ((rc = tr_block_reader_take(&r, &e, err)) > 0) {
		rc = tr_run_put(txn, run, append, e.key, e.value, err);
		if (rc != 0)
			return rc;
		*written += e.key.n + e.value.n + TR_STORE_ROW_BYTES;
	}
	return rc;
}

/* Its rows go in steps, as those of other runs that nobody needs. */
static int drop_run(
	struct tr_kv_txn *txn, struct tr_run *run, struct tr_error *err)
{
	uint8_t id[TR_KEY64];
	int rc = tr_kv_put(
		txn, TR_JOB_GARBAGE, tr_key64(id, run->id), NULL, 0, err);
	*run = (struct tr_run){ 0 };
	return rc == 0 ? TR_ENOTFOUND : rc;
}

int tr_run_write(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	struct tr_slice chunks, bool begins, struct tr_buf *scratch,
	uint64_t *written, struct tr_error *err)
{
	struct tr_run run = { 0 };
	int rc = get_entry(txn, whose, &run, err);
	if (rc == 0 && begins)
		rc = drop_run(txn, &run, err);
	if (rc == TR_ENOTFOUND)
		rc = tr_run_allocate(txn, &run.id, err);
	*written = 0;
	if (rc == 0)
		rc = put_rows(txn, &run, chunks, scratch, written, err);
	return rc == 0 ? put_entry(txn, whose, &run, err) : rc;
}

int tr_run_take(struct tr_kv_txn *txn, const struct tr_store_run *whose,
	struct tr_run *run, struct tr_error *err)
{
	uint8_t key[TR_RUN_KEY];
	int rc = get_entry(txn, whose, run, err);
	if (rc != 0)
		return rc;
	return tr_kv_del(txn, TR_JOB_RUNS, entry_key(key, whose), err);
}

int tr_run_abandon(struct tr_kv_txn *txn, uint64_t batch, uint64_t limit,
	bool *done, struct tr_error *err)
{
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_RUNS, err);
	if (rc != 0)
		return rc;
	*done = false;
	while (limit > 0 && !*done) {
		struct tr_kv_row row;
		struct tr_run run;
		uint8_t id[TR_KEY64];
		rc = tr_kv_cursor_first(&c, &row, err);
		if (rc < 0)
			break;
		if (rc == 0 || tr_be_get64(row.key.p) > batch) {
			*done = true;
			rc = 0;
			break;
		}
		rc = decode_entry(txn, row.value, &run, err);
		if (rc == 0)
			rc = tr_kv_cursor_del(&c, err);
		if (rc == 0)
			rc = tr_kv_put(txn, TR_JOB_GARBAGE,
				tr_key64(id, run.id), NULL, 0, err);
		if (rc != 0)
			break;
		limit--;
	}
	tr_kv_cursor_close(&c);
	return rc;
}
