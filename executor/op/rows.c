#include "executor/op/rows.h"

#include "common/data/builder.h"
#include "executor/op/blockout.h"

static int build(
	struct tr_builder *b, struct tr_buf *out, const struct tr_pick *p)
{
	tr_buf_reset(out);
	tr_builder_start(b, out);
	int rc = tr_builder_begin_list(b);
	if (rc == 0 && !tr_datum_is_null(tr_pick_key(p)))
		rc = tr_builder_put_datum(b, tr_pick_key(p));
	if (rc == 0)
		rc = tr_builder_put_datum(b, tr_pick_value(p));
	if (rc == 0)
		rc = tr_builder_end(b);
	if (rc == 0)
		return tr_builder_finish(b);
	tr_builder_abort(b);
	return rc;
}

static int write_rows(struct tr_node *n, const struct tr_picks *picks,
	struct tr_builder *b, struct tr_blockout *out)
{
	struct tr_buf *row = &n->exec->datum;
	for (uint64_t i = 0; i < picks->n; i++) {
		int rc = build(b, row, &picks->picks[i]);
		if (rc == TR_ELIMIT)
			return tr_node_too_large(n, NULL, "row",
				(uint64_t)picks->picks[i].key_n +
					picks->picks[i].value_n,
				TR_VALUE_MAX);
		if (rc != 0)
			return tr_node_no_memory(n);
		uint8_t key[TR_NUMBER_MAX];
		size_t key_n = tr_number_encode_int(key, (int64_t)i);
		rc = tr_blockout_put(out, tr_slice_of(key, key_n),
			tr_slice_of(row->data, row->len), NULL);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int tr_rows_write(struct tr_node *n, const struct tr_picks *picks)
{
	struct tr_builder b;
	struct tr_blockout out;
	tr_builder_init(&b);
	tr_blockout_open_run(&out, n);
	int rc = write_rows(n, picks, &b, &out);
	tr_builder_fini(&b);
	if (rc == 0)
		return tr_blockout_close(&out);
	tr_blockout_abandon(&out);
	return rc;
}
