/*
 * Work that can wait, one bounded step at a time: for the job in front of the
 * queue, the first of these that has something to do.
 */
#include "common/base/bounds.h"
#include "common/kv/longkey.h"
#include "driver/store/joblist.h"
#include "driver/store/layout.h"
#include "driver/store/run.h"
#include "driver/store/state.h"

struct step {
	struct tr_store *store;
	uint64_t job;
	bool is_ended;
	bool is_clean; /* nothing to drop: do not even take the job over */
	uint64_t last_batch;
	bool is_done; /* nothing of this kind is left */
};

/* --------------------------------------------------------------- garbage */

static int abandon_runs(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct step *st = arg;
	return tr_run_abandon(txn, st->is_ended ? UINT64_MAX : st->last_batch,
		TR_STORE_STEP_ROWS, &st->is_done, err);
}

/* The first garbage run, passing over the target of a fold. */
static int find_garbage(struct step *st, struct tr_kv_txn *txn, uint64_t *id,
	struct tr_error *err)
{
	const struct tr_fold *f = &st->store->fold;
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	*id = 0;
	int rc = tr_kv_cursor_open(&c, txn, TR_JOB_GARBAGE, err);
	if (rc != 0)
		return rc;
	rc = tr_kv_cursor_first(&c, &row, err);
	for (; rc > 0 && *id == 0; rc = tr_kv_cursor_next(&c, &row, err)) {
		uint64_t v = tr_be_get64(row.key.p);
		if (f->job != st->job || f->target.id != v)
			*id = v;
	}
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

static int drop_garbage(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	uint8_t key[TR_KEY64];
	struct step *st = arg;
	uint64_t id;
	bool is_empty;
	int rc = find_garbage(st, txn, &id, err);
	st->is_done = id == 0;
	if (rc != 0 || st->is_done)
		return rc;
	rc = tr_longkey_clear(txn, TR_JOB_ROWS, id, TR_STORE_STEP_ROWS,
		TR_STORE_STEP_BYTES, &is_empty, err);
	if (rc == 0 && is_empty)
		rc = tr_kv_del(txn, TR_JOB_GARBAGE, tr_key64(key, id), err);
	return rc;
}

/* --------------------------------------------------------------- history */

/* Deletes rows whose keys begin with a batch up to this one. */
static int trim(struct tr_kv_txn *txn, enum tr_job_db db, uint64_t batch,
	uint64_t *limit, struct tr_error *err)
{
	struct tr_kv_cursor c;
	struct tr_kv_row row;
	int rc = tr_kv_cursor_open(&c, txn, db, err);
	if (rc != 0)
		return rc;
	while (*limit > 0 && (rc = tr_kv_cursor_first(&c, &row, err)) > 0 &&
		tr_be_get64(row.key.p) <= batch) {
		rc = tr_kv_cursor_del(&c, err);
		if (rc != 0)
			break;
		(*limit)--;
	}
	tr_kv_cursor_close(&c);
	return rc < 0 ? rc : 0;
}

static int trim_history(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	static const enum tr_job_db old[] = { TR_JOB_PLANS, TR_JOB_COMMITS,
		TR_JOB_TASKS };
	struct step *st = arg;
	uint64_t limit = TR_STORE_STEP_ROWS;
	uint64_t kept_from = st->last_batch > TR_STORE_BATCHES_KEPT
				     ? st->last_batch - TR_STORE_BATCHES_KEPT
				     : 0;
	int rc = trim(txn, TR_JOB_FINISHED,
		st->is_ended ? UINT64_MAX : st->last_batch, &limit, err);
	for (size_t i = 0; rc == 0 && i < TR_ARRAY_LEN(old); i++)
		rc = trim(txn, old[i], kept_from, &limit, err);
	st->is_done = limit > 0;
	return rc;
}

/* ------------------------------------------------------------------ jobs */

static int is_clean(
	struct step *st, struct tr_kv_txn *txn, struct tr_error *err)
{
	static const enum tr_job_db dirty[] = { TR_JOB_RUNS, TR_JOB_GARBAGE,
		TR_JOB_FINISHED };
	uint64_t all = 0;
	for (size_t i = 0; i < TR_ARRAY_LEN(dirty); i++) {
		uint64_t n;
		int rc = tr_kv_count(txn, dirty[i], &n, err);
		if (rc != 0)
			return rc;
		all += n;
	}
	st->is_clean = all == 0 && st->last_batch <= TR_STORE_BATCHES_KEPT;
	return 0;
}

static int look_at(struct step *st, struct tr_error *err)
{
	struct tr_job_txn t;
	struct tr_slice end;
	int rc = tr_job_read(st->store, st->job, &t, err);
	if (rc != 0)
		return rc;
	rc = tr_meta_get64(
		&t.txn, TR_JOB_META, TR_META_LAST_BATCH, &st->last_batch, err);
	if (rc == 0) {
		rc = tr_kv_get(&t.txn, TR_JOB_META,
			tr_slice_of_text(TR_META_END), &end, err);
		st->is_ended = rc == 0;
		if (rc == TR_ENOTFOUND)
			rc = 0;
	}
	if (rc == 0)
		rc = is_clean(st, &t.txn, err);
	tr_job_read_end(&t);
	return rc;
}

static int fold(struct step *st, struct tr_error *err)
{
	struct tr_store *s = st->store;
	bool found = true;
	int rc = 0;
	if (s->fold.job == 0)
		rc = tr_fold_start(s, st->job,
			st->is_ended ? 1 : TR_STORE_LAYERS_MAX, &found, err);
	st->is_done = !found;
	return rc == 0 && found ? tr_fold_step(s, err) : rc;
}

static int job_step(struct step *st, struct tr_error *err)
{
	static tr_kv_update_fn *const kinds[] = { abandon_runs, drop_garbage,
		trim_history };
	int rc = look_at(st, err);
	for (size_t i = 0; rc == 0 && !st->is_clean && i < TR_ARRAY_LEN(kinds);
		i++) {
		rc = tr_job_update(st->store, st->job, kinds[i], st, err);
		if (rc != 0 || !st->is_done)
			return rc;
	}
	return rc == 0 ? fold(st, err) : rc;
}

/* A fold whose job is no longer in front would hold the others up. */
static uint64_t next_job(const struct tr_store *s)
{
	if (s->fold.job != 0)
		return s->fold.job;
	return s->todo.n > 0 ? s->todo.v[0] : 0;
}

static bool is_removed(const struct tr_store *s, uint64_t job)
{
	for (size_t i = 0; i < s->removals.n; i++)
		if (s->removals.v[i] == job)
			return true;
	return false;
}

static int next_job_step(struct tr_store *s, struct tr_error *err)
{
	struct step st = { .store = s, .job = next_job(s) };
	int rc = is_removed(s, st.job) ? TR_ENOTFOUND : job_step(&st, err);
	if (rc == TR_ENOTFOUND) {
		/* Nothing stored, or removed since. */
		rc = 0;
		st.is_done = true;
		if (s->fold.job == st.job)
			tr_fold_stop(&s->fold);
	}
	if (rc == 0 && st.is_done && s->todo.n > 0 && s->todo.v[0] == st.job)
		tr_job_queue_shift(&s->todo);
	return rc;
}

/* Deletes the folder of a removed job once nobody reads it. */
static int remove_folder(struct tr_store *s, bool *waits, struct tr_error *err)
{
	uint64_t job = s->removals.v[0];
	if (s->fold.job == job)
		tr_fold_stop(&s->fold);
	int rc = tr_envs_remove(&s->envs, job, err);
	*waits = rc == TR_EAGAIN;
	if (rc != 0)
		return *waits ? 0 : rc;
	rc = tr_joblist_forget(s, job, err);
	if (rc == 0)
		tr_job_queue_shift(&s->removals);
	return rc;
}

int tr_store_maintain(struct tr_store *s, bool *more, struct tr_error *err)
{
	int rc = 0;
	bool waits = false;
	bool removes = s->removals.n > 0;
	if (removes)
		rc = remove_folder(s, &waits, err);
	/* A reader of a removed job holds nothing else up. */
	if (rc == 0 && (!removes || waits)) {
		if (s->ended_jobs > TR_JOBS_ENDED_MAX)
			rc = tr_joblist_remove_oldest(s, err);
		else if (next_job(s) != 0)
			rc = next_job_step(s, err);
	}
	*more = (s->removals.n > 0 && !waits) ||
		s->ended_jobs > TR_JOBS_ENDED_MAX || next_job(s) != 0;
	return rc;
}
