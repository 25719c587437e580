/*
 * Whole plans: a script, the real plan worker, an embedded broker. What is
 * expected follows from what the test itself put into the topic.
 */
#include "tests/support/test.h"

#include <inttypes.h>
#include <string.h>

#include "driver/plan/planner.h"
#include "tests/support/feed.h"
#include "tests/support/mock_cluster.h"

enum {
	PARTITIONS = 3
};

/* Records in each partition of topic "lines". */
static const int64_t records[PARTITIONS] = { 1000, 10, 0 };

static struct tr_mock_cluster mock;

static int start(void **state)
{
	(void)state;
	tr_mock_cluster_start(&mock, 1);
	rd_kafka_mock_topic_create(mock.cluster, "lines", PARTITIONS, 1);
	rd_kafka_mock_topic_create(mock.cluster, "empty", 1, 1);
	struct tr_feed *f = tr_feed_open(mock.bootstrap, NULL);
	for (int32_t p = 0; p < PARTITIONS; p++)
		for (int64_t i = 0; i < records[p]; i++)
			tr_feed_put_text(f, "lines", p, "a line");
	tr_feed_flush(f);
	tr_feed_close(f);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	tr_mock_cluster_stop(&mock);
	return 0;
}

struct job {
	const char *script;
	const char *offsets[4];
	const char *brokers; /* NULL: the mock cluster's */
	bool clamp;
	uint64_t max_range;
	uint32_t slots;
	uint32_t timeout_ms;
};

static char *unconst(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

static int plan(const struct job *job, Tranche__V1__BatchPlan **out,
	struct tr_error *err)
{
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	uint8_t sha[32] = { 0 };
	char *offsets[4];
	m.artefact_name = unconst("job.lua");
	m.artefact.data = sha;
	m.artefact.len = sizeof(sha);
	for (size_t i = 0; i < 4 && job->offsets[i]; i++)
		offsets[m.n_offsets++] = unconst(job->offsets[i]);
	m.offsets = offsets;
	m.clamp = job->clamp;
	m.max_range = job->max_range;
	kafka.bootstrap = unconst(job->brokers ? job->brokers : mock.bootstrap);
	m.kafka = &kafka;
	struct tr_planner_opts opts = { .worker_binary = TR_WORKER_BINARY,
		.plan_timeout_ms = job->timeout_ms ? job->timeout_ms : 20000 };
	struct tr_plan_request r = { .submit = &m,
		.artefact = { (const uint8_t *)job->script,
			strlen(job->script) },
		.job_uuid = "0123456789abcdef0123456789abcdef",
		.job = { 7 },
		.term = { 3 },
		.batch = 1,
		.slots = job->slots ? job->slots : 2,
		.now_ms = 1794924000000 };
	struct tr_planner *p = tr_planner_new(&opts);
	int rc = tr_planner_plan(p, &r, out, err);
	tr_planner_free(p);
	return rc;
}

/* The ranges as text: "stage/lane topic-partition[from,until) …". */
static void ranges_text(const Tranche__V1__BatchPlan *p, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < p->n_ranges; i++) {
		const Tranche__V1__Range *r = p->ranges[i]->range;
		n += (size_t)snprintf(out + n, size - n,
			"%s%u/%u %s-%u[%" PRId64 ",%" PRId64 ")", i ? " " : "",
			p->ranges[i]->stage, p->ranges[i]->lane, r->topic,
			r->partition, r->from, r->until);
	}
}

static void expect_ranges(const struct job *job, const char *want)
{
	Tranche__V1__BatchPlan *p = NULL;
	struct tr_error err = { 0 };
	char text[1024];
	if (plan(job, &p, &err) != 0)
		fail_msg("%s", err.text);
	ranges_text(p, text, sizeof(text));
	assert_string_equal(text, want);
	tr_msg_free(p);
}

static void expect_error(const struct job *job, int code, const char *part)
{
	Tranche__V1__BatchPlan *p = NULL;
	struct tr_error err = { 0 };
	int rc = plan(job, &p, &err);
	assert_null(p);
	if (rc != code || !strstr(err.text, part))
		fail_msg("%s: '%s', wanted %s: '%s'", tr_err_name(rc), err.text,
			tr_err_name(code), part);
}

static const char count_words[] =
	"tranche.source { topic = 'lines' }\n"
	"  :split():count_by_value():store('counts')\n";

static void test_planner__all_of_a_topic_leaves_empty_partitions_out(
	void **state)
{
	(void)state;
	expect_ranges(&(struct job){ .script = count_words,
			      .offsets = { "start:end" } },
		"0/0 lines-0[0,1000) 0/1 lines-1[0,10)");
}

static void test_planner__large_partitions_are_cut(void **state)
{
	(void)state;
	expect_ranges(&(struct job){ .script = count_words,
			      .offsets = { "start:end" },
			      .max_range = 400 },
		"0/0 lines-0[0,334) 0/1 lines-0[334,667) "
		"0/2 lines-0[667,1000) 0/3 lines-1[0,10)");
}

static void test_planner__one_partition_can_be_named(void **state)
{
	(void)state;
	expect_ranges(&(struct job){ .script = count_words,
			      .offsets = { "lines:0:100-200" } },
		"0/0 lines-0[100,200)");
	expect_ranges(&(struct job){ .script = count_words,
			      .offsets = { "{\"lines\": {\"0\": [\"-5\", "
					   "\"end\"]}}" } },
		"0/0 lines-0[995,1000)");
}

static void test_planner__a_script_may_carry_exact_ranges(void **state)
{
	(void)state;
	expect_ranges(
		&(struct job){
			.script =
				"tranche.source { ranges = {\n"
				"  {'lines', 0, 110, 220},\n"
				"  {'lines', 1, 4, 7} } }:count():print()\n" },
		"0/0 lines-0[110,220) 0/1 lines-1[4,7)");
}

static void test_planner__stages_have_the_lanes_they_need(void **state)
{
	Tranche__V1__BatchPlan *p = NULL;
	struct tr_error err;
	struct job job = {
		.script = count_words, .offsets = { "start:end" }, .slots = 4
	};
	(void)state;
	assert_int_equal(plan(&job, &p, &err), 0);
	assert_int_equal(p->n_stages, 2);
	assert_int_equal(p->stages[0]->lanes, 2);
	/* 1,010 records are not worth more than one lane. */
	assert_int_equal(p->stages[1]->lanes, 1);
	assert_int_equal(p->job, 7);
	assert_int_equal(p->term, 3);
	assert_int_equal(p->batch_time_ms, 1794924000000);
	assert_int_equal(p->plan_digest.len, 32);
	tr_msg_free(p);
}

static void test_planner__nothing_to_read_is_said(void **state)
{
	Tranche__V1__BatchPlan *p = NULL;
	struct tr_error err;
	struct job job = {
		.script = "tranche.source { topic = 'empty' }:count():print()",
		.offsets = { "start:end" }
	};
	(void)state;
	assert_int_equal(plan(&job, &p, &err), 0);
	/* One lane all the same, so that what follows the source runs. */
	assert_int_equal(p->n_ranges, 1);
	assert_int_equal(p->ranges[0]->range->from, 0);
	assert_int_equal(p->ranges[0]->range->until, 0);
	assert_int_equal(p->stages[0]->lanes, 1);
	assert_int_equal(p->n_notes, 1);
	assert_non_null(strstr(p->notes[0], "nothing to read"));
	tr_msg_free(p);
}

static void test_planner__clamping_is_noted(void **state)
{
	Tranche__V1__BatchPlan *p = NULL;
	struct tr_error err;
	struct job job = { .script = count_words,
		.offsets = { "lines:1:5-5000" } };
	(void)state;
	expect_error(&job, TR_EINVAL,
		"topic 'lines' partition 1: wanted [5, 5000), the log has "
		"[0, 10)");
	job.clamp = true;
	expect_ranges(&job, "0/0 lines-1[5,10)");
	assert_int_equal(plan(&job, &p, &err), 0);
	assert_int_equal(p->n_notes, 1);
	assert_string_equal(
		p->notes[0], "topic 'lines' partition 1: clamped to [5, 10)");
	tr_msg_free(p);
}

static void test_planner__mistakes_are_named(void **state)
{
	(void)state;
	expect_error(
		&(struct job){ .script = count_words, .offsets = { NULL } },
		TR_EINVAL, "--offsets start:end");
	expect_error(&(struct job){ .script = count_words,
			     .offsets = { "other:0:1-2" } },
		TR_ENOTFOUND, "topic 'other' partition 0");
	expect_error(&(struct job){ .script = count_words,
			     .offsets = { "lines:9:1-2" } },
		TR_ENOTFOUND, "topic 'lines' partition 9");
	expect_error(
		&(struct job){ .script = count_words, .offsets = { "bogus" } },
		TR_EINVAL, "'bogus'");
	expect_error(
		&(struct job){ .script = "tranche.source { topic = 'lines' }",
			.offsets = { "start:end" } },
		TR_EUSER, "end it with :store");
}

static void test_planner__scripts_that_fail_say_where(void **state)
{
	(void)state;
	expect_error(&(struct job){ .script = "local x = \n= 3",
			     .offsets = { "start:end" } },
		TR_EUSER, "job.lua:2");
	expect_error(&(struct job){ .script = "local x = nil\nlocal y = x.z",
			     .offsets = { "start:end" } },
		TR_EUSER, "job.lua:2");
	expect_error(&(struct job){ .script = "while true do end",
			     .offsets = { "start:end" },
			     .timeout_ms = 300 },
		TR_EKILLED, "endless loop");
}

static void test_planner__a_broker_that_is_not_there_is_named(void **state)
{
	(void)state;
	expect_error(&(struct job){ .script = count_words,
			     .offsets = { "start:end" },
			     .brokers = "127.0.0.1:1" },
		TR_EUNREACH, "127.0.0.1:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_planner__all_of_a_topic_leaves_empty_partitions_out),
		cmocka_unit_test(test_planner__large_partitions_are_cut),
		cmocka_unit_test(test_planner__one_partition_can_be_named),
		cmocka_unit_test(test_planner__a_script_may_carry_exact_ranges),
		cmocka_unit_test(test_planner__stages_have_the_lanes_they_need),
		cmocka_unit_test(test_planner__nothing_to_read_is_said),
		cmocka_unit_test(test_planner__clamping_is_noted),
		cmocka_unit_test(test_planner__mistakes_are_named),
		cmocka_unit_test(test_planner__scripts_that_fail_say_where),
		cmocka_unit_test(
			test_planner__a_broker_that_is_not_there_is_named),
	};
	return cmocka_run_group_tests_name(__FILE__, tests, start, stop);
}
