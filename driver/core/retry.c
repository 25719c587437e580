#include "driver/core/retry.h"

#include "common/base/err.h"
#include "driver/core/emit.h"
#include "driver/core/job.h"
#include "driver/core/place.h"
#include "driver/core/task.h"

/*
 * Errors that another attempt would only repeat. User code is not among them:
 * what it does may depend on the machine (memory, a library), and people look
 * for the second opinion.
 */
static bool is_final(int error)
{
	static const int final[] = { TR_EINVAL, TR_ELIMIT, TR_EAUTH,
		TR_EVERSION, TR_ENOTFOUND, TR_EKAFKA, TR_EINPUT_GONE,
		TR_ETRUNCATED, TR_ENONDET };
	for (size_t i = 0; i < TR_ARRAY_LEN(final); i++)
		if (final[i] == error)
			return true;
	return false;
}

void tr_retry_lost(
	struct tr_core *c, struct tr_job *j, uint32_t task, uint64_t avoid)
{
	struct tr_task *t = &c->tasks[task];
	if (++t->losses > c->limits.losses_per_task) {
		tr_core_job_fail(c, j, TR_ELOST);
		return;
	}
	if (avoid)
		t->avoid = avoid;
	tr_core_task_again(c, j, task, avoid == 0);
}

/* Half of it is fixed and half is chance, so that retries spread. */
static uint64_t backoff_ms(struct tr_core *c, const struct tr_task *t)
{
	uint64_t ms = c->limits.backoff_ms_min;
	for (uint32_t n = 1; n < t->failures && ms < c->limits.backoff_ms_max;
		n++)
		ms *= 2;
	if (ms > c->limits.backoff_ms_max)
		ms = c->limits.backoff_ms_max;
	return ms / 2 + tr_rng_below(&c->rng, ms / 2 + 1);
}

static void blame(struct tr_core *c, struct tr_job *j, uint32_t executor)
{
	struct tr_share *share = tr_share_of(c, j, executor);
	const struct tr_member *e = &c->executors[executor];
	share->failures++;
	if (share->failures < c->limits.executor_failures || share->excluded ||
		e->state != TR_CORE_EXECUTOR_ACTIVE ||
		tr_place_eligible(c, j) <= 1)
		return;
	share->excluded = true;
	j->excluded++;
	tr_emit_excluded(c, j, e);
}

void tr_retry_failed(struct tr_core *c, struct tr_job *j, uint32_t task,
	uint32_t executor, int error, bool worker_died)
{
	struct tr_task *t = &c->tasks[task];
	t->failures++;
	if (worker_died)
		t->deaths++;
	if (is_final(error) || t->failures >= j->attempts_max ||
		t->deaths >= c->limits.worker_deaths_per_task) {
		tr_core_job_fail(c, j, error);
		return;
	}
	t->avoid = c->executors[executor].node;
	blame(c, j, executor);
	tr_core_task_back_off(c, task, c->now_ms + backoff_ms(c, t));
}
