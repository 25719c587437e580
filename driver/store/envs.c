#include "driver/store/envs.h"

#include <stdlib.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "driver/store/folder.h"
#include "driver/store/layout.h"

void tr_envs_init(struct tr_envs *e, const char *data, uint64_t map_bytes)
{
	*e = (struct tr_envs){ .data = data, .map_bytes = map_bytes };
	pthread_mutex_init(&e->lock, NULL);
}

static void free_env(struct tr_env *env)
{
	tr_kv_close(env->kv);
	free(env);
}

static void forget(struct tr_envs *e, size_t at)
{
	free_env(e->open[at]);
	e->open[at] = e->open[--e->n];
}

void tr_envs_fini(struct tr_envs *e)
{
	if (!e->data)
		return;
	while (e->n > 0) {
		tr_assert(e->open[0]->borrowers == 0);
		forget(e, 0);
	}
	free(e->open);
	pthread_mutex_destroy(&e->lock);
	*e = (struct tr_envs){ 0 };
}

static size_t find(const struct tr_envs *e, uint64_t job)
{
	size_t i = 0;
	while (i < e->n && e->open[i]->job != job)
		i++;
	return i;
}

/* Closes what was not used for longest until there is room for another. */
static void make_room(struct tr_envs *e)
{
	while (e->n >= TR_STORE_ENVS_OPEN_MAX) {
		size_t oldest = e->n;
		for (size_t i = 0; i < e->n; i++)
			if (e->open[i]->borrowers == 0 &&
				(oldest == e->n ||
					e->open[i]->used <
						e->open[oldest]->used))
				oldest = i;
		if (oldest == e->n)
			return; /* all in use: one per thread at most */
		forget(e, oldest);
	}
}

static int open_env(struct tr_envs *e, uint64_t job, bool make,
	struct tr_env **out, struct tr_error *err)
{
	char path[PATH_MAX];
	const struct tr_kv_opts opts = {
		.path = tr_folder_job(path, e->data, job),
		.schema = &tr_store_job_schema,
		.map_bytes = e->map_bytes,
		.must_exist = !make,
	};
	struct tr_kv *kv;
	int rc = tr_kv_open(&kv, &opts, err);
	if (rc != 0)
		return rc;
	make_room(e);
	if (e->n == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 8;
		e->open =
			tr_xrealloc(e->open, e->cap * sizeof(struct tr_env *));
	}
	struct tr_env *env = tr_xcalloc(1, sizeof(*env));
	*env = (struct tr_env){ .job = job, .kv = kv };
	e->open[e->n++] = env;
	*out = env;
	return 0;
}

int tr_envs_borrow(struct tr_envs *e, uint64_t job, bool make,
	struct tr_env **out, struct tr_error *err)
{
	int rc = 0;
	struct tr_env *env = NULL;
	pthread_mutex_lock(&e->lock);
	size_t at = find(e, job);
	if (at < e->n)
		env = e->open[at];
	else
		rc = open_env(e, job, make, &env, err);
	if (rc == 0) {
		env->borrowers++;
		env->used = ++e->turn;
		*out = env;
	}
	pthread_mutex_unlock(&e->lock);
	return rc;
}

void tr_envs_return(struct tr_envs *e, struct tr_env *env)
{
	pthread_mutex_lock(&e->lock);
	tr_assert(env->borrowers > 0);
	env->borrowers--;
	pthread_mutex_unlock(&e->lock);
}

int tr_envs_remove(struct tr_envs *e, uint64_t job, struct tr_error *err)
{
	char path[PATH_MAX];
	int rc = 0;
	pthread_mutex_lock(&e->lock);
	size_t at = find(e, job);
	if (at < e->n && e->open[at]->borrowers > 0)
		rc = TR_EAGAIN;
	else if (at < e->n)
		forget(e, at);
	if (rc == 0)
		rc = tr_kv_remove(tr_folder_job(path, e->data, job), err);
	pthread_mutex_unlock(&e->lock);
	return rc;
}
