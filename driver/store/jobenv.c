/* Reading and writing the environment of one job. */
#include "driver/store/layout.h"
#include "driver/store/state.h"

struct claim {
	struct tr_store *store;
	tr_kv_update_fn *fn;
	void *arg;
};

/* The term that is there; 0: none. A newer one than ours fences us off. */
static int check_term(struct tr_kv_txn *txn, const struct tr_store *s,
	uint64_t *term, struct tr_error *err)
{
	int rc = tr_meta_get64(txn, TR_JOB_META, TR_META_TERM, term, err);
	if (rc == 0 && *term > s->term)
		return tr_error_set(err, TR_EFENCED,
			"'%s' was written by a driver of term %llu, this one "
			"has term %llu",
			tr_kv_path(txn->kv), (unsigned long long)*term,
			(unsigned long long)s->term);
	return rc;
}

static int take_over(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct claim *c = arg;
	uint64_t term;
	int rc = check_term(txn, c->store, &term, err);
	if (rc != 0 || term == 0 || term == c->store->term)
		return rc;
	return tr_meta_put64(
		txn, TR_JOB_META, TR_META_TERM, c->store->term, err);
}

static int write_own(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	struct claim *c = arg;
	uint64_t term;
	int rc = check_term(txn, c->store, &term, err);
	if (rc != 0)
		return rc;
	if (term == 0)
		rc = tr_meta_put64(
			txn, TR_JOB_META, TR_META_TERM, c->store->term, err);
	else
		tr_assert(term == c->store->term);
	return rc == 0 ? c->fn(txn, c->arg, err) : rc;
}

int tr_job_update(struct tr_store *s, uint64_t job, tr_kv_update_fn *fn,
	void *arg, struct tr_error *err)
{
	struct tr_env *env;
	int rc = tr_envs_borrow(&s->envs, job, true, &env, err);
	if (rc != 0)
		return rc;
	struct claim c = { .store = s, .fn = fn, .arg = arg };
	if (!env->is_ours)
		rc = tr_kv_update(env->kv, take_over, &c, err);
	if (rc == 0)
		rc = tr_kv_update(env->kv, write_own, &c, err);
	if (rc == 0)
		env->is_ours = true;
	tr_envs_return(&s->envs, env);
	return rc;
}

int tr_job_read(struct tr_store *s, uint64_t job, struct tr_job_txn *t,
	struct tr_error *err)
{
	*t = (struct tr_job_txn){ .store = s };
	int rc = tr_envs_borrow(&s->envs, job, false, &t->env, err);
	if (rc == TR_ENOTFOUND)
		return tr_error_set(err, TR_ENOTFOUND,
			"nothing is stored for job %llu yet",
			(unsigned long long)job);
	if (rc != 0)
		return rc;
	rc = tr_kv_read(t->env->kv, &t->txn, err);
	if (rc != 0)
		tr_envs_return(&s->envs, t->env);
	return rc;
}

void tr_job_read_end(struct tr_job_txn *t)
{
	tr_kv_abort(&t->txn);
	tr_envs_return(&t->store->envs, t->env);
}
