#include "driver/ctl/results.h"

#include "common/base/bounds.h"
#include "driver/ctl/ctl.h"

struct walk {
	const struct tr_rows_query *q;
	tr_row_fn *fn;
	void *arg;
	struct tr_buf payload; /* prefix, then the last key seen */
	uint64_t batch;        /* 0: not known yet */
	uint64_t rows;
	bool more;
};

static int ask(struct walk *w, struct tr_client *c, struct tr_reply **reply,
	struct tr_error *err)
{
	Tranche__V1__TableScanRequest m = TRANCHE__V1__TABLE_SCAN_REQUEST__INIT;
	m.job = tr_ctl_text(w->q->job);
	m.table = tr_ctl_text(w->q->table ? w->q->table : "");
	m.output = !w->q->table;
	m.operator_ = w->q->op;
	m.prefix_bytes = (uint32_t)w->q->prefix.n;
	m.after = w->rows > 0;
	m.batch = w->batch;
	m.limit = w->q->limit ? w->q->limit - w->rows : 0;
	return tr_client_ask(c, TR_KIND_TABLE_SCAN, &m,
		tr_slice_of(w->payload.data, w->payload.len), reply, err);
}

/* Where the next page goes on. */
static int remember(struct walk *w, struct tr_slice key, struct tr_error *err)
{
	w->payload.len = w->q->prefix.n;
	int rc = tr_buf_append(&w->payload, key.p, key.n);
	return rc ? tr_error_set(err, rc, "not enough memory for a key") : 0;
}

static int take_page(
	struct walk *w, const struct tr_reply *reply, struct tr_error *err)
{
	int rc = tr_ctl_expect(reply, TR_KIND_TABLE_SCAN_REPLY, err);
	if (rc != 0)
		return rc;
	const Tranche__V1__TableScanReply *r = reply->msg;
	struct tr_slice rest = reply->payload;
	struct tr_element row = { .key = TR_SLICE_ABSENT };
	while (rc == 0 && rest.n > 0) {
		if (tr_element_take(&rest, &row) != 0)
			return tr_error_set(err, TR_ECORRUPT,
				"the driver sent rows that cannot be read");
		rc = w->fn(w->arg, &row, err);
		w->rows++;
	}
	w->batch = r->batch;
	w->more = r->more && row.key.p &&
		  (w->q->limit == 0 || w->rows < w->q->limit);
	return rc == 0 && w->more ? remember(w, row.key, err) : rc;
}

int tr_rows_each(struct tr_client *c, const struct tr_rows_query *q,
	tr_row_fn *fn, void *arg, struct tr_error *err)
{
	struct walk w = { .q = q, .fn = fn, .arg = arg, .more = true };
	tr_buf_init(&w.payload, 2 * TR_KEY_DATUM_MAX);
	int rc = tr_buf_append(&w.payload, q->prefix.p, q->prefix.n);
	if (rc != 0)
		rc = tr_error_set(err, rc, "the prefix is too long");
	while (rc == 0 && w.more) {
		struct tr_reply *reply;
		rc = ask(&w, c, &reply, err);
		if (rc != 0)
			break;
		rc = take_page(&w, reply, err);
		tr_reply_free(reply);
	}
	tr_buf_fini(&w.payload);
	return rc;
}
