#include "tests/executor/reader/seen.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/clock/clock.h"

enum {
	DEADLINE_MS = 60000,
	WAIT_MS = 100,
};

static void keep(struct tr_seen *s, const struct tr_record_view *view)
{
	struct tr_seen_record record = {
		.offset = view->offset,
		.value_absent = view->value.p == NULL,
		.value_n = view->value.n,
		.value = tr_xcalloc(1, view->value.n + 1),
	};

	if (view->value.n > 0)
		memcpy(record.value, view->value.p, view->value.n);
	/* Room for 2^k records is made when there are 2^(k-1). */
	if ((s->n & (s->n - 1)) == 0)
		s->records = tr_xrealloc(s->records,
			(s->n == 0 ? 1 : 2 * s->n) * sizeof(*s->records));
	s->records[s->n++] = record;
}

int tr_seen_next(struct tr_seen *s, struct tr_reader *r, uint32_t timeout_ms)
{
	struct tr_batch_view batch;
	int rc = tr_reader_next(r, timeout_ms, &batch, &s->err);

	if (rc == TR_READ_BATCH) {
		for (size_t i = 0; i < batch.n; i++)
			keep(s, &batch.records[i]);
		tr_reader_release(r, &batch);
	}
	return rc;
}

void tr_seen_read(struct tr_seen *s, struct tr_reader *r, const char *topic,
	int32_t partition, int64_t from, int64_t until)
{
	struct tr_range range = { topic, partition, from, until };
	uint64_t deadline = tr_clock_mono_ms() + DEADLINE_MS;

	memset(s, 0, sizeof(*s));
	s->rc = tr_reader_start(r, &range, &s->err);
	if (s->rc != 0)
		return;
	do {
		s->rc = tr_seen_next(s, r, WAIT_MS);
		if (s->rc == TR_READ_IDLE && tr_clock_mono_ms() > deadline)
			s->rc = TR_ETIMEOUT;
	} while (s->rc == TR_READ_BATCH || s->rc == TR_READ_IDLE);
	if (s->rc == TR_READ_END)
		s->rc = 0;
	tr_reader_receipt(r, &s->receipt);
	tr_reader_stop(r);
}

void tr_seen_fini(struct tr_seen *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->records[i].value);
	free(s->records);
	memset(s, 0, sizeof(*s));
}
