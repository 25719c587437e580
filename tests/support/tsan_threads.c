/*
 * C11 threads on top of pthreads, for ThreadSanitizer builds only.
 *
 * Debian's librdkafka uses thrd_*, mtx_* and cnd_*, which gcc's TSan does not
 * intercept: such a thread has no shadow state and the first instrumented call
 * in it crashes. Defined in the executable (linked with -rdynamic, so that the
 * shared library finds them first), they go through pthread functions, which
 * TSan knows.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

/* glibc's C11 objects are its pthread objects under another name. */
_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t holds one");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t holds one");

static pthread_mutex_t *mutex_of(mtx_t *m)
{
	return (pthread_mutex_t *)m;
}

static pthread_cond_t *cond_of(cnd_t *c)
{
	return (pthread_cond_t *)c;
}

static int result_of(int rc)
{
	switch (rc) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

struct start {
	thrd_start_t func;
	void *arg;
};

static void *run(void *p)
{
	struct start start = *(struct start *)p;

	free(p);
	return (void *)(intptr_t)start.func(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t func, void *arg)
{
	struct start *start = malloc(sizeof(*start));

	if (start == NULL)
		return thrd_nomem;
	*start = (struct start){ .func = func, .arg = arg };
	int rc = pthread_create(thread, NULL, run, start);
	if (rc != 0)
		free(start);
	return result_of(rc);
}

int thrd_join(thrd_t thread, int *result)
{
	void *value = NULL;
	int rc = pthread_join(thread, &value);

	if (rc == 0 && result != NULL)
		*result = (int)(intptr_t)value;
	return result_of(rc);
}

int thrd_detach(thrd_t thread)
{
	return result_of(pthread_detach(thread));
}

thrd_t thrd_current(void)
{
	return pthread_self();
}

int thrd_equal(thrd_t a, thrd_t b)
{
	return pthread_equal(a, b);
}

int mtx_init(mtx_t *m, int type)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	int rc = pthread_mutex_init(mutex_of(m), &attr);
	pthread_mutexattr_destroy(&attr);
	return result_of(rc);
}

void mtx_destroy(mtx_t *m)
{
	pthread_mutex_destroy(mutex_of(m));
}

int mtx_lock(mtx_t *m)
{
	return result_of(pthread_mutex_lock(mutex_of(m)));
}

int mtx_trylock(mtx_t *m)
{
	return result_of(pthread_mutex_trylock(mutex_of(m)));
}

int mtx_timedlock(mtx_t *restrict m, const struct timespec *restrict until)
{
	return result_of(pthread_mutex_timedlock(mutex_of(m), until));
}

int mtx_unlock(mtx_t *m)
{
	return result_of(pthread_mutex_unlock(mutex_of(m)));
}

int cnd_init(cnd_t *c)
{
	return result_of(pthread_cond_init(cond_of(c), NULL));
}

void cnd_destroy(cnd_t *c)
{
	pthread_cond_destroy(cond_of(c));
}

int cnd_signal(cnd_t *c)
{
	return result_of(pthread_cond_signal(cond_of(c)));
}

int cnd_broadcast(cnd_t *c)
{
	return result_of(pthread_cond_broadcast(cond_of(c)));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
	return result_of(pthread_cond_wait(cond_of(c), mutex_of(m)));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m,
	const struct timespec *restrict until)
{
	return result_of(
		pthread_cond_timedwait(cond_of(c), mutex_of(m), until));
}
