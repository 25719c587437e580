/*
 * The executor daemon against workers that user code has taken over: whatever
 * they do costs them their attempt, and nobody else anything.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "tests/executor/edge/fixture.h"
#include "tests/support/test.h"

/* The order is carried out; what its attempt is told, and then all is well. */
static const Tranche__V1__TaskReport *obey(
	struct fake_member *m, const char *order)
{
	fake_send_task(&f, m, 1, order, 100);
	const Tranche__V1__TaskReport *r = report(1);
	settle(m, 2);
	return r;
}

static void fails_with(const char *order, const char *text)
{
	const Tranche__V1__TaskReport *r = obey(start(&a, NULL), order);
	assert_non_null(r->error);
	assert_string_equal(r->error->text, text);
	assert_string_equal(r->error->code, "killed");
	assert_true(r->worker_died);
}

static void test_hostile__log_lines_beyond_the_limit(void **state)
{
	(void)state;
	fails_with("log-lines",
		"the worker misbehaved: more than 1000 log lines came");
}

static void test_hostile__log_line_too_long(void **state)
{
	(void)state;
	fails_with("log-line",
		"the worker misbehaved: a log line is longer than 4096 bytes");
}

static void test_hostile__log_position_too_long(void **state)
{
	(void)state;
	fails_with("log-place",
		"the worker misbehaved: a log line's position is longer than "
		"313 bytes");
}

static void test_hostile__bytes_that_are_no_frame(void **state)
{
	(void)state;
	fails_with("garbage",
		"the worker misbehaved: a frame cannot be read (version)");
}

static void test_hostile__half_a_frame_is_no_progress(void **state)
{
	(void)state;
	static const char *const sets[] = { "task_timeout=200ms", NULL };
	const Tranche__V1__TaskReport *r = obey(start(&a, sets), "half");
	assert_string_equal(r->error->text,
		"no progress for 200ms in operator 2 (job.lua:3) at half-0@17");
}

/* Whatever ids it writes, what leaves the executor is its own attempt's. */
static void test_hostile__ids_of_others_are_replaced(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "borrowed", 100);
	const Tranche__V1__ResultChunk *c =
		fake_wait(&f, TR_KIND_RESULT_CHUNK, 1)->msg;
	assert_int_equal(c->env->job, FAKE_JOB);
	assert_int_equal(c->env->term, 1);
	assert_int_equal(c->env->lane, 1);
	assert_non_null(report(1)->receipt);
	assert_null(fake_peek(&f, TR_KIND_RESULT_CHUNK, 999));
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 999));
}

/* A report that grows beyond the limit with our envelope stops nobody else. */
static void test_hostile__report_that_cannot_be_passed_on(void **state)
{
	(void)state;
	const Tranche__V1__TaskReport *r = obey(start(&a, NULL), "swollen");
	assert_non_null(r->error);
	assert_string_equal(r->error->code, "limit");
	assert_null(r->receipt);
}

static void test_hostile__flood_keeps_nobody_waiting(void **state)
{
	(void)state;
	static const char *const sets[] = { "backlog=64M", NULL };
	f.flood = true;
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "flood", 100);
	wait_for_count(&f.chunks, 32);
	for (uint64_t i = 2; i < 12; i++)
		settle(m, i);
	fake_send_kill(&f, m, 1);
	assert_string_equal(report(1)->error->code, "cancelled");
	settle(m, 12);
}

static void test_hostile__page_cannot_be_taken_away(void **state)
{
	(void)state;
	assert_non_null(obey(start(&a, NULL), "shrink")->receipt);
}

/* The child holds the worker's socket and writes to it for ever. */
static void test_hostile__children_end_with_their_worker(void **state)
{
	(void)state;
	const Tranche__V1__TaskReport *r = obey(start(&a, NULL), "fork");
	assert_non_null(strstr(r->error->text, "exited with status 0"));
	int pid = 0;
	FILE *file = fopen(gate, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	/* Whoever adopts orphans may take a moment to reap it. */
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	uint64_t end = tr_clock_mono_ms() + FAKE_DEADLINE_MS;
	bool gone = false;
	while (!gone && tr_clock_mono_ms() < end) {
		file = fopen(path, "re");
		gone = !file || !fgets(text, sizeof(text), file) ||
		       strstr(text, ") Z ") != NULL;
		if (file)
			fclose(file);
		fake_turn(&f, 5);
	}
	assert_true(gone);
}

static void test_hostile__block_that_is_no_file(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "fifo", 100);
	assert_non_null(report(1)->receipt);
	const char *urls[] = { m->block_url };
	static const uint64_t from[] = { 1 };
	static const uint64_t sizes[] = { 1000 };
	fake_send_reduce(&f, n, 3, urls, from, sizes, 1);
	assert_string_equal(report(3)->error->code, "lost");
	settle(m, 4);
}

/* It cannot all be removed; what matters is that trying is bounded. */
static void test_hostile__folders_deeper_than_anything(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	obey(m, "deep");
	char command[160];
	snprintf(command, sizeof(command), "rm -rf %s/spool", a.dir);
	kill(a.pid, SIGKILL);
	process_wait(&a);
	assert_int_equal(system(command), 0);
}

static bool was_logged(const char *text)
{
	for (const struct seen *s = f.seen; s; s = s->next) {
		const Tranche__V1__JobLog *m = s->msg;
		if (s->kind == TR_KIND_JOB_LOG &&
			strstr(m->lines[0]->text, text) != NULL)
			return true;
	}
	return false;
}

static void log_environment(const char *property)
{
	setenv("TRANCHE_JOB_SECRET", "for-jobs", 1);
	setenv("TRANCHE_JOB_OTHER", "for-other-jobs", 1);
	setenv("DAEMON_SECRET", "not-for-jobs", 1);
	f.property = property;
	assert_non_null(obey(start(&a, NULL), "environment")->receipt);
	unsetenv("TRANCHE_JOB_SECRET");
	unsetenv("TRANCHE_JOB_OTHER");
	unsetenv("DAEMON_SECRET");
	assert_true(was_logged("PATH="));
	assert_false(was_logged("for-other-jobs"));
	assert_false(was_logged("not-for-jobs"));
}

static void test_hostile__environment_holds_the_jobs_own_secret(void **state)
{
	(void)state;
	log_environment("sasl.password=env:TRANCHE_JOB_SECRET");
	assert_true(was_logged("TRANCHE_JOB_SECRET=for-jobs"));
}

static void test_hostile__environment_holds_no_secret_of_the_daemon(
	void **state)
{
	(void)state;
	log_environment("sasl.password=env:DAEMON_SECRET");
	assert_false(was_logged("for-jobs"));
}

TR_TEST_MAIN(CASE(test_hostile__log_lines_beyond_the_limit),
	CASE(test_hostile__log_line_too_long),
	CASE(test_hostile__log_position_too_long),
	CASE(test_hostile__bytes_that_are_no_frame),
	CASE(test_hostile__half_a_frame_is_no_progress),
	CASE(test_hostile__ids_of_others_are_replaced),
	CASE(test_hostile__report_that_cannot_be_passed_on),
	CASE(test_hostile__flood_keeps_nobody_waiting),
	CASE(test_hostile__page_cannot_be_taken_away),
	CASE(test_hostile__children_end_with_their_worker),
	CASE(test_hostile__block_that_is_no_file),
	CASE(test_hostile__folders_deeper_than_anything),
	CASE(test_hostile__environment_holds_the_jobs_own_secret),
	CASE(test_hostile__environment_holds_no_secret_of_the_daemon));
