#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/base/rng.h"
#include "executor/op/table.h"

static struct tr_slice key_text(unsigned i, char *room, size_t size)
{
	/* Short keys, keys at the border of a slot, and long ones. */
	if (i % 3 == 0)
		snprintf(room, size, "k%u", i);
	else if (i % 3 == 1)
		snprintf(room, size, "key-of-16-b%05u", i);
	else
		snprintf(room, size, "longer-than-a-slot-has-room-%u", i);
	return tr_slice_of_text(room);
}

static void test_table__counts_like_an_array(void **state)
{
	(void)state;
	enum {
		KEYS = 20000,
		PUTS = 100000
	};
	static int64_t want[KEYS];
	struct tr_budget budget = { .max = 64 << 20 };
	struct tr_table t;
	struct tr_rng rng;
	char room[64];
	tr_table_init(&t, &budget);
	tr_rng_init(&rng, 1);
	uint64_t distinct = 0;
	for (unsigned i = 0; i < PUTS; i++) {
		unsigned k = (unsigned)tr_rng_below(&rng, KEYS);
		bool fresh;
		struct tr_slot *s = tr_table_put(
			&t, key_text(k, room, sizeof(room)), &fresh);
		assert_non_null(s);
		assert_int_equal(fresh, want[k] == 0);
		distinct += fresh;
		s->i++;
		want[k]++;
	}
	assert_int_equal(t.n, distinct);
	for (unsigned k = 0; k < KEYS; k++) {
		bool fresh;
		if (want[k] == 0)
			continue;
		struct tr_slot *s = tr_table_put(
			&t, key_text(k, room, sizeof(room)), &fresh);
		assert_false(fresh);
		assert_int_equal(s->i, want[k]);
		uint8_t slot_room[TR_TABLE_INLINE_KEY];
		struct tr_slice key = tr_slot_key(s, slot_room);
		assert_int_equal(key.n, strlen(room));
		assert_memory_equal(key.p, room, key.n);
	}
	tr_table_fini(&t);
	assert_int_equal(budget.used, 0);
}

/* Keys that differ only in zeros at their end are different keys. */
static void test_table__tells_keys_of_zeros_apart(void **state)
{
	(void)state;
	static const uint8_t zeros[40];
	struct tr_budget budget = { .max = 1 << 20 };
	struct tr_table t;
	tr_table_init(&t, &budget);
	for (size_t n = 1; n <= sizeof(zeros); n++) {
		bool fresh;
		assert_non_null(
			tr_table_put(&t, tr_slice_of(zeros, n), &fresh));
		assert_true(fresh);
	}
	assert_int_equal(t.n, sizeof(zeros));
	tr_table_fini(&t);
}

static void test_table__keeps_values_of_any_length(void **state)
{
	(void)state;
	struct tr_budget budget = { .max = 1 << 20 };
	struct tr_table t;
	bool fresh;
	char text[2000];
	tr_table_init(&t, &budget);
	struct tr_slot *s = tr_table_put(&t, tr_slice_of_text("k"), &fresh);
	static const uint32_t lengths[] = { 0, 1, 24, 25, 10, 2000, 3, 1999 };
	for (size_t i = 0; i < TR_ARRAY_LEN(lengths); i++) {
		memset(text, 'a' + (int)i, sizeof(text));
		struct tr_val v = { .type = TR_VAL_BYTES,
			.len = lengths[i],
			.p = (const uint8_t *)text };
		assert_int_equal(tr_slot_set(&t, s, &v), 0);
		struct tr_val got = tr_slot_get(s);
		assert_int_equal(got.type, TR_VAL_BYTES);
		assert_int_equal(got.len, lengths[i]);
		if (got.len > 0)
			assert_memory_equal(got.p, text, got.len);
	}
	/* A part of its own value, and a number after bytes. */
	struct tr_val part = tr_slot_get(s);
	part.p += 5;
	part.len -= 5;
	assert_int_equal(tr_slot_set(&t, s, &part), 0);
	assert_int_equal(tr_slot_get(s).len, 1994);
	struct tr_val number = { .type = TR_VAL_INT, .i = -7 };
	assert_int_equal(tr_slot_set(&t, s, &number), 0);
	assert_int_equal(tr_slot_get(s).i, -7);
	tr_table_fini(&t);
	assert_int_equal(budget.used, 0);
}

static void test_table__stays_within_its_budget(void **state)
{
	(void)state;
	struct tr_budget budget = { .max = 300 << 10 };
	struct tr_table t;
	char room[64];
	bool fresh;
	unsigned i = 0;
	tr_table_init(&t, &budget);
	while (tr_table_put(&t, key_text(i, room, sizeof(room)), &fresh)) {
		assert_true(budget.used <= budget.max);
		i++;
		assert_true(i < 100000);
	}
	assert_true(i > 1000);
	tr_table_fini(&t);
	assert_int_equal(budget.used, 0);
}

/* Exactly the key's bytes, wherever in a text it stands. */
static void test_shortkey__is_the_bytes_of_the_key(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 40; room++) {
		uint8_t *text = malloc(room > 0 ? room : 1);
		for (size_t i = 0; i < room; i++)
			text[i] = (uint8_t)(0xf1 + i * 7);
		for (size_t at = 0; at <= room; at++)
			for (size_t n = 0; n <= 16 && at + n <= room; n++) {
				uint8_t want[17] = { 0x40 };
				memcpy(want + 1, text + at, n);
				struct tr_shortkey k =
					tr_shortkey_of(text + at, n);
				assert_memory_equal(&k, want + 1, 16);
				k = tr_shortkey_in_text(
					text + at, n, text + room);
				assert_memory_equal(&k, want + 1, 16);
				k = tr_shortkey_tagged(k, 0x40);
				assert_memory_equal(&k, want, 16);
			}
		free(text);
	}
}

TR_TEST_MAIN(cmocka_unit_test(test_shortkey__is_the_bytes_of_the_key),
	cmocka_unit_test(test_table__counts_like_an_array),
	cmocka_unit_test(test_table__tells_keys_of_zeros_apart),
	cmocka_unit_test(test_table__keeps_values_of_any_length),
	cmocka_unit_test(test_table__stays_within_its_budget));
