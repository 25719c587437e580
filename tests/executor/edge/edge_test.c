/*
 * The executor daemon as a process, against a driver made for the test and
 * workers that do what they are told.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"
#include "tests/executor/edge/fixture.h"
#include "tests/support/test.h"

static void test_edge__runs_a_task(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", 10);
	struct seen *log = fake_wait(&f, TR_KIND_JOB_LOG, 1);
	const Tranche__V1__JobLog *lines = log->msg;
	assert_string_equal(lines->lines[0]->text, "hello");
	const Tranche__V1__TaskReport *r = report(1);
	assert_null(r->error);
	assert_int_equal(r->receipt->records_in, 7);
	assert_int_equal(r->env->job, FAKE_JOB);
	assert_int_equal(r->env->lane, 1);
	assert_int_equal(r->env->term, 1);
	/* In order: the log line came before the report. */
	const struct seen *s = f.seen;
	while (s->kind != TR_KIND_JOB_LOG && s->kind != TR_KIND_TASK_REPORT)
		s = s->next;
	assert_ptr_equal(s, log);
}

static void test_edge__crash_is_explained(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "crash", 100);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "killed");
	assert_string_equal(r->error->text,
		"the worker was ended by SIGSEGV in operator 2 (job.lua:3) at "
		"crash-0@17");
	assert_string_equal(r->error->where, "job.lua:3");
	assert_string_equal(r->error->position, "crash-0@17");
	assert_true(r->worker_died);
	settle(m, 2);
}

static void test_edge__exit_is_explained(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "exit", 100);
	assert_string_equal(report(1)->error->text,
		"the worker exited with status 3 in operator 2 (job.lua:3) at "
		"exit-0@17");
}

static void test_edge__error_of_user_code_passes(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "error", 100);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "user-code");
	assert_string_equal(r->error->where, "job.lua:9");
	assert_false(r->worker_died);
}

static void test_edge__hang_is_ended(void **state)
{
	(void)state;
	static const char *const sets[] = { "task_timeout=300ms", NULL };
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "hang", 100);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "killed");
	assert_string_equal(r->error->text,
		"no progress for 300ms in operator 2 (job.lua:3) at "
		"hang-0@17");
	assert_true(r->worker_died);
}

static void test_edge__waiting_reader_is_not_ended(void **state)
{
	(void)state;
	static const char *const sets[] = { "task_timeout=150ms", NULL };
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "gate", 100);
	/* The hang beside it shows that the limit has passed twice. */
	fake_send_task(&f, m, 2, "hang", 100);
	report(2);
	fake_send_task(&f, m, 3, "hang", 100);
	report(3);
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 1));
	open_gate();
	assert_non_null(report(1)->receipt);
}

static void test_edge__too_much_memory_is_ended(void **state)
{
	(void)state;
	static const char *const sets[] = { "worker_memory=16M", "window=4M",
		NULL };
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "memory", 400);
	const Tranche__V1__TaskReport *r = report(1);
	assert_string_equal(r->error->code, "killed");
	assert_non_null(strstr(r->error->text, "its limit is 84M in operator "
					       "2 (job.lua:3) at memory-0@17"));
	assert_true(r->worker_died);
}

static void test_edge__nonsense_of_a_worker_fails_its_attempt(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "nonsense", 100);
	assert_string_equal(report(1)->error->text,
		"the worker misbehaved: a frame of kind 1 is none of a "
		"worker's");
	settle(m, 2);
}

static void test_edge__kill_is_answered_once(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	fake_send_kill(&f, m, 1);
	assert_string_equal(report(1)->error->code, "cancelled");
	fake_send_kill(&f, m, 1);
	settle(m, 2);
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 1));
}

static void test_edge__same_attempt_is_reported_again(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", 10);
	report(1);
	fake_send_task(&f, m, 1, "ok", 10);
	assert_int_equal(report(1)->receipt->records_in, 7);
	settle(m, 2);
	/* It did not run again: one line was logged. */
	assert_non_null(fake_peek(&f, TR_KIND_JOB_LOG, 1));
	assert_null(fake_peek(&f, TR_KIND_JOB_LOG, 1));
}

static void test_edge__task_of_unknown_job_is_refused(void **state)
{
	(void)state;
	process_start(&a, f.url, NULL);
	struct fake_member *m = fake_member(&f, "a");
	fake_send_task(&f, m, 1, "ok", 10);
	assert_string_equal(report(1)->error->code, "not-found");
}

static void test_edge__lower_term_is_ignored(void **state)
{
	(void)state;
	f.term = 9;
	struct fake_member *m = start(&a, NULL);
	f.term = 8;
	fake_send_task(&f, m, 1, "ok", 10);
	f.term = 9;
	settle(m, 2);
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 1));
}

static void test_edge__restarted_driver_gets_what_is_held(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", 10);
	report(1);
	fake_send_task(&f, m, 2, "gate", 100);
	fake_send_task(&f, m, 3, "results", 3);
	report(3);
	fake_wait(&f, TR_KIND_REGISTER, 0);
	for (int i = 0; i < 3; i++)
		fake_wait(&f, TR_KIND_RESULT_CHUNK, 3);
	f.term = 2;
	reconnect(m);
	const Tranche__V1__Register *r =
		fake_wait(&f, TR_KIND_REGISTER, 0)->msg;
	assert_int_equal(r->n_held, 3);
	assert_int_equal(r->held[0]->env->attempt, 1);
	assert_true(r->held[0]->done);
	assert_int_equal(r->held[0]->receipt->records_in, 7);
	assert_int_equal(r->held[1]->env->attempt, 2);
	assert_false(r->held[1]->done);
	assert_true(r->held[2]->done);
	/* Results are sent again from the first, under the new term. */
	for (uint32_t i = 0; i < 3; i++) {
		struct seen *s = fake_wait(&f, TR_KIND_RESULT_CHUNK, 3);
		const Tranche__V1__ResultChunk *c = s->msg;
		assert_int_equal(c->seq, i);
		assert_int_equal(c->env->term, 2);
		assert_int_equal(s->payload[0], i);
	}
	assert_int_equal(report(3)->env->term, 2);
	open_gate();
	assert_int_equal(report(2)->env->term, 2);
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 1));
}

/* Register says that it runs, and it ends before the answer. */
static void test_edge__task_that_ends_while_registering_is_reported(
	void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	fake_wait(&f, TR_KIND_REGISTER, 0);
	f.late = true;
	m = reconnect(m);
	const Tranche__V1__Register *r =
		fake_wait(&f, TR_KIND_REGISTER, 0)->msg;
	assert_int_equal(r->held[0]->env->attempt, 1);
	assert_false(r->held[0]->done);
	uint64_t beats = f.idle_beats;
	open_gate();
	wait_for_count(&f.idle_beats, beats + 1);
	fake_send_registered(&f, m);
	assert_non_null(report(1)->receipt);
	assert_null(fake_peek(&f, TR_KIND_TASK_REPORT, 2));
}

static void test_edge__dropped_task_is_stopped(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	f.drop = 1;
	m = reconnect(m);
	assert_string_equal(report(1)->error->code, "cancelled");
	f.drop = 0;
	reconnect(m);
	fake_wait(&f, TR_KIND_REGISTER, 0);
	fake_wait(&f, TR_KIND_REGISTER, 0);
	const Tranche__V1__Register *r =
		fake_wait(&f, TR_KIND_REGISTER, 0)->msg;
	assert_int_equal(r->n_held, 1);
	assert_int_equal(r->held[0]->env->attempt, 2);
}

static void test_edge__silent_driver_is_left_and_dialled_again(void **state)
{
	(void)state;
	f.lease_ms = 300;
	start(&a, NULL);
	f.mute = true;
	wait_for_count(&f.hellos, 3);
	assert_true(f.registers >= 2);
}

static void test_edge__refused_hello_is_tried_again(void **state)
{
	(void)state;
	f.refuse = true;
	process_start(&a, f.url, NULL);
	wait_for_count(&f.hellos, 3);
	assert_int_equal(f.registers, 0);
	f.refuse = false;
	fake_member(&f, "a");
}

static void test_edge__sigterm_finishes_then_leaves(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	kill(a.pid, SIGTERM);
	wait_for_count(&f.drains, 1);
	fake_send_task(&f, m, 3, "ok", 10);
	assert_string_equal(report(3)->error->code, "lost");
	open_gate();
	assert_non_null(report(1)->receipt);
	fake_send_job_end(&f, m);
	assert_int_equal(process_wait(&a), 0);
}

static void test_edge__second_sigterm_ends_it_at_once(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	kill(a.pid, SIGTERM);
	wait_for_count(&f.drains, 1);
	kill(a.pid, SIGTERM);
	assert_int_equal(process_wait(&a), 1);
}

static void test_edge__drain_has_an_end(void **state)
{
	(void)state;
	static const char *const sets[] = { "drain_timeout=100ms", NULL };
	struct fake_member *m = start(&a, sets);
	fake_send_task(&f, m, 1, "gate", 100);
	settle(m, 2);
	kill(a.pid, SIGTERM);
	assert_int_equal(process_wait(&a), 0);
}

/* 2.5 MiB from the other executor, a local block, and both in plan order. */
static void test_edge__blocks_come_from_both_executors(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	const uint64_t sizes[] = { TR_MIB(5) / 2, 1000 };
	fake_send_task(&f, m, 1, "ok", (int64_t)sizes[0]);
	fake_send_task(&f, n, 2, "ok", (int64_t)sizes[1]);
	report(1);
	report(2);
	const char *urls[] = { m->block_url, n->block_url };
	static const uint64_t from[] = { 1, 2 };
	fake_send_reduce(&f, n, 3, urls, from, sizes, 2);
	for (size_t i = 0; i < 2; i++) {
		struct seen *s = fake_wait(&f, TR_KIND_RESULT_CHUNK, 3);
		assert_int_equal(s->payload_n, sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			if (s->payload[k] != (uint8_t)(k * 31 + k / 251))
				fail_msg("block %zu differs at %zu", i, k);
	}
	assert_int_equal(report(3)->receipt->records_in, 2);
}

static void test_edge__lost_blocks_are_named(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	/* The first is there, the second is not, the third has no holder. */
	const char *urls[] = { m->block_url, m->block_url, "" };
	static const uint64_t from[] = { 1, 9, 5 };
	static const uint64_t sizes[] = { 1000, 1000, 1000 };
	fake_send_reduce(&f, n, 3, urls, from, sizes, 2);
	const Tranche__V1__TaskReport *r = report(3);
	assert_string_equal(r->error->code, "lost");
	assert_int_equal(r->n_lost, 1);
	assert_int_equal(r->lost[0]->attempt, 9);
	fake_send_reduce(&f, n, 4, urls + 2, from + 2, sizes, 1);
	r = report(4);
	assert_string_equal(r->error->code, "lost");
	assert_int_equal(r->lost[0]->attempt, 5);
	assert_false(r->worker_died);
}

static void test_edge__blocks_of_a_dead_executor_are_lost(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	struct fake_member *n = start(&b, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	char url[TR_NET_URL_MAX];
	snprintf(url, sizeof(url), "%s", m->block_url);
	kill(a.pid, SIGKILL);
	process_wait(&a);
	const char *urls[] = { url, url };
	static const uint64_t from[] = { 1, 2 };
	static const uint64_t sizes[] = { 1000, 1000 };
	fake_send_reduce(&f, n, 3, urls, from, sizes, 2);
	const Tranche__V1__TaskReport *r = report(3);
	assert_string_equal(r->error->code, "lost");
	assert_int_equal(r->n_lost, 2);
	settle(n, 4);
}

static void test_edge__ended_job_leaves_no_blocks(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	fake_send_job_end(&f, m);
	fake_send_job(&f, m);
	const char *urls[] = { m->block_url };
	static const uint64_t from[] = { 1 };
	static const uint64_t sizes[] = { 1000 };
	fake_send_reduce(&f, m, 2, urls, from, sizes, 1);
	assert_string_equal(report(2)->error->code, "lost");
}

static void test_edge__wrong_token_gets_no_blocks(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	dial_blocks(m->block_url, "wrong-token");
	const Tranche__V1__HelloReply *r =
		fake_wait(&f, TR_KIND_HELLO_REPLY, 0)->msg;
	assert_non_null(r->error);
	assert_string_equal(r->error->code, "auth");
	settle(m, 1);
}

static void test_edge__peer_of_another_cluster_gets_no_blocks(void **state)
{
	(void)state;
	f.cluster = "ours";
	struct fake_member *m = start(&a, NULL);
	dial_blocks_of(m->block_url, "test-token", "theirs");
	const Tranche__V1__HelloReply *r =
		fake_wait(&f, TR_KIND_HELLO_REPLY, 0)->msg;
	assert_non_null(r->error);
	assert_string_equal(r->error->code, "auth");
	dial_blocks_of(m->block_url, "test-token", "ours");
	r = fake_wait(&f, TR_KIND_HELLO_REPLY, 0)->msg;
	assert_null(r->error);
}

/* A message that is none ends the connection; on the next all goes on. */
static void test_edge__nonsense_of_the_driver_is_not_passed_over(void **state)
{
	(void)state;
	static const uint8_t bad[] = { 0x0a, 0x7f, 0x00 };
	static const uint8_t kinds[] = { TR_KIND_TASK_SPEC, TR_KIND_JOB_SPEC,
		TR_KIND_REGISTER_REPLY, TR_KIND_TASK_KILL,
		TR_KIND_ARTEFACT_REPLY };
	struct fake_member *m = start(&a, NULL);
	settle(m, 1);
	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct tr_frame frame = { .kind = kinds[i],
			.body = tr_slice_of(bad, sizeof(bad)) };
		m->block_url[0] = '\0';
		assert_int_equal(
			tr_net_send(f.net, m->conn, &frame, TR_NET_FULL_CLOSE),
			0);
		m = fake_member(&f, "a");
		fake_send_job(&f, m);
		settle(m, 10 + i);
	}
}

/* Fetches with sizes and ids that no executor sends. */
static void test_edge__bad_fetch_closes_that_peer_only(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	fake_send_task(&f, m, 1, "ok", 1000);
	report(1);
	struct fake_member peer = { .conn = dial_blocks(
					    m->block_url, "test-token") };
	const Tranche__V1__HelloReply *r =
		fake_wait(&f, TR_KIND_HELLO_REPLY, 0)->msg;
	assert_null(r->error);
	tr_net_conn_authenticated(f.net, peer.conn);
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__BlockFetch q = TRANCHE__V1__BLOCK_FETCH__INIT;
	env.job = FAKE_JOB;
	env.batch = 1;
	env.lane = 1;
	env.attempt = 1;
	q.env = &env;
	q.offset = 990;
	q.length = 20; /* over the end */
	fake_send(&f, &peer, TR_KIND_BLOCK_FETCH, &q);
	const Tranche__V1__BlockData *d =
		fake_wait(&f, TR_KIND_BLOCK_DATA, 0)->msg;
	assert_string_equal(d->error->code, "corrupt");
	q.offset = 10;
	fake_send(&f, &peer, TR_KIND_BLOCK_FETCH, &q);
	struct seen *s = fake_wait(&f, TR_KIND_BLOCK_DATA, 0);
	assert_int_equal(s->payload_n, 20);
	assert_int_equal(s->payload[0], 310 % 256);
	q.length = TR_BLOCK_CHUNK_MAX + 1;
	fake_send(&f, &peer, TR_KIND_BLOCK_FETCH, &q);
	settle(m, 2);
}

/*
 * 64 MiB of results while the driver takes nothing: the executor keeps them on
 * disk, not in memory, and all arrive in order.
 */
static void test_edge__results_cost_disk_not_memory(void **state)
{
	(void)state;
	static const char *const sets[] = { "backlog=1G", NULL };
	f.flood = true;
	f.lease_ms = 60000;
	struct fake_member *m = start(&a, sets);
	settle(m, 1);
	fake_send_task(&f, m, 2, "results", 1024);
	uint64_t most = 0, end = tr_clock_mono_ms() + 2000;
	while (tr_clock_mono_ms() < end) {
		uint64_t now = process_memory(&a);
		most = now > most ? now : most;
		poll(NULL, 0, 20);
	}
	assert_non_null(report(2)->receipt);
	assert_int_equal(f.chunks, 1024);
	assert_false(f.chunk_disorder);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(most < TR_MIB(24));
#endif
}

/*
 * The driver takes nothing for several task timeouts, and there are more
 * results than may wait: the worker stands still, and is not blamed for it.
 */
static void test_edge__full_backlog_makes_the_worker_wait(void **state)
{
	(void)state;
	static const char *const sets[] = { "backlog=1M", "task_timeout=200ms",
		NULL };
	f.flood = true;
	struct fake_member *m = start(&a, sets);
	settle(m, 1);
	f.no_greeting = true;
	fake_send_task(&f, m, 2, "results", 512);
	wait_for_count(&f.chunks, 1);
	tr_net_conn_close(f.net, m->conn);
	m->block_url[0] = '\0';
	uint64_t end = tr_clock_mono_ms() + 1000;
	while (tr_clock_mono_ms() < end)
		fake_turn(&f, 20);
	f.no_greeting = false;
	tr_net_conn_close(f.net, m->conn);
	fake_member(&f, "a");
	f.chunks = 0;
	assert_non_null(report(2)->receipt);
	assert_int_equal(f.chunks, 512);
}

static void test_edge__spool_is_cleaned_and_locked(void **state)
{
	(void)state;
	char stale[160], other[160];
	snprintf(other, sizeof(other), "%s/spool", a.dir);
	mkdir(other, 0700);
	snprintf(stale, sizeof(stale),
		"%s/spool/0123456789abcdef0123456789abcdef", a.dir);
	assert_int_equal(mkdir(stale, 0700), 0);
	snprintf(other, sizeof(other), "%s/spool/mine", a.dir);
	assert_int_equal(mkdir(other, 0700), 0);
	start(&a, NULL);
	assert_int_equal(access(stale, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	char set[160];
	snprintf(set, sizeof(set), "spool_dir=%s/spool", a.dir);
	const char *const sets[] = { set, NULL };
	process_start(&b, f.url, sets);
	assert_int_equal(process_wait(&b), 1);
}

static void test_edge__daemon_at_rest_is_small(void **state)
{
	(void)state;
	struct fake_member *m = start(&a, NULL);
	settle(m, 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_in_range(process_memory(&a), 1, TR_MIB(8));
#endif
}

TR_TEST_MAIN(CASE(test_edge__runs_a_task), CASE(test_edge__crash_is_explained),
	CASE(test_edge__exit_is_explained),
	CASE(test_edge__error_of_user_code_passes),
	CASE(test_edge__hang_is_ended),
	CASE(test_edge__waiting_reader_is_not_ended),
	CASE(test_edge__too_much_memory_is_ended),
	CASE(test_edge__nonsense_of_a_worker_fails_its_attempt),
	CASE(test_edge__kill_is_answered_once),
	CASE(test_edge__same_attempt_is_reported_again),
	CASE(test_edge__task_of_unknown_job_is_refused),
	CASE(test_edge__lower_term_is_ignored),
	CASE(test_edge__restarted_driver_gets_what_is_held),
	CASE(test_edge__task_that_ends_while_registering_is_reported),
	CASE(test_edge__dropped_task_is_stopped),
	CASE(test_edge__silent_driver_is_left_and_dialled_again),
	CASE(test_edge__refused_hello_is_tried_again),
	CASE(test_edge__sigterm_finishes_then_leaves),
	CASE(test_edge__second_sigterm_ends_it_at_once),
	CASE(test_edge__drain_has_an_end),
	CASE(test_edge__blocks_come_from_both_executors),
	CASE(test_edge__lost_blocks_are_named),
	CASE(test_edge__blocks_of_a_dead_executor_are_lost),
	CASE(test_edge__ended_job_leaves_no_blocks),
	CASE(test_edge__wrong_token_gets_no_blocks),
	CASE(test_edge__peer_of_another_cluster_gets_no_blocks),
	CASE(test_edge__nonsense_of_the_driver_is_not_passed_over),
	CASE(test_edge__bad_fetch_closes_that_peer_only),
	CASE(test_edge__results_cost_disk_not_memory),
	CASE(test_edge__full_backlog_makes_the_worker_wait),
	CASE(test_edge__spool_is_cleaned_and_locked),
	CASE(test_edge__daemon_at_rest_is_small));
