/*
 * Rows whose keys are longer than LMDB allows, in the order of their keys.
 *
 * Rows live in spaces: an eight-byte number that begins every stored key, so
 * that one database holds many sorted runs. Within a space a key is stored as
 *
 *	short (up to TR_LONGKEY_CUT bytes):  space · key
 *	long:  space · key[0, TR_LONGKEY_CUT) · hash128 · number
 *
 * and the value of a long one begins with the whole key. A stored key tells by
 * its length which it is. Keys that agree in their first TR_LONGKEY_CUT bytes
 * form a group; within it stored order is that of the hashes, so that a scan
 * reads a group as a whole and sorts it, TR_KV_GROUP_ROWS at a time. Keys with
 * the same hash get different numbers and are told apart by the whole key.
 *
 * Thread, lifetime and errors: those of the transaction (common/kv/kv.h). Keys
 * must live as long as the struct tr_longkey made of them.
 */
#ifndef TR_COMMON_KV_LONGKEY_H
#define TR_COMMON_KV_LONGKEY_H

#include "common/kv/kv.h"

enum {
	TR_LONGKEY_SPACE = 8,
	TR_LONGKEY_HASH = 16,
	TR_LONGKEY_NUMBER = 2,
	TR_LONGKEY_CUT = TR_KV_KEY_MAX - TR_LONGKEY_SPACE - TR_LONGKEY_HASH -
			 TR_LONGKEY_NUMBER
};

/* A key with its hash; init computes it. */
struct tr_longkey {
	struct tr_slice key;
	uint8_t hash[TR_LONGKEY_HASH]; /* of long ones */
};

void tr_longkey_init(struct tr_longkey *k, struct tr_slice key);

/*
 * Puts or replaces. *is_new says which. With `append` set the row is tried at
 * the end of the database first, which is quicker where rows come in order.
 * TR_ELIMIT: 65536 keys with one hash.
 */
int tr_longkey_put(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	const struct tr_longkey *k, struct tr_slice value, bool append,
	bool *is_new, struct tr_error *err) TR_MUST_USE;

/* 0, or TR_ENOTFOUND without text. */
int tr_longkey_get(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	const struct tr_longkey *k, struct tr_slice *value,
	struct tr_error *err) TR_MUST_USE;

/*
 * Deletes rows of a space, in any order, until `rows` or `bytes` are reached.
 * *is_empty when none is left.
 */
int tr_longkey_clear(struct tr_kv_txn *txn, unsigned db, uint64_t space,
	uint64_t rows, uint64_t bytes, bool *is_empty,
	struct tr_error *err) TR_MUST_USE;

/*
 * A walk along one space in order of keys.
 *
 *	tr_longkey_iter_open(&it, &txn, db, space, &err);
 *	rc = tr_longkey_iter_seek(&it, from, is_after, &err);
 *	for (; rc > 0; rc = tr_longkey_iter_next(&it, &err))
 *		… it.row …
 *	tr_longkey_iter_close(&it);
 */
struct tr_longkey_iter {
	struct tr_kv_row row; /* where it stands; whole key */
	struct tr_kv_cursor cursor;
	uint64_t space;
	struct tr_kv_row *group; /* sorted rows of the group it is in */
	size_t group_cap;
	size_t group_n;
	size_t group_at;
	bool is_group_cut;      /* the group has rows above the last of these */
	struct tr_kv_row ahead; /* the stored row behind the group */
	int ahead_rc;
};

int tr_longkey_iter_open(struct tr_longkey_iter *it, struct tr_kv_txn *txn,
	unsigned db, uint64_t space, struct tr_error *err) TR_MUST_USE;
void tr_longkey_iter_close(struct tr_longkey_iter *it);

/* To the first key that is >= from, or > from when is_after: 1, 0, error. */
int tr_longkey_iter_seek(struct tr_longkey_iter *it, struct tr_slice from,
	bool is_after, struct tr_error *err) TR_MUST_USE;

int tr_longkey_iter_next(
	struct tr_longkey_iter *it, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KV_LONGKEY_H */
