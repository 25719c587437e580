#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"

/* Of the run in progress, for a message when an assertion ends the process. */
static const struct sim *current;

void sim_at(uint64_t *seed, uint64_t *step, uint64_t *now_ms)
{
	*seed = current ? current->seed : 0;
	*step = current ? current->steps : 0;
	*now_ms = current ? current->now_ms : 0;
}

/* -------------------------------------------------------- time and chance */

uint64_t sim_below(struct sim *w, uint64_t n)
{
	return tr_rng_below(&w->rng, n);
}

uint64_t sim_between(struct sim *w, uint64_t from, uint64_t to)
{
	return from + sim_below(w, to - from + 1);
}

bool sim_chance(struct sim *w, uint32_t percent)
{
	return sim_below(w, 100) < percent;
}

/* splitmix64's finaliser over both. */
uint64_t sim_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a + 0x9E3779B97F4A7C15u * (b + 1);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

void sim_hash(struct sim *w, uint64_t v)
{
	w->hash = sim_mix(w->hash, v);
}

void sim_say(const struct sim *w, const char *fmt, ...)
{
	if (!w->trace)
		return;
	va_list ap;
	va_start(ap, fmt);
	printf("%8llu ", (unsigned long long)w->now_ms);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

static void push(struct sim *w, struct sim_event ev)
{
	if (w->heap_count == w->heap_room) {
		w->heap_room = w->heap_room ? 2 * w->heap_room : 256;
		w->heap = tr_xrealloc(w->heap, w->heap_room * sizeof(*w->heap));
	}
	size_t i = w->heap_count++;
	while (i > 0 && is_before(&ev, &w->heap[(i - 1) / 2])) {
		w->heap[i] = w->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	w->heap[i] = ev;
}

static struct sim_event pop(struct sim *w)
{
	struct sim_event first = w->heap[0];
	struct sim_event last = w->heap[--w->heap_count];
	size_t i = 0;
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= w->heap_count)
			break;
		if (child + 1 < w->heap_count &&
			is_before(&w->heap[child + 1], &w->heap[child]))
			child++;
		if (!is_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	if (w->heap_count > 0)
		w->heap[i] = last;
	return first;
}

void sim_after(struct sim *w, uint64_t ms, struct sim_event ev)
{
	ev.at_ms = w->now_ms + ms;
	ev.seq = w->seq++;
	push(w, ev);
}

/* ----------------------------------------------------------------- events */

static uint64_t paused_until(const struct sim *w, const struct sim_event *ev)
{
	switch (ev->kind) {
	case SIM_EVENT_DELIVER:
		return ev->arg == SIM_TO_DRIVER
			       ? w->driver.paused_until
			       : w->executors[w->conns[ev->node].node]
					 .paused_until;
	case SIM_EVENT_SYNCED:
	case SIM_EVENT_COMMITTED:
	case SIM_EVENT_PLANNED:
	case SIM_EVENT_SUBMIT:
	case SIM_EVENT_CANCEL:
		return w->driver.paused_until;
	case SIM_EVENT_DRIVER_TICK:
		/* What was received meanwhile comes first. */
		return w->driver.paused_until ? w->driver.paused_until + 1 : 0;
	case SIM_EVENT_EXECUTOR_TICK:
	case SIM_EVENT_DIALED:
	case SIM_EVENT_ARTEFACT:
	case SIM_EVENT_INPUTS:
	case SIM_EVENT_WORKER_DONE:
	case SIM_EVENT_WORKER_GONE:
		return w->executors[ev->node].paused_until;
	case SIM_EVENT_COMMIT:
	case SIM_EVENT_DRIVER_START:
	case SIM_EVENT_EXECUTOR_START:
	case SIM_EVENT_FAULT:
	case SIM_EVENT_HEAL:
		return 0;
	}
	return 0;
}

static void take_driver_event(struct sim *w, const struct sim_event *ev)
{
	if (!w->driver.alive || ev->epoch != w->driver.process)
		return;
	struct tr_core_event committed = { .kind = TR_CORE_COMMITTED };
	switch (ev->kind) {
	case SIM_EVENT_SYNCED:
		sim_disk_synced(w, ev->arg);
		break;
	case SIM_EVENT_COMMIT:
		sim_driver_commit(w, (uint32_t)ev->arg);
		break;
	case SIM_EVENT_COMMITTED:
		committed.u.committed.job.v = ev->arg + 1;
		committed.u.committed.batch = 1;
		sim_driver_feed(w, &committed);
		break;
	case SIM_EVENT_PLANNED:
		sim_driver_planned(w, (uint32_t)ev->arg);
		break;
	case SIM_EVENT_DRIVER_TICK:
		sim_driver_tick(w);
		break;
	default:
		tr_assert(ev->kind == SIM_EVENT_DRIVER_TICK);
	}
}

static void take(struct sim *w, const struct sim_event *ev)
{
	switch (ev->kind) {
	case SIM_EVENT_DELIVER:
		sim_deliver(w, ev->node, (enum sim_dir)ev->arg);
		break;
	case SIM_EVENT_SYNCED:
	case SIM_EVENT_COMMIT:
	case SIM_EVENT_COMMITTED:
	case SIM_EVENT_PLANNED:
	case SIM_EVENT_DRIVER_TICK:
		take_driver_event(w, ev);
		break;
	case SIM_EVENT_DRIVER_START:
		if (!w->driver.alive && ev->epoch == w->driver.process)
			sim_driver_start(w);
		break;
	case SIM_EVENT_EXECUTOR_START:
		if (!w->executors[ev->node].alive)
			sim_executor_start(w, ev->node);
		break;
	case SIM_EVENT_EXECUTOR_TICK:
	case SIM_EVENT_DIALED:
	case SIM_EVENT_ARTEFACT:
	case SIM_EVENT_INPUTS:
	case SIM_EVENT_WORKER_DONE:
	case SIM_EVENT_WORKER_GONE:
		if (w->executors[ev->node].alive &&
			w->executors[ev->node].instance == ev->epoch)
			sim_executor_event(w, ev);
		break;
	case SIM_EVENT_SUBMIT:
		sim_submit(w, (uint32_t)ev->arg);
		break;
	case SIM_EVENT_CANCEL:
		sim_cancel(w, (uint32_t)ev->arg);
		break;
	case SIM_EVENT_FAULT:
		sim_fault_strike(w);
		break;
	case SIM_EVENT_HEAL:
		sim_heal(w);
		break;
	}
}

/* ------------------------------------------------------------------- run */

static void start(struct sim *w, uint64_t seed)
{
	w->seed = seed;
	tr_rng_init(&w->rng, sim_mix(seed, 1));
	w->executors_count = (uint32_t)sim_between(w, 1, SIM_EXECUTORS);
	sim_faults_make(w);
	sim_jobs_make(w);
	for (uint32_t i = 0; i < w->executors_count; i++) {
		w->executors[i].slots =
			(uint32_t)sim_between(w, 1, SIM_SLOTS_MAX);
		sim_after(w, sim_below(w, 500),
			(struct sim_event){
				.kind = SIM_EVENT_EXECUTOR_START, .node = i });
	}
	sim_after(w, sim_below(w, 100),
		(struct sim_event){ .kind = SIM_EVENT_DRIVER_START });
}

static bool is_over(const struct sim *w)
{
	for (uint32_t i = 0; i < w->jobs_count; i++)
		if (w->jobs[i].state != SIM_JOB_ENDED)
			return false;
	return true;
}

static void step(struct sim *w)
{
	struct sim_event ev = pop(w);
	w->now_ms = ev.at_ms;
	uint64_t until = paused_until(w, &ev);
	if (until > w->now_ms) {
		sim_after(w, until - w->now_ms, ev);
		return;
	}
	w->steps++;
	sim_hash(w, (uint64_t)ev.kind << 32 | ev.node);
	take(w, &ev);
	if (w->healed && w->now_ms > w->faults_end_ms + SIM_HEALED_MS)
		sim_check_liveness(w);
}

static void stop(struct sim *w)
{
	sim_driver_fini(w);
	for (uint32_t i = 0; i < SIM_EXECUTORS; i++)
		sim_executor_fini(w, i);
	sim_net_fini(w);
	tr_xfree(w->heap);
	tr_xfree(w->update);
	tr_xfree(w->executor_update);
}

void sim_run(uint64_t seed, uint64_t steps_max, bool trace, uint64_t *taken,
	struct sim_result *result)
{
	struct sim *w = tr_xcalloc(1, sizeof(*w));
	w->update = tr_xcalloc(1, sizeof(*w->update));
	w->executor_update = tr_xcalloc(1, sizeof(*w->executor_update));
	w->trace = trace;
	w->taken = taken;
	current = w;
	start(w, seed);
	while (!is_over(w) && w->steps < steps_max)
		step(w);
	if (is_over(w))
		sim_check_end(w);
	*result = (struct sim_result){
		.hash = w->hash, .steps = w->steps, .end_ms = w->now_ms
	};
	memcpy(result->struck, w->struck, sizeof(w->struck));
	stop(w);
	current = NULL;
	tr_xfree(w);
}
