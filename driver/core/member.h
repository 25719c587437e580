/*
 * The executors: registration, slots, leases, leaving and loss.
 *
 * Thread: the core's owner.
 */
#ifndef TR_DRIVER_CORE_MEMBER_H
#define TR_DRIVER_CORE_MEMBER_H

#include "driver/core/state.h"

/* The row of a live executor, or TR_ROW_NONE. */
uint32_t tr_member_find(const struct tr_core *c, struct tr_executor_id id);

void tr_member_up(struct tr_core *c, const struct tr_core_executor_event *ev);
void tr_member_ready(struct tr_core *c, struct tr_executor_id id);
void tr_member_heard(struct tr_core *c, struct tr_executor_id id);
void tr_member_drain(struct tr_core *c, struct tr_executor_id id);
void tr_member_down(struct tr_core *c, struct tr_executor_id id);

/* The executor that is silent for longest, if its lease was over at the last
 * tick. */
uint32_t tr_member_silent(const struct tr_core *c);

/* When the next lease ends, or UINT64_MAX. */
uint64_t tr_member_deadline(const struct tr_core *c);

/* Live -> LOST; work.c takes it apart. `close`: why, or 0 if it is closed. */
void tr_member_lose(struct tr_core *c, uint32_t row, int close);

/* LOST -> FREE; nothing refers to it. */
void tr_member_forget(struct tr_core *c, uint32_t row);

/* The attempt begins or ends to take a slot. */
void tr_member_take_slot(struct tr_core *c, uint32_t row, uint32_t attempt);
void tr_member_give_slot(struct tr_core *c, uint32_t row, uint32_t attempt);

#endif /* TR_DRIVER_CORE_MEMBER_H */
