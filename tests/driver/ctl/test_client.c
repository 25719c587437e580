#include "tests/support/test.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock/clock.h"
#include "driver/ctl/client.h"
#include "tests/driver/ctl/fake_driver.h"

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

/* A configuration that dials f with a token of its own. */
struct dialer {
	char url[TR_NET_URL_MAX];
	char token[PATH_MAX];
	struct tr_client_conf conf;
	struct tr_client_opts opts;
};

static void dialer_init(
	struct dialer *d, const struct fake *f, const char *token)
{
	*d = (struct dialer){ .opts = { .wake_fd = -1 } };
	snprintf(d->url, sizeof(d->url), "%s", f->url);
	snprintf(d->token, sizeof(d->token), "file:%s",
		scratch_file(&f->scratch, "token", token));
	d->conf.driver = d->url;
	d->conf.token = d->token;
	d->conf.timeout_ms = 5000;
	d->opts.conf = &d->conf;
}

static void refuse_all(struct fake *f, const struct fake_request *r)
{
	fake_refuse(f, r, TR_EINVAL, "not today");
}

/* Tries to open; the error is in *err. */
static int try_open(struct fake *f, const char *token, uint32_t timeout_ms,
	struct tr_error *err)
{
	struct dialer d;
	struct tr_client *c = NULL;
	fake_start(f);
	dialer_init(&d, f, token);
	d.conf.timeout_ms = timeout_ms;
	int rc = tr_client_open(&c, &d.opts, err);
	if (rc == 0)
		assert_string_equal(tr_client_cluster_id(c), "c1");
	tr_client_close(c);
	fake_stop(f);
	fake_remove(f);
	return rc;
}

static void test_client_open__with_a_submitters_token(void **state)
{
	struct fake f = { .submitter_token = "right", .answer = refuse_all };
	struct tr_error err;
	(void)state;
	assert_int_equal(try_open(&f, "right\n", 5000, &err), 0);
	assert_int_equal(f.hellos, 1);
}

static void test_client_open__with_a_readers_token(void **state)
{
	struct fake f = { .submitter_token = "other",
		.reader_token = "right",
		.answer = refuse_all };
	struct tr_error err;
	(void)state;
	assert_int_equal(try_open(&f, "right", 5000, &err), 0);
	assert_int_equal(f.hellos, 2);
}

static void test_client_open__wrong_token_names_driver_and_token(void **state)
{
	struct fake f = { .submitter_token = "right", .answer = refuse_all };
	struct tr_error err;
	(void)state;
	assert_int_equal(try_open(&f, "wrong", 5000, &err), TR_EAUTH);
	assert_contains(err.text, f.url);
	assert_contains(err.text, "/token'");
	assert_contains(err.text, "wrong token");
	if (strstr(err.text, "right"))
		fail_msg("the error tells a secret: %s", err.text);
}

static void test_client_open__silent_driver_is_a_timeout(void **state)
{
	struct fake f = {
		.submitter_token = "right", .silent = true, .answer = refuse_all
	};
	struct tr_error err;
	(void)state;
	uint64_t begin = tr_clock_mono_ms();
	assert_int_equal(try_open(&f, "right", 200, &err), TR_ETIMEOUT);
	uint64_t took = tr_clock_mono_ms() - begin;
	assert_true(took >= 200 && took < 5000);
	assert_contains(err.text, f.url);
}

static void test_client_open__nobody_there(void **state)
{
	struct fake f = { .submitter_token = "right", .answer = refuse_all };
	struct dialer d;
	struct tr_client *c;
	struct tr_error err;
	(void)state;
	fake_start(&f);
	dialer_init(&d, &f, "right");
	fake_stop(&f);
	unlink(scratch_path(&f.scratch, "driver.sock"));
	assert_int_equal(tr_client_open(&c, &d.opts, &err), TR_EUNREACH);
	assert_contains(err.text, f.url);
	assert_contains(err.text, "TRANCHE_DRIVER");
	fake_remove(&f);
}

static void test_client_open__no_token_says_where_to_set_it(void **state)
{
	struct tr_client_conf conf = { .timeout_ms = 100 };
	char url[] = "tcp://127.0.0.1:1";
	struct tr_client_opts opts = { .conf = &conf, .wake_fd = -1 };
	struct tr_client *c;
	struct tr_error err;
	(void)state;
	conf.driver = url;
	assert_int_equal(tr_client_open(&c, &opts, &err), TR_EAUTH);
	assert_contains(err.text, "TRANCHE_TOKEN_FILE");
}

/* Opens a client of f, which has started. */
static struct tr_client *open_client(struct fake *f, struct dialer *d)
{
	struct tr_client *c;
	struct tr_error err;
	f->submitter_token = "right";
	fake_start(f);
	dialer_init(d, f, "right");
	if (tr_client_open(&c, &d->opts, &err) != 0)
		fail_msg("%s", err.text);
	return c;
}

static int ask_jobs(
	struct tr_client *c, struct tr_reply **reply, struct tr_error *err)
{
	Tranche__V1__JobListRequest m = TRANCHE__V1__JOB_LIST_REQUEST__INIT;
	return tr_client_ask(
		c, TR_KIND_JOB_LIST, &m, TR_SLICE_ABSENT, reply, err);
}

static void test_client_ask__a_refusal_leaves_it_whole(void **state)
{
	struct fake f = { .answer = refuse_all };
	struct dialer d;
	struct tr_client *c = open_client(&f, &d);
	struct tr_reply *reply;
	struct tr_error err;
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask_jobs(c, &reply, &err), TR_EINVAL);
		assert_string_equal(err.text, "not today");
		assert_false(tr_client_is_broken(c));
	}
	tr_client_close(c);
	fake_stop(&f);
	fake_remove(&f);
}

static void ignore(struct fake *f, const struct fake_request *r)
{
	(void)f;
	(void)r;
}

static void test_client_ask__no_answer_breaks_it(void **state)
{
	struct fake f = { .answer = ignore };
	struct dialer d;
	struct tr_client *c = open_client(&f, &d);
	struct tr_reply *reply;
	struct tr_error err;
	(void)state;
	tr_client_close(c);
	d.conf.timeout_ms = 200;
	assert_int_equal(tr_client_open(&c, &d.opts, &err), 0);
	assert_int_equal(ask_jobs(c, &reply, &err), TR_ETIMEOUT);
	assert_true(tr_client_is_broken(c));
	assert_contains(err.text, f.url);
	tr_client_close(c);
	fake_stop(&f);
	fake_remove(&f);
}

static void test_client_ask__a_lost_connection_breaks_it(void **state)
{
	struct fake f = { .answer = fake_hang_up };
	struct dialer d;
	struct tr_client *c = open_client(&f, &d);
	struct tr_reply *reply;
	struct tr_error err;
	(void)state;
	assert_int_equal(ask_jobs(c, &reply, &err), TR_ECLOSED);
	assert_true(tr_client_is_broken(c));
	tr_client_close(c);
	fake_stop(&f);
	fake_remove(&f);
}

/* Answers a watch only when the list is asked for, and before the list. */
static void status_before_list(struct fake *f, const struct fake_request *r)
{
	static struct fake_request watch;
	if (r->kind == TR_KIND_WATCH) {
		watch = *r;
		return;
	}
	Tranche__V1__JobStatus status = TRANCHE__V1__JOB_STATUS__INIT;
	Tranche__V1__JobListReply list = TRANCHE__V1__JOB_LIST_REPLY__INIT;
	fake_reply(f, &watch, TR_KIND_JOB_STATUS, &status, 42, TR_SLICE_ABSENT);
	fake_reply(f, r, TR_KIND_JOB_LIST_REPLY, &list, 0, TR_SLICE_ABSENT);
}

static void test_client_ask__keeps_others_answers_for_next(void **state)
{
	struct fake f = { .answer = status_before_list };
	struct dialer d;
	struct tr_client *c = open_client(&f, &d);
	struct tr_reply *reply;
	struct tr_error err;
	char job[] = "42";
	Tranche__V1__WatchRequest m = TRANCHE__V1__WATCH_REQUEST__INIT;
	(void)state;
	m.job = job;
	assert_int_equal(
		tr_client_send(c, TR_KIND_WATCH, &m, TR_SLICE_ABSENT, &err), 0);
	assert_int_equal(ask_jobs(c, &reply, &err), 0);
	assert_int_equal(reply->kind, TR_KIND_JOB_LIST_REPLY);
	tr_reply_free(reply);
	assert_int_equal(tr_client_next(c, 5000, &reply, &err), 0);
	assert_int_equal(reply->kind, TR_KIND_JOB_STATUS);
	const Tranche__V1__JobStatus *s = reply->msg;
	assert_int_equal(s->env->job, 42);
	tr_reply_free(reply);
	/* And nothing else: that is a time-out of a whole client. */
	assert_int_equal(tr_client_next(c, 10, &reply, &err), TR_ETIMEOUT);
	assert_false(tr_client_is_broken(c));
	tr_client_close(c);
	fake_stop(&f);
	fake_remove(&f);
}

static void test_client_next__ends_when_woken(void **state)
{
	struct fake f = { .answer = ignore };
	struct dialer d;
	struct tr_client *c = open_client(&f, &d);
	struct tr_reply *reply;
	struct tr_error err;
	(void)state;
	tr_client_close(c);
	d.opts.wake_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(tr_client_open(&c, &d.opts, &err), 0);
	uint64_t one = 1;
	assert_int_equal(write(d.opts.wake_fd, &one, 8), 8);
	assert_int_equal(tr_client_next(c, 60000, &reply, &err), TR_ECANCELED);
	assert_false(tr_client_is_broken(c));
	tr_client_close(c);
	close(d.opts.wake_fd);
	fake_stop(&f);
	fake_remove(&f);
}

static void test_client_error__says_where_once(void **state)
{
	static char code[] = "user-code", text[] = "boom", none[] = "";
	static char where[] = "job.lua:7", position[] = "lines-0@42";
	static char long_text[] = "job.lua:7: boom";
	Tranche__V1__ErrorInfo info = TRANCHE__V1__ERROR_INFO__INIT;
	struct tr_error err;
	(void)state;
	info.code = code;
	info.text = text;
	info.where = none;
	info.position = none;
	tr_client_error(&err, &info);
	assert_string_equal(err.text, "boom");
	assert_int_equal(err.code, TR_EUSER);
	info.where = where;
	info.position = position;
	tr_client_error(&err, &info);
	assert_string_equal(err.text, "job.lua:7: boom (record lines-0@42)");
	info.text = long_text;
	tr_client_error(&err, &info);
	assert_string_equal(err.text, "job.lua:7: boom (record lines-0@42)");
}

TR_TEST_MAIN(cmocka_unit_test(test_client_open__with_a_submitters_token),
	cmocka_unit_test(test_client_open__with_a_readers_token),
	cmocka_unit_test(test_client_open__wrong_token_names_driver_and_token),
	cmocka_unit_test(test_client_open__silent_driver_is_a_timeout),
	cmocka_unit_test(test_client_open__nobody_there),
	cmocka_unit_test(test_client_open__no_token_says_where_to_set_it),
	cmocka_unit_test(test_client_ask__a_refusal_leaves_it_whole),
	cmocka_unit_test(test_client_ask__no_answer_breaks_it),
	cmocka_unit_test(test_client_ask__a_lost_connection_breaks_it),
	cmocka_unit_test(test_client_ask__keeps_others_answers_for_next),
	cmocka_unit_test(test_client_next__ends_when_woken),
	cmocka_unit_test(test_client_error__says_where_once));
