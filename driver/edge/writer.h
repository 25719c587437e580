/*
 * The store thread: the only one that writes LMDB. It takes all that waits,
 * makes it durable in as few transactions as the store allows (group commit),
 * and sends each piece back to the loop when it is.
 *
 * A write is a piece of mail with store items. What its items borrow must live
 * until the write comes back: `keep` holds it, usually the network event that
 * brought rows in, which also holds back a peer that sends faster than the
 * disk takes.
 *
 * An error of the store ends the process (driver/store/store.h).
 *
 * Thread: put from the loop. Writes come back in the order they were put.
 */
#ifndef TR_DRIVER_EDGE_WRITER_H
#define TR_DRIVER_EDGE_WRITER_H

#include "common/mailbox/mailbox.h"
#include "driver/store/store.h"

struct tr_write {
	struct tr_mail mail; /* type tr_write_type */
	struct tr_store_item *items;
	size_t n_items;
	uint64_t seq;         /* the caller's */
	struct tr_mail *keep; /* freed with the write; may be NULL */
};

extern const struct tr_mail_type tr_write_type;

/* Room for n items, all zero. */
struct tr_write *tr_write_new(size_t n);

/*
 * The i-th item's record: taken over, freed with the write. Owns no payload.
 */
void tr_write_record(
	struct tr_write *w, size_t i, Tranche__V1__JournalRecord *record);

struct tr_writer;

struct tr_writer *tr_writer_new(
	struct tr_store *store, struct tr_mailbox *mailbox);

/* Makes everything that was put durable, then ends. Accepts NULL. */
void tr_writer_free(struct tr_writer *w);

void tr_writer_put(struct tr_writer *w, struct tr_write *write);

#endif /* TR_DRIVER_EDGE_WRITER_H */
