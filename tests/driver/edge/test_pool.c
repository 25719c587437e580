#include "tests/support/test.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "driver/edge/pool.h"

enum {
	DEADLINE_MS = 10000
};

/* What a piece of work does, and what became of it. */
struct job {
	sem_t began, go_on;
	int runs, dones, frees;
};

struct piece {
	struct tr_work work;
	struct job *job;
	bool waits; /* for go_on */
};

static void run(struct tr_work *w, void *thread_state)
{
	struct piece *p = (struct piece *)w;
	(void)thread_state;
	p->job->runs++;
	sem_post(&p->job->began);
	if (p->waits)
		sem_wait(&p->job->go_on);
}

static void done(struct tr_work *w)
{
	((struct piece *)w)->job->dones++;
}

static void free_piece(struct tr_work *w)
{
	((struct piece *)w)->job->frees++;
	free(w);
}

static struct tr_work *piece(struct job *j, bool waits)
{
	struct piece *p = calloc(1, sizeof(*p));
	p->work = (struct tr_work){
		.run = run, .done = done, .free = free_piece
	};
	p->job = j;
	p->waits = waits;
	return &p->work;
}

static void job_init(struct job *j)
{
	*j = (struct job){ 0 };
	sem_init(&j->began, 0, 0);
	sem_init(&j->go_on, 0, 0);
}

/* As the loop does with mail; false: none came in time. */
static bool take_mail(struct tr_mailbox *mb)
{
	struct pollfd p = { .fd = tr_mailbox_fd(mb), .events = POLLIN };
	if (poll(&p, 1, DEADLINE_MS) <= 0)
		return false;
	struct tr_mail *next, *m = tr_mailbox_take_all(mb);
	for (; m; m = next) {
		next = m->next;
		struct tr_work *w = (struct tr_work *)m;
		assert_ptr_equal(m->type, &tr_work_type);
		w->done(w);
		tr_mail_free(m);
	}
	return true;
}

static struct tr_pool *new_pool(struct tr_mailbox *mb, size_t queue_max)
{
	struct tr_pool_opts opts = {
		.name = "test", .threads = 1, .queue_max = queue_max
	};
	return tr_pool_new(&opts, mb);
}

static void test_pool__work_comes_back_as_mail(void **state)
{
	struct tr_mailbox *mb = tr_mailbox_new(16);
	struct tr_pool *p = new_pool(mb, 4);
	struct job j;
	(void)state;
	job_init(&j);
	assert_int_equal(tr_pool_submit(p, piece(&j, false)), 0);
	assert_true(take_mail(mb));
	assert_int_equal(j.runs, 1);
	assert_int_equal(j.dones, 1);
	assert_int_equal(j.frees, 1);
	tr_pool_free(p);
	tr_mailbox_free(mb);
}

static void test_pool__full_queue_refuses(void **state)
{
	struct tr_mailbox *mb = tr_mailbox_new(16);
	struct tr_pool *p = new_pool(mb, 2);
	struct job busy, waiting;
	(void)state;
	job_init(&busy);
	job_init(&waiting);
	assert_int_equal(tr_pool_submit(p, piece(&busy, true)), 0);
	sem_wait(&busy.began);
	for (int i = 0; i < 2; i++)
		assert_int_equal(tr_pool_submit(p, piece(&waiting, false)), 0);
	struct tr_work *refused = piece(&waiting, false);
	assert_int_equal(tr_pool_submit(p, refused), TR_EAGAIN);
	assert_int_equal(waiting.frees, 0);
	refused->free(refused);
	sem_post(&busy.go_on);
	tr_pool_free(p);
	tr_mailbox_free(mb);
	assert_int_equal(waiting.frees, 3);
}

static void test_pool__stop_tells_that_all_has_ended(void **state)
{
	struct tr_mailbox *mb = tr_mailbox_new(16);
	struct tr_pool *p = new_pool(mb, 2);
	struct job j;
	(void)state;
	job_init(&j);
	assert_int_equal(tr_pool_submit(p, piece(&j, false)), 0);
	sem_wait(&j.began);
	assert_true(tr_pool_stop(p, DEADLINE_MS));
	tr_pool_free(p);
	assert_int_equal(j.frees, 0); /* it is mail */
	tr_mailbox_free(mb);
	assert_int_equal(j.frees, 1);
}

static void test_pool__free_waits_and_frees_what_was_not_run(void **state)
{
	struct tr_mailbox *mb = tr_mailbox_new(16);
	struct tr_pool *p = new_pool(mb, 4);
	struct job busy, waiting;
	(void)state;
	job_init(&busy);
	job_init(&waiting);
	assert_int_equal(tr_pool_submit(p, piece(&busy, true)), 0);
	sem_wait(&busy.began);
	assert_int_equal(tr_pool_submit(p, piece(&waiting, false)), 0);
	sem_post(&busy.go_on);
	tr_pool_free(p);
	tr_mailbox_free(mb);
	assert_int_equal(busy.runs, 1);
	assert_int_equal(busy.frees, 1);
	assert_int_equal(waiting.frees, 1);
}

TR_TEST_MAIN(cmocka_unit_test(test_pool__work_comes_back_as_mail),
	cmocka_unit_test(test_pool__full_queue_refuses),
	cmocka_unit_test(test_pool__stop_tells_that_all_has_ended),
	cmocka_unit_test(test_pool__free_waits_and_frees_what_was_not_run));
