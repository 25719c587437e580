/* Reading tables and the rows of outputs. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/data/element.h"
#include "driver/store/layout.h"
#include "driver/store/merge.h"
#include "driver/store/state.h"
#include "driver/store/view.h"

#define ULL(v) ((unsigned long long)(v))

/* ------------------------------------------------------------------ list */

struct list {
	Tranche__V1__TableInfo **tables;
	size_t n;
	size_t cap;
};

static int add_table(void *arg, const char *name, const struct tr_view *v,
	struct tr_error *err)
{
	(void)err;
	struct list *l = arg;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->tables = tr_xrealloc(
			l->tables, l->cap * sizeof(Tranche__V1__TableInfo *));
	}
	Tranche__V1__TableInfo *t = tr_xmalloc(sizeof(*t));
	tranche__v1__table_info__init(t);
	t->name = tr_xstrdup(name ? name : "");
	t->records = v->records;
	t->bytes = v->bytes;
	t->batch = v->batch;
	t->operator_ = v->op;
	t->output = name == NULL;
	l->tables[l->n++] = t;
	return 0;
}

int tr_store_table_list(struct tr_store *s, struct tr_job_id job,
	Tranche__V1__TableInfo ***tables, size_t *n, struct tr_error *err)
{
	struct list l = { 0 };
	struct tr_job_txn t;
	int rc = tr_job_read(s, job.v, &t, err);
	if (rc != 0)
		return rc;
	rc = tr_view_each(&t.txn, add_table, &l, err);
	tr_job_read_end(&t);
	if (rc != 0) {
		tr_store_table_list_free(l.tables, l.n);
		return rc;
	}
	*tables = l.tables;
	*n = l.n;
	return 0;
}

void tr_store_table_list_free(Tranche__V1__TableInfo **tables, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tr_msg_free(tables[i]);
	free(tables);
}

/* ------------------------------------------------------------ one table */

static int no_table(const struct tr_store_table *table, bool has_other,
	struct tr_error *err)
{
	char what[64];
	snprintf(what, sizeof(what), "rows of operator %u", table->op);
	if (has_other)
		return tr_error_set(err, TR_ENOTFOUND,
			"the snapshot of '%s' at batch %llu is gone: start "
			"again with the newest",
			table->name ? table->name : what, ULL(table->batch));
	return tr_error_set(err, TR_ENOTFOUND, "job %llu has no %s%s%s",
		ULL(table->job.v), table->name ? "table '" : "",
		table->name ? table->name : what, table->name ? "'" : "");
}

static int find_view(struct tr_kv_txn *txn, const struct tr_store_table *table,
	struct tr_view *v, struct tr_error *err)
{
	struct tr_view_name name;
	if (tr_view_name(&name, table->name, table->op) != 0)
		return no_table(table, false, err);
	int rc = tr_view_find(txn, &name, table->batch, v, err);
	if (rc != TR_ENOTFOUND)
		return rc;
	struct tr_view other;
	rc = table->batch == 0 ? TR_ENOTFOUND
			       : tr_view_find(txn, &name, 0, &other, err);
	if (rc != 0 && rc != TR_ENOTFOUND)
		return rc;
	bool has_other = rc == 0;
	if (has_other)
		tr_view_fini(&other);
	return no_table(table, has_other, err);
}

static int read_view(struct tr_store *s, const struct tr_store_table *table,
	struct tr_job_txn *t, struct tr_view *v, struct tr_error *err)
{
	int rc = tr_job_read(s, table->job.v, t, err);
	if (rc != 0)
		return rc;
	rc = find_view(&t->txn, table, v, err);
	if (rc != 0)
		tr_job_read_end(t);
	return rc;
}

int tr_store_get(struct tr_store *s, const struct tr_store_table *table,
	struct tr_slice key, struct tr_buf *out, uint64_t *batch,
	struct tr_error *err)
{
	struct tr_job_txn t;
	struct tr_view v;
	struct tr_longkey k;
	struct tr_slice value;
	int rc = read_view(s, table, &t, &v, err);
	if (rc != 0)
		return rc;
	tr_longkey_init(&k, key);
	rc = TR_ENOTFOUND;
	for (size_t i = 0; rc == TR_ENOTFOUND && i < v.n_runs; i++)
		rc = tr_longkey_get(
			&t.txn, TR_JOB_ROWS, v.runs[i], &k, &value, err);
	if (rc == TR_ENOTFOUND && err)
		*err = (struct tr_error){ .code = rc };
	if (rc == 0) {
		rc = tr_buf_append(out, value.p, value.n);
		if (rc != 0)
			tr_error_set(err, rc, "no room for %zu bytes", value.n);
	}
	if (rc == 0)
		*batch = v.batch;
	tr_view_fini(&v);
	tr_job_read_end(&t);
	return rc;
}

/* ------------------------------------------------------------------ scan */

static bool has_prefix(struct tr_slice key, struct tr_slice prefix)
{
	return key.n >= prefix.n &&
	       (prefix.n == 0 || memcmp(key.p, prefix.p, prefix.n) == 0);
}

/* Behind `after`, where that lies behind the beginning of the prefix. */
static int seek(struct tr_merge *m, const struct tr_store_scan *scan,
	struct tr_error *err)
{
	bool is_after = scan->after.p &&
			tr_slice_compare(scan->after, scan->prefix) >= 0;
	return tr_merge_seek(
		m, is_after ? scan->after : scan->prefix, is_after, err);
}

static int copy_rows(struct tr_merge *m, const struct tr_store_scan *scan,
	struct tr_buf *out, struct tr_store_page *page, struct tr_error *err)
{
	uint64_t limit = scan->limit ? scan->limit : UINT64_MAX;
	int rc = seek(m, scan, err);
	while (rc > 0 && has_prefix(m->row.key, scan->prefix)) {
		page->more = page->records == limit;
		if (page->more)
			return 0;
		rc = tr_element_put(out, m->row.key, m->row.value);
		if (rc == TR_ELIMIT && page->records > 0) {
			page->more = true;
			return 0;
		}
		if (rc != 0)
			return tr_error_set(err, rc,
				"no room for a row of %zu bytes",
				m->row.key.n + m->row.value.n);
		page->records++;
		rc = tr_merge_next(m, err);
	}
	return rc < 0 ? rc : 0;
}

int tr_store_scan(struct tr_store *s, const struct tr_store_table *table,
	const struct tr_store_scan *scan, struct tr_buf *out,
	struct tr_store_page *page, struct tr_error *err)
{
	struct tr_job_txn t;
	struct tr_view v;
	struct tr_merge m;
	int rc = read_view(s, table, &t, &v, err);
	if (rc != 0)
		return rc;
	struct tr_store_page p = { .batch = v.batch };
	size_t len = out->len;
	rc = tr_merge_open(&m, &t.txn, v.runs, v.n_runs, err);
	if (rc == 0) {
		rc = copy_rows(&m, scan, out, &p, err);
		tr_merge_close(&m);
	}
	tr_view_fini(&v);
	tr_job_read_end(&t);
	if (rc != 0)
		out->len = len;
	else
		*page = p;
	return rc;
}
