#include "tests/support/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/check.h"
#include "common/kafka/conf.h"

static void assert_refused(const char *prop, const char *because)
{
	struct tr_error err = { .code = 0 };

	if (tr_kafka_prop_check(prop, &err) != TR_EINVAL)
		fail_msg("'%s' was not refused", prop);
	if (strstr(err.text, because) == NULL)
		fail_msg("'%s' instead of '%s'", err.text, because);
}

static void test_conf__refuses_fixed_properties_by_name(void **state)
{
	static const struct {
		const char *prop, *because;
	} cases[] = {
		{ "auto.offset.reset=earliest", "'auto.offset.reset'" },
		{ "enable.partition.eof=false", "'enable.partition.eof'" },
		{ "enable.auto.commit=true", "'enable.auto.commit'" },
		{ "enable.auto.offset.store=true",
			"'enable.auto.offset.store'" },
		{ "check.crcs=false", "'check.crcs'" },
		{ "isolation.level=read_uncommitted", "--isolation" },
		{ "queued.min.messages=1", "window" },
		{ "queued.max.messages.kbytes=1", "window" },
		{ "fetch.wait.max.ms=500", "'fetch.wait.max.ms'" },
		{ "group.id=g", "'group.id'" },
		{ "plugin.library.paths=evil", "'plugin.library.paths'" },
		{ "ssl.engine.location=evil", "'ssl.engine.location'" },
		{ "sasl.kerberos.kinit.cmd=rm", "'sasl.kerberos.kinit.cmd'" },
		{ "bootstrap.servers=a:1", "-b" },
		{ "transactional.id=t", "'transactional.id'" },
	};

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++)
		assert_refused(cases[i].prop, cases[i].because);
}

static void test_conf__refuses_secrets_in_the_clear(void **state)
{
	static const char *const names[] = { "sasl.password",
		"ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
		"sasl.oauthbearer.config" };

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(names); i++) {
		char prop[128];
		struct tr_error err;

		assert_true(tr_kafka_prop_is_secret(names[i]));
		snprintf(prop, sizeof(prop), "%s=hunter2", names[i]);
		assert_refused(prop, "not in the clear");
		assert_refused(prop, names[i]);
		assert_int_equal(tr_kafka_prop_check(prop, &err), TR_EINVAL);
		assert_null(strstr(err.text, "hunter2"));
		/* A reference is not looked up by a check. */
		snprintf(prop, sizeof(prop), "%s=file:/nonexistent", names[i]);
		assert_int_equal(tr_kafka_prop_check(prop, NULL), 0);
		snprintf(prop, sizeof(prop), "%s=env:", names[i]);
		assert_refused(prop, "not in the clear");
	}
	assert_true(tr_kafka_prop_is_secret("sasl.oauthbearer.client.secret"));
	assert_false(tr_kafka_prop_is_secret("sasl.username"));
	assert_false(tr_kafka_prop_is_secret("ssl.ca.location"));
}

static void test_conf__tells_what_librdkafka_thinks(void **state)
{
	(void)state;
	assert_refused("no.such.thing=1", "no.such.thing");
	assert_refused("socket.timeout.ms=soon", "socket.timeout.ms");
	assert_refused("nonsense", "name=value");
	assert_refused("=value", "name=value");
	assert_int_equal(
		tr_kafka_prop_check("security.protocol=SASL_SSL", NULL), 0);
	assert_int_equal(
		tr_kafka_prop_check("fetch.message.max.bytes=100000", NULL), 0);
}

static void test_conf__limits_the_number_of_properties(void **state)
{
	const char *props[TR_KAFKA_PROPS_MAX + 1];

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(props); i++)
		props[i] = "client.id=x";
	assert_int_equal(
		tr_kafka_props_check(props, TR_KAFKA_PROPS_MAX, NULL), 0);
	assert_int_equal(
		tr_kafka_props_check(props, TR_KAFKA_PROPS_MAX + 1, NULL),
		TR_ELIMIT);
}

/* ---- building ---- */

static int build(enum tr_kafka_role role, const struct tr_kafka_conf *c,
	rd_kafka_conf_t **out, struct tr_error *err)
{
	static struct tr_kafka_watch watch;

	return tr_kafka_conf_build(out, role, c, &watch, err);
}

static void assert_value(
	const rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];
	size_t size = sizeof(text);

	assert_int_equal(
		rd_kafka_conf_get(conf, name, text, &size), RD_KAFKA_CONF_OK);
	assert_string_equal(text, value);
}

static void test_conf__fixes_what_the_reader_stands_on(void **state)
{
	static const char *const props[] = { "client.id=mine",
		"fetch.message.max.bytes=12345" };
	struct tr_kafka_conf c = { .brokers = "a:1,b:2",
		.props = props,
		.n_props = 2,
		.window = TR_MIB(90) };
	rd_kafka_conf_t *conf;

	(void)state;
	assert_int_equal(build(TR_KAFKA_READER, &c, &conf, NULL), 0);
	assert_value(conf, "bootstrap.servers", "a:1,b:2");
	assert_value(conf, "client.id", "mine");
	assert_value(conf, "fetch.message.max.bytes", "12345");
	assert_value(conf, "isolation.level", "read_committed");
	assert_value(conf, "check.crcs", "true");
	assert_value(conf, "enable.partition.eof", "true");
	assert_value(conf, "enable.auto.commit", "false");
	assert_value(conf, "allow.auto.create.topics", "false");
	/* 90 MiB / 4.5 */
	assert_value(conf, "queued.max.messages.kbytes", "20480");
	rd_kafka_conf_destroy(conf);

	c.isolation = TR_READ_UNCOMMITTED;
	c.window = TR_READER_WINDOW_MIN;
	assert_int_equal(build(TR_KAFKA_READER, &c, &conf, NULL), 0);
	assert_value(conf, "isolation.level", "read_uncommitted");
	assert_value(conf, "queued.max.messages.kbytes", "1024");
	rd_kafka_conf_destroy(conf);

	c.window = TR_READER_WINDOW_MIN - 1;
	assert_int_equal(build(TR_KAFKA_READER, &c, &conf, NULL), TR_EINVAL);
}

static void write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void test_conf__resolves_references_when_it_builds(void **state)
{
	char path[] = "/tmp/tranche-test-secret-XXXXXX";
	char from_file[64];
	const char *props[] = { from_file, "ssl.key.password=env:TR_TEST_KEY" };
	struct tr_kafka_conf c = {
		.brokers = "a:1",
		.props = props,
		.n_props = 2,
	};
	rd_kafka_conf_t *conf;

	(void)state;
	write_file(path, "open sesame\r\n");
	snprintf(from_file, sizeof(from_file), "sasl.password=file:%s", path);
	setenv("TR_TEST_KEY", "tell nobody", 1);
	assert_int_equal(build(TR_KAFKA_META, &c, &conf, NULL), 0);
	assert_value(conf, "sasl.password", "open sesame");
	assert_value(conf, "ssl.key.password", "tell nobody");
	rd_kafka_conf_destroy(conf);
	unlink(path);
	unsetenv("TR_TEST_KEY");
}

static void test_conf__names_a_reference_to_nothing(void **state)
{
	static const struct {
		const char *prop, *what;
	} cases[] = {
		{ "sasl.password=file:/nonexistent/secret",
			"/nonexistent/secret" },
		{ "sasl.password=env:TR_TEST_NOT_SET", "TR_TEST_NOT_SET" },
	};

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_kafka_conf c = {
			.brokers = "a:1",
			.props = &cases[i].prop,
			.n_props = 1,
		};
		rd_kafka_conf_t *conf;
		struct tr_error err;
		assert_int_equal(
			build(TR_KAFKA_READER, &c, &conf, &err), TR_ENOTFOUND);
		assert_non_null(strstr(err.text, cases[i].what));
		assert_non_null(strstr(err.text, "'sasl.password'"));
	}
}

/* What the policy refuses is refused by name, and before anything is read. */
static void test_conf__policy_keeps_jobs_to_what_is_meant_for_them(void **state)
{
	static const struct {
		const char *dir, *prop, *because;
	} cases[] = {
		{ "/s", "sasl.password=file:/etc/shadow", "is not below '/s'" },
		{ "/s", "sasl.password=file:/sx/y", "is not below" },
		{ "/s", "sasl.password=file:/s", "is not below" },
		{ "/s", "sasl.password=file:/s/../etc/x", "is not below" },
		{ "/s", "sasl.password=file:/s/..", "is not below" },
		{ "/s/", "sasl.password=file:s/x", "is not below" },
		{ "", "sasl.password=file:/x", "is not below" },
		{ "/s", "ssl.key.location=/etc/tranche/executor.pem",
			"'ssl.key.location'" },
		{ "/s", "ssl.keystore.location=/k", "'ssl.keystore.location'" },
		{ "/s", "sasl.kerberos.keytab=/k", "'sasl.kerberos.keytab'" },
		{ "/s", "sasl.password=env:TR_TEST_KEY", "TRANCHE_JOB_" },
		{ "/", "sasl.password=env:TR_TEST_KEY", "TRANCHE_JOB_" },
	};

	(void)state;
	setenv("TR_TEST_KEY", "tell nobody", 1);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_kafka_conf c = {
			.brokers = "a:1",
			.secrets_dir = cases[i].dir,
			.props = &cases[i].prop,
			.n_props = 1,
		};
		rd_kafka_conf_t *conf;
		struct tr_error err;
		assert_int_equal(
			build(TR_KAFKA_READER, &c, &conf, &err), TR_EINVAL);
		if (!strstr(err.text, cases[i].because))
			fail_msg("%s: %s", cases[i].prop, err.text);
	}
	unsetenv("TR_TEST_KEY");
}

static void test_conf__policy_lets_through_what_is_meant_for_jobs(void **state)
{
	static const char *const dirs[] = { "/tmp", "/tmp/", "/" };
	char path[] = "/tmp/tranche-..test-secret-XXXXXX";
	char from_file[64];
	const char *props[] = { from_file,
		"ssl.key.password=env:TRANCHE_JOB_TEST", "client.id=/etc/x",
		"ssl.ca.location=/etc/ssl" };

	(void)state;
	write_file(path, "open sesame");
	snprintf(from_file, sizeof(from_file), "sasl.password=file:%s", path);
	setenv("TRANCHE_JOB_TEST", "tell nobody", 1);
	for (size_t i = 0; i < TR_ARRAY_LEN(dirs); i++) {
		struct tr_kafka_conf c = {
			.brokers = "a:1",
			.secrets_dir = dirs[i],
			.props = props,
			.n_props = TR_ARRAY_LEN(props),
		};
		rd_kafka_conf_t *conf;
		assert_int_equal(build(TR_KAFKA_META, &c, &conf, NULL), 0);
		assert_value(conf, "sasl.password", "open sesame");
		assert_value(conf, "ssl.key.password", "tell nobody");
		rd_kafka_conf_destroy(conf);
	}
	unlink(path);
	unsetenv("TRANCHE_JOB_TEST");
}

TR_TEST_MAIN(cmocka_unit_test(test_conf__refuses_fixed_properties_by_name),
	cmocka_unit_test(test_conf__refuses_secrets_in_the_clear),
	cmocka_unit_test(test_conf__tells_what_librdkafka_thinks),
	cmocka_unit_test(test_conf__limits_the_number_of_properties),
	cmocka_unit_test(test_conf__fixes_what_the_reader_stands_on),
	cmocka_unit_test(test_conf__resolves_references_when_it_builds),
	cmocka_unit_test(test_conf__names_a_reference_to_nothing),
	cmocka_unit_test(
		test_conf__policy_keeps_jobs_to_what_is_meant_for_them),
	cmocka_unit_test(
		test_conf__policy_lets_through_what_is_meant_for_jobs));
