/*
 * The frames that wait to be sent on one connection, and how far the first has
 * got. A send may take any number of bytes, so that what is in flight stays in
 * the queue until it is reported sent.
 *
 * Thread: the owner's (a connection's lock).
 */
#ifndef TR_COMMON_NET_OUTQ_H
#define TR_COMMON_NET_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <nng/nng.h>

#include "common/wire/frame.h"

struct tr_outq_entry;

struct tr_outq { /* zeroed is empty */
	struct tr_outq_entry *first;
	struct tr_outq_entry *last;
	size_t sent;  /* bytes of the first entry */
	size_t bytes; /* in all, sent ones of the first entry included */
};

/*
 * A frame ready to be queued. With `take` it owns the payload's memory (from
 * malloc), otherwise it holds a copy. TR_ELIMIT, TR_ENOMEM.
 */
int tr_outq_entry_new(const struct tr_frame *f, bool take,
	struct tr_outq_entry **out) TR_MUST_USE;

/* Without what it took: that is the caller's again. */
void tr_outq_entry_free_untaken(struct tr_outq_entry *e);

size_t tr_outq_entry_size(const struct tr_outq_entry *e);

void tr_outq_put(struct tr_outq *q, struct tr_outq_entry *e);

/* Where the next bytes are, in at most `max` runs; returns how many runs. */
unsigned tr_outq_iov(const struct tr_outq *q, nng_iov *iov, unsigned max);

/* n bytes went out; frees what is complete. */
void tr_outq_sent(struct tr_outq *q, size_t n);

void tr_outq_fini(struct tr_outq *q);

#endif /* TR_COMMON_NET_OUTQ_H */
