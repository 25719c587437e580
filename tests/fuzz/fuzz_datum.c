/*
 * Any bytes: refused by tr_datum_check(), or one canonical datum, which can be
 * taken apart, built anew to the same bytes, and shown in every form.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/check.h"
#include "common/data/builder.h"
#include "common/data/cursor.h"
#include "common/data/datum.h"
#include "common/data/datum_json.h"
#include "common/data/datum_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int build(struct tr_builder *b, struct tr_slice d);

static int build_items(struct tr_builder *b, struct tr_slice list)
{
	struct tr_buf scratch;
	struct tr_cursor c;
	struct tr_slice item;
	tr_buf_init(&scratch, TR_VALUE_DATUM_MAX);
	tr_cursor_init(&c, list, &scratch);
	while (tr_cursor_next(&c, &item) > 0)
		tr_assert(build(b, item) == 0);
	tr_buf_fini(&scratch);
	return tr_builder_end(b);
}

/* Rebuilds it from its parts. A map's cursor gives keys and values in turn. */
static int build(struct tr_builder *b, struct tr_slice d)
{
	struct tr_slice bytes;
	int64_t i;
	double f;
	switch (tr_datum_type(d)) {
	case TR_DATUM_INT:
		tr_assert(tr_datum_get_int(d, &i));
		return tr_builder_put_int(b, i);
	case TR_DATUM_DOUBLE:
		tr_assert(tr_datum_get_double(d, &f));
		return tr_builder_put_double(b, f);
	case TR_DATUM_BYTES:
		tr_assert(tr_datum_get_bytes(d, &bytes));
		return tr_builder_put_bytes(b, bytes.p, bytes.n);
	case TR_DATUM_LIST:
		tr_assert(tr_builder_begin_list(b) == 0);
		return build_items(b, d);
	case TR_DATUM_MAP:
		tr_assert(tr_builder_begin_map(b) == 0);
		return build_items(b, d);
	case TR_DATUM_NULL:
	case TR_DATUM_BOOL:
		break;
	}
	return tr_builder_put_datum(b, d);
}

static void check_rebuild(struct tr_slice d)
{
	struct tr_builder b;
	struct tr_buf out;
	tr_builder_init(&b);
	tr_buf_init(&out, TR_VALUE_DATUM_MAX);
	tr_builder_start(&b, &out);
	tr_assert(build(&b, d) == 0);
	tr_assert(tr_builder_finish(&b) == 0);
	tr_assert(tr_slice_equal(d, tr_slice_of(out.data, out.len)));
	tr_buf_fini(&out);
	tr_builder_fini(&b);
}

static void check_json(struct tr_slice d)
{
	struct tr_buf json;
	struct tr_buf back;
	tr_buf_init(&json, TR_VALUE_MAX);
	tr_buf_init(&back, TR_VALUE_DATUM_MAX);
	tr_assert(tr_datum_to_json(d, &json) == 0);
	tr_assert(tr_datum_from_json(
			  tr_slice_of(json.data, json.len), &back, NULL) == 0);
	tr_assert(tr_slice_equal(d, tr_slice_of(back.data, back.len)));
	tr_buf_reset(&json);
	tr_assert(tr_datum_to_text(d, &json) == 0);
	tr_buf_fini(&json);
	tr_buf_fini(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_slice d = tr_slice_of(data, size);
	if (tr_datum_check(d) != 0)
		return 0;
	check_rebuild(d);
	check_json(d);
	return 0;
}
