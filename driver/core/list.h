/*
 * Doubly linked lists of table rows by index. The links live in an array
 * beside the table, so that a row can be in one list per link array and
 * nothing points anywhere.
 *
 * Thread: the owner's.
 */
#ifndef TR_DRIVER_CORE_LIST_H
#define TR_DRIVER_CORE_LIST_H

#include <stdint.h>

#include "common/base/check.h"

#define TR_ROW_NONE UINT32_MAX

struct tr_link {
	uint32_t next; /* TR_ROW_NONE at the end */
	uint32_t prev;
};

struct tr_list {
	uint32_t head; /* TR_ROW_NONE: empty */
	uint32_t tail;
	uint32_t count;
};

static inline void tr_list_init(struct tr_list *list)
{
	list->head = TR_ROW_NONE;
	list->tail = TR_ROW_NONE;
	list->count = 0;
}

static inline void tr_list_append(
	struct tr_list *list, struct tr_link *links, uint32_t row)
{
	links[row].next = TR_ROW_NONE;
	links[row].prev = list->tail;
	if (list->tail == TR_ROW_NONE)
		list->head = row;
	else
		links[list->tail].next = row;
	list->tail = row;
	list->count++;
}

static inline void tr_list_prepend(
	struct tr_list *list, struct tr_link *links, uint32_t row)
{
	links[row].next = list->head;
	links[row].prev = TR_ROW_NONE;
	if (list->head == TR_ROW_NONE)
		list->tail = row;
	else
		links[list->head].prev = row;
	list->head = row;
	list->count++;
}

static inline void tr_list_remove(
	struct tr_list *list, struct tr_link *links, uint32_t row)
{
	tr_assert(list->count > 0);
	struct tr_link at = links[row];
	if (at.prev == TR_ROW_NONE)
		list->head = at.next;
	else
		links[at.prev].next = at.next;
	if (at.next == TR_ROW_NONE)
		list->tail = at.prev;
	else
		links[at.next].prev = at.prev;
	list->count--;
}

#endif /* TR_DRIVER_CORE_LIST_H */
