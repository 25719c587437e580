#include "common/mailbox/mailbox.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/err.h"
#include "common/base/xalloc.h"

struct tr_mailbox {
	pthread_mutex_t mu; /* of all below, except fd and max */
	struct tr_mail *first;
	struct tr_mail **end; /* where the next message is linked in */
	size_t count;
	size_t max;
	bool closed;
	int fd;
};

struct tr_mailbox *tr_mailbox_new(size_t max)
{
	struct tr_mailbox *mb = tr_xcalloc(1, sizeof(*mb));
	pthread_mutex_init(&mb->mu, NULL);
	mb->end = &mb->first;
	mb->max = max;
	mb->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	tr_assert(mb->fd >= 0);
	return mb;
}

void tr_mailbox_free(struct tr_mailbox *mb)
{
	if (!mb)
		return;
	struct tr_mail *next;
	for (struct tr_mail *m = mb->first; m; m = next) {
		next = m->next;
		tr_mail_free(m);
	}
	close(mb->fd);
	pthread_mutex_destroy(&mb->mu);
	tr_xfree(mb);
}

int tr_mailbox_fd(const struct tr_mailbox *mb)
{
	return mb->fd;
}

/*
 * Only the message that finds the queue empty wakes the owner, after the lock
 * is released. The owner clears the descriptor before it takes the queue, so
 * a wake-up may be for nothing but is never missed.
 */
static int put(struct tr_mailbox *mb, struct tr_mail *m, size_t max)
{
	pthread_mutex_lock(&mb->mu);
	int rc = mb->closed ? TR_ECLOSED : mb->count >= max ? TR_EAGAIN : 0;
	bool wake = rc == 0 && mb->count == 0;
	if (rc == 0) {
		m->next = NULL;
		*mb->end = m;
		mb->end = &m->next;
		mb->count++;
	}
	pthread_mutex_unlock(&mb->mu);
	if (wake)
		eventfd_write(mb->fd, 1);
	return rc;
}

int tr_mailbox_put(struct tr_mailbox *mb, struct tr_mail *m)
{
	return put(mb, m, mb->max);
}

int tr_mailbox_put_counted(struct tr_mailbox *mb, struct tr_mail *m)
{
	return put(mb, m, SIZE_MAX);
}

struct tr_mail *tr_mailbox_take_all(struct tr_mailbox *mb)
{
	eventfd_t ignored;
	(void)eventfd_read(mb->fd, &ignored);
	pthread_mutex_lock(&mb->mu);
	struct tr_mail *first = mb->first;
	mb->first = NULL;
	mb->end = &mb->first;
	mb->count = 0;
	pthread_mutex_unlock(&mb->mu);
	return first;
}

void tr_mailbox_close(struct tr_mailbox *mb)
{
	pthread_mutex_lock(&mb->mu);
	mb->closed = true;
	pthread_mutex_unlock(&mb->mu);
}

void tr_mail_free(struct tr_mail *m)
{
	if (m)
		m->type->free(m);
}
