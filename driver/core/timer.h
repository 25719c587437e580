/*
 * The tasks that wait for a time: a binary heap of table rows by (time, row).
 * A row is in it at most once; where it is stands in an array of its own, so
 * that it can be taken out at any time.
 *
 * Thread: the owner's.
 */
#ifndef TR_DRIVER_CORE_TIMER_H
#define TR_DRIVER_CORE_TIMER_H

#include <stdint.h>

struct tr_timer_entry {
	uint64_t at_ms;
	uint32_t row;
};

struct tr_timer {
	struct tr_timer_entry *heap;
	uint32_t *place; /* by row: index into heap */
	uint32_t count;
};

void tr_timer_init(struct tr_timer *t, uint32_t rows);
void tr_timer_fini(struct tr_timer *t);

void tr_timer_add(struct tr_timer *t, uint32_t row, uint64_t at_ms);

/* row is in it. */
void tr_timer_remove(struct tr_timer *t, uint32_t row);

/* The earliest time, or UINT64_MAX. */
uint64_t tr_timer_next(const struct tr_timer *t);

/* Takes out the earliest row that is due at now, or TR_ROW_NONE. */
uint32_t tr_timer_take(struct tr_timer *t, uint64_t now_ms);

#endif /* TR_DRIVER_CORE_TIMER_H */
