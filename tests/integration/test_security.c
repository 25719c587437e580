/*
 * A cluster as `tranche cluster init` and `add-executor` make it: it works over
 * TLS, lets nobody in who does not belong, and keeps its secrets to itself.
 */
#include "tests/integration/cluster.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 40000,
	SECRET_MAX = 4096,
	REFUSED_MS = 3000, /* before the driver's hello deadline */
};

static const char kafka_secret[] = "a-secret-that-kafka-alone-should-hear";

static struct cluster c;
static struct lines lines;
static char script[PROCESS_PATH_MAX];

static int setup(void **state)
{
	(void)state;
	lines_init(&lines, "security", 2, N_LINES);
	cluster_start(&c, &(struct cluster_opts){ .executors = 2,
				  .bundled = true,
				  .driver_settings = "log_level = debug\n",
				  .executor_settings = "log_level = debug\n" });
	cluster_write(&c, "builtin.lua", lines_builtin, script);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_stop(&c);
	return 0;
}

/* The driver's port, out of the bundle's address. */
static unsigned driver_port(void)
{
	char path[PROCESS_PATH_MAX];
	char *text = file_text(cluster_path(&c, "bundle/address", path));

	assert_non_null(text);
	assert_int_equal(strncmp(text, "tls+tcp://localhost:", 20), 0);
	unsigned port = (unsigned)strtoul(text + 20, NULL, 10);
	free(text);
	return port;
}

static void test_bundle__makes_a_cluster_that_works(void **state)
{
	struct cli r;

	(void)state;
	cli_ok(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "tls", NULL);
	cli_free(&r);
	lines_check_table(&c, "tls", "counts", &lines.gen);
}

/* ---- files ---- */

static int n_open_files;

static int check_mode(
	const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)at;
	mode_t wanted = kind == FTW_D ? 0700 : 0600;

	/* What the daemons make later is theirs to judge. */
	if (strstr(path, "/data") != NULL || strstr(path, "/spool") != NULL)
		return 0;
	if ((st->st_mode & 0777) != wanted) {
		print_error("%s has mode %o\n", path, st->st_mode & 0777);
		n_open_files++;
	}
	return 0;
}

static void test_bundle__is_its_owners_alone_and_overwrites_nothing(
	void **state)
{
	char path[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	n_open_files = 0;
	nftw(cluster_path(&c, "bundle", path), check_mode, 16, FTW_PHYS);
	assert_int_equal(n_open_files, 0);
	assert_int_equal(cli_run(&c, &r, "cluster", "init", "--dir", "bundle",
				 "--driver-host", "localhost", NULL),
		1);
	cli_free(&r);
	assert_int_equal(cli_run(&c, &r, "cluster", "add-executor", "e0",
				 "--dir", "bundle", NULL),
		1);
	assert_non_null(strstr(r.err, "e0"));
	cli_free(&r);
}

/* ---- certificates ---- */

static void shell(const char *command)
{
	char all[2048];

	snprintf(all, sizeof(all), "cd %s && { %s; } >shell.log 2>&1", c.folder,
		command);
	if (system(all) != 0)
		fail_msg("failed: %s", command);
}

/*
 * A TLS client of its own says nothing and waits. The driver ends its
 * handshake, or does not and waits for Hello.
 */
static bool is_let_in(const char *certificate)
{
	char command[1024], log[PROCESS_PATH_MAX];
	const char *argv[] = { "sh", "-c", command, NULL };
	struct process p = { 0 };

	snprintf(command, sizeof(command),
		"exec openssl s_client -connect localhost:%u -CAfile "
		"bundle/ca/ca.pem -ign_eof %s %s",
		driver_port(), certificate ? "-cert" : "",
		certificate ? certificate : "");
	process_start(&p, &(struct process_spec){ .argv = argv,
				  .out = cluster_path(&c, "s_client.log", log),
				  .err = log,
				  .folder = c.folder });
	bool in = process_wait(&p, REFUSED_MS) == PROCESS_RUNNING;
	process_kill(&p);
	return in;
}

static void test_tls__lets_in_who_has_a_certificate_of_the_cluster(void **state)
{
	(void)state;
	shell("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
	      "-keyout x.key -out x.csr -subj /CN=expired && "
	      "openssl x509 -req -in x.csr -CA bundle/ca/ca.pem -CAkey "
	      "bundle/ca/ca.key -CAcreateserial -days -1 -out x.crt && "
	      "cat x.crt x.key >expired.pem && chmod 600 expired.pem");
	shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
	      "-nodes -keyout y.key -out y.crt -days 3 -subj /CN=stranger && "
	      "cat y.crt y.key >stranger.pem && chmod 600 stranger.pem");
	assert_true(is_let_in("bundle/client/client.pem"));
	assert_false(is_let_in(NULL));
	assert_false(is_let_in("stranger.pem"));
	assert_false(is_let_in("expired.pem"));
}

/* Client settings over those of its bundle. Returns the exit status. */
static int list_with(struct cli *r, const char *variable, const char *file)
{
	static const char *const args[] = { "job", "list", NULL };
	char path[PROCESS_PATH_MAX], entry[PROCESS_PATH_MAX + 64];
	const char *env[] = { entry, NULL };

	snprintf(entry, sizeof(entry), "%s=%s", variable,
		cluster_path(&c, file, path));
	cli_start_list(&c, r, env, args);
	return cli_wait(r, CLI_JOB_MS);
}

static void test_tls__client_says_what_is_wrong_with_its_files(void **state)
{
	static const struct {
		const char *variable, *file, *says;
	} cases[] = {
		{ "TRANCHE_CERT", "expired.pem", "expired.pem" },
		{ "TRANCHE_CERT", "missing.pem", "missing.pem" },
		{ "TRANCHE_CERT", "stranger.pem", "certificate" },
		{ "TRANCHE_CA", "y.crt", "certificate" },
	};
	struct cli r;

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		if (list_with(&r, cases[i].variable, cases[i].file) != 1)
			fail_msg("%s: exit %d: %s", cases[i].file, r.status,
				r.err);
		if (strstr(r.err, cases[i].says) == NULL)
			fail_msg("'%s' is not in: %s", cases[i].says, r.err);
		cli_free(&r);
	}
}

/* Clear text to a TLS port is closed, not answered. */
static void test_tls__plain_client_is_refused(void **state)
{
	static const char *const args[] = { "job", "list", NULL };
	char entry[128];
	const char *env[] = { entry, NULL };
	struct cli r;

	(void)state;
	snprintf(entry, sizeof(entry), "TRANCHE_DRIVER=tcp://127.0.0.1:%u",
		driver_port());
	cli_start_list(&c, &r, env, args);
	assert_int_equal(cli_wait(&r, CLI_JOB_MS), 1);
	cli_free(&r);
}

static bool is_refused(void *log)
{
	return file_has(log, "evt=driver-refused") ||
	       file_has(log, "evt=driver-lost") ||
	       file_has(log, "evt=driver-unreachable");
}

/* An executor of another cluster, and one with a client's token. */
static void test_executor__that_does_not_belong_is_refused(void **state)
{
	char log[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	cli_ok(&c, &r, "cluster", "init", "--dir", "other", "--driver-host",
		"localhost", NULL);
	cli_free(&r);
	cli_ok(&c, &r, "cluster", "add-executor", "e9", "--dir", "other",
		"--host", "localhost", NULL);
	cli_free(&r);
	cluster_executor_add(&c, 2);
	shell("cp other/executors/e9/executor.pem other/executors/e9/ca.pem "
	      "bundle/executors/e2/");
	cluster_executor_start(&c, 2);
	cluster_executor_add(&c, 3);
	shell("cp bundle/client/submitter.token "
	      "bundle/executors/e3/executor.token");
	cluster_executor_start(&c, 3);
	cluster_path(&c, "e3.log", log);
	assert_true(wait_until(is_refused, log, SOON_MS));
	assert_true(file_has(log, "token"));
	assert_false(file_has(log, "evt=registered"));
	cluster_path(&c, "e2.log", log);
	assert_true(wait_until(is_refused, log, SOON_MS));
	assert_false(file_has(log, "evt=registered"));
	assert_int_equal(cli_active_executors(&c), 2);
	cluster_executor_kill(&c, 2);
	cluster_executor_kill(&c, 3);
}

/* ---- secrets ---- */

struct secrets {
	char texts[8][SECRET_MAX];
	size_t n;
};

/* The first line, or of a key its second: the first ones are all alike. */
static void add_secret(struct secrets *s, const char *file, bool key)
{
	char path[PROCESS_PATH_MAX];
	char *text = file_text(cluster_path(&c, file, path));

	assert_non_null(text);
	const char *from = key ? strstr(text, "PRIVATE KEY-----\n") : text;
	assert_non_null(from);
	from += key ? 17 : 0;
	snprintf(s->texts[s->n++], SECRET_MAX, "%.*s", (int)strcspn(from, "\n"),
		from);
	assert_true(strlen(s->texts[s->n - 1]) >= 20);
	free(text);
}

static void collect_secrets(struct secrets *s)
{
	s->n = 0;
	add_secret(s, "bundle/driver/executor.token", false);
	add_secret(s, "bundle/driver/submitter.token", false);
	add_secret(s, "bundle/driver/reader.token", false);
	add_secret(s, "bundle/driver/driver.pem", true);
	add_secret(s, "bundle/executors/e0/executor.pem", true);
	add_secret(s, "bundle/client/client.pem", true);
	snprintf(s->texts[s->n++], SECRET_MAX, "%s", kafka_secret);
}

static const struct secrets *looked_for;

static void check_file(const char *path)
{
	size_t n;
	char *bytes = file_bytes(path, &n);

	for (size_t i = 0; bytes != NULL && i < looked_for->n; i++) {
		const char *text = looked_for->texts[i];
		if (memmem(bytes, n, text, strlen(text)) != NULL)
			fail_msg("%s holds secret %zu", path, i);
	}
	free(bytes);
}

/* Everything but the secrets' own files. */
static int check_visited(
	const char *path, const struct stat *st, int kind, struct FTW *at)
{
	const char *name = path + at->base;
	size_t n = strlen(name);

	(void)st;
	if (kind != FTW_F || (n > 4 && strcmp(name + n - 4, ".pem") == 0) ||
		(n > 6 && strcmp(name + n - 6, ".token") == 0) ||
		strcmp(name, "kafka.secret") == 0)
		return 0;
	check_file(path);
	return 0;
}

/* The command line of every process there is. */
static void check_command_lines(void)
{
	DIR *proc = opendir("/proc");
	char path[PROCESS_PATH_MAX];

	assert_non_null(proc);
	for (const struct dirent *e; (e = readdir(proc)) != NULL;) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.32s/cmdline", e->d_name);
		check_file(path);
	}
	closedir(proc);
}

static void test_secrets__are_in_no_log_argument_or_database(void **state)
{
	char path[PROCESS_PATH_MAX], property[PROCESS_PATH_MAX + 32];
	struct secrets secrets;
	struct shown s;
	struct cli r;

	(void)state;
	collect_secrets(&secrets);
	looked_for = &secrets;
	cluster_write(&c, "kafka.secret", kafka_secret, path);
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(property, sizeof(property), "sasl.password=file:%s", path);
	cli_start(&c, &r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", "secret", "--max-rate", "30000", "-X",
		property, NULL);
	shown_wait(&c, &s, "secret", shown_is_mid_task, NULL);
	shown_free(&s);
	check_command_lines();
	if (cli_wait(&r, CLI_JOB_MS) != 0)
		fail_msg("%s", r.err);
	cli_free(&r);
	lines_check_table(&c, "secret", "counts", &lines.gen);
	nftw(c.folder, check_visited, 16, FTW_PHYS);
	/* The reference is kept, so a secret would have been found. */
	char grep[PROCESS_PATH_MAX + 64];
	snprintf(grep, sizeof(grep),
		"grep -rqaF kafka.secret %s/bundle/driver/data", c.folder);
	assert_int_equal(system(grep), 0);
}

/* ---- Kafka's own ---- */

static void test_secrets__in_the_clear_are_refused(void **state)
{
	struct cli r;

	(void)state;
	assert_int_not_equal(
		cli_run(&c, &r, "submit", script, lines.argument, "--offsets",
			"start:end", "-X", "sasl.password=in-the-clear", NULL),
		0);
	assert_non_null(strstr(r.err, "sasl.password"));
	assert_null(strstr(r.err, "in-the-clear"));
	cli_free(&r);
}

/* A job may name what its hosts keep for jobs, and nothing else of theirs. */
static void test_secrets__of_the_host_are_not_the_jobs(void **state)
{
	static const char *const properties[] = {
		"sasl.password=file:/etc/hostname",
		"sasl.password=env:HOME",
		"ssl.key.location=/etc/hostname",
	};
	struct cli r;

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(properties); i++) {
		if (cli_run(&c, &r, "submit", script, lines.argument,
			    "--offsets", "start:end", "-X", properties[i],
			    NULL) != 1)
			fail_msg("%s: exit %d: %s", properties[i], r.status,
				r.err);
		assert_true(strstr(r.err, "job_secrets") != NULL ||
			    strstr(r.err, "TRANCHE_JOB_") != NULL);
		cli_free(&r);
	}
}

static int submit_sasl(struct cli *r, const char *name, const char *secret)
{
	char path[PROCESS_PATH_MAX], property[PROCESS_PATH_MAX + 32];

	cluster_write(&c, "sasl.secret", secret, path);
	assert_int_equal(chmod(path, 0600), 0);
	snprintf(property, sizeof(property), "sasl.password=file:%s", path);
	return cli_run(&c, r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, "-b", tr_broker_sasl_address(),
		"-X", "security.protocol=SASL_PLAINTEXT", "-X",
		"sasl.mechanism=PLAIN", "-X", "sasl.username=" TR_BROKER_USER,
		"-X", property, NULL);
}

static void test_kafka__with_credentials_works_and_without_is_refused(
	void **state)
{
	struct cli r;

	(void)state;
	if (tr_broker_sasl_address()[0] == '\0') {
		print_message("the broker has no listener with SASL\n");
		skip();
	}
	if (submit_sasl(&r, "sasl", TR_BROKER_PASSWORD) != 0)
		fail_msg("%s", r.err);
	cli_free(&r);
	lines_check_table(&c, "sasl", "counts", &lines.gen);
	assert_int_equal(
		submit_sasl(&r, "no-sasl", "not-" TR_BROKER_PASSWORD), 1);
	assert_non_null(strstr(r.err, tr_broker_sasl_address()));
	assert_null(strstr(r.err, "not-" TR_BROKER_PASSWORD));
	assert_true(r.took_ms < 10000);
	cli_free(&r);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_bundle__makes_a_cluster_that_works),
	cmocka_unit_test(
		test_bundle__is_its_owners_alone_and_overwrites_nothing),
	cmocka_unit_test(
		test_tls__lets_in_who_has_a_certificate_of_the_cluster),
	cmocka_unit_test(test_tls__client_says_what_is_wrong_with_its_files),
	cmocka_unit_test(test_tls__plain_client_is_refused),
	cmocka_unit_test(test_executor__that_does_not_belong_is_refused),
	cmocka_unit_test(test_secrets__are_in_no_log_argument_or_database),
	cmocka_unit_test(test_secrets__in_the_clear_are_refused),
	cmocka_unit_test(test_secrets__of_the_host_are_not_the_jobs),
	cmocka_unit_test(
		test_kafka__with_credentials_works_and_without_is_refused));
