#include "tests/support/test.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "driver/ctl/wait.h"
#include "tests/driver/ctl/fake_driver.h"

enum {
	JOB = 7
};

/* The test's driver: what it saw, and what it does at each request. */
struct story {
	struct fake fake;
	struct tr_client_conf conf;
	char url[TR_NET_URL_MAX], token[PATH_MAX];
	Tranche__V1__SubmitRequest request;
	struct tr_wait wait;
	/* How the driver behaves. */
	unsigned hang_up_at_submit, hang_up_at_watch; /* the first so many */
	bool restart;  /* the first watch is never answered */
	bool unending; /* jobs go on until they are cancelled */
	/* What it saw; written by its thread. */
	unsigned submits, watches, cancels;
	char uuids[4][40];
	atomic_bool watched;
	/* What the client was told. */
	uint64_t job;
	unsigned statuses, notes, ended;
	Tranche__V1__JobState last;
	enum tr_wait_wish wish;
};

static void tell(struct story *s, const struct fake_request *r,
	Tranche__V1__JobState state)
{
	Tranche__V1__JobStatus m = TRANCHE__V1__JOB_STATUS__INIT;
	m.state = state;
	fake_reply(&s->fake, r, TR_KIND_JOB_STATUS, &m, JOB, TR_SLICE_ABSENT);
}

static void on_submit(struct story *s, const struct fake_request *r)
{
	const Tranche__V1__SubmitRequest *m = r->msg;
	Tranche__V1__SubmitReply reply = TRANCHE__V1__SUBMIT_REPLY__INIT;
	snprintf(s->uuids[s->submits % 4], 40, "%s", m->request_uuid);
	if (s->submits++ < s->hang_up_at_submit)
		fake_hang_up(&s->fake, r);
	else
		fake_reply(&s->fake, r, TR_KIND_SUBMIT_REPLY, &reply, JOB,
			TR_SLICE_ABSENT);
}

static void on_watch(struct story *s, const struct fake_request *r)
{
	const Tranche__V1__WatchRequest *m = r->msg;
	tr_assert(strcmp(m->job, "7") == 0);
	unsigned n = s->watches++;
	if (n < s->hang_up_at_watch) {
		fake_hang_up(&s->fake, r);
		return;
	}
	tell(s, r, TRANCHE__V1__JOB_STATE__JOB_RUNNING);
	if (!s->unending && !(s->restart && n == 0))
		tell(s, r, TRANCHE__V1__JOB_STATE__JOB_DONE);
	atomic_store(&s->watched, true);
}

static void answer(struct fake *f, const struct fake_request *r)
{
	struct story *s = f->arg;
	static struct fake_request watch;
	if (r->kind == TR_KIND_SUBMIT) {
		on_submit(s, r);
	} else if (r->kind == TR_KIND_WATCH) {
		watch = *r;
		on_watch(s, r);
	} else if (r->kind == TR_KIND_JOB_CANCEL) {
		Tranche__V1__Ack ack = TRANCHE__V1__ACK__INIT;
		s->cancels++;
		fake_reply(f, r, TR_KIND_ACK, &ack, 0, TR_SLICE_ABSENT);
		tell(s, &watch, TRANCHE__V1__JOB_STATE__JOB_CANCELLED);
	} else {
		Tranche__V1__ExecutorListReply none =
			TRANCHE__V1__EXECUTOR_LIST_REPLY__INIT;
		tr_assert(r->kind == TR_KIND_EXECUTOR_LIST);
		fake_reply(f, r, TR_KIND_EXECUTOR_LIST_REPLY, &none, 0,
			TR_SLICE_ABSENT);
	}
}

/* ------------------------------------------------------ the client's side */

static void on_submitted(void *arg, uint64_t job)
{
	struct story *s = arg;
	s->job = job;
}

static void on_status(void *arg, const Tranche__V1__JobStatus *m)
{
	struct story *s = arg;
	s->statuses++;
	s->last = m->state;
}

static void on_note(void *arg, const char *text)
{
	struct story *s = arg;
	(void)text;
	s->notes++;
}

static enum tr_wait_wish on_woken(void *arg, struct tr_error *err)
{
	struct story *s = arg;
	uint64_t n;
	assert_int_equal(read(s->wait.wake_fd, &n, 8), 8);
	tr_error_set(err, TR_ECANCELED, "woken");
	return s->wish;
}

static int on_ended(void *arg, struct tr_client *c,
	const Tranche__V1__JobStatus *m, struct tr_error *err)
{
	struct story *s = arg;
	(void)c;
	(void)m;
	(void)err;
	s->ended++;
	return 0;
}

static const struct tr_wait_ops ops = { .submitted = on_submitted,
	.status = on_status,
	.note = on_note,
	.woken = on_woken,
	.ended = on_ended };

static void story_begin(struct story *s)
{
	static char uuid[] = "00112233445566778899aabbccddeeff";
	s->fake.submitter_token = "t";
	s->fake.answer = answer;
	s->fake.arg = s;
	fake_start(&s->fake);
	snprintf(s->url, sizeof(s->url), "%s", s->fake.url);
	snprintf(s->token, sizeof(s->token), "file:%s",
		scratch_file(&s->fake.scratch, "token", "t"));
	s->conf.driver = s->url;
	s->conf.token = s->token;
	s->conf.timeout_ms = 5000;
	tranche__v1__submit_request__init(&s->request);
	s->request.request_uuid = uuid;
	s->wait.conf = &s->conf;
	s->wait.request = &s->request;
	s->wait.ops = &ops;
	s->wait.arg = s;
	s->wait.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void story_end(struct story *s)
{
	fake_stop(&s->fake);
	fake_remove(&s->fake);
	close(s->wait.wake_fd);
}

static void assert_done(struct story *s, int rc, const struct tr_error *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
	assert_int_equal(s->job, JOB);
	assert_int_equal(s->last, TRANCHE__V1__JOB_STATE__JOB_DONE);
	assert_int_equal(s->ended, 1);
}

static void test_wait__until_the_job_is_done(void **state)
{
	struct story s = { .job = 0 };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	int rc = tr_wait_run(&s.wait, &err);
	story_end(&s);
	assert_done(&s, rc, &err);
	assert_int_equal(s.submits, 1);
	assert_int_equal(s.statuses, 2);
	assert_int_equal(s.notes, 0);
}

static void test_wait__detached_it_does_not_watch(void **state)
{
	struct story s = { .wait = { .detach = true } };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	assert_int_equal(tr_wait_run(&s.wait, &err), 0);
	story_end(&s);
	assert_int_equal(s.wait.job, JOB);
	assert_int_equal(s.watches, 0);
}

static void test_wait__submits_again_with_the_same_id(void **state)
{
	struct story s = { .hang_up_at_submit = 2 };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	int rc = tr_wait_run(&s.wait, &err);
	story_end(&s);
	assert_done(&s, rc, &err);
	assert_int_equal(s.submits, 3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(s.uuids[i], s.request.request_uuid);
}

static void test_wait__watches_again_after_a_lost_connection(void **state)
{
	struct story s = { .hang_up_at_watch = 1 };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	int rc = tr_wait_run(&s.wait, &err);
	story_end(&s);
	assert_done(&s, rc, &err);
	assert_int_equal(s.submits, 1);
	assert_int_equal(s.watches, 2);
	assert_int_equal(s.notes, 1);
}

/* Stops the driver once it is watched, and starts it again. */
static void *restart(void *arg)
{
	struct story *s = arg;
	while (!atomic_load(&s->watched))
		sched_yield();
	fake_stop(&s->fake);
	fake_start(&s->fake);
	return NULL;
}

static void test_wait__over_a_restart_of_the_driver(void **state)
{
	struct story s = { .restart = true };
	struct tr_error err;
	pthread_t thread;
	(void)state;
	story_begin(&s);
	assert_int_equal(pthread_create(&thread, NULL, restart, &s), 0);
	int rc = tr_wait_run(&s.wait, &err);
	pthread_join(thread, NULL);
	story_end(&s);
	assert_done(&s, rc, &err);
	assert_int_equal(s.submits, 1);
	assert_int_equal(s.watches, 2);
}

static void test_wait__a_private_driver_is_not_waited_for(void **state)
{
	struct story s = { .hang_up_at_watch = 1,
		.wait = { .no_reconnect = true } };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	assert_int_equal(tr_wait_run(&s.wait, &err), TR_ECLOSED);
	story_end(&s);
	assert_int_equal(s.watches, 1);
}

static void test_wait__who_was_never_there_is_not_waited_for(void **state)
{
	struct story s = { .job = 0 };
	struct tr_error err;
	(void)state;
	story_begin(&s);
	char url[] = "ipc:///nowhere/at/all.sock";
	s.conf.driver = url;
	assert_int_equal(tr_wait_run(&s.wait, &err), TR_EUNREACH);
	story_end(&s);
	assert_int_equal(s.notes, 0);
}

/* Comes back as the driver of another cluster. */
static void *replace(void *arg)
{
	struct story *s = arg;
	while (!atomic_load(&s->watched))
		sched_yield();
	fake_stop(&s->fake);
	s->fake.cluster_id = "c2";
	fake_start(&s->fake);
	return NULL;
}

static void test_wait__another_cluster_is_refused(void **state)
{
	struct story s = { .restart = true };
	struct tr_error err;
	pthread_t thread;
	(void)state;
	story_begin(&s);
	assert_int_equal(pthread_create(&thread, NULL, replace, &s), 0);
	assert_int_equal(tr_wait_run(&s.wait, &err), TR_EAUTH);
	pthread_join(thread, NULL);
	story_end(&s);
	assert_int_equal(s.ended, 0);
}

/* Wakes the client once it watches. */
static void *wake(void *arg)
{
	struct story *s = arg;
	uint64_t one = 1;
	while (!atomic_load(&s->watched))
		sched_yield();
	if (write(s->wait.wake_fd, &one, 8) != 8)
		abort();
	return NULL;
}

static int run_woken(struct story *s, struct tr_error *err)
{
	pthread_t thread;
	s->unending = true;
	story_begin(s);
	assert_int_equal(pthread_create(&thread, NULL, wake, s), 0);
	int rc = tr_wait_run(&s->wait, err);
	pthread_join(thread, NULL);
	story_end(s);
	return rc;
}

static void test_wait__woken_it_cancels_and_waits_for_the_end(void **state)
{
	struct story s = { .wish = TR_WAIT_CANCEL };
	struct tr_error err;
	(void)state;
	assert_int_equal(run_woken(&s, &err), 0);
	assert_int_equal(s.cancels, 1);
	assert_int_equal(s.last, TRANCHE__V1__JOB_STATE__JOB_CANCELLED);
	assert_int_equal(s.ended, 1);
}

static void test_wait__woken_it_stops_at_once(void **state)
{
	struct story s = { .wish = TR_WAIT_STOP };
	struct tr_error err;
	(void)state;
	assert_int_equal(run_woken(&s, &err), TR_ECANCELED);
	assert_string_equal(err.text, "woken");
	assert_int_equal(s.cancels, 0);
	assert_int_equal(s.ended, 0);
}

TR_TEST_MAIN(cmocka_unit_test(test_wait__until_the_job_is_done),
	cmocka_unit_test(test_wait__detached_it_does_not_watch),
	cmocka_unit_test(test_wait__submits_again_with_the_same_id),
	cmocka_unit_test(test_wait__watches_again_after_a_lost_connection),
	cmocka_unit_test(test_wait__over_a_restart_of_the_driver),
	cmocka_unit_test(test_wait__a_private_driver_is_not_waited_for),
	cmocka_unit_test(test_wait__who_was_never_there_is_not_waited_for),
	cmocka_unit_test(test_wait__another_cluster_is_refused),
	cmocka_unit_test(test_wait__woken_it_cancels_and_waits_for_the_end),
	cmocka_unit_test(test_wait__woken_it_stops_at_once));
