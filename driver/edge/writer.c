#include "driver/edge/writer.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"

struct tr_writer {
	struct tr_store *store;
	struct tr_mailbox *in;
	struct tr_mailbox *out;
	pthread_t thread;
	_Atomic bool stopping;
};

static void free_write(struct tr_mail *m)
{
	struct tr_write *w = (struct tr_write *)m;
	for (size_t i = 0; i < w->n_items; i++) {
		/* The store borrows records as const; they are ours. */
		union {
			const Tranche__V1__JournalRecord *in;
			void *out;
		} record = { w->items[i].record };
		tr_msg_free(record.out);
	}
	tr_mail_free(w->keep);
	tr_xfree(w->items);
	tr_xfree(w);
}

const struct tr_mail_type tr_write_type = { .name = "write",
	.free = free_write };

struct tr_write *tr_write_new(size_t n)
{
	struct tr_write *w = tr_xcalloc(1, sizeof(*w));
	w->mail.type = &tr_write_type;
	w->items = tr_xcalloc(n, sizeof(*w->items));
	w->n_items = n;
	return w;
}

void tr_write_record(
	struct tr_write *w, size_t i, Tranche__V1__JournalRecord *record)
{
	tr_assert(i < w->n_items && !w->items[i].record);
	w->items[i].record = record;
}

/* Everything that waits, as one list of items. */
static void apply(struct tr_writer *w, struct tr_mail *list)
{
	struct tr_error err = { 0 };
	size_t n = 0, k = 0;
	for (struct tr_mail *m = list; m; m = m->next)
		n += ((struct tr_write *)m)->n_items;
	struct tr_store_item *items = tr_xcalloc(n, sizeof(*items));
	for (struct tr_mail *m = list; m; m = m->next) {
		const struct tr_write *one = (struct tr_write *)m;
		for (size_t i = 0; i < one->n_items; i++)
			items[k++] = one->items[i];
	}
	if (tr_store_apply(w->store, items, n, &err) != 0)
		tr_store_exit(&err);
	tr_xfree(items);
	for (struct tr_mail *m = list, *next; m; m = next) {
		next = m->next;
		if (tr_mailbox_put_counted(w->out, m) != 0)
			tr_mail_free(m);
	}
}

static void *run(void *arg)
{
	struct tr_writer *w = arg;
	struct tr_error err = { 0 };
	bool more = true;
	pthread_setname_np(pthread_self(), "store");
	for (;;) {
		bool stopping = atomic_load(&w->stopping);
		struct tr_mail *list = tr_mailbox_take_all(w->in);
		if (list) {
			apply(w, list);
			more = true;
			continue;
		}
		if (stopping)
			return NULL;
		if (more && tr_store_maintain(w->store, &more, &err) != 0)
			tr_store_exit(&err);
		struct pollfd p = { .fd = tr_mailbox_fd(w->in),
			.events = POLLIN };
		poll(&p, 1, more ? 0 : -1);
	}
}

struct tr_writer *tr_writer_new(
	struct tr_store *store, struct tr_mailbox *mailbox)
{
	struct tr_writer *w = tr_xcalloc(1, sizeof(*w));
	w->store = store;
	w->out = mailbox;
	w->in = tr_mailbox_new(SIZE_MAX);
	int rc = pthread_create(&w->thread, NULL, run, w);
	tr_assert(rc == 0);
	return w;
}

void tr_writer_put(struct tr_writer *w, struct tr_write *write)
{
	/*
	 * Bounded by what comes in: rows hold their network event, records
	 * follow from the core's bounded updates.
	 */
	int rc = tr_mailbox_put_counted(w->in, &write->mail);
	tr_assert(rc == 0);
}

void tr_writer_free(struct tr_writer *w)
{
	if (!w)
		return;
	atomic_store(&w->stopping, true);
	tr_writer_put(w, tr_write_new(0)); /* wakes it */
	pthread_join(w->thread, NULL);
	tr_mailbox_free(w->in);
	tr_xfree(w);
}
