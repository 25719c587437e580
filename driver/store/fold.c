#include "driver/store/fold.h"

#include <string.h>

#include "common/base/bounds.h"
#include "common/data/element.h"
#include "driver/store/layout.h"
#include "driver/store/merge.h"
#include "driver/store/state.h"

void tr_fold_stop(struct tr_fold *f)
{
	tr_view_fini(&f->sources);
	tr_buf_fini(&f->after);
	tr_buf_fini(&f->rows);
	*f = (struct tr_fold){ 0 };
}

/* ----------------------------------------------------------------- start */

struct choice {
	struct tr_fold *fold;
	uint32_t layers_max;
	bool found;
};

static int choose(void *arg, const char *name, const struct tr_view *v,
	struct tr_error *err)
{
	struct choice *c = arg;
	if (c->found || v->layers <= c->layers_max)
		return 0;
	struct tr_view_name n;
	if (tr_view_name(&n, name, v->op) != 0)
		return tr_error_set(
			err, TR_ECORRUPT, "the name of a table is too long");
	c->fold->name = n;
	c->found = true;
	return 0;
}

static int begin_target(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct tr_fold *f = arg;
	f->target = (struct tr_run){ 0 };
	int rc = tr_run_allocate(txn, &f->target.id, err);
	return rc == 0 ? tr_kv_put(txn, TR_JOB_GARBAGE,
				 tr_key64(key, f->target.id), NULL, 0, err)
		       : rc;
}

int tr_fold_start(struct tr_store *s, uint64_t job, uint32_t layers_max,
	bool *found, struct tr_error *err)
{
	struct tr_fold *f = &s->fold;
	struct choice c = { .fold = f, .layers_max = layers_max };
	struct tr_job_txn t;
	tr_assert(f->job == 0);
	int rc = tr_job_read(s, job, &t, err);
	if (rc != 0)
		return rc;
	rc = tr_view_each(&t.txn, choose, &c, err);
	if (rc == 0 && c.found)
		rc = tr_view_find(&t.txn, &f->name, 0, &f->sources, err);
	tr_job_read_end(&t);
	*found = c.found;
	if (rc != 0 || !c.found)
		return rc;
	tr_buf_init(&f->after, TR_KEY_DATUM_MAX);
	tr_buf_init(&f->rows, TR_STORE_STEP_BYTES + 2 * TR_ELEMENT_MAX);
	f->job = job;
	return tr_job_update(s, job, begin_target, f, err);
}

/* ------------------------------------------------------------------ step */

static int remember(struct tr_fold *f, struct tr_slice key)
{
	tr_buf_reset(&f->after);
	f->has_after = true;
	return tr_buf_append(&f->after, key.p, key.n);
}

/* Copies rows out of the map, because the map may move while they are put. */
static int collect(struct tr_fold *f, struct tr_merge *m, struct tr_error *err)
{
	struct tr_slice from = TR_SLICE_ABSENT;
	if (f->has_after)
		from = tr_slice_of(f->after.data, f->after.len);
	tr_buf_reset(&f->rows);
	int rc = tr_merge_seek(m, from, f->has_after, err);
	while (rc > 0 && f->rows.len < TR_STORE_STEP_BYTES) {
		rc = tr_element_put(&f->rows, m->row.key, m->row.value);
		if (rc == 0)
			rc = remember(f, m->row.key);
		if (rc != 0)
			return tr_error_set(err, rc, "no memory to fold");
		rc = tr_merge_next(m, err);
	}
	return rc < 0 ? rc : 0;
}

static int read_rows(struct tr_store *s, struct tr_error *err)
{
	struct tr_fold *f = &s->fold;
	struct tr_job_txn t;
	struct tr_merge m;
	int rc = tr_job_read(s, f->job, &t, err);
	if (rc != 0)
		return rc;
	rc = tr_merge_open(&m, &t.txn, f->sources.runs, f->sources.n_runs, err);
	if (rc == 0) {
		rc = collect(f, &m, err);
		tr_merge_close(&m);
	}
	tr_job_read_end(&t);
	return rc;
}

/* One step's rows, and the target as it is after them. */
struct step {
	struct tr_fold *fold;
	struct tr_run target;
};

static int write_rows(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct step *st = arg;
	struct tr_slice rest =
		tr_slice_of(st->fold->rows.data, st->fold->rows.len);
	st->target = st->fold->target;
	bool append;
	int rc = tr_run_is_last(txn, st->target.id, &append, err);
	while (rc == 0 && rest.n > 0) {
		struct tr_element e;
		rc = tr_element_take(&rest, &e);
		tr_assert(rc == 0);
		rc = tr_run_put(txn, &st->target, append, e.key, e.value, err);
	}
	return rc;
}

/* ------------------------------------------------------------------- end */

/* Whether the view still ends with what was folded. */
static bool ends_with(const struct tr_view *v, const struct tr_view *sources)
{
	if (v->n_runs < sources->n_runs)
		return false;
	return memcmp(v->runs + (v->n_runs - sources->n_runs), sources->runs,
		       sources->n_runs * sizeof(*v->runs)) == 0;
}

static int replace_sources(struct tr_kv_txn *txn, struct tr_fold *f,
	struct tr_view *v, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	bool is_empty = f->target.records == 0;
	v->n_runs -= f->sources.n_runs;
	if (!is_empty)
		v->runs[v->n_runs++] = f->target.id;
	v->layers -= f->sources.layers - 1;
	v->records -= f->sources.records - f->target.records;
	v->bytes -= f->sources.bytes - f->target.bytes;
	int rc = tr_view_put(txn, &f->name, v, err);
	if (rc == 0)
		rc = tr_kv_del(
			txn, TR_JOB_GARBAGE, tr_key64(key, f->target.id), err);
	if (rc == 0)
		rc = tr_view_release(
			txn, &f->name, f->sources.runs, f->sources.n_runs, err);
	return rc;
}

static int publish(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct tr_fold *f = arg;
	struct tr_view v;
	int rc = tr_view_find(txn, &f->name, 0, &v, err);
	if (rc != 0)
		return rc;
	/* A replaced table leaves the target to be dropped as garbage. */
	if (ends_with(&v, &f->sources))
		rc = replace_sources(txn, f, &v, err);
	tr_view_fini(&v);
	return rc;
}

int tr_fold_step(struct tr_store *s, struct tr_error *err)
{
	struct tr_fold *f = &s->fold;
	struct step st = { .fold = f };
	int rc = read_rows(s, err);
	if (rc != 0)
		return rc;
	bool is_last = f->rows.len < TR_STORE_STEP_BYTES;
	rc = tr_job_update(s, f->job, write_rows, &st, err);
	if (rc != 0)
		return rc;
	f->target = st.target;
	if (!is_last)
		return 0;
	rc = tr_job_update(s, f->job, publish, f, err);
	tr_fold_stop(f);
	return rc;
}
