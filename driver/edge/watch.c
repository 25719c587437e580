/*
 * Clients that wait for a job: each hears of changes at most once per interval,
 * and of the end always. Who asks is told of a durable job only, and a job goes
 * with its last words, so that a watch always has its job.
 */
#include "common/base/xalloc.h"
#include "driver/edge/driver.h"

static void send_watch(struct tr_driver *d, struct tr_peer *p,
	struct tr_watch *w, const struct tr_edge_job *j)
{
	Tranche__V1__JobStatus *st =
		tr_edge_job_status(j, tr_store_term(d->store).v, d->wall_ms);
	tr_control_status(d, p->conn, w->request_id, st);
	tr_msg_free(st);
	w->seen = j->changed;
	w->next_ms = d->now_ms + w->interval_ms;
}

static void remove_watch(
	struct tr_driver *d, struct tr_peer *p, struct tr_watch *w)
{
	struct tr_watch **at = &p->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	tr_xfree(w);
	d->n_watches--;
}

void tr_watch_add(struct tr_driver *d, struct tr_peer *p,
	const struct tr_edge_job *j, uint64_t request_id, uint32_t interval_ms)
{
	struct tr_error err;
	if (d->n_watches == TR_WATCHES_MAX) {
		tr_error_set(&err, TR_ELIMIT,
			"%u clients are watching jobs already", TR_WATCHES_MAX);
		tr_control_ack(d, p->conn, request_id, &err);
		return;
	}
	struct tr_watch *w = tr_xcalloc(1, sizeof(*w));
	w->job = j->id;
	w->request_id = request_id;
	w->interval_ms = interval_ms > TR_WATCH_INTERVAL_MS_MIN
				 ? interval_ms
				 : TR_WATCH_INTERVAL_MS_MIN;
	w->next = p->watches;
	p->watches = w;
	d->n_watches++;
	send_watch(d, p, w, j);
}

uint64_t tr_watch_tick(struct tr_driver *d)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; d->n_watches && i < d->n_peers; i++) {
		struct tr_peer *p = d->peers[i];
		for (struct tr_watch *w = p ? p->watches : NULL; w;
			w = w->next) {
			struct tr_edge_job *j = tr_driver_job(d, w->job);
			if (!j)
				continue;
			if (w->next_ms <= d->now_ms && w->seen != j->changed)
				send_watch(d, p, w, j);
			if (w->next_ms > d->now_ms && w->next_ms < next)
				next = w->next_ms;
		}
	}
	return next;
}

void tr_watch_tell(struct tr_driver *d, struct tr_edge_job *j, bool last)
{
	for (uint32_t i = 0; d->n_watches && i < d->n_peers; i++) {
		struct tr_peer *p = d->peers[i];
		for (struct tr_watch *w = p ? p->watches : NULL, *next; w;
			w = next) {
			next = w->next;
			if (w->job.v != j->id.v)
				continue;
			send_watch(d, p, w, j);
			if (last)
				remove_watch(d, p, w);
		}
	}
}

void tr_watch_down(struct tr_driver *d, struct tr_peer *p)
{
	while (p->watches)
		remove_watch(d, p, p->watches);
}
