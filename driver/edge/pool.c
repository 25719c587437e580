#include "driver/edge/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"

struct tr_pool {
	struct tr_pool_opts opts;
	struct tr_mailbox *mailbox;
	pthread_mutex_t lock; /* of the fields below */
	pthread_cond_t wake;
	pthread_cond_t ended;
	size_t alive;   /* threads */
	bool abandoned; /* by stop: the mailbox is not there any more */
	struct tr_mail *head, **tail;
	size_t waiting;
	bool stopping;
	pthread_t threads[];
};

static void free_work(struct tr_mail *m)
{
	struct tr_work *w = (struct tr_work *)m;
	w->free(w);
}

const struct tr_mail_type tr_work_type = { .name = "work", .free = free_work };

/* NULL when the pool stops. */
static struct tr_work *take(struct tr_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (!p->head && !p->stopping)
		pthread_cond_wait(&p->wake, &p->lock);
	struct tr_mail *m = p->stopping ? NULL : p->head;
	if (m) {
		p->head = m->next;
		if (!p->head)
			p->tail = &p->head;
		p->waiting--;
	}
	pthread_mutex_unlock(&p->lock);
	return (struct tr_work *)m;
}

/* False: nobody is there to take it. */
static bool give_back(struct tr_pool *p, struct tr_work *w)
{
	pthread_mutex_lock(&p->lock);
	bool is_wanted = !p->abandoned;
	if (is_wanted && tr_mailbox_put_counted(p->mailbox, &w->mail) != 0)
		w->free(w);
	pthread_mutex_unlock(&p->lock);
	return is_wanted;
}

static void say_ended(struct tr_pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->alive--;
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
}

static void *run_thread(void *arg)
{
	struct tr_pool *p = arg;
	void *state = p->opts.state_new ? p->opts.state_new(p->opts.arg) : NULL;
	pthread_setname_np(pthread_self(), p->opts.name);
	struct tr_work *w;
	while ((w = take(p))) {
		w->run(w, state);
		if (!give_back(p, w))
			return NULL;
	}
	if (p->opts.state_free)
		p->opts.state_free(state);
	say_ended(p);
	return NULL;
}

struct tr_pool *tr_pool_new(
	const struct tr_pool_opts *opts, struct tr_mailbox *mailbox)
{
	struct tr_pool *p = tr_xcalloc(
		1, sizeof(*p) + opts->threads * sizeof(p->threads[0]));
	p->opts = *opts;
	p->mailbox = mailbox;
	p->tail = &p->head;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&p->ended, &clock);
	pthread_condattr_destroy(&clock);
	p->alive = opts->threads;
	for (size_t i = 0; i < opts->threads; i++) {
		int rc = pthread_create(&p->threads[i], NULL, run_thread, p);
		tr_assert(rc == 0);
	}
	return p;
}

bool tr_pool_stop(struct tr_pool *p, uint32_t ms)
{
	uint64_t at = tr_clock_mono_ms() + ms;
	struct timespec until = { .tv_sec = (time_t)(at / 1000),
		.tv_nsec = (long)(at % 1000) * 1000000 };
	int rc = 0;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	while (p->alive > 0 && rc == 0)
		rc = pthread_cond_timedwait(&p->ended, &p->lock, &until);
	bool has_ended = p->alive == 0;
	p->abandoned = !has_ended;
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; !has_ended && i < p->opts.threads; i++)
		pthread_detach(p->threads[i]);
	return has_ended;
}

void tr_pool_free(struct tr_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	tr_assert(!p->abandoned);
	p->stopping = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->opts.threads; i++)
		pthread_join(p->threads[i], NULL);
	for (struct tr_mail *m = p->head, *next; m; m = next) {
		next = m->next;
		tr_mail_free(m);
	}
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->ended);
	pthread_mutex_destroy(&p->lock);
	tr_xfree(p);
}

int tr_pool_submit(struct tr_pool *p, struct tr_work *w)
{
	int rc = TR_EAGAIN;
	w->mail.type = &tr_work_type;
	w->mail.next = NULL;
	pthread_mutex_lock(&p->lock);
	if (p->waiting < p->opts.queue_max) {
		*p->tail = &w->mail;
		p->tail = &w->mail.next;
		p->waiting++;
		pthread_cond_signal(&p->wake);
		rc = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}
