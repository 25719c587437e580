#include "driver/plan/planner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kafka/meta.h"
#include "common/plan/stages.h"
#include "driver/plan/plan_worker.h"
#include "driver/plan/ranges.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

struct tr_planner {
	struct tr_planner_opts opts;
	struct tr_kafka_meta *meta; /* of the cluster planned for last */
	struct tr_buf meta_key;     /* its packed KafkaConf */
};

/* A partition that a source reads. */
struct source_span {
	uint32_t stage;
	struct tr_partition_span span;
};

/* One plan in the making. */
struct draft {
	struct tr_planner *planner;
	const struct tr_plan_request *r;
	const Tranche__V1__WorkerPlan *program;
	struct tr_stages *stages;
	struct tr_offset_spans asked; /* --offsets */
	struct source_span *spans;
	size_t n_spans, cap_spans;
	Tranche__V1__BatchPlan *plan; /* its memory: as tr_msg_free frees it */
	struct tr_error *err;
};

struct tr_planner *tr_planner_new(const struct tr_planner_opts *opts)
{
	struct tr_planner *p = tr_xcalloc(1, sizeof(*p));
	p->opts = *opts;
	tr_buf_init(&p->meta_key, TR_FRAME_BODY_MAX);
	return p;
}

void tr_planner_free(struct tr_planner *p)
{
	if (!p)
		return;
	tr_kafka_meta_close(p->meta);
	tr_buf_fini(&p->meta_key);
	tr_xfree(p);
}

/* The properties as "name=value" texts; free each and the array. */
static char **property_texts(const Tranche__V1__KafkaConf *k)
{
	char **texts = tr_xcalloc(k->n_properties + 1, sizeof(*texts));
	for (size_t i = 0; i < k->n_properties; i++) {
		const Tranche__V1__Property *p = k->properties[i];
		size_t n = strlen(p->name) + strlen(p->value) + 2;
		texts[i] = tr_xmalloc(n);
		snprintf(texts[i], n, "%s=%s", p->name, p->value);
	}
	return texts;
}

static int open_meta(struct tr_planner *p, const Tranche__V1__KafkaConf *k,
	struct tr_error *err)
{
	struct tr_buf key;
	tr_buf_init(&key, TR_FRAME_BODY_MAX);
	int rc = tr_msg_pack(&key, k);
	if (rc != 0) {
		tr_buf_fini(&key);
		return tr_error_set(err, rc, "too many Kafka properties");
	}
	if (p->meta && key.len == p->meta_key.len &&
		memcmp(key.data, p->meta_key.data, key.len) == 0) {
		tr_buf_fini(&key);
		return 0;
	}
	tr_kafka_meta_close(p->meta);
	p->meta = NULL;
	tr_buf_fini(&p->meta_key);
	p->meta_key = key;
	char **texts = property_texts(k);
	struct tr_kafka_conf conf = {
		.brokers = k->bootstrap,
		.secrets_dir = p->opts.secrets_dir,
		.props = (const char *const *)texts,
		.n_props = k->n_properties,
		.isolation = k->read_uncommitted ? TR_READ_UNCOMMITTED
						 : TR_READ_COMMITTED,
	};
	rc = tr_kafka_meta_open(&p->meta, &conf, err);
	for (size_t i = 0; i < k->n_properties; i++)
		free(texts[i]);
	free(texts);
	return rc;
}

static struct source_span *add_span(
	struct draft *d, uint32_t stage, const char *topic, int32_t partition)
{
	if (d->n_spans == d->cap_spans) {
		d->cap_spans = d->cap_spans ? d->cap_spans * 2 : 64;
		d->spans =
			tr_xrealloc(d->spans, d->cap_spans * sizeof(*d->spans));
	}
	struct source_span *s = &d->spans[d->n_spans++];
	*s = (struct source_span){ .stage = stage,
		.span = { .topic = topic, .partition = partition } };
	return s;
}

static int add_explicit(
	struct draft *d, uint32_t stage, const Tranche__V1__Operator *op)
{
	for (size_t i = 0; i < op->n_ranges; i++) {
		const Tranche__V1__Range *r = op->ranges[i];
		struct source_span *s =
			add_span(d, stage, r->topic, (int32_t)r->partition);
		s->span.from = (struct tr_point){ TR_POINT_OFFSET, r->from };
		s->span.until = (struct tr_point){ TR_POINT_OFFSET, r->until };
	}
	return 0;
}

/* The source's own offsets, as the plan worker resolved them. */
static const char *source_offsets(
	const struct draft *d, const Tranche__V1__Operator *op)
{
	for (size_t i = 0; i < d->program->n_offsets; i++)
		if (d->program->offsets[i]->operator_ == op->id)
			return d->program->offsets[i]->offsets;
	return op->offsets;
}

static int add_topic(
	struct draft *d, uint32_t stage, const Tranche__V1__Operator *op)
{
	struct tr_offset_spans own = { 0 };
	const struct tr_offset_spans *spans = &d->asked;
	uint32_t partitions;
	int rc;
	if (spans->n == 0) {
		const char *text = source_offsets(d, op);
		if (text[0] == '\0')
			return tr_error_set(d->err, TR_EINVAL,
				"%s: source '%s' does not say what to read: "
				"give --offsets, e.g. --offsets start:end",
				op->where, op->topic);
		rc = tr_offsets_parse(&own, text, d->err);
		if (rc != 0)
			return tr_error_prefix(d->err, "%s", op->where);
		spans = &own;
	}
	rc = tr_kafka_topic_partitions(
		d->planner->meta, op->topic, &partitions, d->err);
	for (uint32_t i = 0; rc == 0 && i < partitions; i++) {
		const struct tr_offset_span *found =
			tr_offsets_find(spans, op->topic, (int32_t)i);
		if (!found)
			continue;
		struct source_span *s =
			add_span(d, stage, op->topic, (int32_t)i);
		s->span.from = found->from;
		s->span.until = found->until;
	}
	tr_offset_spans_fini(&own);
	return rc;
}

/* An offset for a partition that nothing reads is a mistake, not a no-op. */
static int check_asked(const struct draft *d)
{
	for (size_t i = 0; i < d->asked.n; i++) {
		const struct tr_offset_span *a = &d->asked.spans[i];
		if (!a->topic[0])
			continue;
		size_t k = 0;
		while (k < d->n_spans &&
			(strcmp(d->spans[k].span.topic, a->topic) != 0 ||
				(a->partition >= 0 &&
					a->partition !=
						d->spans[k].span.partition)))
			k++;
		if (k == d->n_spans && a->partition >= 0)
			return tr_error_set(d->err, TR_ENOTFOUND,
				"--offsets name topic '%s' partition %d, which "
				"does not exist or is read by no source",
				a->topic, a->partition);
		if (k == d->n_spans)
			return tr_error_set(d->err, TR_ENOTFOUND,
				"--offsets name topic '%s', which no source of "
				"the job reads",
				a->topic);
	}
	return 0;
}

/* A source that the given offsets leave out was forgotten, not meant. */
static int check_sources(const struct draft *d)
{
	for (uint32_t i = 0; i < d->stages->n; i++) {
		const struct tr_stage *s = &d->stages->s[i];
		size_t k = 0;
		while (k < d->n_spans && d->spans[k].stage != i)
			k++;
		if (s->kind != TR_STAGE_SOURCE || k < d->n_spans)
			continue;
		const Tranche__V1__Operator *op =
			d->program->plan->operators[s->root];
		return tr_error_set(d->err, TR_EINVAL,
			"%s: --offsets say nothing of topic '%s': name it "
			"there too",
			op->where, op->topic);
	}
	return 0;
}

static int collect_spans(struct draft *d)
{
	for (uint32_t i = 0; i < d->stages->n; i++) {
		const struct tr_stage *s = &d->stages->s[i];
		if (s->kind != TR_STAGE_SOURCE)
			continue;
		const Tranche__V1__Operator *op =
			d->program->plan->operators[s->root];
		int rc = op->n_ranges ? add_explicit(d, i, op)
				      : add_topic(d, i, op);
		if (rc != 0)
			return rc;
	}
	if (d->n_spans > TR_LANES_MAX)
		return tr_error_set(d->err, TR_ELIMIT,
			"the job names %zu ranges, the limit is %u", d->n_spans,
			TR_LANES_MAX);
	int rc = check_asked(d);
	return rc == 0 ? check_sources(d) : rc;
}

static bool point_is_time(const struct tr_point *p)
{
	return p->kind == TR_POINT_TIME || p->kind == TR_POINT_AGO;
}

static struct tr_offset_query query_for(const struct draft *d,
	const struct tr_partition_span *s, const struct tr_point *at)
{
	int64_t t = at->kind == TR_POINT_AGO ? d->r->now_ms - at->v : at->v;
	return (struct tr_offset_query){ .topic = s->topic,
		.partition = s->partition,
		.spec = TR_OFFSET_AT_TIME,
		.time_ms = t < 0 ? 0 : t };
}

/* Log start, end and times of all partitions, in one question each. */
static int ask_offsets(struct draft *d)
{
	struct tr_offset_query *q = tr_xcalloc(d->n_spans * 4, sizeof(*q));
	size_t n = 0;
	for (size_t i = 0; i < d->n_spans; i++) {
		const struct tr_partition_span *s = &d->spans[i].span;
		for (int k = 0; k < 2; k++)
			q[n++] = (struct tr_offset_query){ .topic = s->topic,
				.partition = s->partition,
				.spec = k ? TR_OFFSET_LATEST
					  : TR_OFFSET_EARLIEST };
		if (point_is_time(&s->from))
			q[n++] = query_for(d, s, &s->from);
		if (point_is_time(&s->until))
			q[n++] = query_for(d, s, &s->until);
	}
	int rc = tr_kafka_meta_offsets(d->planner->meta, q, n, d->err);
	n = 0;
	for (size_t i = 0; rc == 0 && i < d->n_spans; i++) {
		struct tr_partition_span *s = &d->spans[i].span;
		s->log_start = q[n++].offset;
		s->log_end = q[n++].offset;
		if (s->log_start < 0 || s->log_end < s->log_start)
			rc = tr_error_set(d->err, TR_EKAFKA,
				"topic '%s' partition %d: the broker says that "
				"the log is [%" PRId64 ", %" PRId64 ")",
				s->topic, s->partition, s->log_start,
				s->log_end);
		if (point_is_time(&s->from))
			s->from_time = q[n++].offset;
		if (point_is_time(&s->until))
			s->until_time = q[n++].offset;
	}
	tr_xfree(q);
	return rc;
}

static void note(struct draft *d, const char *fmt, ...) TR_PRINTF(2, 3);

static void note(struct draft *d, const char *fmt, ...)
{
	Tranche__V1__BatchPlan *p = d->plan;
	if (p->n_notes == TR_PLAN_NOTES_MAX)
		return;
	char text[TR_ERROR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	p->notes = tr_xrealloc(p->notes, (p->n_notes + 1) * sizeof(char *));
	p->notes[p->n_notes++] = tr_xstrdup(text);
}

static int resolve_spans(struct draft *d, uint64_t *records)
{
	*records = 0;
	for (size_t i = 0; i < d->n_spans; i++) {
		struct tr_partition_span *s = &d->spans[i].span;
		int rc = tr_ranges_resolve(s, d->r->submit->clamp, d->err);
		if (rc != 0)
			return rc;
		if (s->clamped)
			note(d,
				"topic '%s' partition %d: clamped to [%" PRId64
				", %" PRId64 ")",
				s->topic, s->partition, s->first, s->last);
		*records += (uint64_t)(s->last - s->first);
	}
	if (*records == 0)
		note(d, "the ranges are empty: there is nothing to read");
	return 0;
}

static Tranche__V1__LaneRange *new_range(uint32_t stage, uint32_t lane,
	const struct tr_partition_span *s, int64_t from, int64_t until)
{
	Tranche__V1__Range *r = tr_xmalloc(sizeof(*r));
	Tranche__V1__LaneRange *lr = tr_xmalloc(sizeof(*lr));
	tranche__v1__range__init(r);
	tranche__v1__lane_range__init(lr);
	r->topic = tr_xstrdup(s->topic);
	r->partition = (uint32_t)s->partition;
	r->from = from;
	r->until = until;
	/* librdkafka 2.0.2 cannot tell epochs. */
	r->from_leader_epoch = -1;
	lr->stage = stage;
	lr->lane = lane;
	lr->range = r;
	return lr;
}

/*
 * How many lanes a span is cut into. A source that has nothing to read has one
 * lane all the same, an empty range, so that what follows it runs: the count
 * of nothing is 0, and a table of nothing is empty.
 */
static uint64_t lanes_of(
	const struct draft *d, size_t i, uint64_t max, const uint32_t *lanes)
{
	const struct source_span *s = &d->spans[i];
	bool is_last = i + 1 == d->n_spans || d->spans[i + 1].stage != s->stage;
	uint64_t n = tr_ranges_count(s->span.first, s->span.last, max);
	return n == 0 && is_last && lanes[s->stage] == 0 ? 1 : n;
}

/* Cuts all spans into lanes; lanes count per stage. */
static int cut_ranges(struct draft *d, uint64_t max, uint32_t *lanes)
{
	uint64_t total = 0;
	for (size_t i = 0; i < d->n_spans && total <= TR_LANES_MAX; i++)
		total += tr_ranges_count(
			d->spans[i].span.first, d->spans[i].span.last, max);
	if (total > TR_LANES_MAX)
		return tr_error_set(d->err, TR_ELIMIT,
			"the ranges make more than %u tasks; raise --max-range",
			TR_LANES_MAX);
	d->plan->ranges =
		tr_xcalloc(total + d->stages->n, sizeof(*d->plan->ranges));
	for (size_t i = 0; i < d->n_spans; i++) {
		const struct source_span *s = &d->spans[i];
		uint64_t n = lanes_of(d, i, max, lanes);
		for (uint64_t k = 0; k < n; k++) {
			int64_t from, until;
			tr_ranges_cut(s->span.first, s->span.last, n, k, &from,
				&until);
			d->plan->ranges[d->plan->n_ranges++] =
				new_range(s->stage, lanes[s->stage]++, &s->span,
					from, until);
		}
	}
	return 0;
}

static uint32_t reduce_lanes(const struct draft *d, uint64_t records)
{
	if (d->r->submit->reduce_lanes)
		return d->r->submit->reduce_lanes;
	uint64_t lanes = d->r->slots ? d->r->slots : 1;
	uint64_t useful = records / TR_REDUCE_RECORDS_PER_LANE + 1;
	if (lanes > useful)
		lanes = useful;
	return (uint32_t)(lanes < TR_REDUCE_LANES_MAX ? lanes
						      : TR_REDUCE_LANES_MAX);
}

static void put_stages(
	struct draft *d, const uint32_t *map_lanes, uint32_t hash_lanes)
{
	d->plan->n_stages = d->stages->n;
	d->plan->stages =
		tr_xcalloc(d->stages->n + 1, sizeof(*d->plan->stages));
	for (uint32_t i = 0; i < d->stages->n; i++) {
		const struct tr_stage *s = &d->stages->s[i];
		Tranche__V1__Stage *out = tr_xmalloc(sizeof(*out));
		tranche__v1__stage__init(out);
		out->id = i;
		out->root = s->root;
		out->lanes = s->kind == TR_STAGE_SOURCE ? map_lanes[i]
			     : s->kind == TR_STAGE_HASH ? hash_lanes
							: 1;
		d->plan->stages[i] = out;
	}
}

static ProtobufCBinaryData bytes_copy(ProtobufCBinaryData b)
{
	return (ProtobufCBinaryData){ b.len, tr_xmemdup(b.data, b.len) };
}

/* Everything of the plan that the request and the program say. */
static void put_identity(struct draft *d)
{
	const struct tr_plan_request *r = d->r;
	const Tranche__V1__SubmitRequest *s = r->submit;
	Tranche__V1__BatchPlan *p = d->plan;
	p->job = r->job.v;
	p->batch = r->batch;
	p->job_uuid = tr_xstrdup(r->job_uuid);
	p->term = r->term.v;
	p->artefact = bytes_copy(s->artefact);
	p->plan = tr_msg_copy(d->program->plan);
	p->plan_digest = bytes_copy(d->program->digest);
	p->kafka = tr_msg_copy(s->kafka);
	p->n_arguments = s->n_arguments;
	p->arguments = tr_xcalloc(s->n_arguments + 1, sizeof(*p->arguments));
	for (size_t i = 0; i < s->n_arguments; i++)
		p->arguments[i] = tr_msg_copy(s->arguments[i]);
	p->batch_time_ms = r->now_ms;
	p->seed = r->seed;
	p->max_rate = s->max_rate;
	p->worker_memory = s->worker_memory;
	p->task_timeout_ms = s->task_timeout_ms;
}

/* It must fit the store, whatever the names in it. */
static int check_size(const struct draft *d)
{
	size_t n = tranche__v1__batch_plan__get_packed_size(d->plan);
	if (n <= TR_PLAN_BYTES_MAX)
		return 0;
	return tr_error_set(d->err, TR_ELIMIT,
		"the plan has %zu bytes, the limit is %llu; raise --max-range",
		n, (unsigned long long)TR_PLAN_BYTES_MAX);
}

static int fill(struct draft *d)
{
	const Tranche__V1__SubmitRequest *s = d->r->submit;
	uint32_t lanes[TR_STAGES_MAX] = { 0 };
	uint64_t records;
	int rc = tr_stages_new(d->program->plan, &d->stages, d->err);
	for (size_t i = 0; rc == 0 && i < s->n_offsets; i++)
		rc = tr_offsets_parse(&d->asked, s->offsets[i], d->err);
	if (rc == 0)
		rc = open_meta(d->planner, s->kafka, d->err);
	if (rc == 0)
		rc = collect_spans(d);
	if (rc == 0)
		rc = ask_offsets(d);
	if (rc == 0)
		rc = resolve_spans(d, &records);
	if (rc != 0)
		return rc;
	uint64_t max = s->max_range
			       ? s->max_range
			       : tr_ranges_default_max(records, d->r->slots);
	rc = cut_ranges(d, max, lanes);
	if (rc != 0)
		return rc;
	put_identity(d);
	put_stages(d, lanes, reduce_lanes(d, records));
	return check_size(d);
}

static int check_request(
	const Tranche__V1__SubmitRequest *s, struct tr_error *err)
{
	if (!s->kafka || s->kafka->bootstrap[0] == '\0')
		return tr_error_set(err, TR_EINVAL,
			"no Kafka brokers: give -b host:port, or bootstrap in "
			"the driver's configuration");
	if (s->reduce_lanes > TR_REDUCE_LANES_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%u reduce lanes, the limit is %u", s->reduce_lanes,
			TR_REDUCE_LANES_MAX);
	return 0;
}

int tr_planner_plan(struct tr_planner *p, const struct tr_plan_request *r,
	Tranche__V1__BatchPlan **out, struct tr_error *err)
{
	struct tr_plan_worker worker = { .binary = p->opts.worker_binary,
		.timeout_ms = p->opts.plan_timeout_ms,
		.memory_bytes = TR_PLAN_WORKER_MEMORY };
	Tranche__V1__WorkerPlan *program;
	int rc = check_request(r->submit, err);
	if (rc == 0)
		rc = tr_plan_worker_run(
			&worker, r->submit, r->artefact, &program, err);
	if (rc != 0)
		return rc;
	struct draft d = {
		.planner = p, .r = r, .program = program, .err = err
	};
	d.plan = tr_xmalloc(sizeof(*d.plan));
	tranche__v1__batch_plan__init(d.plan);
	rc = fill(&d);
	tr_stages_free(d.stages);
	tr_offset_spans_fini(&d.asked);
	tr_xfree(d.spans);
	tr_msg_free(program);
	if (rc != 0)
		tr_msg_free(d.plan);
	else
		*out = d.plan;
	return rc;
}
