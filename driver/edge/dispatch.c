/* What executors are told: the core's sends as frames. */
#include <inttypes.h>
#include <string.h>

#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/log/log.h"
#include "driver/edge/driver.h"

/* ------------------------------------------------------------- input blocks */

/* The block of `a` for (stage, lane), or NULL: it is empty. */
static const Tranche__V1__BlockInfo *block_for(
	const struct tr_edge_attempt *a, struct tr_lane_id to)
{
	const Tranche__V1__Receipt *r = a->receipt;
	/* With one stage that reads it and no empty block, it is just there. */
	if (to.lane < r->n_blocks && r->blocks[to.lane]->lane == to.lane &&
		r->blocks[to.lane]->stage == to.stage)
		return r->blocks[to.lane];
	size_t low = 0, high = r->n_blocks;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const Tranche__V1__BlockInfo *b = r->blocks[mid];
		if (b->stage == to.stage && b->lane == to.lane)
			return b;
		if (b->stage < to.stage ||
			(b->stage == to.stage && b->lane < to.lane))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* A task's input blocks while its spec is put together. */
struct inputs {
	struct tr_driver *d;
	uint64_t id; /* of this spec: peers are marked with it */
	Tranche__V1__BlockRef *refs;
	Tranche__V1__BlockRef **list;
	size_t n, cap;
	char **urls; /* borrowed */
	uint32_t n_urls;
	uint32_t nowhere; /* index + 1 of the url of holders that are gone */
};

static uint32_t add_url(struct inputs *in, char *url)
{
	in->urls = tr_xrealloc(in->urls, (in->n_urls + 1) * sizeof(*in->urls));
	in->urls[in->n_urls] = url;
	return in->n_urls++;
}

/* A holder that has just gone has no url: the fetch fails and says so. */
static uint32_t source_of(struct inputs *in, struct tr_executor_id holder)
{
	static char none[] = "";
	struct tr_peer *p = tr_driver_member(in->d, holder);
	if (!p) {
		if (!in->nowhere)
			in->nowhere = add_url(in, none) + 1;
		return in->nowhere - 1;
	}
	if (p->source_of != in->id) {
		p->source_of = in->id;
		p->source = add_url(in, p->block_url);
	}
	return p->source;
}

static void add_input(struct inputs *in, struct tr_lane_id from,
	const struct tr_edge_attempt *a, const Tranche__V1__BlockInfo *b)
{
	if (in->n == in->cap) {
		in->cap = in->cap ? in->cap * 2 : 64;
		in->refs = tr_xrealloc(in->refs, in->cap * sizeof(*in->refs));
	}
	Tranche__V1__BlockRef *r = &in->refs[in->n++];
	tranche__v1__block_ref__init(r);
	r->stage = from.stage;
	r->lane = from.lane;
	r->attempt = a->id.v;
	r->source = source_of(in, a->executor);
	r->offset = b->offset;
	r->stored_bytes = b->stored_bytes;
	r->raw_bytes = b->raw_bytes;
	r->records = b->records;
	r->digest = b->digest;
}

/*
 * All blocks for a reduce lane, in plan order: stage, then lane. A result that
 * was undone since the core decided on this launch is named all the same: the
 * fetch fails and the task reports it lost, where leaving it out would lose
 * its records.
 */
static void collect_inputs(
	struct inputs *in, const struct tr_edge_job *j, struct tr_lane_id to)
{
	const struct tr_stage *st = &j->stages->s[to.stage];
	for (uint32_t i = 0; i < st->n_inputs; i++) {
		uint32_t s = st->inputs[i];
		for (uint32_t lane = 0; lane < j->lanes[s].lanes; lane++) {
			const struct tr_edge_attempt *a =
				tr_edge_task_last(&j->lanes[s].tasks[lane]);
			/* The core launches what has all its input. */
			tr_assert(a && a->receipt);
			const Tranche__V1__BlockInfo *b = block_for(a, to);
			if (b)
				add_input(in, (struct tr_lane_id){ s, lane }, a,
					b);
		}
	}
	in->list = tr_xcalloc(in->n + 1, sizeof(*in->list));
	for (size_t i = 0; i < in->n; i++)
		in->list[i] = &in->refs[i];
}

static void inputs_fini(struct inputs *in)
{
	tr_xfree(in->urls);
	tr_xfree(in->list);
	tr_xfree(in->refs);
}

/* ------------------------------------------------------------------ launch */

static int send_job_spec(
	struct tr_driver *d, struct tr_peer *p, const struct tr_edge_job *j)
{
	const Tranche__V1__BatchPlan *plan = j->plan;
	struct tr_attempt_ref ref = { .job = j->id, .batch = plan->batch };
	Tranche__V1__Envelope env = tr_driver_env(d, &ref, 0);
	Tranche__V1__JobSpec m = TRANCHE__V1__JOB_SPEC__INIT;
	m.env = &env;
	m.job_uuid = plan->job_uuid;
	m.artefact = plan->artefact;
	m.plan_digest = plan->plan_digest;
	m.n_arguments = plan->n_arguments;
	m.arguments = plan->arguments;
	m.kafka = plan->kafka;
	m.batch_time_ms = plan->batch_time_ms;
	m.seed = plan->seed;
	m.worker_memory = plan->worker_memory;
	m.task_timeout_ms = plan->task_timeout_ms;
	m.n_stages = plan->n_stages;
	m.stages = plan->stages;
	m.artefact_name = j->request->artefact_name;
	m.plan = plan->plan;
	int rc = tr_driver_send(
		d, p->conn, TR_KIND_JOB_SPEC, &m, (struct tr_slice){ 0 });
	if (rc == 0)
		tr_peer_told(p, j->id);
	return rc;
}

/* Whether lane + 1 goes on where this lane's range ends. */
static bool is_continued(const struct tr_edge_stage *s, uint32_t lane)
{
	const Tranche__V1__Range *a = s->ranges[lane];
	const Tranche__V1__Range *b =
		lane + 1 < s->lanes ? s->ranges[lane + 1] : NULL;
	return a && b && a->partition == b->partition && a->until == b->from &&
	       strcmp(a->topic, b->topic) == 0;
}

static int send_task(struct tr_driver *d, struct tr_peer *p,
	const struct tr_edge_job *j, const struct tr_core_send *s)
{
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__TaskSpec m = TRANCHE__V1__TASK_SPEC__INIT;
	struct inputs in = { .d = d, .id = ++d->specs };
	const struct tr_edge_stage *st = &j->lanes[s->ref.lane.stage];
	m.env = &env;
	m.max_rate = s->rate;
	m.range = st->ranges[s->ref.lane.lane];
	m.stop_warm = !is_continued(st, s->ref.lane.lane);
	if (!m.range) {
		collect_inputs(&in, j, s->ref.lane);
		m.block_urls = in.urls;
		m.n_block_urls = in.n_urls;
		m.blocks = in.list;
		m.n_blocks = in.n;
	}
	int rc = tr_driver_send(
		d, p->conn, TR_KIND_TASK_SPEC, &m, (struct tr_slice){ 0 });
	inputs_fini(&in);
	return rc;
}

/*
 * The executor hears nothing of it and cannot report, so that this is said for
 * it: else its slot would count as taken for ever.
 */
static void refuse_launch(struct tr_driver *d, struct tr_peer *p,
	const struct tr_attempt_ref *ref, const char *what)
{
	struct tr_error err;
	Tranche__V1__ErrorInfo info;
	tr_error_set(&err, TR_ELIMIT, "%s", what);
	tr_msg_error_info(&info, &err);
	tr_peer_end(p, ref->attempt);
	tr_edge_report_failed(d, p, ref, &info, false);
}

static void launch(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	struct tr_edge_job *j = tr_driver_job(d, s->ref.job);
	struct tr_edge_task *t = j ? tr_edge_job_task(j, s->ref.lane) : NULL;
	tr_assert(t); /* a job goes after all that was decided for it */
	if (t->n_attempts)
		j->retries++;
	tr_edge_attempt_get(
		t, s->ref.attempt, p->executor, p->name, d->wall_ms);
	tr_peer_begin(p, s->ref.attempt);
	tr_edge_task_changed(j, s->ref.lane);
	(void)TR_FP("dispatch.each");
	if (!tr_peer_was_told(p, j->id) && send_job_spec(d, p, j) == TR_ELIMIT)
		refuse_launch(d, p, &s->ref,
			"the job's operators and arguments are more than one "
			"message holds");
	else if (send_task(d, p, j, s) == TR_ELIMIT)
		refuse_launch(d, p, &s->ref,
			"a task of the job has more input blocks than one "
			"message holds: raise --max-range or lower the number "
			"of lanes");
}

/* ------------------------------------------------------------- other sends */

static void cancel_attempt(
	struct tr_driver *d, const struct tr_attempt_ref *ref)
{
	struct tr_edge_job *j = tr_driver_job(d, ref->job);
	struct tr_edge_task *t = j ? tr_edge_job_task(j, ref->lane) : NULL;
	struct tr_edge_attempt *a =
		t ? tr_edge_attempt_find(t, ref->attempt) : NULL;
	if (!a || a->outcome != TR_EDGE_RUNNING)
		return;
	a->outcome = TR_EDGE_CANCELLED;
	a->ended_ms = d->wall_ms;
	tr_edge_task_changed(j, ref->lane);
}

static void kill_task(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	if (p->registering) {
		cancel_attempt(d, &s->ref);
		tr_peer_end(p, s->ref.attempt);
		tr_peer_drop(p, &s->ref);
		return;
	}
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__TaskKill m = TRANCHE__V1__TASK_KILL__INIT;
	char reason[] = "not wanted any more";
	m.env = &env;
	m.reason = reason;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_TASK_KILL, &m, (struct tr_slice){ 0 });
}

static void registered(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__RegisterReply m = TRANCHE__V1__REGISTER_REPLY__INIT;
	Tranche__V1__Envelope *drops =
		tr_xcalloc(p->n_drops + 1, sizeof(*drops));
	Tranche__V1__Envelope **list =
		tr_xcalloc(p->n_drops + 1, sizeof(*list));
	for (size_t i = 0; i < p->n_drops; i++) {
		drops[i] = tr_driver_env(d, &p->drops[i], 0);
		list[i] = &drops[i];
	}
	m.env = &env;
	m.executor = p->executor.v;
	m.n_drop = p->n_drops;
	m.drop = list;
	m.draining = s->draining;
	/* TR_EXECUTOR_TASKS_MAX envelopes fit a body. */
	(void)tr_driver_send(
		d, p->conn, TR_KIND_REGISTER_REPLY, &m, (struct tr_slice){ 0 });
	tr_xfree(list);
	tr_xfree(drops);
	tr_xfree(p->drops);
	p->drops = NULL;
	p->n_drops = p->cap_drops = 0;
	p->registering = false;
}

static void send_drain(struct tr_driver *d, struct tr_peer *p, bool goodbye)
{
	Tranche__V1__Envelope env = tr_driver_env(d, NULL, 0);
	Tranche__V1__Drain m = TRANCHE__V1__DRAIN__INIT;
	m.env = &env;
	m.goodbye = goodbye;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_DRAIN, &m, (struct tr_slice){ 0 });
}

static void end_job(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	tr_peer_untold(p, s->ref.job);
	Tranche__V1__Envelope env = tr_driver_env(d, &s->ref, 0);
	Tranche__V1__JobEnd m = TRANCHE__V1__JOB_END__INIT;
	m.env = &env;
	(void)tr_driver_send(
		d, p->conn, TR_KIND_JOB_END, &m, (struct tr_slice){ 0 });
}

static void close_member(
	struct tr_driver *d, struct tr_peer *p, const struct tr_core_send *s)
{
	tr_log_warn("executor-closed", "exec=%" PRIu64 " name=%s reason=%s",
		p->executor.v, TR_LOG_STR(p->name), tr_err_name(s->error));
	p->closing = true;
	tr_net_conn_close(d->net, p->conn);
}

void tr_dispatch(struct tr_driver *d, const struct tr_core_send *s)
{
	struct tr_peer *p = tr_driver_member(d, s->executor);
	if (!p)
		return; /* gone since: the core hears of it, or has */
	switch (s->kind) {
	case TR_CORE_SEND_LAUNCH:
		launch(d, p, s);
		break;
	case TR_CORE_SEND_KILL:
		kill_task(d, p, s);
		break;
	case TR_CORE_SEND_REGISTERED:
		registered(d, p, s);
		break;
	case TR_CORE_SEND_DRAIN:
		send_drain(d, p, false);
		break;
	case TR_CORE_SEND_GOODBYE:
		send_drain(d, p, true);
		tr_net_conn_finish(d->net, p->conn);
		break;
	case TR_CORE_SEND_CLOSE:
		close_member(d, p, s);
		break;
	case TR_CORE_SEND_JOB_END:
		end_job(d, p, s);
		break;
	}
}
