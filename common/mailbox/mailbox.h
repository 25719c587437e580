/*
 * A queue of whole messages from many threads to the one that owns a loop.
 *
 * The mailbox owns what is in it; putting gives ownership away, taking gets
 * it back. Messages embed struct tr_mail as their first member; its type says
 * what the message is and how to free it, so one mailbox serves senders that
 * know nothing of each other:
 *
 *   poll() on tr_mailbox_fd(mb) …
 *   struct tr_mail *next, *m = tr_mailbox_take_all(mb);
 *   for (; m; m = next) {
 *           next = m->next;
 *           if (m->type == &tr_net_event_type) …
 *           tr_mail_free(m);
 *   }
 *
 * Bounds: tr_mailbox_put refuses beyond the limit given at new. Senders whose
 * messages are bounded already, because they must give an account of each
 * (common/net: bytes per connection), use tr_mailbox_put_counted.
 *
 * Thread: put and close from any; take_all, new and free from the owner.
 * Nothing blocks. Order between messages of one sender is kept.
 */
#ifndef TR_COMMON_MAILBOX_MAILBOX_H
#define TR_COMMON_MAILBOX_MAILBOX_H

#include <stddef.h>

#include "common/base/check.h"

struct tr_mail;

struct tr_mail_type {
	const char *name;
	void (*free)(struct tr_mail *m);
};

struct tr_mail {
	struct tr_mail *next; /* the mailbox's while queued */
	const struct tr_mail_type *type;
};

struct tr_mailbox;

/* `max`: messages that tr_mailbox_put lets in. */
struct tr_mailbox *tr_mailbox_new(size_t max);

/* Frees the messages that nobody took. All senders have stopped. */
void tr_mailbox_free(struct tr_mailbox *mb);

/* Readable while messages wait, and now and then without any. */
int tr_mailbox_fd(const struct tr_mailbox *mb);

/*
 * TR_EAGAIN: full. TR_ECLOSED: closed. On both the message remains the
 * caller's.
 */
int tr_mailbox_put(struct tr_mailbox *mb, struct tr_mail *m) TR_MUST_USE;

/* The same without the limit; still counted against others' puts. */
int tr_mailbox_put_counted(
	struct tr_mailbox *mb, struct tr_mail *m) TR_MUST_USE;

/* All that wait, oldest first, NULL-terminated; the caller's from now on. */
struct tr_mail *tr_mailbox_take_all(struct tr_mailbox *mb);

/* Further puts answer TR_ECLOSED; what is in can still be taken. */
void tr_mailbox_close(struct tr_mailbox *mb);

/* Through its type. Accepts NULL. */
void tr_mail_free(struct tr_mail *m);

#endif /* TR_COMMON_MAILBOX_MAILBOX_H */
