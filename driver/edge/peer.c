#include "driver/edge/peer.h"

#include <stdio.h>

#include "common/base/xalloc.h"

struct tr_peer *tr_peer_new(struct tr_conn_id conn, const char *address)
{
	struct tr_peer *p = tr_xcalloc(1, sizeof(*p));
	p->conn = conn;
	snprintf(p->address, sizeof(p->address), "%s", address);
	return p;
}

void tr_peer_free(struct tr_peer *p)
{
	tr_xfree(p->block_url);
	tr_xfree(p->drops);
	tr_xfree(p->jobs_told);
	tr_xfree(p->running);
	tr_xfree(p);
}

/* The index, or n_running. */
static uint32_t find_running(
	const struct tr_peer *p, struct tr_attempt_id attempt)
{
	uint32_t i = 0;
	while (i < p->n_running && p->running[i].v != attempt.v)
		i++;
	return i;
}

bool tr_peer_runs(const struct tr_peer *p, struct tr_attempt_id attempt)
{
	return find_running(p, attempt) < p->n_running;
}

void tr_peer_begin(struct tr_peer *p, struct tr_attempt_id attempt)
{
	if (tr_peer_runs(p, attempt))
		return;
	p->running = tr_xrealloc(
		p->running, (p->n_running + 1) * sizeof(*p->running));
	p->running[p->n_running++] = attempt;
}

bool tr_peer_end(struct tr_peer *p, struct tr_attempt_id attempt)
{
	uint32_t i = find_running(p, attempt);
	if (i == p->n_running)
		return false;
	p->running[i] = p->running[--p->n_running];
	return true;
}

void tr_peer_drop(struct tr_peer *p, const struct tr_attempt_ref *ref)
{
	if (p->n_drops == p->cap_drops) {
		p->cap_drops = p->cap_drops ? p->cap_drops * 2 : 16;
		p->drops =
			tr_xrealloc(p->drops, p->cap_drops * sizeof(*p->drops));
	}
	p->drops[p->n_drops++] = *ref;
}

bool tr_peer_was_told(const struct tr_peer *p, struct tr_job_id job)
{
	for (size_t i = 0; i < p->n_jobs_told; i++)
		if (p->jobs_told[i] == job.v)
			return true;
	return false;
}

void tr_peer_told(struct tr_peer *p, struct tr_job_id job)
{
	p->jobs_told = tr_xrealloc(
		p->jobs_told, (p->n_jobs_told + 1) * sizeof(*p->jobs_told));
	p->jobs_told[p->n_jobs_told++] = job.v;
}

void tr_peer_untold(struct tr_peer *p, struct tr_job_id job)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n_jobs_told; i++)
		if (p->jobs_told[i] != job.v)
			p->jobs_told[n++] = p->jobs_told[i];
	p->n_jobs_told = n;
}
