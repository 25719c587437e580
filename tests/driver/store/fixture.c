#include "tests/driver/store/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/data/element.h"

#define RECORD(name) TRANCHE__V1__JOURNAL_RECORD__RECORD_##name

/* protobuf-c has no const strings; packing only reads them. */
static char *str(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

struct fix *fix_new(void)
{
	struct fix *f = tr_xcalloc(1, sizeof(*f));
	scratch_make(f->path);
	snprintf(f->data, sizeof(f->data), "%s/data", f->path);
	return f;
}

static void drop_items(struct fix *f)
{
	union {
		const void *in;
		void *out;
	} p;
	for (size_t i = 0; i < f->n; i++) {
		p.in = f->items[i].record;
		tr_msg_free(p.out);
		p.in = f->items[i].payload.p;
		free(p.out);
	}
	f->n = 0;
}

void fix_free(struct fix *f)
{
	drop_items(f);
	fix_close(f);
	scratch_remove(f->path);
	free(f);
}

int fix_try_open(struct fix *f)
{
	const struct tr_store_opts opts = {
		.path = f->data,
		.map_bytes = f->map_bytes,
	};
	return tr_store_open(&f->store, &opts, &f->err);
}

void fix_open(struct fix *f)
{
	int rc = fix_try_open(f);
	if (rc != 0)
		fprintf(stderr, "%s\n", f->err.text);
	tr_assert(rc == 0);
}

void fix_close(struct fix *f)
{
	tr_store_close(f->store);
	f->store = NULL;
}

void fix_gather(struct fix *f)
{
	f->is_gathering = true;
}

int fix_apply(struct fix *f)
{
	f->is_gathering = false;
	int rc = tr_store_apply(f->store, f->items, f->n, &f->err);
	drop_items(f);
	return rc;
}

static int add_item(struct fix *f, struct tr_store_item item)
{
	tr_assert(f->n < FIX_ITEMS);
	f->items[f->n++] = item;
	return f->is_gathering ? 0 : fix_apply(f);
}

/* A record of the present term around a message. */
static int add_record(struct fix *f,
	Tranche__V1__JournalRecord__RecordCase kind, void *msg,
	struct tr_slice payload)
{
	Tranche__V1__JournalRecord r = TRANCHE__V1__JOURNAL_RECORD__INIT;
	r.term = tr_store_term(f->store).v;
	r.record_case = kind;
	r.job_submitted = msg;
	const struct tr_store_item item = {
		.record = tr_msg_copy(&r),
		.payload = payload,
	};
	return add_item(f, item);
}

int fix_submit_as(struct fix *f, uint64_t job, const char *name,
	const char *request, uint8_t artefact, const char *payload)
{
	uint8_t sha256[TR_STORE_ARTEFACT_ID];
	char uuid[32];
	Tranche__V1__SubmitRequest s;
	tranche__v1__submit_request__init(&s);
	memset(sha256, artefact, sizeof(sha256));
	snprintf(uuid, sizeof(uuid), "uuid-%llu", (unsigned long long)job);
	s.name = str(name);
	s.request_uuid = str(request);
	s.artefact.data = sha256;
	s.artefact.len = sizeof(sha256);
	Tranche__V1__JobSubmitted r;
	tranche__v1__job_submitted__init(&r);
	r.job = job;
	r.job_uuid = uuid;
	r.submitted_ms = 1000;
	r.request = &s;
	struct tr_slice bytes = TR_SLICE_ABSENT;
	if (payload)
		bytes = tr_slice_of(tr_xstrdup(payload), strlen(payload));
	return add_record(f, RECORD(JOB_SUBMITTED), &r, bytes);
}

int fix_submit(struct fix *f, uint64_t job, const char *name)
{
	char request[32];
	snprintf(request, sizeof(request), "r-%llu", (unsigned long long)job);
	return fix_submit_as(f, job, name, request, 0xa1, "return 1");
}

int fix_plan(struct fix *f, uint64_t job, uint64_t batch, uint64_t seed)
{
	Tranche__V1__BatchPlan plan;
	tranche__v1__batch_plan__init(&plan);
	plan.job = job;
	plan.batch = batch;
	plan.seed = seed;
	Tranche__V1__PlanStored r = TRANCHE__V1__PLAN_STORED__INIT;
	r.plan = &plan;
	return add_record(f, RECORD(PLAN_STORED), &r, TR_SLICE_ABSENT);
}

int fix_finish(struct fix *f, uint64_t job, uint64_t batch, uint32_t stage,
	uint32_t lane, uint64_t attempt)
{
	Tranche__V1__TaskFinished r;
	tranche__v1__task_finished__init(&r);
	r.job = job;
	r.batch = batch;
	r.stage = stage;
	r.lane = lane;
	r.attempt = attempt;
	return add_record(f, RECORD(TASK_FINISHED), &r, TR_SLICE_ABSENT);
}

int fix_unfinish(struct fix *f, uint64_t job, uint64_t batch, uint32_t stage,
	uint32_t lane)
{
	Tranche__V1__TaskUnfinished r = TRANCHE__V1__TASK_UNFINISHED__INIT;
	r.job = job;
	r.batch = batch;
	r.stage = stage;
	r.lane = lane;
	return add_record(f, RECORD(TASK_UNFINISHED), &r, TR_SLICE_ABSENT);
}

int fix_commit(struct fix *f, uint64_t job, uint64_t batch,
	const struct fix_run *runs, size_t n_runs, size_t n_tasks)
{
	Tranche__V1__BatchCommitted r = TRANCHE__V1__BATCH_COMMITTED__INIT;
	Tranche__V1__CommittedRun *c = tr_xcalloc(n_runs, sizeof(*c));
	Tranche__V1__TaskRow *t = tr_xcalloc(n_tasks, sizeof(*t));
	r.job = job;
	r.batch = batch;
	r.committed_ms = 2000;
	r.runs = tr_xcalloc(n_runs, sizeof(Tranche__V1__CommittedRun *));
	r.tasks = tr_xcalloc(n_tasks, sizeof(Tranche__V1__TaskRow *));
	for (; r.n_runs < n_runs; r.n_runs++) {
		const struct fix_run *from = &runs[r.n_runs];
		Tranche__V1__CommittedRun *to = &c[r.n_runs];
		tranche__v1__committed_run__init(to);
		to->operator_ = from->op;
		to->lane = from->lane;
		to->attempt = from->attempt;
		to->table = str(from->table ? from->table : "");
		to->mode = from->upsert
				   ? TRANCHE__V1__STORE_MODE__STORE_UPSERT
				   : TRANCHE__V1__STORE_MODE__STORE_REPLACE;
		to->records = from->records;
		r.runs[r.n_runs] = to;
	}
	for (; r.n_tasks < n_tasks; r.n_tasks++) {
		tranche__v1__task_row__init(&t[r.n_tasks]);
		t[r.n_tasks].lane = (uint32_t)r.n_tasks;
		t[r.n_tasks].state = str("done");
		r.tasks[r.n_tasks] = &t[r.n_tasks];
	}
	int rc = add_record(f, RECORD(BATCH_COMMITTED), &r, TR_SLICE_ABSENT);
	free(r.runs);
	free(r.tasks);
	free(c);
	free(t);
	return rc;
}

int fix_end(struct fix *f, uint64_t job, Tranche__V1__JobState state)
{
	Tranche__V1__JobStatus status;
	Tranche__V1__JobEnded r = TRANCHE__V1__JOB_ENDED__INIT;
	tranche__v1__job_status__init(&status);
	status.records = 77;
	r.job = job;
	r.state = state;
	r.ended_ms = 3000;
	r.status = &status;
	return add_record(f, RECORD(JOB_ENDED), &r, TR_SLICE_ABSENT);
}

int fix_log(struct fix *f, uint64_t job, uint64_t seq, const char *text)
{
	Tranche__V1__LogLine line;
	Tranche__V1__StoredLogLine stored = TRANCHE__V1__STORED_LOG_LINE__INIT;
	Tranche__V1__StoredLogLine *lines[] = { &stored };
	Tranche__V1__LogLines r = TRANCHE__V1__LOG_LINES__INIT;
	tranche__v1__log_line__init(&line);
	line.text = str(text);
	stored.seq = seq;
	stored.line = &line;
	r.job = job;
	r.lines = lines;
	r.n_lines = 1;
	return add_record(f, RECORD(LOG_LINES), &r, TR_SLICE_ABSENT);
}

int fix_remove(struct fix *f, uint64_t job)
{
	Tranche__V1__JobRemoved r = TRANCHE__V1__JOB_REMOVED__INIT;
	r.job = job;
	return add_record(f, RECORD(JOB_REMOVED), &r, TR_SLICE_ABSENT);
}

/* ------------------------------------------------------------------ rows */

static void put_text(struct tr_buf *out, const char *s)
{
	int rc = tr_datum_put_bytes(out, s, strlen(s));
	tr_assert(rc == 0);
}

void fix_block(struct tr_buf *out, const struct fix_row *rows, size_t n)
{
	struct tr_block_writer w;
	struct tr_buf scratch;
	struct tr_buf key;
	struct tr_buf value;
	tr_block_scratch_init(&scratch);
	tr_buf_init(&key, TR_KEY_DATUM_MAX);
	tr_buf_init(&value, TR_VALUE_DATUM_MAX);
	tr_block_writer_init(&w, TR_KIB(64), &scratch, tr_block_sink_buf, out);
	for (size_t i = 0; i < n; i++) {
		tr_buf_reset(&key);
		tr_buf_reset(&value);
		put_text(&key, rows[i].key);
		put_text(&value, rows[i].value);
		int rc = tr_block_writer_put(&w, tr_slice_of(key.data, key.len),
			tr_slice_of(value.data, value.len));
		tr_assert(rc == 0);
	}
	int rc = tr_block_writer_flush(&w);
	tr_assert(rc == 0);
	tr_block_writer_fini(&w);
	tr_buf_fini(&scratch);
	tr_buf_fini(&key);
	tr_buf_fini(&value);
}

int fix_payload(struct fix *f, struct tr_store_run run, struct tr_slice payload)
{
	const struct tr_store_item item = {
		.payload = tr_slice_of(
			tr_xmemdup(payload.p, payload.n), payload.n),
		.run = run,
	};
	return add_item(f, item);
}

int fix_rows(struct fix *f, struct tr_store_run run, const struct fix_row *rows,
	size_t n)
{
	struct tr_buf block;
	tr_buf_init(&block, TR_MIB(64));
	fix_block(&block, rows, n);
	int rc = fix_payload(f, run, tr_slice_of(block.data, block.len));
	tr_buf_fini(&block);
	return rc;
}

void fix_maintain(struct fix *f)
{
	bool more = true;
	for (unsigned i = 0; more; i++) {
		int rc = tr_store_maintain(f->store, &more, &f->err);
		if (rc != 0)
			fprintf(stderr, "%s\n", f->err.text);
		tr_assert(rc == 0 && i < 100000);
	}
}

/* --------------------------------------------------------------- reading */

struct story {
	char text[8192];
	size_t n;
};

static void tell(struct story *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(struct story *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(s->text + s->n, sizeof(s->text) - s->n, fmt, ap);
	va_end(ap);
	tr_assert(n >= 0 && s->n + (size_t)n < sizeof(s->text));
	s->n += (size_t)n;
}

#define ULL(v) ((unsigned long long)(v))

static int tell_record(
	void *arg, const Tranche__V1__JournalRecord *r, struct tr_error *err)
{
	(void)err;
	struct story *s = arg;
	tell(s, "%s", s->n > 0 ? ", " : "");
	switch (r->record_case) {
	case RECORD(JOB_SUBMITTED):
		tell(s, "submit %llu", ULL(r->job_submitted->job));
		break;
	case RECORD(PLAN_STORED):
		tell(s, "plan %llu/%llu", ULL(r->plan_stored->plan->job),
			ULL(r->plan_stored->plan->batch));
		break;
	case RECORD(TASK_FINISHED):
		tell(s, "%s %llu/%llu/%u/%u",
			r->task_finished->unfinished ? "undone" : "finished",
			ULL(r->task_finished->job),
			ULL(r->task_finished->batch), r->task_finished->stage,
			r->task_finished->lane);
		break;
	case RECORD(BATCH_COMMITTED):
		tell(s, "commit %llu/%llu", ULL(r->batch_committed->job),
			ULL(r->batch_committed->batch));
		break;
	default:
		tell(s, "?");
	}
	return 0;
}

const char *fix_recover(struct fix *f)
{
	static struct story s;
	s = (struct story){ 0 };
	int rc = tr_store_recover(f->store, tell_record, &s, &f->err);
	return rc == 0 ? s.text : tr_err_name(rc);
}

static struct tr_slice text_datum(struct tr_buf *buf, const char *s)
{
	if (!s)
		return TR_SLICE_ABSENT;
	tr_buf_init(buf, TR_KEY_DATUM_MAX);
	put_text(buf, s);
	return tr_slice_of(buf->data, buf->len);
}

static void tell_rows(struct story *s, struct tr_slice rest)
{
	while (rest.n > 0) {
		struct tr_element e;
		int rc = tr_element_take(&rest, &e);
		tr_assert(rc == 0);
		tell(s, "%s%.*s=%.*s", s->n > 0 ? " " : "", (int)e.key.n - 1,
			(const char *)e.key.p + 1, (int)e.value.n - 1,
			(const char *)e.value.p + 1);
	}
}

const char *fix_scan(struct fix *f, uint64_t job, const char *name, uint32_t op,
	uint64_t batch, const char *prefix, const char *after, uint64_t limit)
{
	static struct story s;
	s = (struct story){ 0 };
	struct tr_buf p = { 0 };
	struct tr_buf a = { 0 };
	struct tr_buf out;
	struct tr_store_page page;
	const struct tr_store_table table = {
		.job = { job }, .name = name, .op = op, .batch = batch
	};
	struct tr_store_scan scan = { .limit = limit };
	scan.prefix = text_datum(&p, prefix);
	scan.after = text_datum(&a, after);
	tr_buf_init(&out, TR_MIB(1));
	int rc = tr_store_scan(f->store, &table, &scan, &out, &page, &f->err);
	if (rc == 0) {
		tell_rows(&s, tr_slice_of(out.data, out.len));
		tell(&s, "%s", page.more ? " …" : "");
	}
	tr_buf_fini(&p);
	tr_buf_fini(&a);
	tr_buf_fini(&out);
	return rc == 0 ? s.text : tr_err_name(rc);
}

const char *fix_table(struct fix *f, uint64_t job, const char *name)
{
	return fix_scan(f, job, name, 0, 0, NULL, NULL, 0);
}

const char *fix_get(
	struct fix *f, uint64_t job, const char *name, const char *key)
{
	static struct story s;
	s = (struct story){ 0 };
	struct tr_buf k;
	struct tr_buf out;
	uint64_t batch;
	const struct tr_store_table table = { .job = { job }, .name = name };
	tr_buf_init(&out, TR_MIB(1));
	int rc = tr_store_get(
		f->store, &table, text_datum(&k, key), &out, &batch, &f->err);
	if (rc == 0)
		tell(&s, "%.*s", (int)out.len - 1, (const char *)out.data + 1);
	tr_buf_fini(&k);
	tr_buf_fini(&out);
	return rc == 0 ? s.text : tr_err_name(rc);
}
