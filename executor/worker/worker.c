#include "executor/worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "common/base/bounds.h"
#include "common/base/sha256.h"
#include "common/base/xalloc.h"
#include "common/plan/offsets.h"
#include "common/wire/kinds.h"
#include "executor/lua/lua.h"
#include "executor/op/exec.h"
#include "executor/worker/limits.h"
#include "executor/worker/task.h"

enum {
	/* So long without a task, and what was read ahead is given up. */
	WARM_MS = 1000
};

static uint64_t memory_bytes(const struct tr_worker *w)
{
	return w->init->memory_bytes ? w->init->memory_bytes
				     : TR_WORKER_MEMORY_DEFAULT;
}

uint64_t tr_worker_program_memory(const struct tr_worker *w)
{
	return memory_bytes(w) / 2;
}

uint64_t tr_worker_operator_memory(const struct tr_worker *w)
{
	return w->has_functions ? memory_bytes(w) / 2 : memory_bytes(w);
}

static void take_log(void *arg, uint32_t op, const struct tr_origin *origin,
	const char *text, size_t len)
{
	struct tr_worker *w = arg;
	/* The top level runs again for each attempt: not what a user asked. */
	if (op != TR_PAGE_NO_OPERATOR)
		tr_uplink_log(&w->up, op, origin, text, len);
}

int tr_worker_load(
	struct tr_worker *w, struct tr_user_error *where, struct tr_error *err)
{
	struct tr_program_opts opts = {
		.name = w->init->artefact_name,
		.artefact = tr_slice_of(w->artefact, w->artefact_n),
		.arguments = w->init->arguments,
		.n_arguments = w->init->n_arguments,
		.batch_time_ms = w->init->batch_time_ms,
		.seed = w->init->seed,
		.memory_bytes = tr_worker_program_memory(w),
		.log = take_log,
		.log_arg = w,
	};
	tr_page_set_state(w->page, TR_PAGE_LOADING);
	int rc = tr_lua_program_new(&opts, &w->program, where, err);
	if (rc != 0)
		return rc;
	tr_lua_program_set_position(w->program, &w->page->user);
	return 0;
}

/* The plan's name: SHA-256 of its packed bytes. */
static void digest_plan(
	const Tranche__V1__JobPlan *plan, uint8_t digest[TR_SHA256_SIZE])
{
	struct tr_buf b;
	tr_buf_init(&b, SIZE_MAX);
	int rc = tr_msg_pack(&b, plan);
	tr_assert(rc == 0);
	tr_sha256(b.data, b.len, digest);
	tr_buf_fini(&b);
}

/* The sources' offsets, with civil times resolved in the zone TZ. */
static int add_offsets(Tranche__V1__WorkerPlan *answer,
	const Tranche__V1__JobPlan *plan, struct tr_error *err)
{
	answer->offsets = tr_xcalloc(
		plan->n_operators, sizeof(Tranche__V1__SourceOffsets *));
	for (size_t i = 0; i < plan->n_operators; i++) {
		const Tranche__V1__Operator *op = plan->operators[i];
		if (op->offsets[0] == '\0')
			continue;
		struct tr_buf text;
		tr_buf_init(&text, TR_FRAME_BODY_MAX);
		int rc = tr_offsets_normalise(&text, op->offsets, err);
		if (rc == 0 && tr_buf_append_u8(&text, 0) != 0)
			rc = tr_error_set(err, TR_ENOMEM, "no memory");
		if (rc != 0) {
			tr_buf_fini(&text);
			return tr_error_prefix(err, "%s", op->where);
		}
		Tranche__V1__SourceOffsets *o = tr_xcalloc(1, sizeof(*o));
		tranche__v1__source_offsets__init(o);
		size_t n;
		o->operator_ = op->id;
		o->offsets = (char *)tr_buf_take(&text, &n);
		answer->offsets[answer->n_offsets++] = o;
	}
	return 0;
}

static void free_offsets(Tranche__V1__WorkerPlan *answer)
{
	for (size_t i = 0; i < answer->n_offsets; i++) {
		tr_xfree(answer->offsets[i]->offsets);
		tr_xfree(answer->offsets[i]);
	}
	tr_xfree(answer->offsets);
}

static int load_for_plan(struct tr_worker *w, Tranche__V1__WorkerPlan *answer,
	struct tr_user_error *where, struct tr_error *err)
{
	int rc = tr_worker_load(w, where, err);
	if (rc != 0)
		return where->where[0]
			       ? tr_error_prefix(err, "%s", where->where)
			       : rc;
	rc = tr_stages_new(w->program->plan, &w->stages, err);
	return rc == 0 ? add_offsets(answer, w->program->plan, err) : rc;
}

static int answer_plan(struct tr_worker *w)
{
	Tranche__V1__WorkerPlan answer = TRANCHE__V1__WORKER_PLAN__INIT;
	Tranche__V1__ErrorInfo info;
	struct tr_user_error where = { .where = "" };
	struct tr_error err;
	uint8_t digest[TR_SHA256_SIZE];
	if (load_for_plan(w, &answer, &where, &err) == 0) {
		digest_plan(w->program->plan, digest);
		answer.plan = w->program->plan;
		answer.digest.data = digest;
		answer.digest.len = sizeof(digest);
	} else {
		tr_msg_error_info(&info, &err);
		info.where = where.where;
		answer.error = &info;
	}
	int rc = tr_uplink_send(
		&w->up, TR_KIND_WORKER_PLAN, &answer, tr_slice_of(NULL, 0));
	free_offsets(&answer);
	return rc;
}

static int check_digest(struct tr_worker *w, struct tr_error *err)
{
	const ProtobufCBinaryData *want = &w->init->plan_digest;
	uint8_t digest[TR_SHA256_SIZE];
	digest_plan(w->program->plan, digest);
	if (want->len == sizeof(digest) &&
		memcmp(want->data, digest, sizeof(digest)) == 0)
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"'%s' builds another plan here than it did for the driver: it "
		"depends on something outside of script and arguments",
		w->init->artefact_name);
}

static int take_stages(struct tr_worker *w, struct tr_error *err)
{
	int rc = tr_stages_new(w->plan, &w->stages, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < w->init->n_stages; i++) {
		const Tranche__V1__Stage *s = w->init->stages[i];
		if (s->id >= w->stages->n ||
			s->root != w->stages->s[s->id].root ||
			s->lanes > TR_LANES_MAX)
			return tr_error_set(err, TR_EPROTO,
				"stage %u is not one of this job", s->id);
		w->lanes[s->id] = s->lanes;
	}
	return 0;
}

/* What can be said of the job before its first task. */
static int learn_job(struct tr_worker *w)
{
	struct tr_user_error where = { .where = "" };
	struct tr_error *err = &w->init_error;
	int rc = tr_worker_load(w, &where, err);
	if (rc == 0)
		rc = check_digest(w, err);
	if (rc == 0) {
		w->plan = tr_msg_copy(w->program->plan);
		rc = take_stages(w, err);
	}
	if (rc != 0) {
		snprintf(w->init_where, sizeof(w->init_where), "%s",
			where.where);
		return rc;
	}
	w->has_functions = tr_exec_needs_program(w->plan);
	if (!w->has_functions) {
		w->program->ops->free(w->program);
		w->program = NULL;
	}
	return 0;
}

static int open_page(struct tr_worker *w, struct tr_error *err)
{
	if (w->init->progress_page[0] == '\0')
		return 0;
	return tr_page_map(w->init->progress_page, &w->page, err);
}

static int take_init(
	struct tr_worker *w, const struct tr_frame *f, struct tr_error *err)
{
	if (w->init || f->kind != TR_KIND_WORKER_INIT)
		return tr_error_set(
			err, TR_EPROTO, "the first frame is no WorkerInit");
	w->init = tr_msg_unpack(
		&tranche__v1__worker_init__descriptor, f->body, err);
	if (!w->init)
		return err->code;
	w->artefact = tr_xmemdup(f->payload.p, f->payload.n);
	w->artefact_n = f->payload.n;
	tr_limits_of_memory(memory_bytes(w), w->init->window_bytes);
	int rc = open_page(w, err);
	if (rc != 0)
		return rc;
	if (w->init->plan_digest.len == 0) {
		rc = answer_plan(w);
		return rc == 0 ? 0
			       : tr_error_set(
					 err, rc, "cannot answer with a plan");
	}
	if (learn_job(w) == 0)
		w->init_error.code = 0;
	tr_page_set_state(w->page, TR_PAGE_IDLE);
	return 0;
}

static int take_task(
	struct tr_worker *w, const struct tr_frame *f, struct tr_error *err)
{
	if (f->kind != TR_KIND_WORKER_TASK || w->init->plan_digest.len == 0)
		return tr_error_set(
			err, TR_EPROTO, "frame of kind %u", f->kind);
	Tranche__V1__WorkerTask *task = tr_msg_unpack(
		&tranche__v1__worker_task__descriptor, f->body, err);
	if (!task)
		return err->code;
	int rc = 0;
	if (!task->spec || !task->spec->env)
		rc = tr_error_set(err, TR_EPROTO, "a task without envelope");
	else if (tr_task_run(w, task) != 0)
		rc = tr_error_set(err, TR_ECLOSED, "the executor is gone");
	tr_page_set_state(w->page, TR_PAGE_IDLE);
	tr_msg_free(task);
	return rc;
}

/* Gives up what was read ahead when nobody asks for its continuation. */
static void wait_warm(struct tr_worker *w)
{
	struct pollfd p = { .fd = w->in.fd, .events = POLLIN };
	if (!w->reader)
		return;
	int n = poll(&p, 1, WARM_MS);
	if (n == 0)
		tr_reader_cool(w->reader);
}

static int serve(struct tr_worker *w, struct tr_error *err)
{
	for (;;) {
		struct tr_frame f;
		wait_warm(w);
		int rc = tr_framefd_read(&w->in, &f);
		if (rc == TR_ECLOSED)
			return 0;
		if (rc != 0)
			return tr_error_set(err, rc, "cannot read a frame: %s",
				tr_err_name(rc));
		rc = w->init ? take_task(w, &f, err) : take_init(w, &f, err);
		if (rc != 0)
			return rc;
	}
}

int tr_worker_run(int fd, struct tr_error *err)
{
	struct tr_worker *w = tr_xcalloc(1, sizeof(*w));
	w->page = &w->own_page;
	tr_framefd_init(&w->in, fd, TR_FRAME_MAX);
	tr_uplink_init(&w->up, fd);
	int rc = serve(w, err);
	if (w->program)
		w->program->ops->free(w->program);
	tr_reader_close(w->reader);
	if (w->page != &w->own_page)
		tr_page_unmap(w->page);
	tr_stages_free(w->stages);
	tr_msg_free(w->plan);
	tr_msg_free(w->init);
	tr_xfree(w->artefact);
	tr_uplink_fini(&w->up);
	tr_framefd_fini(&w->in);
	tr_xfree(w);
	return rc;
}
