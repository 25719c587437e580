/*
 * Id to table row: a hash table of fixed size that is looked up and never
 * iterated, so that its order cannot leak into a decision.
 *
 * Thread: the owner's.
 */
#ifndef TR_DRIVER_CORE_INDEX_H
#define TR_DRIVER_CORE_INDEX_H

#include <stdint.h>

struct tr_index_entry {
	uint64_t id; /* 0: empty */
	uint32_t row;
};

struct tr_index {
	struct tr_index_entry *entries;
	uint32_t mask;
};

/* Room for `rows` ids at a load of at most one half. */
void tr_index_init(struct tr_index *x, uint32_t rows);
void tr_index_fini(struct tr_index *x);

/* The row of id, or TR_ROW_NONE. id > 0. */
uint32_t tr_index_find(const struct tr_index *x, uint64_t id);

/* id is not in it. */
void tr_index_add(struct tr_index *x, uint64_t id, uint32_t row);

/* id is in it. */
void tr_index_remove(struct tr_index *x, uint64_t id);

#endif /* TR_DRIVER_CORE_INDEX_H */
