#include "driver/store/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kv/be.h"
#include "driver/store/layout.h"

enum {
	KIND_OUTPUT = 'o', /* sorts before 't'; each() turns that round */
	KIND_TABLE = 't',
	KEY_MAX = sizeof(((struct tr_view_name *)NULL)->bytes) + TR_KEY64
};

void tr_view_fini(struct tr_view *v)
{
	free(v->runs);
	*v = (struct tr_view){ 0 };
}

/* ---------------------------------------------------------------- format */

void tr_view_encode(const struct tr_view *v, uint8_t *out)
{
	out = tr_be_put64(out, v->batch);
	out = tr_be_put32(out, v->op);
	out = tr_be_put32(out, v->layers);
	out = tr_be_put64(out, v->records);
	out = tr_be_put64(out, v->bytes);
	out = tr_be_put64(out, v->n_runs);
	for (size_t i = 0; i < v->n_runs; i++)
		out = tr_be_put64(out, v->runs[i]);
}

int tr_view_decode(struct tr_slice bytes, struct tr_view *v)
{
	if (bytes.n < TR_VIEW_HEAD)
		return TR_ECORRUPT;
	const uint8_t *p = bytes.p;
	size_t runs_bytes = bytes.n - TR_VIEW_HEAD;
	if (runs_bytes % TR_VIEW_RUN != 0 ||
		tr_be_get64(p + 32) != runs_bytes / TR_VIEW_RUN)
		return TR_ECORRUPT;
	struct tr_view d = {
		.batch = tr_be_get64(p),
		.op = tr_be_get32(p + 8),
		.layers = tr_be_get32(p + 12),
		.records = tr_be_get64(p + 16),
		.bytes = tr_be_get64(p + 24),
		.n_runs = runs_bytes / TR_VIEW_RUN,
	};
	d.runs = tr_xmalloc(runs_bytes);
	for (size_t i = 0; i < d.n_runs; i++)
		d.runs[i] = tr_be_get64(p + TR_VIEW_HEAD + i * TR_VIEW_RUN);
	*v = d;
	return 0;
}

static int decode(struct tr_kv_txn *txn, struct tr_slice bytes,
	struct tr_view *v, struct tr_error *err)
{
	if (tr_view_decode(bytes, v) == 0)
		return 0;
	return tr_error_set(err, TR_ECORRUPT, "'%s' is corrupt: no view",
		tr_kv_path(txn->kv));
}

int tr_view_name(struct tr_view_name *out, const char *name, uint32_t op)
{
	if (!name) {
		out->bytes[0] = KIND_OUTPUT;
		tr_be_put32(out->bytes + 1, op);
		out->n = 5;
		return 0;
	}
	size_t n = strlen(name);
	if (n == 0 || n + 2 > sizeof(out->bytes))
		return TR_EINVAL;
	out->bytes[0] = KIND_TABLE;
	memcpy(out->bytes + 1, name, n + 1);
	out->n = n + 2;
	return 0;
}

static struct tr_slice view_key(
	uint8_t out[KEY_MAX], const struct tr_view_name *name, uint64_t batch)
{
	memcpy(out, name->bytes, name->n);
	tr_be_put64(out + name->n, batch);
	return tr_slice_of(out, name->n + TR_KEY64);
}

static bool has_name(struct tr_slice key, const struct tr_view_name *name)
{
	return key.n == name->n + TR_KEY64 &&
	       memcmp(key.p, name->bytes, name->n) == 0;
}

static uint64_t batch_of(struct tr_slice key)
{
	return tr_be_get64(key.p + key.n - TR_KEY64);
}

/* --------------------------------------------------------------- finding */

/* Stands on the newest view of a name: 1, 0, or an error. */
static int seek_newest(struct tr_kv_cursor *c, const struct tr_view_name *name,
	struct tr_kv_row *row, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	int rc =
		tr_kv_cursor_seek(c, view_key(key, name, UINT64_MAX), row, err);
	if (rc == 0)
		rc = tr_kv_cursor_last(c, row, err);
	else if (rc > 0 && !has_name(row->key, name))
		rc = tr_kv_cursor_prev(c, row, err);
	return rc > 0 && !has_name(row->key, name) ? 0 : rc;
}

int tr_view_find(struct tr_kv_txn *txn, const struct tr_view_name *name,
	uint64_t batch, struct tr_view *v, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	struct tr_kv_row row;
	if (batch != 0) {
		int rc = tr_kv_get(txn, TR_JOB_VIEWS,
			view_key(key, name, batch), &row.value, err);
		return rc == 0 ? decode(txn, row.value, v, err) : rc;
	}
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_VIEWS, err);
	if (rc != 0)
		return rc;
	rc = seek_newest(&c, name, &row, err);
	if (rc > 0)
		rc = decode(txn, row.value, v, err);
	else if (rc == 0)
		rc = TR_ENOTFOUND;
	tr_kv_cursor_close(&c);
	return rc;
}

int tr_view_put(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const struct tr_view *v, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	size_t n = TR_VIEW_HEAD + v->n_runs * TR_VIEW_RUN;
	uint8_t *bytes = tr_xmalloc(n);
	tr_view_encode(v, bytes);
	struct tr_slice value = tr_slice_of(bytes, n);
	int rc = tr_kv_put(txn, TR_JOB_VIEWS, view_key(key, name, v->batch),
		&value, 1, err);
	free(bytes);
	return rc;
}

/* ------------------------------------------------------------ publishing */

/* Run ids that views of a name have, as a sorted set. */
struct ids {
	uint64_t *v;
	size_t n;
};

static void add_ids(struct ids *s, const uint64_t *ids, size_t n)
{
	s->v = tr_xrealloc(s->v, (s->n + n) * sizeof(*s->v));
	if (n > 0)
		memcpy(s->v + s->n, ids, n * sizeof(*ids));
	s->n += n;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static int load_ids(struct tr_kv_txn *txn, const struct tr_view_name *name,
	struct ids *out, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_VIEWS, err);
	if (rc != 0)
		return rc;
	struct tr_kv_row row;
	rc = tr_kv_cursor_seek(&c, view_key(key, name, 0), &row, err);
	while (rc > 0 && has_name(row.key, name)) {
		struct tr_view v;
		rc = decode(txn, row.value, &v, err);
		if (rc != 0)
			break;
		add_ids(out, v.runs, v.n_runs);
		tr_view_fini(&v);
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	if (out->n > 0)
		qsort(out->v, out->n, sizeof(*out->v), compare_ids);
	return rc < 0 ? rc : 0;
}

int tr_view_release(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const uint64_t *runs, size_t n, struct tr_error *err)
{
	struct ids kept = { 0 };
	int rc = load_ids(txn, name, &kept, err);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		uint8_t key[TR_KEY64];
		if (kept.n > 0 && bsearch(&runs[i], kept.v, kept.n,
					  sizeof(*kept.v), compare_ids))
			continue;
		rc = tr_kv_put(txn, TR_JOB_GARBAGE, tr_key64(key, runs[i]),
			NULL, 0, err);
	}
	free(kept.v);
	return rc;
}

/* The oldest view's batch, and how many there are. */
static int count_views(struct tr_kv_txn *txn, const struct tr_view_name *name,
	unsigned *n, uint64_t *oldest, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_VIEWS, err);
	if (rc != 0)
		return rc;
	struct tr_kv_row row;
	*n = 0;
	rc = tr_kv_cursor_seek(&c, view_key(key, name, 0), &row, err);
	while (rc > 0 && has_name(row.key, name)) {
		if ((*n)++ == 0)
			*oldest = batch_of(row.key);
		rc = tr_kv_cursor_next(&c, &row, err);
	}
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

static int drop_view(struct tr_kv_txn *txn, const struct tr_view_name *name,
	uint64_t batch, struct tr_error *err)
{
	uint8_t key[KEY_MAX];
	struct tr_view v;
	int rc = tr_view_find(txn, name, batch, &v, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_del(txn, TR_JOB_VIEWS, view_key(key, name, batch), err);
	if (rc == 0)
		rc = tr_view_release(txn, name, v.runs, v.n_runs, err);
	tr_view_fini(&v);
	return rc;
}

static int drop_old_views(struct tr_kv_txn *txn,
	const struct tr_view_name *name, struct tr_error *err)
{
	for (;;) {
		unsigned n;
		uint64_t oldest = 0;
		int rc = count_views(txn, name, &n, &oldest, err);
		if (rc != 0 || n <= TR_STORE_SNAPSHOTS)
			return rc;
		rc = drop_view(txn, name, oldest, err);
		if (rc != 0)
			return rc;
	}
}

/* The new runs, and behind them those that were there. */
static void put_in_front(
	const struct tr_view *v, const struct tr_view *old, struct tr_view *out)
{
	struct ids runs = { 0 };
	add_ids(&runs, v->runs, v->n_runs);
	add_ids(&runs, old->runs, old->n_runs);
	*out = *v;
	out->layers += old->layers;
	out->records += old->records;
	out->bytes += old->bytes;
	out->n_runs = runs.n;
	out->runs = runs.v;
}

int tr_view_publish(struct tr_kv_txn *txn, const struct tr_view_name *name,
	const struct tr_view *v, bool is_upsert, struct tr_error *err)
{
	struct tr_view old = { 0 };
	struct tr_view layered;
	int rc = is_upsert ? tr_view_find(txn, name, 0, &old, err) : 0;
	if (rc != 0 && rc != TR_ENOTFOUND)
		return rc;
	put_in_front(v, &old, &layered);
	rc = tr_view_put(txn, name, &layered, err);
	if (rc == 0)
		rc = drop_old_views(txn, name, err);
	tr_view_fini(&layered);
	tr_view_fini(&old);
	return rc;
}

/* --------------------------------------------------------------- listing */

static bool same_name(struct tr_slice a, struct tr_slice b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n - TR_KEY64) == 0;
}

/* Views of one kind, the last of each name. */
static int each_of_kind(struct tr_kv_cursor *c, uint8_t kind, tr_view_fn *fn,
	void *arg, struct tr_error *err)
{
	struct tr_kv_row row;
	int rc = tr_kv_cursor_seek(c, tr_slice_of(&kind, 1), &row, err);
	while (rc > 0 && row.key.p[0] == kind) {
		struct tr_kv_row last = row;
		if (row.key.n <= 1 + TR_KEY64)
			return tr_error_set(err, TR_ECORRUPT,
				"'%s' is corrupt: the key of a view is cut",
				tr_kv_path(c->txn->kv));
		rc = tr_kv_cursor_next(c, &row, err);
		if (rc < 0)
			return rc;
		if (rc > 0 && same_name(row.key, last.key))
			continue;
		struct tr_view v;
		int done = decode(c->txn, last.value, &v, err);
		if (done != 0)
			return done;
		done = fn(arg,
			kind == KIND_TABLE ? (const char *)last.key.p + 1
					   : NULL,
			&v, err);
		tr_view_fini(&v);
		if (done != 0)
			return done;
	}
	return rc < 0 ? rc : 0;
}

int tr_view_each(
	struct tr_kv_txn *txn, tr_view_fn *fn, void *arg, struct tr_error *err)
{
	struct tr_kv_cursor c;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_VIEWS, err);
	if (rc != 0)
		return rc;
	rc = each_of_kind(&c, KIND_TABLE, fn, arg, err);
	if (rc == 0)
		rc = each_of_kind(&c, KIND_OUTPUT, fn, arg, err);
	tr_kv_cursor_close(&c);
	return rc;
}
