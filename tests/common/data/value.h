/*
 * Random data as plain C values, with an order of their own: what the
 * encoding is compared against. Nothing here calls the code under test but
 * value_build(), which hands a value to the builder.
 */
#ifndef TR_TESTS_COMMON_DATA_VALUE_H
#define TR_TESTS_COMMON_DATA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/rng.h"
#include "common/data/builder.h"
#include "common/data/slice.h"

enum {
	VALUE_ITEMS_MAX = 4,
	VALUE_BYTES_MAX = 6
};

enum value_kind {
	VALUE_NULL,
	VALUE_FALSE,
	VALUE_TRUE,
	VALUE_INT,
	VALUE_DOUBLE,
	VALUE_BYTES,
	VALUE_LIST,
	VALUE_MAP, /* keys at even, values at odd places */
};

struct value {
	enum value_kind kind;
	int64_t i;
	double d;
	uint8_t bytes[VALUE_BYTES_MAX];
	size_t n; /* bytes or items */
	struct value *items[2 * VALUE_ITEMS_MAX];
};

struct value *value_random(struct tr_rng *rng, unsigned depth_max);
void value_free(struct value *v);

/* The documented order of data, computed on the values. */
int value_compare(const struct value *a, const struct value *b);

/* Puts it; the entries of maps in a random order. */
int value_build(
	const struct value *v, struct tr_builder *b, struct tr_rng *rng);

/* Whether the datum reads back as the value. */
bool value_is(const struct value *v, struct tr_slice datum);

#endif /* TR_TESTS_COMMON_DATA_VALUE_H */
