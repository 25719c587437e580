#include "tests/support/test.h"

#include <string.h>

#include "common/data/datum.h"
#include "driver/ctl/results.h"
#include "tests/driver/ctl/fake_driver.h"

enum {
	ROWS = 10,
	PAGE = 3,
	SNAPSHOT = 5,
};

/* What the driver was asked. */
struct seen {
	unsigned pages;
	bool odd; /* a later page of another snapshot or prefix */
	uint64_t last_limit;
};

static void put(struct tr_buf *out, const char *text)
{
	assert_int_equal(tr_datum_put_bytes(out, text, strlen(text)), 0);
}

/* Row i: key "k<i>" and value "v<i>". */
static void put_row(struct tr_buf *out, unsigned i)
{
	struct tr_buf k, v;
	char text[16];
	tr_buf_init(&k, 64);
	tr_buf_init(&v, 64);
	snprintf(text, sizeof(text), "k%u", i);
	put(&k, text);
	snprintf(text, sizeof(text), "v%u", i);
	put(&v, text);
	assert_int_equal(tr_element_put(out, tr_slice_of(k.data, k.len),
				 tr_slice_of(v.data, v.len)),
		0);
	tr_buf_fini(&k);
	tr_buf_fini(&v);
}

/* Serves pages of a table of ROWS rows; the key after which to go on is the
 * end of the payload, "k<i>" with its tag. */
static void serve(struct fake *f, const struct fake_request *r)
{
	const Tranche__V1__TableScanRequest *m = r->msg;
	struct seen *seen = f->arg;
	struct tr_buf rows;
	unsigned from = 0;
	tr_buf_init(&rows, 4096);
	if (m->after) {
		tr_assert(r->payload.n == m->prefix_bytes + 3u);
		from = (unsigned)(r->payload.p[r->payload.n - 1] - '0') + 1;
		seen->odd |= m->batch != SNAPSHOT;
	} else {
		seen->odd |= m->batch != 0 || seen->pages > 0;
	}
	seen->odd |= m->prefix_bytes != 2 || memcmp(r->payload.p, "@k", 2);
	seen->pages++;
	seen->last_limit = m->limit;
	unsigned n = m->limit && m->limit < PAGE ? (unsigned)m->limit : PAGE;
	unsigned until = from + n < ROWS ? from + n : ROWS;
	for (unsigned i = from; i < until; i++)
		put_row(&rows, i);
	Tranche__V1__TableScanReply reply = TRANCHE__V1__TABLE_SCAN_REPLY__INIT;
	reply.records = until - from;
	reply.more = until < ROWS;
	reply.batch = SNAPSHOT;
	fake_reply(f, r, TR_KIND_TABLE_SCAN_REPLY, &reply, 0,
		tr_slice_of(rows.data, rows.len));
	tr_buf_fini(&rows);
}

struct got {
	char keys[256];
};

static int take(void *arg, const struct tr_element *row, struct tr_error *err)
{
	struct got *g = arg;
	size_t n = strlen(g->keys);
	(void)err;
	snprintf(g->keys + n, sizeof(g->keys) - n, "%.*s ", (int)row->key.n - 1,
		(const char *)row->key.p + 1);
	return 0;
}

static int walk(
	struct fake *f, uint64_t limit, struct got *g, struct tr_error *err)
{
	struct tr_client_conf conf = { .timeout_ms = 5000 };
	struct tr_client_opts opts = { .conf = &conf, .wake_fd = -1 };
	struct tr_client *c;
	struct tr_rows_query q = { .job = "7",
		.table = "counts",
		.prefix = tr_slice_of_text("@k"),
		.limit = limit };
	char url[TR_NET_URL_MAX], token[PATH_MAX];
	f->submitter_token = "t";
	fake_start(f);
	snprintf(url, sizeof(url), "%s", f->url);
	snprintf(token, sizeof(token), "file:%s",
		scratch_file(&f->scratch, "token", "t"));
	conf.driver = url;
	conf.token = token;
	int rc = tr_client_open(&c, &opts, err);
	if (rc == 0) {
		rc = tr_rows_each(c, &q, take, g, err);
		tr_client_close(c);
	}
	fake_stop(f);
	fake_remove(f);
	return rc;
}

static void test_rows_each__all_pages_of_one_snapshot(void **state)
{
	struct seen seen = { 0 };
	struct fake f = { .answer = serve, .arg = &seen };
	struct got g = { "" };
	struct tr_error err;
	(void)state;
	assert_int_equal(walk(&f, 0, &g, &err), 0);
	assert_string_equal(g.keys, "k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 ");
	assert_int_equal(seen.pages, 4);
	assert_false(seen.odd);
}

static void test_rows_each__stops_at_the_limit(void **state)
{
	struct seen seen = { 0 };
	struct fake f = { .answer = serve, .arg = &seen };
	struct got g = { "" };
	struct tr_error err;
	(void)state;
	assert_int_equal(walk(&f, 4, &g, &err), 0);
	assert_string_equal(g.keys, "k0 k1 k2 k3 ");
	assert_int_equal(seen.pages, 2);
	assert_int_equal(seen.last_limit, 1);
}

static void serve_rubbish(struct fake *f, const struct fake_request *r)
{
	Tranche__V1__TableScanReply reply = TRANCHE__V1__TABLE_SCAN_REPLY__INIT;
	reply.records = 1;
	fake_reply(f, r, TR_KIND_TABLE_SCAN_REPLY, &reply, 0,
		tr_slice_of_text("\x05not rows"));
}

static void test_rows_each__rubbish_is_an_error(void **state)
{
	struct fake f = { .answer = serve_rubbish };
	struct got g = { "" };
	struct tr_error err;
	(void)state;
	assert_int_equal(walk(&f, 0, &g, &err), TR_ECORRUPT);
	assert_string_equal(g.keys, "");
}

TR_TEST_MAIN(cmocka_unit_test(test_rows_each__all_pages_of_one_snapshot),
	cmocka_unit_test(test_rows_each__stops_at_the_limit),
	cmocka_unit_test(test_rows_each__rubbish_is_an_error));
