#include "common/net/reaper.h"

#include <pthread.h>
#include <stdbool.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"

struct tr_reaper {
	pthread_mutex_t mu; /* of all below, except thread */
	pthread_cond_t changed;
	struct tr_reap *first;
	struct tr_reap **end;
	bool stopping;
	pthread_t thread;
};

/* Waits for work; NULL when there is none and the owner wants to stop. */
static struct tr_reap *take(struct tr_reaper *rp)
{
	pthread_mutex_lock(&rp->mu);
	while (!rp->first && !rp->stopping)
		pthread_cond_wait(&rp->changed, &rp->mu);
	struct tr_reap *r = rp->first;
	if (r) {
		rp->first = r->next;
		if (!rp->first)
			rp->end = &rp->first;
	}
	pthread_mutex_unlock(&rp->mu);
	return r;
}

static void *reap(void *arg)
{
	struct tr_reaper *rp = arg;
	for (struct tr_reap *r; (r = take(rp)) != NULL;)
		r->run(r);
	return NULL;
}

struct tr_reaper *tr_reaper_new(void)
{
	struct tr_reaper *rp = tr_xcalloc(1, sizeof(*rp));
	pthread_mutex_init(&rp->mu, NULL);
	pthread_cond_init(&rp->changed, NULL);
	rp->end = &rp->first;
	int rv = pthread_create(&rp->thread, NULL, reap, rp);
	tr_assert(rv == 0);
	return rp;
}

void tr_reaper_free(struct tr_reaper *rp)
{
	pthread_mutex_lock(&rp->mu);
	rp->stopping = true;
	pthread_cond_signal(&rp->changed);
	pthread_mutex_unlock(&rp->mu);
	pthread_join(rp->thread, NULL);
	pthread_cond_destroy(&rp->changed);
	pthread_mutex_destroy(&rp->mu);
	tr_xfree(rp);
}

void tr_reaper_put(struct tr_reaper *rp, struct tr_reap *r)
{
	pthread_mutex_lock(&rp->mu);
	r->next = NULL;
	*rp->end = r;
	rp->end = &r->next;
	pthread_cond_signal(&rp->changed);
	pthread_mutex_unlock(&rp->mu);
}
