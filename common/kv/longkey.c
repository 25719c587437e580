#include "common/kv/longkey.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kv/be.h"

enum {
	LEN = 4, /* of the whole key, in front of it in the value */
	GROUP = TR_LONGKEY_SPACE + TR_LONGKEY_CUT, /* what a group shares */
	HASHED = GROUP + TR_LONGKEY_HASH,
	NUMBERS = 65536
};

static bool is_long(const struct tr_longkey *k)
{
	return k->key.n > TR_LONGKEY_CUT;
}

void tr_longkey_init(struct tr_longkey *k, struct tr_slice key)
{
	k->key = key;
	if (!is_long(k))
		return;
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(key.p, key.n));
	memcpy(k->hash, canonical.digest, sizeof(k->hash));
}

/* ----------------------------------------------------------- stored form */

static struct tr_slice short_key(
	uint8_t out[TR_KV_KEY_MAX], uint64_t space, struct tr_slice key)
{
	tr_be_put64(out, space);
	if (key.n > 0)
		memcpy(out + TR_LONGKEY_SPACE, key.p, key.n);
	return tr_slice_of(out, TR_LONGKEY_SPACE + key.n);
}

static struct tr_slice long_key(uint8_t out[TR_KV_KEY_MAX], uint64_t space,
	const struct tr_longkey *k, uint32_t number)
{
	tr_be_put64(out, space);
	memcpy(out + TR_LONGKEY_SPACE, k->key.p, TR_LONGKEY_CUT);
	memcpy(out + GROUP, k->hash, TR_LONGKEY_HASH);
	out[HASHED] = (uint8_t)(number >> 8);
	out[HASHED + 1] = (uint8_t)number;
	return tr_slice_of(out, TR_KV_KEY_MAX);
}

static bool is_stored_long(struct tr_slice stored)
{
	return stored.n == TR_KV_KEY_MAX;
}

static bool has_prefix(struct tr_slice s, const uint8_t *prefix, size_t n)
{
	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/* The logical row of a stored one. */
static int open_row(struct tr_kv_txn *txn, const struct tr_kv_row *stored,
	struct tr_kv_row *row, struct tr_error *err)
{
	if (!is_stored_long(stored->key)) {
		row->key = tr_slice_of(stored->key.p + TR_LONGKEY_SPACE,
			stored->key.n - TR_LONGKEY_SPACE);
		row->value = stored->value;
		return 0;
	}
	struct tr_slice v = stored->value;
	uint32_t n = v.n >= LEN ? tr_be_get32(v.p) : 0;
	if (v.n < LEN || n > v.n - LEN || n <= TR_LONGKEY_CUT)
		return tr_error_set(err, TR_ECORRUPT,
			"'%s' is corrupt: a long key is cut",
			tr_kv_path(txn->kv));
	row->key = tr_slice_of(v.p + LEN, n);
	row->value = tr_slice_of(v.p + LEN + n, v.n - LEN - n);
	return 0;
}

/* ------------------------------------------------------------ single rows */

/*
 * Looks for the whole key among the rows that share its hash: 1 with *row and
 * its number, or 0 with the lowest number that is free.
 */
static int find_long(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	const struct tr_longkey *k, uint32_t *number, struct tr_kv_row *row,
	struct tr_error *err)
{
	uint8_t key[TR_KV_KEY_MAX];
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, db, err);
	if (rc != 0)
		return rc;
	struct tr_kv_row stored;
	uint32_t unused = 0;
	rc = tr_kv_cursor_seek(&c, long_key(key, space, k, 0), &stored, err);
	while (rc > 0 && is_stored_long(stored.key) &&
		has_prefix(stored.key, key, HASHED)) {
		uint32_t n = (uint32_t)stored.key.p[HASHED] << 8 |
			     stored.key.p[HASHED + 1];
		rc = open_row(txn, &stored, row, err);
		if (rc != 0)
			break;
		if (tr_slice_equal(row->key, k->key)) {
			*number = n;
			tr_kv_cursor_close(&c);
			return 1;
		}
		if (n == unused)
			unused++;
		rc = tr_kv_cursor_next(&c, &stored, err);
	}
	tr_kv_cursor_close(&c);
	*number = unused;
	return rc < 0 ? rc : 0;
}

/* Writes a row under a stored key, by the cheapest way that fits. */
static int write_row(struct tr_kv_txn *txn, unsigned db, struct tr_slice stored,
	const struct tr_slice *parts, size_t n_parts, bool append, bool *is_new,
	struct tr_error *err)
{
	int rc = TR_EEXIST;
	if (append)
		rc = tr_kv_append(txn, db, stored, parts, n_parts, err);
	if (rc == TR_EEXIST)
		rc = tr_kv_insert(txn, db, stored, parts, n_parts, err);
	*is_new = rc == 0;
	if (rc == TR_EEXIST)
		rc = tr_kv_put(txn, db, stored, parts, n_parts, err);
	return rc;
}

int tr_longkey_put(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	const struct tr_longkey *k, struct tr_slice value, bool append,
	bool *is_new, struct tr_error *err)
{
	uint8_t stored[TR_KV_KEY_MAX];
	if (!is_long(k))
		return write_row(txn, db, short_key(stored, space, k->key),
			&value, 1, append, is_new, err);
	uint32_t number;
	struct tr_kv_row row;
	int rc = find_long(txn, db, space, k, &number, &row, err);
	if (rc < 0)
		return rc;
	if (number >= NUMBERS)
		return tr_error_set(err, TR_ELIMIT,
			"more than %d keys with one hash in '%s'", NUMBERS,
			tr_kv_path(txn->kv));
	uint8_t len[LEN];
	tr_be_put32(len, (uint32_t)k->key.n);
	const struct tr_slice parts[] = { tr_slice_of(len, LEN), k->key,
		value };
	return write_row(txn, db, long_key(stored, space, k, number), parts,
		TR_ARRAY_LEN(parts), append, is_new, err);
}

int tr_longkey_get(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	const struct tr_longkey *k, struct tr_slice *value,
	struct tr_error *err)
{
	uint8_t stored[TR_KV_KEY_MAX];
	if (!is_long(k))
		return tr_kv_get(
			txn, db, short_key(stored, space, k->key), value, err);
	uint32_t number;
	struct tr_kv_row row;
	int rc = find_long(txn, db, space, k, &number, &row, err);
	if (rc <= 0)
		return rc == 0 ? TR_ENOTFOUND : rc;
	*value = row.value;
	return 0;
}

int tr_longkey_clear(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	uint64_t rows, uint64_t bytes, bool *is_empty, struct tr_error *err)
{
	uint8_t begin[TR_LONGKEY_SPACE];
	tr_be_put64(begin, space);
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, db, err);
	if (rc != 0)
		return rc;
	struct tr_kv_row row;
	*is_empty = false;
	for (;;) {
		/* A delete moves the cursor in ways that changed between
		 * releases of LMDB; seeking again is the same in all. */
		rc = tr_kv_cursor_seek(
			&c, tr_slice_of(begin, sizeof(begin)), &row, err);
		if (rc < 0)
			break;
		if (rc == 0 || !has_prefix(row.key, begin, sizeof(begin))) {
			*is_empty = true;
			rc = 0;
			break;
		}
		rc = 0;
		uint64_t size = row.key.n + row.value.n;
		if (rows == 0 || bytes == 0)
			break;
		rc = tr_kv_cursor_del(&c, err);
		if (rc != 0)
			break;
		rows--;
		bytes -= size < bytes ? size : bytes;
	}
	tr_kv_cursor_close(&c);
	return rc;
}

/* ----------------------------------------------------------------- walks */

int tr_longkey_iter_open(struct tr_longkey_iter *it, struct tr_kv_txn *txn,
	unsigned db, uint64_t space, struct tr_error *err)
{
	*it = (struct tr_longkey_iter){ .space = space };
	return tr_kv_cursor_open(&it->cursor, txn, db, err);
}

void tr_longkey_iter_close(struct tr_longkey_iter *it)
{
	tr_kv_cursor_close(&it->cursor);
	free(it->group);
	*it = (struct tr_longkey_iter){ 0 };
}

static int compare_rows(const void *a, const void *b)
{
	const struct tr_kv_row *x = a;
	const struct tr_kv_row *y = b;
	return tr_slice_compare(x->key, y->key);
}

/* Keeps the lowest rows, sorted. */
static void cut_group(struct tr_longkey_iter *it)
{
	if (it->group_n == 0)
		return;
	qsort(it->group, it->group_n, sizeof(*it->group), compare_rows);
	if (it->group_n <= TR_KV_GROUP_ROWS)
		return;
	it->group_n = TR_KV_GROUP_ROWS;
	it->is_group_cut = true;
}

static void add_to_group(
	struct tr_longkey_iter *it, const struct tr_kv_row *row)
{
	if (it->group_n == (size_t)2 * TR_KV_GROUP_ROWS)
		cut_group(it);
	if (it->group_n == it->group_cap) {
		it->group_cap = it->group_cap ? it->group_cap * 2 : 16;
		it->group = tr_xrealloc(
			it->group, it->group_cap * sizeof(*it->group));
	}
	it->group[it->group_n++] = *row;
}

/*
 * Reads the group that begins with these bytes: its rows above `from` (or at
 * it, unless is_after), and the stored row behind it into `ahead`.
 */
static int load_group(struct tr_longkey_iter *it, const uint8_t begin[GROUP],
	struct tr_slice from, bool is_after, struct tr_error *err)
{
	struct tr_kv_row *stored = &it->ahead;
	it->group_n = 0;
	it->group_at = 0;
	it->is_group_cut = false;
	int rc = tr_kv_cursor_seek(
		&it->cursor, tr_slice_of(begin, GROUP), stored, err);
	/* A short key of exactly these bytes comes first and is no member; any
	 * other is the row behind a group that has none. */
	if (rc > 0 && tr_slice_equal(stored->key, tr_slice_of(begin, GROUP)))
		rc = tr_kv_cursor_next(&it->cursor, stored, err);
	while (rc > 0 && is_stored_long(stored->key) &&
		has_prefix(stored->key, begin, GROUP)) {
		struct tr_kv_row row;
		rc = open_row(it->cursor.txn, stored, &row, err);
		if (rc != 0)
			return rc;
		int order = from.p ? tr_slice_compare(row.key, from) : 1;
		if (order > 0 || (order == 0 && !is_after))
			add_to_group(it, &row);
		rc = tr_kv_cursor_next(&it->cursor, stored, err);
	}
	it->ahead_rc = rc;
	if (rc >= 0)
		cut_group(it);
	return rc < 0 ? rc : 0;
}

static int settle(struct tr_longkey_iter *it, int rc,
	const struct tr_kv_row *stored, struct tr_error *err);

/* The next row of the group, or the row behind it. */
static int next_of_group(struct tr_longkey_iter *it, struct tr_error *err)
{
	if (it->group_at == it->group_n && it->is_group_cut) {
		uint8_t begin[GROUP];
		struct tr_slice last = it->group[it->group_n - 1].key;
		tr_be_put64(begin, it->space);
		memcpy(begin + TR_LONGKEY_SPACE, last.p, TR_LONGKEY_CUT);
		int rc = load_group(it, begin, last, true, err);
		if (rc != 0)
			return rc;
	}
	if (it->group_at < it->group_n) {
		it->row = it->group[it->group_at++];
		return 1;
	}
	it->group_n = 0;
	it->group_at = 0;
	struct tr_kv_row ahead = it->ahead;
	return settle(it, it->ahead_rc, &ahead, err);
}

/* Stands on the row that a move of the cursor led to. */
static int settle(struct tr_longkey_iter *it, int rc,
	const struct tr_kv_row *stored, struct tr_error *err)
{
	uint8_t space[TR_LONGKEY_SPACE];
	tr_be_put64(space, it->space);
	if (rc <= 0)
		return rc;
	if (!has_prefix(stored->key, space, sizeof(space)))
		return 0;
	if (!is_stored_long(stored->key)) {
		rc = open_row(it->cursor.txn, stored, &it->row, err);
		return rc == 0 ? 1 : rc;
	}
	rc = load_group(it, stored->key.p, TR_SLICE_ABSENT, false, err);
	return rc == 0 ? next_of_group(it, err) : rc;
}

int tr_longkey_iter_seek(struct tr_longkey_iter *it, struct tr_slice from,
	bool is_after, struct tr_error *err)
{
	uint8_t key[TR_KV_KEY_MAX];
	it->group_n = 0;
	it->group_at = 0;
	it->is_group_cut = false;
	if (from.n > TR_LONGKEY_CUT) {
		short_key(key, it->space, tr_slice_of(from.p, TR_LONGKEY_CUT));
		int rc = load_group(it, key, from, is_after, err);
		return rc == 0 ? next_of_group(it, err) : rc;
	}
	struct tr_slice stored = short_key(key, it->space, from);
	struct tr_kv_row row;
	int rc = tr_kv_cursor_seek(&it->cursor, stored, &row, err);
	if (rc > 0 && is_after && tr_slice_equal(row.key, stored))
		rc = tr_kv_cursor_next(&it->cursor, &row, err);
	return settle(it, rc, &row, err);
}

int tr_longkey_iter_next(struct tr_longkey_iter *it, struct tr_error *err)
{
	if (it->group_n > 0)
		return next_of_group(it, err);
	struct tr_kv_row row;
	int rc = tr_kv_cursor_next(&it->cursor, &row, err);
	return settle(it, rc, &row, err);
}
