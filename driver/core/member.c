#include "driver/core/member.h"

#include <string.h>

#include "common/base/err.h"
#include "driver/core/emit.h"
#include "driver/core/transition.h"

static void move(
	struct tr_core *c, struct tr_member *e, enum tr_core_executor_state to)
{
	tr_move(c, TR_TABLE_EXECUTOR, &e->state, (uint8_t)to);
	if (to != TR_CORE_EXECUTOR_FREE)
		tr_emit_executor_state(c, e);
}

static bool is_live(const struct tr_member *e)
{
	return e->state == TR_CORE_EXECUTOR_JOINING ||
	       e->state == TR_CORE_EXECUTOR_ACTIVE ||
	       e->state == TR_CORE_EXECUTOR_DRAINING;
}

uint32_t tr_member_find(const struct tr_core *c, struct tr_executor_id id)
{
	return id.v == 0 ? TR_ROW_NONE
			 : tr_index_find(&c->executor_index, id.v);
}

/* ---------------------------------------------------------- free slots */

static uint32_t free_slots(const struct tr_member *e)
{
	return e->slots - e->attempts.count;
}

static void mark(struct tr_core *c, uint32_t n)
{
	uint64_t bit = (uint64_t)1 << (n % 64);
	if (c->free_slots[n].count > 0)
		c->free_slots_map[n / 64] |= bit;
	else
		c->free_slots_map[n / 64] &= ~bit;
}

static void offer(struct tr_core *c, uint32_t row)
{
	uint32_t n = free_slots(&c->executors[row]);
	tr_list_append(&c->free_slots[n], c->free_links, row);
	mark(c, n);
}

static void unoffer(struct tr_core *c, uint32_t row)
{
	uint32_t n = free_slots(&c->executors[row]);
	tr_list_remove(&c->free_slots[n], c->free_links, row);
	mark(c, n);
}

void tr_member_take_slot(struct tr_core *c, uint32_t row, uint32_t attempt)
{
	struct tr_member *e = &c->executors[row];
	bool offered = e->state == TR_CORE_EXECUTOR_ACTIVE;
	tr_assert(free_slots(e) > 0);
	if (offered)
		unoffer(c, row);
	tr_list_append(&e->attempts, c->attempt_links, attempt);
	if (offered)
		offer(c, row);
}

void tr_member_give_slot(struct tr_core *c, uint32_t row, uint32_t attempt)
{
	struct tr_member *e = &c->executors[row];
	bool offered = e->state == TR_CORE_EXECUTOR_ACTIVE;
	if (offered)
		unoffer(c, row);
	tr_list_remove(&e->attempts, c->attempt_links, attempt);
	if (offered)
		offer(c, row);
}

static void activate(struct tr_core *c, uint32_t row)
{
	move(c, &c->executors[row], TR_CORE_EXECUTOR_ACTIVE);
	c->active++;
	c->slots += c->executors[row].slots;
	offer(c, row);
}

/* An executor that leaves is not excluded any more: nothing is placed on it. */
static void deactivate(struct tr_core *c, uint32_t row)
{
	unoffer(c, row);
	c->active--;
	c->slots -= c->executors[row].slots;
	for (uint32_t i = 0; i < c->jobs_top; i++) {
		struct tr_job *j = &c->jobs[i];
		struct tr_share *share = tr_share_of(c, j, row);
		if (j->state == TR_CORE_JOB_FREE || !share->excluded)
			continue;
		share->excluded = false;
		j->excluded--;
	}
}

/* -------------------------------------------------------------- events */

static uint32_t take_row(struct tr_core *c)
{
	for (uint32_t i = 0; i < c->executors_top; i++)
		if (c->executors[i].state == TR_CORE_EXECUTOR_FREE)
			return i;
	if (c->executors_top == c->limits.executors)
		return TR_ROW_NONE;
	return c->executors_top++;
}

static uint32_t find_node(const struct tr_core *c, uint64_t node)
{
	for (uint32_t i = 0; i < c->executors_top; i++)
		if (is_live(&c->executors[i]) && c->executors[i].node == node)
			return i;
	return TR_ROW_NONE;
}

static void fill(struct tr_core *c, uint32_t row,
	const struct tr_core_executor_event *ev)
{
	struct tr_member *e = &c->executors[row];
	e->id = ev->executor;
	e->drain = ev->draining;
	e->goodbye = false;
	e->node = ev->node;
	e->slots = ev->slots;
	if (e->slots > c->limits.slots_per_executor)
		e->slots = c->limits.slots_per_executor;
	e->heard_ms = c->now_ms;
	tr_list_init(&e->attempts);
	tr_list_init(&e->held);
}

/*
 * A daemon that comes back while its old connection still looks open is the
 * same daemon: the new registration replaces the old one.
 */
void tr_member_up(struct tr_core *c, const struct tr_core_executor_event *ev)
{
	uint32_t old = find_node(c, ev->node);
	if (old != TR_ROW_NONE)
		tr_member_lose(c, old, TR_EEXIST);
	uint32_t row = take_row(c);
	if (row == TR_ROW_NONE) {
		tr_emit_close(c, ev->executor, TR_ELIMIT);
		return;
	}
	fill(c, row, ev);
	tr_index_add(&c->executor_index, ev->executor.v, row);
	tr_list_append(&c->heard, c->heard_links, row);
	c->joining++;
	move(c, &c->executors[row], TR_CORE_EXECUTOR_JOINING);
}

static void begin_drain(struct tr_core *c, uint32_t row)
{
	move(c, &c->executors[row], TR_CORE_EXECUTOR_DRAINING);
	c->draining++;
}

void tr_member_ready(struct tr_core *c, struct tr_executor_id id)
{
	uint32_t row = tr_member_find(c, id);
	if (row == TR_ROW_NONE ||
		c->executors[row].state != TR_CORE_EXECUTOR_JOINING)
		return;
	c->joining--;
	if (c->executors[row].drain)
		begin_drain(c, row);
	else
		activate(c, row);
	tr_emit_registered(c, &c->executors[row]);
}

void tr_member_heard(struct tr_core *c, struct tr_executor_id id)
{
	uint32_t row = tr_member_find(c, id);
	if (row == TR_ROW_NONE)
		return;
	c->executors[row].heard_ms = c->now_ms;
	tr_list_remove(&c->heard, c->heard_links, row);
	tr_list_append(&c->heard, c->heard_links, row);
}

void tr_member_drain(struct tr_core *c, struct tr_executor_id id)
{
	static const struct tr_attempt_ref none;
	uint32_t row = tr_member_find(c, id);
	if (row == TR_ROW_NONE)
		return;
	struct tr_member *e = &c->executors[row];
	if (e->state == TR_CORE_EXECUTOR_JOINING) {
		e->drain = true;
	} else if (e->state == TR_CORE_EXECUTOR_ACTIVE) {
		deactivate(c, row);
		begin_drain(c, row);
		tr_emit_send(c, TR_CORE_SEND_DRAIN, id, &none);
	}
}

void tr_member_down(struct tr_core *c, struct tr_executor_id id)
{
	uint32_t row = tr_member_find(c, id);
	if (row != TR_ROW_NONE)
		tr_member_lose(c, row, 0);
}

/* -------------------------------------------------------------- leases */

uint64_t tr_member_deadline(const struct tr_core *c)
{
	uint32_t row = c->heard.head;
	if (row == TR_ROW_NONE || TR_CANARY(LEASE_FOREVER))
		return UINT64_MAX;
	return c->executors[row].heard_ms + c->limits.lease_ms;
}

uint32_t tr_member_silent(const struct tr_core *c)
{
	return tr_member_deadline(c) <= c->tick_ms ? c->heard.head
						   : TR_ROW_NONE;
}

/* ---------------------------------------------------------------- loss */

void tr_member_lose(struct tr_core *c, uint32_t row, int close)
{
	struct tr_member *e = &c->executors[row];
	if (e->state == TR_CORE_EXECUTOR_JOINING)
		c->joining--;
	else if (e->state == TR_CORE_EXECUTOR_DRAINING)
		c->draining--;
	else
		deactivate(c, row);
	tr_index_remove(&c->executor_index, e->id.v);
	tr_list_remove(&c->heard, c->heard_links, row);
	c->lost++;
	move(c, e, TR_CORE_EXECUTOR_LOST);
	if (close)
		tr_emit_close(c, e->id, close);
}

void tr_member_forget(struct tr_core *c, uint32_t row)
{
	struct tr_member *e = &c->executors[row];
	tr_assert(e->attempts.count == 0 && e->held.count == 0);
	for (uint32_t i = 0; i < c->jobs_top; i++)
		memset(tr_share_of(c, &c->jobs[i], row), 0,
			sizeof(struct tr_share));
	move(c, e, TR_CORE_EXECUTOR_FREE);
	c->lost--;
}
