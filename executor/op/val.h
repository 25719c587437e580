/*
 * Values in flight (struct tr_val) and data in their encoding
 * (common/data/datum.h): from one to the other, and their common order.
 *
 * Thread: plain values.
 * Lifetime: a decoded value is a view of its datum.
 */
#ifndef TR_EXECUTOR_OP_VAL_H
#define TR_EXECUTOR_OP_VAL_H

#include "common/base/buf.h"
#include "common/data/datum.h"
#include "common/data/slice.h"
#include "executor/op/arena.h"
#include "executor/op/elem.h"

static inline struct tr_val tr_val_null(void)
{
	return (struct tr_val){ .type = TR_VAL_NULL };
}

static inline struct tr_val tr_val_int(int64_t i)
{
	return (struct tr_val){ .type = TR_VAL_INT, .i = i };
}

/* An integral double within ±2^53 becomes an int: they are one datum. */
static inline struct tr_val tr_val_number(double d)
{
	if (d >= -(double)TR_NUMBER_EXACT_MAX &&
		d <= (double)TR_NUMBER_EXACT_MAX && (double)(int64_t)d == d)
		return tr_val_int((int64_t)d);
	return (struct tr_val){ .type = TR_VAL_DOUBLE, .d = d };
}

/* Null where the slice is absent: a Kafka key or value. */
static inline struct tr_val tr_val_slice(struct tr_slice s)
{
	if (!s.p)
		return tr_val_null();
	return (struct tr_val){
		.type = TR_VAL_BYTES, .len = (uint32_t)s.n, .p = s.p
	};
}

/* Whether p and len mean something. */
static inline bool tr_val_has_bytes(const struct tr_val *v)
{
	return v->type >= TR_VAL_BYTES;
}

static inline bool tr_val_is_number(const struct tr_val *v)
{
	return v->type == TR_VAL_INT || v->type == TR_VAL_DOUBLE;
}

/* "null", "int" and so on. Static. */
const char *tr_val_type_name(const struct tr_val *v);

/* Bytes that put adds at most. */
static inline size_t tr_val_encoded_max(const struct tr_val *v)
{
	return tr_val_has_bytes(v) ? (size_t)v->len + 1 : TR_NUMBER_MAX;
}

/* Writes the datum to `to`, tr_val_encoded_max() bytes; how many it took. */
size_t tr_val_encode(const struct tr_val *v, uint8_t *to);

/* Of a checked datum. */
struct tr_val tr_val_decode(struct tr_slice datum);

/* Negative, 0 or positive, as tr_slice_compare() of the encodings. */
int tr_val_compare(const struct tr_val *a, const struct tr_val *b);

/* Moves the value's bytes, if it has any, to the arena. TR_ENOMEM. */
int tr_val_copy(struct tr_val *v, struct tr_arena *a) TR_MUST_USE;

enum {
	TR_VAL_TEXT_MAX = 96
};

/* As people see it, cut to fit; for error messages. Returns text. */
const char *tr_val_to_text(const struct tr_val *v, char text[TR_VAL_TEXT_MAX]);

#endif /* TR_EXECUTOR_OP_VAL_H */
