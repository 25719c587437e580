/*
 * What the store reads from its disk: journal records, which must come back
 * the same after a round trip, and views of tables.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/wire/msg.h"
#include "driver/store/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void pack(struct tr_buf *out, const void *msg)
{
	tr_buf_init(out, TR_UNPACK_MEMORY_MAX);
	int rc = tr_msg_pack(out, msg);
	tr_assert(rc == 0);
}

static void try_record(struct tr_slice bytes)
{
	struct tr_error err;
	struct tr_buf once;
	struct tr_buf twice;
	void *msg = tr_msg_unpack(
		&tranche__v1__journal_record__descriptor, bytes, &err);
	if (!msg)
		return;
	pack(&once, msg);
	tr_msg_free(msg);
	msg = tr_msg_unpack(&tranche__v1__journal_record__descriptor,
		tr_slice_of(once.data, once.len), &err);
	tr_assert(msg != NULL);
	pack(&twice, msg);
	tr_msg_free(msg);
	tr_assert(tr_slice_equal(tr_slice_of(once.data, once.len),
		tr_slice_of(twice.data, twice.len)));
	tr_buf_fini(&once);
	tr_buf_fini(&twice);
}

static void try_view(struct tr_slice bytes)
{
	struct tr_view v;
	if (tr_view_decode(bytes, &v) != 0)
		return;
	size_t n = TR_VIEW_HEAD + v.n_runs * TR_VIEW_RUN;
	uint8_t *again = malloc(n);
	tr_assert(again != NULL && n == bytes.n);
	tr_view_encode(&v, again);
	tr_assert(tr_slice_equal(tr_slice_of(again, n), bytes));
	free(again);
	tr_view_fini(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	try_record(tr_slice_of(p, n));
	try_view(tr_slice_of(p, n));
	return 0;
}
