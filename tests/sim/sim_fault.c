/*
 * Which faults a seed has, when they strike and whom; and the end of them.
 */
#include "tests/sim/sim.h"

/* Some seeds have few faults and some many, so that each meets each. */
void sim_faults_make(struct sim *w)
{
	uint32_t percent = (uint32_t)sim_between(w, 10, 60);
	for (int i = 0; i < SIM_FAULTS; i++)
		w->fault[i] = sim_chance(w, percent);
	/* Those that spoil a job outright leave most seeds alone. */
	if (!sim_chance(w, 30))
		w->fault[SIM_POISON] = false;
	if (!sim_chance(w, 40))
		w->fault[SIM_LOG_START] = false;
	w->faults_end_ms = sim_between(w, 3000, 15000);
	uint64_t n = sim_between(w, 5, 80);
	for (uint64_t i = 0; i < n; i++)
		sim_after(w, sim_between(w, 200, w->faults_end_ms),
			(struct sim_event){ .kind = SIM_EVENT_FAULT });
	sim_after(w, w->faults_end_ms + 1,
		(struct sim_event){ .kind = SIM_EVENT_HEAL });
}

static uint32_t any_executor(struct sim *w)
{
	return (uint32_t)sim_below(w, w->executors_count);
}

/* Within the lease, about it, or far beyond. */
static uint64_t outage_ms(struct sim *w)
{
	return sim_chance(w, 50) ? sim_between(w, 20, 800)
				 : sim_between(w, 800, 3500);
}

static void block(struct sim *w, uint32_t from, uint32_t to, uint64_t ms)
{
	sim_say(w, "network %u to %u blocked for %llu ms", from, to,
		(unsigned long long)ms);
	w->blocked_until[from][to] = w->now_ms + ms;
}

static void crash_executor(struct sim *w, uint32_t node)
{
	if (!w->executors[node].alive)
		return;
	sim_executor_crash(w, node, sim_chance(w, 70));
	sim_after(w, sim_between(w, 100, 4000),
		(struct sim_event){
			.kind = SIM_EVENT_EXECUTOR_START, .node = node });
}

static void rot_blocks(struct sim *w)
{
	struct sim_executor *x = &w->executors[any_executor(w)];
	for (size_t i = 0; i < x->outputs_count; i++)
		if (sim_chance(w, 40))
			x->outputs[i]->rotten = true;
}

static void drain(struct sim *w)
{
	uint32_t node = any_executor(w);
	w->driver.drained[node] = true;
	for (size_t i = 0; w->driver.alive && i < w->driver.registrations_count;
		i++) {
		const struct sim_registration *r = &w->driver.registrations[i];
		if (!r->live || w->conns[r->conn].node != node)
			continue;
		struct tr_core_event ev = { .kind = TR_CORE_EXECUTOR_DRAIN };
		ev.u.member.executor.v = r->executor;
		sim_driver_feed(w, &ev);
		return;
	}
}

static void terminate(struct sim *w)
{
	struct tr_executor_event ev = { .kind = TR_EXECUTOR_TERMINATE };
	uint32_t node = any_executor(w);
	if (w->executors[node].paused_until <= w->now_ms)
		sim_executor_feed(w, node, &ev);
}

static void reset_connection(struct sim *w)
{
	uint32_t node = any_executor(w);
	const struct sim_executor *x = &w->executors[node];
	if (!x->alive || x->conn == SIM_NO_CONN)
		return;
	sim_reset(w, x->conn, sim_chance(w, 50));
}

static void partition(struct sim *w, enum sim_fault fault)
{
	uint32_t a = any_executor(w);
	uint32_t b =
		fault == SIM_PARTITION_EXECUTORS ? any_executor(w) : SIM_DRIVER;
	uint64_t ms = outage_ms(w);
	if (a == b)
		return;
	if (fault == SIM_PARTITION_ONE_WAY && sim_chance(w, 50)) {
		block(w, b, a, ms);
		return;
	}
	block(w, a, b, ms);
	if (fault != SIM_PARTITION_ONE_WAY)
		block(w, b, a, ms);
}

static void strike(struct sim *w, enum sim_fault fault)
{
	switch (fault) {
	case SIM_CRASH_DRIVER:
		sim_driver_crash(w);
		break;
	case SIM_CRASH_EXECUTOR:
		crash_executor(w, any_executor(w));
		break;
	case SIM_PAUSE_DRIVER:
		w->driver.paused_until = w->now_ms + outage_ms(w);
		break;
	case SIM_PAUSE_EXECUTOR:
		w->executors[any_executor(w)].paused_until =
			w->now_ms + outage_ms(w);
		break;
	case SIM_PARTITION:
	case SIM_PARTITION_ONE_WAY:
	case SIM_PARTITION_EXECUTORS:
		partition(w, fault);
		break;
	case SIM_RESET_CONNECTION:
		reset_connection(w);
		break;
	case SIM_REPLAY_REPORT:
		for (uint32_t i = 0; i < w->executors_count; i++)
			sim_executor_replay(w, i);
		break;
	case SIM_ROT_BLOCKS:
		rot_blocks(w);
		break;
	case SIM_DRAIN:
		drain(w);
		break;
	case SIM_TERMINATE:
		terminate(w);
		break;
	case SIM_KILL_ALL:
		for (uint32_t i = 0; i < w->executors_count; i++)
			crash_executor(w, i);
		break;
	case SIM_LOG_START:
		w->log_start[sim_below(w, SIM_PARTITIONS)] +=
			sim_between(w, 1, 120);
		break;
	case SIM_CANCEL:
	case SIM_TASK_FAILS:
	case SIM_WORKER_DIES:
	case SIM_PLAN_FAILS:
	case SIM_NONDETERMINISM:
	case SIM_POISON:
	case SIM_FAULTS:
		break; /* these belong to jobs and attempts */
	}
}

void sim_fault_strike(struct sim *w)
{
	enum sim_fault fault = (enum sim_fault)sim_below(w, SIM_LOG_START + 1);
	if (!w->fault[fault])
		return;
	w->struck[fault]++;
	sim_say(w, "fault %d", (int)fault);
	strike(w, fault);
}

void sim_heal(struct sim *w)
{
	sim_say(w, "all is well from here");
	w->healed = true;
	for (uint32_t i = 0; i < SIM_NODES; i++)
		for (uint32_t k = 0; k < SIM_NODES; k++)
			w->blocked_until[i][k] = 0;
	w->driver.paused_until = 0;
	for (uint32_t i = 0; i < w->executors_count; i++) {
		w->executors[i].paused_until = 0;
		if (!w->driver.drained[i])
			continue;
		w->driver.drained[i] = false;
		crash_executor(w, i);
	}
}
