/*
 * Walks the items of a list, or the entries of a map in order of their keys.
 *
 * Items come out as data in their own right (common/data/datum.h), mostly
 * views of the list. Bytes that contain a NUL are escaped inside a list; only
 * these are copied, to `scratch`.
 *
 *	struct tr_cursor c;
 *	tr_cursor_init(&c, list, &scratch);
 *	while ((rc = tr_cursor_next(&c, &item)) > 0)
 *		…
 *
 * Thread: the owner's.
 * Lifetime: an item or entry until the next call with the same scratch. So a
 * walk that goes down into items may use one scratch for all levels when it
 * takes one item at a time, of maps too; not when it takes entries. A scratch
 * with max TR_VALUE_DATUM_MAX never lacks room.
 * Errors: TR_ENOMEM and TR_ELIMIT of scratch.
 */
#ifndef TR_COMMON_DATA_CURSOR_H
#define TR_COMMON_DATA_CURSOR_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/data/slice.h"

struct tr_cursor {
	const uint8_t *p;
	const uint8_t *end;
	struct tr_buf *scratch;
};

/* `d` is a list or a map. */
void tr_cursor_init(
	struct tr_cursor *c, struct tr_slice d, struct tr_buf *scratch);

static inline bool tr_cursor_at_end(const struct tr_cursor *c)
{
	return c->p == c->end;
}

/*
 * The next item of a list, or of a map each key and then its value: 1, or 0 at
 * the end, or an error.
 */
int tr_cursor_next(struct tr_cursor *c, struct tr_slice *item) TR_MUST_USE;

/* The next key with its value, both valid together; likewise. */
int tr_cursor_next_entry(struct tr_cursor *c, struct tr_slice *key,
	struct tr_slice *value) TR_MUST_USE;

#endif /* TR_COMMON_DATA_CURSOR_H */
