#include "tests/integration/cluster.h"

#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/cli.h"
#include "tests/support/broker.h"

enum {
	SLOTS = 2,
	LEASE_MS = 2000,
	HEARTBEATS_PER_LEASE = 5,
	END_MS = 5000,
	TEXT_MAX = 8192,
	CHUNK = 1 << 16,
};

/* ---- files ---- */

const char *cluster_path(
	const struct cluster *c, const char *name, char path[PROCESS_PATH_MAX])
{
	int n = snprintf(path, PROCESS_PATH_MAX, "%s/%s", c->folder, name);

	assert_true(n > 0 && n < PROCESS_PATH_MAX);
	return path;
}

const char *cluster_write(const struct cluster *c, const char *name,
	const char *text, char path[PROCESS_PATH_MAX])
{
	FILE *out = fopen(cluster_path(c, name, path), "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	return path;
}

const char *cluster_program(const char *name, char path[PROCESS_PATH_MAX])
{
	int n = snprintf(path, PROCESS_PATH_MAX, "%s/%s", TR_PROGRAMS, name);

	assert_true(n > 0 && n < PROCESS_PATH_MAX);
	return path;
}

char *file_bytes(const char *path, size_t *n)
{
	FILE *in = fopen(path, "re");
	char *bytes = NULL;
	size_t got;

	*n = 0;
	if (in == NULL)
		return NULL;
	do {
		bytes = realloc(bytes, *n + CHUNK + 1);
		assert_non_null(bytes);
		got = fread(bytes + *n, 1, CHUNK, in);
		*n += got;
	} while (got > 0);
	bytes[*n] = '\0';
	fclose(in);
	return bytes;
}

char *file_text(const char *path)
{
	size_t n;

	return file_bytes(path, &n);
}

bool file_has(const char *path, const char *text)
{
	char *all = file_text(path);
	bool has = all != NULL && strstr(all, text) != NULL;

	free(all);
	return has;
}

/* ---- configuration ---- */

static void write_tokens(const struct cluster *c)
{
	static const char *const roles[] = { "executor", "submitter",
		"reader" };
	char name[64], text[64], path[PROCESS_PATH_MAX];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s.token", roles[i]);
		snprintf(text, sizeof(text), "the-%s-token-of-a-test\n",
			roles[i]);
		cluster_write(c, name, text, path);
		assert_int_equal(chmod(path, 0600), 0);
	}
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static void write_driver_conf(const struct cluster *c)
{
	char text[TEXT_MAX], path[PROCESS_PATH_MAX];
	unsigned lease = c->opts.lease_ms ? c->opts.lease_ms : LEASE_MS;

	snprintf(text, sizeof(text),
		"[driver]\n"
		"listen = %s\n"
		"data_dir = data\n"
		"job_secrets = %s\n"
		"executor_token = file:executor.token\n"
		"submitter_token = file:submitter.token\n"
		"reader_token = file:reader.token\n"
		"lease = %ums\n"
		"heartbeat = %ums\n"
		"%s"
		"[kafka]\n"
		"bootstrap = %s\n",
		c->url[0] != '\0' ? c->url : "tcp://127.0.0.1:0", c->folder,
		lease, lease / HEARTBEATS_PER_LEASE,
		or_empty(c->opts.driver_settings), tr_broker_address());
	cluster_write(c, "driver.conf", text, path);
}

static void write_executor_conf(const struct cluster *c, unsigned i)
{
	char name[64], text[TEXT_MAX], path[PROCESS_PATH_MAX];

	snprintf(name, sizeof(name), "e%u.conf", i);
	snprintf(text, sizeof(text),
		"[executor]\n"
		"name = e%u\n"
		"driver = %s\n"
		"token = file:executor.token\n"
		"spool_dir = e%u.spool\n"
		"job_secrets = %s\n"
		"slots = %u\n"
		"%s",
		i, c->url, i, c->folder, c->opts.slots ? c->opts.slots : SLOTS,
		or_empty(c->opts.executor_settings));
	cluster_write(c, name, text, path);
}

static void write_client_conf(const struct cluster *c)
{
	char text[TEXT_MAX], path[PROCESS_PATH_MAX];

	snprintf(text, sizeof(text),
		"[client]\n"
		"driver = %s\n"
		"token = file:submitter.token\n",
		c->url);
	cluster_write(c, "client.conf", text, path);
}

/* ---- bundles ---- */

unsigned free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (void *)&at, &n), 0);
	close(fd);
	return ntohs(at.sin_port);
}

/* Adds lines to a file that a bundle has. */
static void append(const struct cluster *c, const char *name, const char *text)
{
	char path[PROCESS_PATH_MAX];
	FILE *out = fopen(cluster_path(c, name, path), "ae");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void make_bundles(struct cluster *c)
{
	char port[16], text[TEXT_MAX];
	unsigned lease = c->opts.lease_ms ? c->opts.lease_ms : LEASE_MS;
	bool local = c->opts.driver_host == NULL;
	struct cli r;

	snprintf(port, sizeof(port), "%u", local ? free_port() : 7400);
	cli_ok(c, &r, "cluster", "init", "--dir", "bundle", "--driver-host",
		local ? "localhost,127.0.0.1" : c->opts.driver_host, "--port",
		port, NULL);
	cli_free(&r);
	snprintf(text, sizeof(text),
		"\nbootstrap = %s\n[driver]\njob_secrets = %s\nlease = %ums\n"
		"heartbeat = %ums\n%s",
		tr_broker_address(), c->folder, lease,
		lease / HEARTBEATS_PER_LEASE,
		or_empty(c->opts.driver_settings));
	append(c, "bundle/driver/driver.conf", text);
	for (unsigned i = 0; i < c->opts.executors; i++)
		cluster_executor_add(c, i);
}

void cluster_executor_add(struct cluster *c, unsigned i)
{
	const char *host = c->opts.executor_hosts[i];
	char name[16], port[16], file[64], text[TEXT_MAX];
	struct cli r;

	snprintf(name, sizeof(name), "e%u", i);
	snprintf(port, sizeof(port), "%u", host == NULL ? free_port() : 7401);
	cli_ok(c, &r, "cluster", "add-executor", name, "--dir", "bundle",
		"--host", host != NULL ? host : "localhost,127.0.0.1", "--port",
		port, NULL);
	cli_free(&r);
	snprintf(file, sizeof(file), "bundle/executors/%s/executor.conf", name);
	snprintf(text, sizeof(text),
		"\n[executor]\njob_secrets = %s\nslots = %u\n%s", c->folder,
		c->opts.slots ? c->opts.slots : SLOTS,
		or_empty(c->opts.executor_settings));
	append(c, file, text);
}

/* ---- daemons ---- */

void cluster_env_set(struct cluster_env *env, const char *entry)
{
	if (entry == NULL) {
		env->n = 0;
		return;
	}
	assert_true(env->n < CLUSTER_ENV_MAX);
	snprintf(env->entries[env->n++], PROCESS_PATH_MAX, "%s", entry);
}

/* Where a daemon's configuration is. */
static const char *conf_path(const struct cluster *c, const char *daemon,
	char path[PROCESS_PATH_MAX])
{
	char file[64];

	if (!c->opts.bundled)
		snprintf(file, sizeof(file), "%s.conf", daemon);
	else if (strcmp(daemon, "driver") == 0)
		snprintf(file, sizeof(file), "bundle/driver/driver.conf");
	else
		snprintf(file, sizeof(file),
			"bundle/executors/%s/executor.conf", daemon);
	return cluster_path(c, file, path);
}

static void start_daemon(struct cluster *c, struct process *p,
	const char *program, const char *name, const struct cluster_env *set,
	pid_t namespace)
{
	char path[PROCESS_PATH_MAX], conf[PROCESS_PATH_MAX];
	char log[PROCESS_PATH_MAX], file[64], pid[16];
	const char *env[CLUSTER_ENV_MAX + 1] = { NULL };
	const char *argv[] = { "nsenter", "-t", pid, "-n", path, "-c", conf,
		NULL };

	cluster_program(program, path);
	conf_path(c, name, conf);
	snprintf(file, sizeof(file), "%s.log", name);
	cluster_path(c, file, log);
	snprintf(pid, sizeof(pid), "%d", (int)namespace);
	for (unsigned i = 0; i < set->n; i++)
		env[i] = set->entries[i];
	process_start(
		p, &(struct process_spec){ .argv = argv + (namespace ? 0 : 4),
			   .env = env,
			   .out = log,
			   .err = log });
}

static const char *url_file(const struct cluster *c)
{
	return c->opts.bundled ? "bundle/driver/data/driver.url"
			       : "data/driver.url";
}

/* The driver's URL, once it listens; a start before it left none. */
static bool has_url(void *arg)
{
	struct cluster *c = arg;
	char path[PROCESS_PATH_MAX], log[PROCESS_PATH_MAX];

	if (!process_is_running(&c->driver))
		fail_msg("the driver has ended with %d: see %s",
			c->driver.status, cluster_path(c, "driver.log", log));
	char *text = file_text(cluster_path(c, url_file(c), path));
	if (text == NULL)
		return false;
	snprintf(
		c->url, sizeof(c->url), "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	return true;
}

void cluster_driver_start(struct cluster *c)
{
	char path[PROCESS_PATH_MAX];

	unlink(cluster_path(c, url_file(c), path));
	if (!c->opts.bundled)
		write_driver_conf(c);
	start_daemon(c, &c->driver, "tranche-driver", "driver", &c->driver_env,
		c->opts.driver_namespace);
	if (!wait_until(has_url, c, SOON_MS))
		fail_msg("the driver does not listen");
	if (!c->opts.bundled)
		write_client_conf(c);
}

void cluster_driver_kill(struct cluster *c)
{
	process_kill(&c->driver);
}

void cluster_driver_gone(struct cluster *c)
{
	if (process_wait(&c->driver, SOON_MS) == PROCESS_RUNNING)
		fail_msg("the driver has not ended by itself");
}

void cluster_executor_start(struct cluster *c, unsigned i)
{
	char name[16];

	assert_true(i < CLUSTER_EXECUTORS_MAX);
	snprintf(name, sizeof(name), "e%u", i);
	if (!c->opts.bundled)
		write_executor_conf(c, i);
	start_daemon(c, &c->executors[i], "tranche-executor", name,
		&c->executor_env[i], c->opts.executor_namespaces[i]);
}

void cluster_executor_kill(struct cluster *c, unsigned i)
{
	process_kill(&c->executors[i]);
}

unsigned cluster_executor_named(const char *name)
{
	unsigned i = CLUSTER_EXECUTORS_MAX;

	if (sscanf(name, "e%u", &i) != 1 || i > CLUSTER_EXECUTORS_MAX)
		return CLUSTER_EXECUTORS_MAX;
	return i;
}

struct wanted {
	struct cluster *c;
	unsigned n;
};

static bool are_active(void *arg)
{
	struct wanted *w = arg;

	return cli_active_executors(w->c) == w->n;
}

void cluster_wait_executors(struct cluster *c, unsigned n)
{
	struct wanted w = { c, n };

	if (!wait_until(are_active, &w, SOON_MS))
		fail_msg("%u executors are active, not %u",
			cli_active_executors(c), n);
}

/* ---- the whole ---- */

static void make_folder(struct cluster *c, const struct cluster_opts *opts)
{
	static unsigned n;

	memset(c, 0, sizeof(*c));
	c->opts = *opts;
	snprintf(c->folder, sizeof(c->folder), "%.200s/cluster%u",
		integration_folder(), n++);
	assert_int_equal(mkdir(c->folder, 0700), 0);
	cluster_path(c,
		opts->bundled ? "bundle/client/tranche.conf" : "client.conf",
		c->client_conf);
}

void cluster_start_none(struct cluster *c)
{
	char path[PROCESS_PATH_MAX];

	make_folder(c, &(struct cluster_opts){ .executors = 0 });
	cluster_write(c, "client.conf", "", path);
}

void cluster_start(struct cluster *c, const struct cluster_opts *opts)
{
	char path[PROCESS_PATH_MAX];

	make_folder(c, opts);
	if (opts->bundled) {
		make_bundles(c);
	} else {
		assert_int_equal(mkdir(cluster_path(c, "data", path), 0700), 0);
		write_tokens(c);
	}
	cluster_driver_start(c);
	for (unsigned i = 0; i < opts->executors; i++)
		cluster_executor_start(c, i);
	cluster_wait_executors(c, opts->executors);
}

void cluster_stop(struct cluster *c)
{
	/* A stopped process does not hear SIGTERM. */
	for (unsigned i = 0; i < CLUSTER_EXECUTORS_MAX; i++)
		process_kill(&c->executors[i]);
	process_signal(&c->driver, SIGCONT);
	process_end(&c->driver, END_MS);
}

/* ---- test programs ---- */

static char folder[PROCESS_PATH_MAX];

const char *integration_folder(void)
{
	return folder;
}

int integration_setup(bool broker)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.128s/tranche-it-XXXXXX",
		tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		return 1;
	}
	int rc = broker ? tr_broker_setup() : 0;
	if (rc != 0)
		rmdir(folder);
	return rc;
}

static unsigned n_reports;

/* What no process may ever say, whatever a test does to it. */
static int look_for_reports(
	const char *path, const struct stat *st, int kind, struct FTW *at)
{
	static const char *const never[] = { "evt=assertion-failed",
		"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer",
		"runtime error:" };
	const char *dot = strrchr(path + at->base, '.');

	(void)st;
	if (kind != FTW_F || dot == NULL ||
		(strcmp(dot, ".log") != 0 && strcmp(dot, ".err") != 0))
		return 0;
	for (size_t i = 0; i < TR_ARRAY_LEN(never); i++) {
		if (!file_has(path, never[i]))
			continue;
		fprintf(stderr, "'%s' is in %s\n", never[i], path);
		n_reports++;
	}
	return 0;
}

static int remove_one(
	const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

int integration_teardown(bool broker, int rc)
{
	if (broker)
		tr_broker_teardown();
	nftw(folder, look_for_reports, 16, FTW_PHYS);
	if (n_reports > 0)
		rc = 1;
	if (rc != 0)
		fprintf(stderr, "logs and data are kept in %s\n", folder);
	else
		nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return rc;
}
