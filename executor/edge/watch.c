/*
 * Workers seen from outside: a worker that loops for ever or eats the machine
 * cannot be asked to stop, so it is ended, and its page tells where it was.
 */
#include "executor/edge/process.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/config/value.h"
#include "common/log/log.h"
#include "executor/edge/daemon.h"

static const char *operator_place(
	struct tr_daemon *d, const struct tr_process *p, uint32_t op)
{
	const struct tr_job *job = tr_daemon_job(d, p->job);
	const Tranche__V1__JobPlan *plan = job ? job->spec->plan : NULL;
	return plan && op < plan->n_operators ? plan->operators[op]->where : "";
}

void tr_watch_place(
	struct tr_daemon *d, const struct tr_process *p, struct tr_place *out)
{
	struct tr_page_view v;
	tr_page_read(p->page, &v);
	snprintf(out->where, sizeof(out->where), "%s",
		operator_place(d, p, v.op));
	snprintf(out->position, sizeof(out->position), "%.*s",
		(int)sizeof(out->position) - 1, v.at);
}

const char *tr_watch_describe(
	struct tr_daemon *d, const struct tr_process *p, char *out, size_t size)
{
	struct tr_page_view v;
	struct tr_place place;
	tr_page_read(p->page, &v);
	tr_watch_place(d, p, &place);
	int n = 0;
	*out = '\0';
	if (v.op != TR_PAGE_NO_OPERATOR)
		n = snprintf(out, size, " in operator %u%s%s%s", v.op,
			*place.where ? " (" : "", place.where,
			*place.where ? ")" : "");
	if (*place.position && n >= 0 && (size_t)n < size)
		snprintf(out + n, size - (size_t)n, " at %s", place.position);
	return out;
}

/* Anonymous memory, as near as one cheap read tells: resident - shared. */
static uint64_t memory_of(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return 0;
	unsigned long long size, resident, shared;
	int n = fscanf(f, "%llu %llu %llu", &size, &resident, &shared);
	fclose(f);
	if (n != 3 || shared > resident)
		return 0;
	return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void end(struct tr_process *p)
{
	tr_log_warn("worker-ended",
		"worker=%" PRIu64 " pid=%d attempt=%" PRIu64 " reason=%s",
		p->id.v, (int)p->pid, p->attempt.v,
		TR_LOG_STR(p->verdict.text));
	tr_process_kill(p);
}

static bool too_much_memory(struct tr_daemon *d, struct tr_process *p)
{
	p->memory = memory_of(p->pid);
	if (p->memory <= p->memory_max)
		return false;
	char used[32], max[32], place[640];
	tr_error_set(&p->verdict, TR_EKILLED,
		"the worker used %s of memory, its limit is %s%s; raise "
		"worker_memory, or keep less in user code",
		tr_value_size_text(used, sizeof(used), p->memory >> 20 << 20),
		tr_value_size_text(max, sizeof(max), p->memory_max),
		tr_watch_describe(d, p, place, sizeof(place)));
	return true;
}

/* Waiting for records or for the driver is nobody's fault here. */
static bool is_excused(
	struct tr_daemon *d, struct tr_process *p, const struct tr_page_view *v)
{
	return v->state == TR_PAGE_READING ||
	       !(tr_process_pollfd(d, p).events & POLLIN);
}

/* Time counts only while we look: a machine that was stopped is no hang. */
static bool stands_still(
	struct tr_daemon *d, struct tr_process *p, uint64_t elapsed_ms)
{
	struct tr_page_view v;
	tr_page_read(p->page, &v);
	if (v.progress != p->progress || is_excused(d, p, &v)) {
		p->progress = v.progress;
		p->still_ms = 0;
		return false;
	}
	p->still_ms += elapsed_ms;
	if (p->still_ms < p->timeout_ms)
		return false;
	char time[32], place[640];
	tr_error_set(&p->verdict, TR_EKILLED, "no progress for %s%s",
		tr_value_duration_text(time, sizeof(time), p->timeout_ms),
		tr_watch_describe(d, p, place, sizeof(place)));
	return true;
}

static bool is_watched(const struct tr_process *p)
{
	return !p->stopped && p->verdict.code == 0;
}

void tr_watch(struct tr_daemon *d)
{
	if (d->now_ms < d->processes.look_at_ms)
		return;
	uint64_t elapsed_ms = d->now_ms - d->processes.looked_ms;
	if (elapsed_ms > 10 * TR_WATCH_MS)
		elapsed_ms = TR_WATCH_MS;
	d->processes.looked_ms = d->now_ms;
	d->processes.look_at_ms = d->now_ms + TR_WATCH_MS;
	for (struct tr_process *p = d->processes.all; p; p = p->next)
		if (is_watched(p) &&
			(too_much_memory(d, p) ||
				(p->attempt.v &&
					stands_still(d, p, elapsed_ms))))
			end(p);
}

uint64_t tr_watch_deadline(const struct tr_daemon *d)
{
	for (struct tr_process *p = d->processes.all; p; p = p->next)
		if (is_watched(p) && p->attempt.v)
			return d->processes.look_at_ms;
	return UINT64_MAX;
}
