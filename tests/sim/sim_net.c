/*
 * Connections between executors and the driver. Within one, messages arrive
 * in order or not at all; what can happen to it is delay, a block of one or
 * both directions (messages wait), and an end that either side learns of
 * late or, while blocked, not at all.
 */
#include "tests/sim/sim.h"

#include "common/base/check.h"
#include "common/base/xalloc.h"

bool sim_is_blocked(const struct sim *w, uint32_t from, uint32_t to)
{
	return w->blocked_until[from][to] > w->now_ms;
}

uint32_t sim_connect(struct sim *w, uint32_t node)
{
	if (w->conns_count == w->conns_room) {
		w->conns_room = w->conns_room ? 2 * w->conns_room : 64;
		w->conns = tr_xrealloc(
			w->conns, w->conns_room * sizeof(*w->conns));
	}
	struct sim_conn *c = &w->conns[w->conns_count];
	*c = (struct sim_conn){ .node = node,
		.instance = w->executors[node].instance,
		.driver = w->driver.process,
		.open = { true, true } };
	return (uint32_t)w->conns_count++;
}

struct sim_msg *sim_msg(enum sim_msg_kind kind, uint64_t term)
{
	struct sim_msg *msg = tr_xcalloc(1, sizeof(*msg));
	msg->kind = kind;
	msg->term = term;
	return msg;
}

void sim_msg_free(struct sim_msg *msg)
{
	tr_xfree(msg->held);
	tr_xfree(msg->task);
	tr_xfree(msg->output);
	tr_xfree(msg);
}

static uint64_t latency_ms(struct sim *w)
{
	return sim_chance(w, 5) ? sim_between(w, 5, 60) : sim_below(w, 4);
}

void sim_send(
	struct sim *w, uint32_t conn, enum sim_dir dir, struct sim_msg *msg)
{
	struct sim_conn *c = &w->conns[conn];
	if (!c->open[dir]) {
		sim_msg_free(msg);
		return;
	}
	msg->next = NULL;
	if (c->tail[dir])
		c->tail[dir]->next = msg;
	else
		c->head[dir] = msg;
	c->tail[dir] = msg;
	uint64_t at = w->now_ms + latency_ms(w);
	if (at < c->arrival_ms[dir])
		at = c->arrival_ms[dir];
	c->arrival_ms[dir] = at;
	sim_after(w, at - w->now_ms,
		(struct sim_event){
			.kind = SIM_EVENT_DELIVER, .node = conn, .arg = dir });
}

static void drop_queue(struct sim_conn *c, enum sim_dir dir)
{
	while (c->head[dir]) {
		struct sim_msg *msg = c->head[dir];
		c->head[dir] = msg->next;
		sim_msg_free(msg);
	}
	c->tail[dir] = NULL;
}

void sim_cut(struct sim *w, uint32_t conn, enum sim_dir dir, bool reset)
{
	struct sim_conn *c = &w->conns[conn];
	enum sim_dir back =
		dir == SIM_TO_DRIVER ? SIM_TO_EXECUTOR : SIM_TO_DRIVER;
	drop_queue(c, back);
	c->open[back] = false;
	if (reset)
		drop_queue(c, dir);
	sim_send(w, conn, dir, sim_msg(SIM_MSG_CLOSED, 0));
}

void sim_reset(struct sim *w, uint32_t conn, bool all)
{
	struct sim_conn *c = &w->conns[conn];
	if (all) {
		drop_queue(c, SIM_TO_DRIVER);
		drop_queue(c, SIM_TO_EXECUTOR);
	}
	sim_send(w, conn, SIM_TO_DRIVER, sim_msg(SIM_MSG_CLOSED, 0));
	sim_send(w, conn, SIM_TO_EXECUTOR, sim_msg(SIM_MSG_CLOSED, 0));
}

static bool is_receiver_there(
	const struct sim *w, const struct sim_conn *c, enum sim_dir dir)
{
	if (dir == SIM_TO_DRIVER)
		return w->driver.alive && w->driver.process == c->driver;
	const struct sim_executor *x = &w->executors[c->node];
	return x->alive && x->instance == c->instance;
}

static bool is_conn_blocked(
	const struct sim *w, const struct sim_conn *c, enum sim_dir dir)
{
	return dir == SIM_TO_DRIVER ? sim_is_blocked(w, c->node, SIM_DRIVER)
				    : sim_is_blocked(w, SIM_DRIVER, c->node);
}

static void hand_over(
	struct sim *w, uint32_t conn, enum sim_dir dir, struct sim_msg *msg)
{
	struct sim_conn *c = &w->conns[conn];
	if (msg->kind == SIM_MSG_CLOSED)
		c->open[dir] = false;
	if (dir == SIM_TO_DRIVER)
		sim_driver_receive(w, conn, msg);
	else if (w->executors[c->node].conn == conn)
		sim_executor_receive(w, c->node, msg);
}

void sim_deliver(struct sim *w, uint32_t conn, enum sim_dir dir)
{
	struct sim_conn *c = &w->conns[conn];
	struct sim_msg *msg = c->head[dir];
	if (!msg)
		return;
	if (is_conn_blocked(w, c, dir)) {
		sim_after(w, sim_between(w, 10, 40),
			(struct sim_event){ .kind = SIM_EVENT_DELIVER,
				.node = conn,
				.arg = dir });
		return;
	}
	c->head[dir] = msg->next;
	if (!msg->next)
		c->tail[dir] = NULL;
	if (c->open[dir] && is_receiver_there(w, c, dir))
		hand_over(w, conn, dir, msg);
	sim_msg_free(msg);
}

void sim_net_fini(struct sim *w)
{
	for (size_t i = 0; i < w->conns_count; i++) {
		drop_queue(&w->conns[i], SIM_TO_DRIVER);
		drop_queue(&w->conns[i], SIM_TO_EXECUTOR);
	}
	tr_xfree(w->conns);
}
