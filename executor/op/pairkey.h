/*
 * Key and value of an element as one key of a table, for distinct: the length
 * of the encoded key in four bytes, the key, the value.
 *
 * Thread: any.
 */
#ifndef TR_EXECUTOR_OP_PAIRKEY_H
#define TR_EXECUTOR_OP_PAIRKEY_H

#include "common/data/element.h"
#include "common/data/lane.h"
#include "executor/op/val.h"

/* Appends to an empty buffer. TR_ENOMEM or TR_ELIMIT. */
static inline int TR_MUST_USE tr_pairkey_encode(struct tr_buf *out,
	const struct tr_val *key, const struct tr_val *value)
{
	int rc =
		tr_buf_reserve(out, sizeof(uint32_t) + tr_val_encoded_max(key) +
					    tr_val_encoded_max(value));
	if (rc != 0)
		return rc;
	uint32_t n = (uint32_t)tr_val_encode(key, out->data + sizeof(n));
	memcpy(out->data, &n, sizeof(n));
	out->len = sizeof(n) + n;
	out->len += tr_val_encode(value, out->data + out->len);
	return 0;
}

/* Views of both. */
static inline struct tr_element tr_pairkey_split(struct tr_slice pair)
{
	uint32_t n;
	memcpy(&n, pair.p, sizeof(n));
	const uint8_t *value = pair.p + sizeof(n) + n;
	return (struct tr_element){
		.key = tr_slice_of(pair.p + sizeof(n), n),
		.value = tr_slice_of(value, (size_t)(pair.p + pair.n - value)),
	};
}

/*
 * Elements without a key are spread by their value. (All pairs that are equal
 * go to one lane either way.)
 */
static inline uint64_t tr_pairkey_lane_hash(const struct tr_element *e)
{
	return tr_lane_hash(tr_datum_is_null(e->key) ? e->value : e->key);
}

static inline int tr_pairkey_compare(
	const struct tr_element *a, const struct tr_element *b)
{
	int c = tr_slice_compare(a->key, b->key);
	return c != 0 ? c : tr_slice_compare(a->value, b->value);
}

#endif /* TR_EXECUTOR_OP_PAIRKEY_H */
