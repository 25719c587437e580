/*
 * Builds one datum of any shape, lists and maps included, at the end of a
 * buffer.
 *
 *	tr_builder_init(&b);
 *	tr_builder_start(&b, &out);
 *	tr_builder_begin_map(&b);
 *	tr_builder_put_bytes(&b, "n", 1);
 *	tr_builder_put_int(&b, 3);
 *	tr_builder_end(&b);
 *	tr_builder_finish(&b);      or tr_builder_abort(&b) after an error
 *	...                         start again, any number of times
 *	tr_builder_fini(&b);
 *
 * In a map, keys and values alternate and come in any order of keys; the end
 * of the map sorts them. Exactly one datum is put between start and finish.
 *
 * Thread: the owner's.
 * Errors: TR_ELIMIT (depth, value size, or the buffer's ceiling), TR_ENOMEM,
 * and TR_EEXIST from the end of a map that has a key twice. After an error
 * only abort or fini may follow; abort takes what was appended off the buffer.
 */
#ifndef TR_COMMON_DATA_BUILDER_H
#define TR_COMMON_DATA_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/data/slice.h"

struct tr_builder_level {
	bool is_map;
	uint32_t items;    /* keys and values both count */
	size_t first;      /* byte of the first item, from out->data */
	size_t marks_from; /* byte in marks where this map's entries begin */
};

struct tr_builder {
	struct tr_buf *out;
	size_t start;
	uint32_t items; /* at the top: 0, then 1 */
	unsigned depth;
	struct tr_builder_level levels[TR_DATUM_DEPTH_MAX];
	struct tr_buf marks;  /* where the entries of open maps are */
	struct tr_buf sorted; /* one map's entries on their way into order */
};

void tr_builder_init(struct tr_builder *b);
void tr_builder_fini(struct tr_builder *b);

void tr_builder_start(struct tr_builder *b, struct tr_buf *out);
int tr_builder_put_null(struct tr_builder *b) TR_MUST_USE;
int tr_builder_put_bool(struct tr_builder *b, bool v) TR_MUST_USE;
int tr_builder_put_int(struct tr_builder *b, int64_t v) TR_MUST_USE;
int tr_builder_put_double(struct tr_builder *b, double v) TR_MUST_USE;
int tr_builder_put_bytes(
	struct tr_builder *b, const void *p, size_t n) TR_MUST_USE;

/* A whole, checked datum as one item. */
int tr_builder_put_datum(struct tr_builder *b, struct tr_slice d) TR_MUST_USE;

int tr_builder_begin_list(struct tr_builder *b) TR_MUST_USE;
int tr_builder_begin_map(struct tr_builder *b) TR_MUST_USE;

/* Of the list or map begun last. */
int tr_builder_end(struct tr_builder *b) TR_MUST_USE;

/* TR_ELIMIT when the whole is over the value limit. */
int tr_builder_finish(struct tr_builder *b) TR_MUST_USE;
void tr_builder_abort(struct tr_builder *b);

#endif /* TR_COMMON_DATA_BUILDER_H */
