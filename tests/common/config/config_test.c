#include "common/config/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/config/libexec.h"
#include "tests/support/test.h"

#define DRIVER_OK                                                              \
	"[driver]\n"                                                           \
	"data_dir = data\n"                                                    \
	"executor_token = file:executor.token\n"                               \
	"submitter_token = env:TR_SUBMITTER\n"

#define EXECUTOR_OK                                                            \
	"[executor]\n"                                                         \
	"driver = tcp://127.0.0.1:7400\n"                                      \
	"token = file:/etc/tranche/executor.token\n"                           \
	"spool_dir = /var/spool/tranche\n"

static char dir[64];
static char path[80];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/tranche-config-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t.conf", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	rmdir(dir);
	return 0;
}

static void write_conf(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* `want` after "<path>:" or, when it starts with a letter, all of the text. */
static void check_error(const struct tr_error *err, const char *want)
{
	char full[600];
	snprintf(full, sizeof(full), "%s%s", *want == ':' ? path : "", want);
	assert_string_equal(err->text, full);
}

static void test_config__driver_file_over_defaults(void **state)
{
	(void)state;
	write_conf("; a comment\n" DRIVER_OK "  lease = 300ms   ; inline\n"
		   "heartbeat: 100ms\n"
		   "log_level = debug\n"
		   "\n[kafka]\n"
		   "bootstrap = a:9092,b:9092\n"
		   "security.protocol = SASL_SSL\n"
		   "sasl.password = file:/etc/p\n"
		   "security.protocol = SSL\n");
	struct tr_driver_conf c;
	struct tr_error err = { 0 };
	int rc = tr_driver_conf_load(&c, path, NULL, 0, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	char want[128];
	snprintf(want, sizeof(want), "%s/data", dir);
	assert_string_equal(c.data_dir, want);
	snprintf(want, sizeof(want), "file:%s/executor.token", dir);
	assert_string_equal(c.executor_token, want);
	assert_string_equal(c.submitter_token, "env:TR_SUBMITTER");
	assert_null(c.reader_token);
	assert_string_equal(c.listen, "tcp://127.0.0.1:7400");
	assert_int_equal(c.lease_ms, 300);
	assert_int_equal(c.heartbeat_ms, 100);
	assert_int_equal(c.plan_timeout_ms, 10000);
	assert_int_equal(c.log_level, TR_LOG_DEBUG);
	assert_false(c.insecure);
	assert_string_equal(c.kafka.bootstrap, "a:9092,b:9092");
	assert_int_equal(c.kafka.properties.n, 2);
	assert_string_equal(
		c.kafka.properties.items[0], "security.protocol=SSL");
	assert_string_equal(
		c.kafka.properties.items[1], "sasl.password=file:/etc/p");
	tr_driver_conf_free(&c);
}

static void test_config__bad_driver_files(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{ "[driver]\nlisten = x\nlese = 3s\n",
			":3: unknown option 'lese' in [driver], did you mean "
			"'lease'?" },
		{ "[driver]\nzzzzzzz = 3s\n",
			":2: unknown option 'zzzzzzz' in [driver]" },
		{ "[drivr]\nlease = 3s\n",
			":2: unknown section [drivr], did you mean 'driver'?" },
		{ "lease = 3s\n",
			":1: option 'lease' stands before any [section]" },
		{ "[driver]\n\n\nlease = 3\n",
			":4: option 'lease': '3' is not a duration like "
			"250ms, 3s, 5m or 2h" },
		{ "[driver]\nlease = 299ms\n",
			":2: option 'lease': '299ms' is below 300ms" },
		{ "[driver]\nheartbeat = 2s\n",
			":2: option 'heartbeat': '2s' is above 1s" },
		{ "[driver]\ninsecure = maybe\n",
			":2: option 'insecure': 'maybe' is neither true nor "
			"false" },
		{ "[driver]\nlog_level = loud\n",
			":2: option 'log_level': 'loud' is none of err, warn, "
			"info, debug" },
		{ "[driver]\nexecutor_token = hunter2\n",
			":2: option 'executor_token': a secret is given as "
			"file:PATH or env:NAME, never in the clear" },
		{ "[driver]\nlisten tcp\n",
			":2: neither [section] nor name = value" },
		{ "[driver]\n",
			": option 'data_dir' in [driver] is missing: folder "
			"of the database, kept over restarts" },
		{ DRIVER_OK "heartbeat = 1s\nlease = 1s\n",
			": 'lease' is 1000ms, less than twice 'heartbeat', "
			"which is 1000ms" },
		{ DRIVER_OK "listen = tls+tcp://0.0.0.0:7400\n",
			": 'tls+tcp://0.0.0.0:7400' needs 'ca' and 'cert' in "
			"[tls]" },
		{ DRIVER_OK "[tls]\nca = ca.pem\n",
			": [tls] needs both 'ca' and 'cert'" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		write_conf(cases[i].text);
		struct tr_driver_conf c;
		struct tr_error err = { 0 };
		assert_true(tr_driver_conf_load(&c, path, NULL, 0, &err) < 0);
		check_error(&err, cases[i].want);
	}
}

static void test_config__line_lengths(void **state)
{
	(void)state;
	char text[9000];
	struct tr_driver_conf c;
	struct tr_error err = { 0 };
	int n = snprintf(text, sizeof(text), DRIVER_OK "[kafka]\nx = ");
	memset(text + n, 'a', 8000);
	snprintf(text + n + 8000, 2, "\n");
	write_conf(text);
	assert_int_equal(tr_driver_conf_load(&c, path, NULL, 0, &err), 0);
	assert_int_equal(strlen(c.kafka.properties.items[0]), 8002);
	tr_driver_conf_free(&c);

	memset(text + n, 'a', 8500);
	snprintf(text + n + 8500, 2, "\n");
	write_conf(text);
	assert_int_equal(
		tr_driver_conf_load(&c, path, NULL, 0, &err), TR_ELIMIT);
	check_error(&err, ":6: line longer than 8191 bytes");
}

static void test_config__executor_settings_win_over_the_file(void **state)
{
	(void)state;
	write_conf(EXECUTOR_OK "slots = 4\n[tls]\nserver_name = driver\n");
	static const char *const sets[] = {
		"slots=2",
		"tls.server_name=other",
		"executor.window=8M",
	};
	struct tr_executor_conf c;
	struct tr_error err = { 0 };
	assert_int_equal(tr_executor_conf_load(&c, path, sets, 3, &err), 0);
	assert_int_equal(c.slots, 2);
	assert_int_equal(c.window_bytes, 8388608);
	assert_string_equal(c.tls.server_name, "other");
	assert_int_equal(c.worker_memory_bytes, 268435456);
	assert_int_equal(c.task_timeout_ms, 60000);
	assert_null(c.name);
	tr_executor_conf_free(&c);
}

static void test_config__bad_settings(void **state)
{
	(void)state;
	static const struct {
		const char *set;
		const char *want;
	} cases[] = {
		{ "slots", "'slots' is not of the form [section.]name=value" },
		{ "slots=257", "option 'slots': '257' is above 256" },
		{ "tls.cs=x",
			"unknown option 'cs' in [tls], did you mean 'ca'?" },
		{ "listen=tcp://0.0.0.0:1",
			": 'listen' is 'tcp://0.0.0.0:1': set 'advertise' to "
			"the address that other executors reach" },
		{ "job_secrets=secrets",
			": 'job_secrets' is 'secrets', which is no absolute "
			"path" },
		{ "driver=", ": option 'driver' in [executor] is missing: the "
			     "driver's address, e.g. tls+tcp://driver:7400" },
	};
	write_conf(EXECUTOR_OK);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_executor_conf c;
		struct tr_error err = { 0 };
		assert_true(tr_executor_conf_load(
				    &c, path, &cases[i].set, 1, &err) < 0);
		check_error(&err, cases[i].want);
	}
}

static void test_config__client_environment_over_file(void **state)
{
	(void)state;
	write_conf("[client]\ndriver = tcp://127.0.0.1:1\n"
		   "token = file:t\n[kafka]\nbootstrap = k:1\n");
	setenv("TRANCHE_CONFIG", path, 1);
	setenv("TRANCHE_DRIVER", "tcp://127.0.0.1:2", 1);
	static const char *const set = "timeout=1s";
	struct tr_client_conf c;
	struct tr_error err = { 0 };
	assert_int_equal(tr_client_conf_load(&c, NULL, &set, 1, &err), 0);
	assert_string_equal(c.driver, "tcp://127.0.0.1:2");
	char want[128];
	snprintf(want, sizeof(want), "file:%s/t", dir);
	assert_string_equal(c.token, want);
	assert_string_equal(c.kafka.bootstrap, "k:1");
	assert_int_equal(c.timeout_ms, 1000);
	tr_client_conf_free(&c);
	unsetenv("TRANCHE_CONFIG");
	unsetenv("TRANCHE_DRIVER");
}

static void test_config__missing_file(void **state)
{
	(void)state;
	struct tr_client_conf c;
	struct tr_error err = { 0 };
	assert_int_equal(
		tr_client_conf_load(&c, "/nonexistent/t.conf", NULL, 0, &err),
		TR_ENOTFOUND);
	assert_string_equal(err.text,
		"cannot open '/nonexistent/t.conf': No such file or "
		"directory");
}

/* What is printed can be filled in and read back. */
static void test_config__printed_file_loads(void **state)
{
	(void)state;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	tr_config_print(TR_CONFIG_EXECUTOR, f);
	fclose(f);
	static const char *const sets[] = {
		"driver=tcp://127.0.0.1:7400",
		"token=env:T",
		"spool_dir=/tmp",
	};
	struct tr_executor_conf c;
	struct tr_error err = { 0 };
	int rc = tr_executor_conf_load(&c, path, sets, 3, &err);
	/* Required secrets are printed empty, which is no reference. */
	assert_int_equal(rc, TR_EINVAL);
	assert_non_null(strstr(err.text, "option 'token'"));
}

static void test_libexec__configured_must_be_a_program(void **state)
{
	(void)state;
	char out[256];
	struct tr_error err = { 0 };
	assert_int_equal(
		tr_libexec_find("sh", "/bin/sh", out, sizeof(out), &err), 0);
	assert_string_equal(out, "/bin/sh");
	assert_int_equal(tr_libexec_find("sh", "/nonexistent/sh", out,
				 sizeof(out), &err),
		TR_ENOTFOUND);
	assert_string_equal(
		err.text, "'/nonexistent/sh' is not a program that can be run");
	assert_int_equal(tr_libexec_find("no-such-program", NULL, out,
				 sizeof(out), &err),
		TR_ENOTFOUND);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

TR_TEST_MAIN(WITH_DIR(test_config__driver_file_over_defaults),
	WITH_DIR(test_config__bad_driver_files),
	WITH_DIR(test_config__line_lengths),
	WITH_DIR(test_config__executor_settings_win_over_the_file),
	WITH_DIR(test_config__bad_settings),
	WITH_DIR(test_config__client_environment_over_file),
	cmocka_unit_test(test_config__missing_file),
	WITH_DIR(test_config__printed_file_loads),
	cmocka_unit_test(test_libexec__configured_must_be_a_program));
