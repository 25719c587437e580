/*
 * The executor's core, step by step: every test compares the actions of a step
 * with a line of text, so that the cases read as the protocol.
 */
#include "executor/core/executor.h"

#include <string.h>

#include "common/base/err.h"
#include "tests/support/test.h"

enum {
	IDLE_MS = 1000,
	DRAIN_MS = 5000,
	HEARTBEAT_MS = 100
};

static struct tr_executor *x;
static struct tr_executor_update u;
static uint64_t now;
static char got[8192];

static const char *const action_names[] = {
	[TR_EXECUTOR_DIAL] = "dial",
	[TR_EXECUTOR_HANG_UP] = "hang-up",
	[TR_EXECUTOR_SEND_HELLO] = "hello",
	[TR_EXECUTOR_SEND_REGISTER] = "register",
	[TR_EXECUTOR_SEND_HEARTBEAT] = "heartbeat",
	[TR_EXECUTOR_SEND_DRAIN] = "drain",
	[TR_EXECUTOR_SEND_KEPT] = "kept",
	[TR_EXECUTOR_SEND_REPORT] = "report",
	[TR_EXECUTOR_SEND_REFUSAL] = "refusal",
	[TR_EXECUTOR_GET_ARTEFACT] = "get-artefact",
	[TR_EXECUTOR_GET_INPUTS] = "get-inputs",
	[TR_EXECUTOR_SPAWN] = "spawn",
	[TR_EXECUTOR_STOP] = "stop",
	[TR_EXECUTOR_RUN] = "run",
	[TR_EXECUTOR_FORGET_TASK] = "forget-task",
	[TR_EXECUTOR_FORGET_JOB] = "forget-job",
	[TR_EXECUTOR_LEAVE] = "leave",
};

/* One word per action: kind, then job, attempt, worker, error where set. */
static void render(void)
{
	size_t n = 0;
	*got = '\0';
	for (size_t i = 0; i < u.n; i++) {
		const struct tr_executor_action *a = &u.actions[i];
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s",
			i ? " " : "", action_names[a->kind]);
		if (a->ref.job.v)
			n += (size_t)snprintf(got + n, sizeof(got) - n, ":j%d",
				(int)a->ref.job.v);
		if (a->ref.attempt.v)
			n += (size_t)snprintf(got + n, sizeof(got) - n, ":a%d",
				(int)a->ref.attempt.v);
		if (a->worker.v)
			n += (size_t)snprintf(got + n, sizeof(got) - n, ":w%d",
				(int)a->worker.v);
		if (a->error)
			n += (size_t)snprintf(got + n, sizeof(got) - n, ":%s",
				tr_err_name(a->error));
	}
}

static const char *step(struct tr_executor_event e)
{
	e.now_ms = now;
	tr_executor_step(x, &e, &u);
	tr_executor_check(x);
	render();
	return got;
}

static struct tr_executor_ref ref(uint64_t job, uint64_t attempt)
{
	return (struct tr_executor_ref){
		.job = { job },
		.batch = 1,
		.lane = { 0, (uint32_t)attempt },
		.attempt = { attempt },
	};
}

static const char *plain(enum tr_executor_event_kind kind)
{
	return step((struct tr_executor_event){ .kind = kind });
}

static const char *from_driver(
	enum tr_executor_event_kind kind, uint64_t job, uint64_t attempt)
{
	return step((struct tr_executor_event){
		.kind = kind, .term = { 5 }, .ref = ref(job, attempt) });
}

static const char *reduce_task(uint64_t job, uint64_t attempt)
{
	return step((struct tr_executor_event){ .kind = TR_EXECUTOR_TASK,
		.term = { 5 },
		.ref = ref(job, attempt),
		.has_inputs = true });
}

static const char *artefact(uint64_t job, int error)
{
	return step((struct tr_executor_event){ .kind = TR_EXECUTOR_ARTEFACT,
		.ref = ref(job, 0),
		.error = error });
}

static const char *inputs(uint64_t attempt, int error)
{
	return step((struct tr_executor_event){ .kind = TR_EXECUTOR_INPUTS,
		.ref = ref(0, attempt),
		.error = error });
}

static const char *done(uint64_t worker, uint64_t attempt, int error)
{
	return step((struct tr_executor_event){ .kind = TR_EXECUTOR_WORKER_DONE,
		.worker = { worker },
		.ref = ref(0, attempt),
		.error = error });
}

static const char *gone(uint64_t worker)
{
	return step((struct tr_executor_event){
		.kind = TR_EXECUTOR_WORKER_GONE, .worker = { worker } });
}

static const char *greeted(uint64_t term, bool refused)
{
	return step((struct tr_executor_event){ .kind = TR_EXECUTOR_GREETED,
		.term = { term },
		.refused = refused,
		.heartbeat_ms = HEARTBEAT_MS });
}

static const char *registered(uint64_t term)
{
	return step((struct tr_executor_event){
		.kind = TR_EXECUTOR_REGISTERED, .term = { term } });
}

static void connect(void)
{
	assert_string_equal(plain(TR_EXECUTOR_LINK_UP), "hello");
	assert_string_equal(greeted(5, false), "register");
	registered(5);
}

static int setup(void **state)
{
	(void)state;
	static const struct tr_executor_opts opts = {
		.slots = 2,
		.tasks_max = 8,
		.worker_idle_ms = IDLE_MS,
		.drain_timeout_ms = DRAIN_MS,
		.seed = 1,
	};
	x = tr_executor_new(&opts);
	now = 1000;
	assert_string_equal(plain(TR_EXECUTOR_START), "dial");
	connect();
	assert_string_equal(
		from_driver(TR_EXECUTOR_JOB, 7, 0), "get-artefact:j7");
	assert_string_equal(artefact(7, 0), "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_executor_free(x);
	return 0;
}

static struct tr_executor_counts counts(void)
{
	struct tr_executor_counts c;
	tr_executor_count(x, &c);
	return c;
}

static void test_core__warm_worker_runs_the_next_task(void **state)
{
	(void)state;
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 1),
		"spawn:j7:w1 run:j7:a1:w1");
	assert_string_equal(done(1, 1, 0), "report:j7:a1");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 2), "run:j7:a2:w1");
}

static void test_core__task_waits_for_the_artefact(void **state)
{
	(void)state;
	assert_string_equal(
		from_driver(TR_EXECUTOR_JOB, 8, 0), "get-artefact:j8");
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 8, 1), "");
	assert_string_equal(artefact(8, 0), "spawn:j8:w1 run:j8:a1:w1");
}

static void test_core__no_artefact_refuses_the_jobs_tasks(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_JOB, 8, 0);
	from_driver(TR_EXECUTOR_TASK, 8, 1);
	assert_string_equal(artefact(8, TR_ECORRUPT), "refusal:j8:a1:corrupt");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 8, 2), "get-artefact:j8");
	assert_string_equal(artefact(8, 0), "spawn:j8:w1 run:j8:a2:w1");
}

static void test_core__reduce_task_fetches_while_its_worker_starts(void **state)
{
	(void)state;
	assert_string_equal(reduce_task(7, 1), "spawn:j7:w1 get-inputs:j7:a1");
	assert_string_equal(inputs(1, 0), "run:j7:a1:w1");
}

static void test_core__lost_inputs_fail_the_attempt_only(void **state)
{
	(void)state;
	reduce_task(7, 1);
	assert_string_equal(inputs(1, TR_ELOST), "report:j7:a1");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 2), "run:j7:a2:w1");
}

static void test_core__worker_that_dies_while_fetching_is_replaced(void **state)
{
	(void)state;
	reduce_task(7, 1);
	assert_string_equal(gone(1), "");
	assert_string_equal(inputs(1, 0), "spawn:j7:w2 run:j7:a1:w2");
}

static void test_core__tasks_beyond_the_slots_wait_their_turn(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	from_driver(TR_EXECUTOR_TASK, 7, 2);
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 3), "");
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 4), "");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 5), "refusal:j7:a5:limit");
	assert_string_equal(done(2, 2, 0), "report:j7:a2 run:j7:a3:w2");
}

static void test_core__idle_worker_of_another_job_makes_room(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	from_driver(TR_EXECUTOR_TASK, 7, 2);
	done(1, 1, 0);
	now += 1;
	done(2, 2, 0);
	from_driver(TR_EXECUTOR_JOB, 8, 0);
	artefact(8, 0);
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 8, 3),
		"stop:w1 spawn:j8:w3 run:j8:a3:w3");
}

static void test_core__same_attempt_again(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 1), "");
	done(1, 1, TR_EUSER);
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 1), "report:j7:a1");
	assert_int_equal(counts().failed, 1);
}

static void test_core__unknown_job_is_refused(void **state)
{
	(void)state;
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 9, 1), "refusal:j9:a1:not-found");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 0, 1), "refusal:a1:not-found");
}

static void test_core__table_full_refuses(void **state)
{
	(void)state;
	for (uint64_t a = 1; a <= 8; a++) {
		from_driver(TR_EXECUTOR_TASK, 7, a);
		done(1, a, 0);
	}
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 9), "refusal:j7:a9:limit");
	assert_string_equal(
		from_driver(TR_EXECUTOR_KILL, 7, 3), "forget-task:j7:a3");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 9), "run:j7:a9:w1");
}

static void test_core__kill_answers_once_and_frees_the_slot(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(from_driver(TR_EXECUTOR_KILL, 7, 1),
		"stop:w1 forget-task:j7:a1 refusal:j7:a1:cancelled");
	assert_string_equal(from_driver(TR_EXECUTOR_KILL, 7, 1), "");
	assert_string_equal(gone(1), "");
	assert_string_equal(done(1, 1, 0), "");
	assert_int_equal(counts().cancelled, 1);
}

static void test_core__kill_while_fetching_keeps_the_worker(void **state)
{
	(void)state;
	reduce_task(7, 1);
	assert_string_equal(from_driver(TR_EXECUTOR_KILL, 7, 1),
		"forget-task:j7:a1 refusal:j7:a1:cancelled");
	assert_string_equal(inputs(1, 0), "");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 2), "run:j7:a2:w1");
}

static void test_core__job_end_stops_and_answers_everything(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	done(1, 1, 0);
	from_driver(TR_EXECUTOR_TASK, 7, 2);
	reduce_task(7, 3);
	from_driver(TR_EXECUTOR_TASK, 7, 4);
	done(1, 2, 0);
	assert_string_equal(from_driver(TR_EXECUTOR_JOB_END, 7, 0),
		"forget-task:j7:a3 refusal:j7:a3:cancelled "
		"stop:w1 forget-task:j7:a4 refusal:j7:a4:cancelled "
		"stop:w2 forget-job:j7");
	assert_int_equal(counts().finished, 0);
	assert_int_equal(counts().workers, 0);
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 5), "refusal:j7:a5:not-found");
}

static void test_core__crashed_worker_fails_its_attempt(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(gone(1), "report:j7:a1");
	assert_int_equal(
		tr_executor_find(x, (struct tr_attempt_id){ 1 })->state,
		TR_EXECUTOR_FAILED);
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 2),
		"spawn:j7:w2 run:j7:a2:w2");
}

static void test_core__idle_worker_is_stopped_in_time(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	done(1, 1, 0);
	now += IDLE_MS - 1;
	assert_null(strstr(plain(TR_EXECUTOR_TICK), "stop"));
	assert_true(u.next_deadline_ms <= now + 1);
	now += 1;
	assert_non_null(strstr(plain(TR_EXECUTOR_TICK), "stop:w1"));
}

static void test_core__heartbeats(void **state)
{
	(void)state;
	assert_int_equal(u.next_deadline_ms, now + HEARTBEAT_MS);
	now += HEARTBEAT_MS;
	assert_string_equal(plain(TR_EXECUTOR_TICK), "heartbeat");
	assert_int_equal(u.next_deadline_ms, now + HEARTBEAT_MS);
}

static void test_core__redial_never_ends_and_backs_off(void **state)
{
	(void)state;
	uint64_t longest = 0;
	assert_string_equal(plain(TR_EXECUTOR_LINK_DOWN), "");
	for (int i = 0; i < 100; i++) {
		uint64_t wait = u.next_deadline_ms - now;
		assert_in_range(wait, 25, 2000);
		if (wait > longest)
			longest = wait;
		now = u.next_deadline_ms;
		assert_string_equal(plain(TR_EXECUTOR_TICK), "dial");
		assert_string_equal(plain(TR_EXECUTOR_LINK_DOWN), "");
	}
	assert_true(longest >= 1000);
}

/* Two executors of one name: each registration ends the other's. */
static void test_core__registration_that_does_not_last_is_no_storm(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		now += 10;
		plain(TR_EXECUTOR_LINK_DOWN);
		assert_true(u.next_deadline_ms >= now + 200);
		assert_true(u.next_deadline_ms <= now + 400);
		now = u.next_deadline_ms;
		assert_string_equal(plain(TR_EXECUTOR_TICK), "dial");
		connect();
	}
	now += 1000;
	plain(TR_EXECUTOR_LINK_DOWN);
	assert_true(u.next_deadline_ms <= now + 50);
}

static void test_core__reconnect_keeps_running_and_finished(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	done(1, 1, 0);
	from_driver(TR_EXECUTOR_TASK, 7, 2);
	plain(TR_EXECUTOR_LINK_DOWN);
	now = u.next_deadline_ms;
	plain(TR_EXECUTOR_TICK);
	assert_string_equal(plain(TR_EXECUTOR_LINK_UP), "hello");
	assert_string_equal(greeted(6, false), "register");
	const struct tr_executor_task *t = tr_executor_next(x, NULL);
	assert_int_equal(t->state, TR_EXECUTOR_DONE);
	t = tr_executor_next(x, t);
	assert_int_equal(t->state, TR_EXECUTOR_RUNNING);
	assert_null(tr_executor_next(x, t));
	assert_string_equal(registered(6), "kept");
	assert_string_equal(done(1, 2, 0), "report:j7:a2");
}

static void test_core__dropped_tasks_are_stopped(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	plain(TR_EXECUTOR_LINK_DOWN);
	now = u.next_deadline_ms;
	plain(TR_EXECUTOR_TICK);
	plain(TR_EXECUTOR_LINK_UP);
	greeted(6, false);
	assert_string_equal(
		step((struct tr_executor_event){ .kind = TR_EXECUTOR_DROP,
			.term = { 6 },
			.ref = ref(7, 1) }),
		"stop:w1 forget-task:j7:a1 refusal:j7:a1:cancelled");
	/* A job without a task has ended for all we know. */
	assert_string_equal(registered(6), "kept forget-job:j7");
}

static void test_core__lower_term_is_dropped(void **state)
{
	(void)state;
	assert_string_equal(step((struct tr_executor_event){
				    .kind = TR_EXECUTOR_HEARD, .term = { 9 } }),
		"");
	assert_string_equal(from_driver(TR_EXECUTOR_TASK, 7, 1), "");
	assert_string_equal(from_driver(TR_EXECUTOR_KILL, 7, 1), "");
	assert_int_equal(counts().stale, 2);
	assert_int_equal(counts().term.v, 9);
	assert_int_equal(counts().active, 0);
}

static void test_core__driver_of_a_lower_term_is_left(void **state)
{
	(void)state;
	plain(TR_EXECUTOR_LINK_DOWN);
	now = u.next_deadline_ms;
	plain(TR_EXECUTOR_TICK);
	plain(TR_EXECUTOR_LINK_UP);
	assert_string_equal(greeted(4, false), "hang-up");
	assert_true(u.next_deadline_ms > now);
}

static void test_core__refused_hello_is_tried_again_later(void **state)
{
	(void)state;
	plain(TR_EXECUTOR_LINK_DOWN);
	now = u.next_deadline_ms;
	plain(TR_EXECUTOR_TICK);
	plain(TR_EXECUTOR_LINK_UP);
	assert_string_equal(greeted(0, true), "hang-up");
	now = u.next_deadline_ms;
	assert_string_equal(plain(TR_EXECUTOR_TICK), "dial");
}

static void test_core__artefact_is_asked_for_again(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_JOB, 8, 0);
	from_driver(TR_EXECUTOR_TASK, 8, 1);
	plain(TR_EXECUTOR_LINK_DOWN);
	now = u.next_deadline_ms;
	plain(TR_EXECUTOR_TICK);
	plain(TR_EXECUTOR_LINK_UP);
	greeted(5, false);
	assert_string_equal(
		registered(5), "kept forget-job:j7 get-artefact:j8");
}

static void test_core__second_answer_for_an_artefact_changes_nothing(
	void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(artefact(7, TR_EIO), "");
	assert_string_equal(artefact(7, 0), "");
	assert_string_equal(done(1, 1, 0), "report:j7:a1");
}

static void test_core__attempt_without_number_is_refused(void **state)
{
	(void)state;
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 0), "refusal:j7:protocol");
}

static void test_core__knows_jobs_until_they_end(void **state)
{
	(void)state;
	assert_true(tr_executor_has_job(x, (struct tr_job_id){ 7 }));
	assert_false(tr_executor_has_job(x, (struct tr_job_id){ 8 }));
	assert_false(tr_executor_has_job(x, (struct tr_job_id){ 0 }));
	from_driver(TR_EXECUTOR_JOB_END, 7, 0);
	assert_false(tr_executor_has_job(x, (struct tr_job_id){ 7 }));
}

static void test_core__idle_executor_leaves_at_once(void **state)
{
	(void)state;
	assert_string_equal(plain(TR_EXECUTOR_TERMINATE), "drain leave");
}

static void test_core__drain_finishes_and_keeps_blocks(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(plain(TR_EXECUTOR_TERMINATE), "drain");
	assert_string_equal(plain(TR_EXECUTOR_TERMINATE), "");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 2), "refusal:j7:a2:lost");
	assert_string_equal(done(1, 1, 0), "report:j7:a1");
	assert_string_equal(from_driver(TR_EXECUTOR_JOB_END, 7, 0),
		"stop:w1 forget-job:j7 leave");
}

static void test_core__drain_ends_when_time_is_up(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	plain(TR_EXECUTOR_TERMINATE);
	now += DRAIN_MS - 1;
	assert_null(strstr(plain(TR_EXECUTOR_TICK), "leave"));
	now += 1;
	assert_non_null(strstr(plain(TR_EXECUTOR_TICK), "leave"));
	assert_null(strstr(plain(TR_EXECUTOR_TICK), "leave"));
}

static void test_core__drain_without_driver_waits_for_tasks_only(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	plain(TR_EXECUTOR_TERMINATE);
	assert_string_equal(plain(TR_EXECUTOR_LINK_DOWN), "");
	assert_string_equal(done(1, 1, 0), "report:j7:a1 leave");
}

static void test_core__driver_drain_refuses_new_tasks(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	assert_string_equal(from_driver(TR_EXECUTOR_DRAIN, 0, 0), "");
	assert_string_equal(
		from_driver(TR_EXECUTOR_TASK, 7, 2), "refusal:j7:a2:lost");
	assert_string_equal(done(1, 1, 0), "report:j7:a1");
}

static void test_core__goodbye_of_the_driver_ends_it(void **state)
{
	(void)state;
	from_driver(TR_EXECUTOR_TASK, 7, 1);
	done(1, 1, 0);
	from_driver(TR_EXECUTOR_DRAIN, 0, 0);
	assert_string_equal(
		step((struct tr_executor_event){ .kind = TR_EXECUTOR_DRAIN,
			.term = { 5 },
			.goodbye = true }),
		"leave");
}

/* The largest update: all that two slots' worth of bounds allows. */
static void test_core__largest_executor_ends_a_job_in_one_step(void **state)
{
	(void)state;
	tr_executor_free(x);
	static const struct tr_executor_opts opts = {
		.slots = TR_SLOTS_PER_EXECUTOR_MAX,
		.tasks_max = 4096,
		.worker_idle_ms = IDLE_MS,
		.drain_timeout_ms = DRAIN_MS,
	};
	x = tr_executor_new(&opts);
	plain(TR_EXECUTOR_START);
	connect();
	for (uint64_t job = 7; job < 9; job++) {
		from_driver(TR_EXECUTOR_JOB, job, 0);
		artefact(job, 0);
		for (uint64_t i = 1; i <= TR_SLOTS_PER_EXECUTOR_MAX; i++)
			reduce_task(job, job * 1000 + i);
	}
	struct tr_executor_event e = { .kind = TR_EXECUTOR_JOB_END,
		.now_ms = now,
		.term = { 5 },
		.ref = ref(7, 0) };
	tr_executor_step(x, &e, &u);
	tr_executor_check(x);
	/* forget and refusal each; then stop, spawn and fetch; forget job. */
	assert_int_equal(u.n, 256 * (2 + 3) + 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TR_TEST_MAIN(CASE(test_core__warm_worker_runs_the_next_task),
	CASE(test_core__task_waits_for_the_artefact),
	CASE(test_core__no_artefact_refuses_the_jobs_tasks),
	CASE(test_core__reduce_task_fetches_while_its_worker_starts),
	CASE(test_core__lost_inputs_fail_the_attempt_only),
	CASE(test_core__worker_that_dies_while_fetching_is_replaced),
	CASE(test_core__tasks_beyond_the_slots_wait_their_turn),
	CASE(test_core__idle_worker_of_another_job_makes_room),
	CASE(test_core__same_attempt_again),
	CASE(test_core__unknown_job_is_refused),
	CASE(test_core__table_full_refuses),
	CASE(test_core__kill_answers_once_and_frees_the_slot),
	CASE(test_core__kill_while_fetching_keeps_the_worker),
	CASE(test_core__job_end_stops_and_answers_everything),
	CASE(test_core__crashed_worker_fails_its_attempt),
	CASE(test_core__idle_worker_is_stopped_in_time),
	CASE(test_core__heartbeats),
	CASE(test_core__redial_never_ends_and_backs_off),
	CASE(test_core__registration_that_does_not_last_is_no_storm),
	CASE(test_core__second_answer_for_an_artefact_changes_nothing),
	CASE(test_core__attempt_without_number_is_refused),
	CASE(test_core__knows_jobs_until_they_end),
	CASE(test_core__reconnect_keeps_running_and_finished),
	CASE(test_core__dropped_tasks_are_stopped),
	CASE(test_core__lower_term_is_dropped),
	CASE(test_core__driver_of_a_lower_term_is_left),
	CASE(test_core__refused_hello_is_tried_again_later),
	CASE(test_core__artefact_is_asked_for_again),
	CASE(test_core__idle_executor_leaves_at_once),
	CASE(test_core__drain_finishes_and_keeps_blocks),
	CASE(test_core__drain_ends_when_time_is_up),
	CASE(test_core__drain_without_driver_waits_for_tasks_only),
	CASE(test_core__driver_drain_refuses_new_tasks),
	CASE(test_core__goodbye_of_the_driver_ends_it),
	CASE(test_core__largest_executor_ends_a_job_in_one_step));
