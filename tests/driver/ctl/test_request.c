#include "tests/support/test.h"

#include <string.h>

#include "common/base/bounds.h"
#include "driver/ctl/request.h"
#include "driver/ctl/verbs.h"
#include "tests/driver/ctl/scratch.h"

enum {
	WORDS_MAX = 64
};

static const char script[] = "tranche.source{topic='x'}:count():print()\n";

struct made {
	struct scratch scratch;
	struct tr_args args;
	struct tr_client_conf conf;
	struct tr_job_request request;
	char line[2048];
};

/* A submit with these words behind the script's path. */
static int make(struct made *m, const char *words, struct tr_error *err)
{
	char *argv[WORDS_MAX];
	int argc = 0;
	snprintf(m->line, sizeof(m->line), "submit %s %s",
		scratch_file(&m->scratch, "word.count.lua", script), words);
	char *rest = m->line, *word;
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = word;
	argv[argc] = NULL;
	/* args borrows argv's texts, not the array. */
	int rc = tr_args_parse(&m->args, &tr_verb_submit, argc, argv, err);
	if (rc == 0)
		rc = tr_job_request_init(&m->request, &m->args, &m->conf, err);
	return rc;
}

static void open_scratch(struct made *m)
{
	*m = (struct made){ .line = "" };
	scratch_make(&m->scratch);
}

static void finish(struct made *m)
{
	tr_job_request_fini(&m->request);
	tr_args_fini(&m->args);
	scratch_remove(&m->scratch);
}

static void test_job_request__takes_everything(void **state)
{
	struct made m;
	struct tr_error err;
	(void)state;
	open_scratch(&m);
	if (make(&m,
		    "topic=lines mode=a=b -o start:end --offsets lines:0:1-2 "
		    "--clamp -b k:9092 -X socket.timeout.ms=5000 "
		    "--isolation read_uncommitted --max-range 1000 "
		    "--max-rate 2000 --lanes 3 --memory 64M --timeout 5m "
		    "--max-attempts 2 --weight 4",
		    &err) != 0)
		fail_msg("%s", err.text);
	const Tranche__V1__SubmitRequest *r = &m.request.msg;
	assert_string_equal(r->name, "word.count");
	assert_string_equal(r->artefact_name, "word.count.lua");
	assert_int_equal(r->artefact.len, 32);
	assert_int_equal(strlen(r->request_uuid), 32);
	assert_int_equal(m.request.artefact.len, sizeof(script) - 1);
	assert_int_equal(r->n_arguments, 2);
	assert_string_equal(r->arguments[0]->name, "topic");
	assert_string_equal(r->arguments[0]->value, "lines");
	assert_string_equal(r->arguments[1]->name, "mode");
	assert_string_equal(r->arguments[1]->value, "a=b");
	assert_int_equal(r->n_offsets, 2);
	assert_string_equal(r->offsets[0], "start:end");
	assert_string_equal(r->offsets[1], "lines:0:1-2");
	assert_string_equal(r->tz, "UTC");
	assert_true(r->clamp);
	assert_string_equal(r->kafka->bootstrap, "k:9092");
	assert_true(r->kafka->read_uncommitted);
	assert_int_equal(r->kafka->n_properties, 1);
	assert_string_equal(r->kafka->properties[0]->name, "socket.timeout.ms");
	assert_string_equal(r->kafka->properties[0]->value, "5000");
	assert_int_equal(r->max_range, 1000);
	assert_int_equal(r->max_rate, 2000);
	assert_int_equal(r->reduce_lanes, 3);
	assert_int_equal(r->worker_memory, 67108864);
	assert_int_equal(r->task_timeout_ms, 300000);
	assert_int_equal(r->max_attempts, 2);
	assert_int_equal(r->weight, 4);
	finish(&m);
}

static void test_job_request__times_are_of_the_zone(void **state)
{
	struct made m;
	struct tr_error err;
	(void)state;
	/* Midnight in Berlin in winter is 23:00 UTC of the day before. */
	open_scratch(&m);
	assert_int_equal(
		make(&m, "-o @2026-01-02:end --tz Europe/Berlin", &err), 0);
	assert_string_equal(m.request.msg.offsets[0], "@1767308400000:end");
	assert_string_equal(m.request.msg.tz, "Europe/Berlin");
	finish(&m);
	open_scratch(&m);
	assert_int_equal(make(&m, "-o @2026-01-02:end", &err), 0);
	assert_string_equal(m.request.msg.offsets[0], "@1767312000000:end");
	finish(&m);
}

static void test_job_request__refuses_with_a_reason(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *part;
	} cases[] = {
		{ "topic", TR_EINVAL, "'topic' is not name=value" },
		{ "=x", TR_EINVAL, "'=x' is not name=value" },
		{ "-o blah", TR_EINVAL, "'blah'" },
		{ "--tz Mars/Olympus", TR_EINVAL, "'Mars/Olympus'" },
		{ "--tz ../../../etc/passwd", TR_EINVAL, "time zone" },
		{ "--isolation dirty", TR_EINVAL, "'dirty'" },
		{ "--lanes 0x10", TR_EINVAL, "--lanes" },
		{ "--lanes 99999999", TR_EINVAL, "--lanes" },
		{ "--timeout 5", TR_EINVAL, "--timeout" },
		{ "-X sasl.password=hunter2", TR_EINVAL, "sasl.password" },
		{ "-X no.such.property=1", TR_EINVAL, "no.such.property" },
		{ "-X group.id=g", TR_EINVAL, "group.id" },
		{ "-F /no/such/file", TR_ENOTFOUND, "/no/such/file" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct made m;
		struct tr_error err;
		open_scratch(&m);
		assert_int_equal(make(&m, cases[i].words, &err), cases[i].code);
		if (!strstr(err.text, cases[i].part))
			fail_msg("'%s' is not in: %s", cases[i].part, err.text);
		assert_null(strstr(err.text, "hunter2"));
		finish(&m);
	}
}

static void test_job_request__profile_first_then_files_then_x(void **state)
{
	static char of_profile[] = "socket.timeout.ms=1000";
	char *items[] = { of_profile };
	char bootstrap[] = "profile:9092", words[PATH_MAX + 64];
	struct made m;
	struct tr_error err;
	(void)state;
	open_scratch(&m);
	m.conf.kafka.bootstrap = bootstrap;
	m.conf.kafka.properties = (struct tr_option_list){ items, 1 };
	snprintf(words, sizeof(words), "-X socket.timeout.ms=3000 -F %s",
		scratch_file(&m.scratch, "props",
			"# a comment\n\n  socket.timeout.ms = 2000 \n"
			"client.id=x y\n"));
	if (make(&m, words, &err) != 0)
		fail_msg("%s", err.text);
	const Tranche__V1__KafkaConf *k = &m.request.kafka;
	assert_string_equal(k->bootstrap, "profile:9092");
	assert_int_equal(k->n_properties, 4);
	assert_string_equal(k->properties[0]->value, "1000");
	assert_string_equal(k->properties[1]->value, "2000");
	assert_string_equal(k->properties[2]->name, "client.id");
	assert_string_equal(k->properties[2]->value, "x y");
	assert_string_equal(k->properties[3]->value, "3000");
	finish(&m);
}

static void test_props_read__names_file_and_line(void **state)
{
	struct scratch s;
	struct tr_option_list l = { 0 };
	struct tr_error err;
	(void)state;
	scratch_make(&s);
	const char *path = scratch_file(
		&s, "props", "client.id=x\n\nssl.key.password=secret\n");
	assert_int_equal(tr_props_read(&l, path, &err), TR_EINVAL);
	assert_non_null(strstr(err.text, "props:3: "));
	assert_non_null(strstr(err.text, "ssl.key.password"));
	tr_props_fini(&l);
	scratch_remove(&s);
}

static void test_job_request__the_script_must_be_there(void **state)
{
	char path[] = "/no/such/job.lua", verb[] = "submit";
	char *argv[] = { verb, path, NULL };
	struct tr_args args;
	struct tr_client_conf conf = { .timeout_ms = 1 };
	struct tr_job_request r;
	struct tr_error err;
	(void)state;
	assert_int_equal(
		tr_args_parse(&args, &tr_verb_submit, 2, argv, &err), 0);
	assert_int_equal(
		tr_job_request_init(&r, &args, &conf, &err), TR_ENOTFOUND);
	assert_non_null(strstr(err.text, "'/no/such/job.lua'"));
	tr_args_fini(&args);
}

TR_TEST_MAIN(cmocka_unit_test(test_job_request__takes_everything),
	cmocka_unit_test(test_job_request__times_are_of_the_zone),
	cmocka_unit_test(test_job_request__refuses_with_a_reason),
	cmocka_unit_test(test_job_request__profile_first_then_files_then_x),
	cmocka_unit_test(test_props_read__names_file_and_line),
	cmocka_unit_test(test_job_request__the_script_must_be_there));
