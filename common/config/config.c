#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"

#define AT(type, member) offsetof(struct type, member)

#define TLS_ROWS(type)                                                         \
	{ "tls", "ca", TR_OPTION_PATH, AT(type, tls.ca), NULL,                 \
		"PEM file with the CA certificates that peers are checked "    \
		"against",                                                     \
		0, 0, false },                                                 \
	{                                                                      \
		"tls", "cert", TR_OPTION_PATH, AT(type, tls.cert), NULL,       \
			"PEM file with the own certificate, then its key", 0,  \
			0, false                                               \
	}

#define TLS_NAME_ROW(type)                                                     \
	{                                                                      \
		"tls", "server_name", TR_OPTION_TEXT,                          \
			AT(type, tls.server_name), NULL,                       \
			"name that the driver's certificate must carry; by "   \
			"default "                                             \
			"the host of its address",                             \
			0, 0, false                                            \
	}

#define KAFKA_ROWS(type)                                                       \
	{ "kafka", "bootstrap", TR_OPTION_TEXT, AT(type, kafka.bootstrap),     \
		NULL, "brokers as host:port,host:port", 0, 0, false },         \
	{                                                                      \
		"kafka", "security.protocol", TR_OPTION_LIST,                  \
			AT(type, kafka.properties), NULL,                      \
			"this and every other librdkafka property by its own " \
			"name; "                                               \
			"secrets as file:PATH or env:NAME",                    \
			0, 0, false                                            \
	}

#define SECRETS_ROW(section, type)                                             \
	{                                                                      \
		section, "job_secrets", TR_OPTION_PATH, AT(type, job_secrets), \
			"/etc/tranche/secrets",                                \
			"folder below which file:PATH of a job's Kafka "       \
			"settings must lie, and key files; of variables jobs " \
			"may name TRANCHE_JOB_* only",                         \
			0, 0, false                                            \
	}

#define INSECURE_ROW(section, type)                                            \
	{                                                                      \
		section, "insecure", TR_OPTION_BOOL, AT(type, insecure),       \
			"false",                                               \
			"allow plain tcp:// addresses beyond this machine", 0, \
			0, false                                               \
	}

#define LEVEL_ROW(section, type)                                               \
	{                                                                      \
		section, "log_level", TR_OPTION_LEVEL, AT(type, log_level),    \
			"info", "err, warn, info or debug", 0, 0, false        \
	}

static const struct tr_option driver_rows[] = {
	{ "driver", "listen", TR_OPTION_TEXT, AT(tr_driver_conf, listen),
		"tcp://127.0.0.1:7400",
		"address for executors and clients, e.g. "
		"tls+tcp://0.0.0.0:7400",
		0, 0, true },
	{ "driver", "data_dir", TR_OPTION_PATH, AT(tr_driver_conf, data_dir),
		NULL, "folder of the database, kept over restarts", 0, 0,
		true },
	{ "driver", "executor_token", TR_OPTION_SECRET,
		AT(tr_driver_conf, executor_token), NULL,
		"what executors must show, as file:PATH or env:NAME", 0, 0,
		true },
	{ "driver", "submitter_token", TR_OPTION_SECRET,
		AT(tr_driver_conf, submitter_token), NULL,
		"what clients show that may submit and cancel jobs", 0, 0,
		true },
	{ "driver", "reader_token", TR_OPTION_SECRET,
		AT(tr_driver_conf, reader_token), NULL,
		"what clients show that may only look; without it there are "
		"none",
		0, 0, false },
	{ "driver", "heartbeat", TR_OPTION_DURATION,
		AT(tr_driver_conf, heartbeat_ms), "1s",
		"how often driver and executors show that they live", 50,
		TR_HEARTBEAT_MS_MAX, false },
	{ "driver", "lease", TR_OPTION_DURATION, AT(tr_driver_conf, lease_ms),
		"3s",
		"an executor silent for this long is lost; at least twice "
		"the heartbeat",
		TR_LEASE_MS_MIN, 600000, false },
	{ "driver", "plan_timeout", TR_OPTION_DURATION,
		AT(tr_driver_conf, plan_timeout_ms), "10s",
		"how long a job's script may take to build its plan", 100,
		600000, false },
	{ "driver", "worker", TR_OPTION_PATH, AT(tr_driver_conf, worker), NULL,
		"the tranche-worker program, if not in its usual place", 0, 0,
		false },
	SECRETS_ROW("driver", tr_driver_conf),
	INSECURE_ROW("driver", tr_driver_conf),
	LEVEL_ROW("driver", tr_driver_conf),
	TLS_ROWS(tr_driver_conf),
	KAFKA_ROWS(tr_driver_conf),
};

static const struct tr_option executor_rows[] = {
	{ "executor", "name", TR_OPTION_TEXT, AT(tr_executor_conf, name), NULL,
		"what people call it; by default the host's name", 0, 0,
		false },
	{ "executor", "driver", TR_OPTION_TEXT, AT(tr_executor_conf, driver),
		NULL, "the driver's address, e.g. tls+tcp://driver:7400", 0, 0,
		true },
	{ "executor", "token", TR_OPTION_SECRET, AT(tr_executor_conf, token),
		NULL, "the executors' token, as file:PATH or env:NAME", 0, 0,
		true },
	{ "executor", "listen", TR_OPTION_TEXT, AT(tr_executor_conf, listen),
		"tcp://127.0.0.1:0",
		"address where other executors fetch blocks, e.g. "
		"tls+tcp://0.0.0.0:7401; port 0 takes a free one",
		0, 0, true },
	{ "executor", "advertise", TR_OPTION_TEXT,
		AT(tr_executor_conf, advertise), NULL,
		"the same address as other executors reach it; needed when "
		"listen is 0.0.0.0 or ::",
		0, 0, false },
	{ "executor", "slots", TR_OPTION_UINT, AT(tr_executor_conf, slots), "0",
		"tasks that run at once; 0: as many as processors", 0,
		TR_SLOTS_PER_EXECUTOR_MAX, false },
	{ "executor", "spool_dir", TR_OPTION_PATH,
		AT(tr_executor_conf, spool_dir), NULL,
		"folder for blocks and results until their job has ended; "
		"emptied at start",
		0, 0, true },
	{ "executor", "worker", TR_OPTION_PATH, AT(tr_executor_conf, worker),
		NULL, "the tranche-worker program, if not in its usual place",
		0, 0, false },
	{ "executor", "worker_memory", TR_OPTION_SIZE,
		AT(tr_executor_conf, worker_memory_bytes), "256M",
		"memory of one worker for user code and operators", TR_MIB(16),
		TR_GIB(1024), false },
	{ "executor", "window", TR_OPTION_SIZE,
		AT(tr_executor_conf, window_bytes), "64M",
		"memory of one worker for records read ahead, on top of "
		"worker_memory",
		TR_READER_WINDOW_MIN, TR_GIB(64), false },
	{ "executor", "fetch_window", TR_OPTION_SIZE,
		AT(tr_executor_conf, fetch_bytes), "16M",
		"bytes of blocks asked of other executors and not yet here",
		TR_MIB(1), TR_GIB(1), false },
	{ "executor", "backlog", TR_OPTION_SIZE,
		AT(tr_executor_conf, backlog_bytes), "256M",
		"bytes on disk of one task's results that wait for the "
		"driver; beyond it the worker waits",
		TR_MIB(1), TR_GIB(1024), false },
	{ "executor", "task_timeout", TR_OPTION_DURATION,
		AT(tr_executor_conf, task_timeout_ms), "60s",
		"a task whose user code makes no progress for this long is "
		"ended",
		100, 86400000, false },
	{ "executor", "worker_idle", TR_OPTION_DURATION,
		AT(tr_executor_conf, worker_idle_ms), "60s",
		"a worker unused for this long is stopped", 0, 86400000,
		false },
	{ "executor", "drain_timeout", TR_OPTION_DURATION,
		AT(tr_executor_conf, drain_timeout_ms), "60s",
		"after SIGTERM, how long tasks may go on and blocks be "
		"fetched",
		0, 86400000, false },
	SECRETS_ROW("executor", tr_executor_conf),
	INSECURE_ROW("executor", tr_executor_conf),
	LEVEL_ROW("executor", tr_executor_conf),
	TLS_ROWS(tr_executor_conf),
	TLS_NAME_ROW(tr_executor_conf),
	{ "tls", "executor_name", TR_OPTION_TEXT,
		AT(tr_executor_conf, peer_name), NULL,
		"name that other executors' certificates must carry; by "
		"default the host of their address",
		0, 0, false },
};

static const struct tr_option client_rows[] = {
	{ "client", "driver", TR_OPTION_TEXT, AT(tr_client_conf, driver),
		"tcp://127.0.0.1:7400",
		"the driver's address, e.g. tls+tcp://driver:7400", 0, 0,
		true },
	{ "client", "token", TR_OPTION_SECRET, AT(tr_client_conf, token), NULL,
		"submitter's or reader's token, as file:PATH or env:NAME", 0, 0,
		false },
	{ "client", "timeout", TR_OPTION_DURATION,
		AT(tr_client_conf, timeout_ms), "10s",
		"how long to wait for the driver to answer", 100, 3600000,
		false },
	INSECURE_ROW("client", tr_client_conf),
	TLS_ROWS(tr_client_conf),
	TLS_NAME_ROW(tr_client_conf),
	KAFKA_ROWS(tr_client_conf),
};

static const struct tr_option_table tables[] = {
	[TR_CONFIG_DRIVER] = { driver_rows, TR_ARRAY_LEN(driver_rows),
		"driver" },
	[TR_CONFIG_EXECUTOR] = { executor_rows, TR_ARRAY_LEN(executor_rows),
		"executor" },
	[TR_CONFIG_CLIENT] = { client_rows, TR_ARRAY_LEN(client_rows),
		"client" },
};

/* What a variable of the environment sets. */
static const struct {
	const char *variable;
	const char *setting; /* its beginning; the value follows */
} client_environment[] = {
	{ "TRANCHE_DRIVER", "client.driver=" },
	{ "TRANCHE_TOKEN_FILE", "client.token=file:" },
	{ "TRANCHE_CA", "tls.ca=" },
	{ "TRANCHE_CERT", "tls.cert=" },
	{ "TRANCHE_SERVER_NAME", "tls.server_name=" },
	{ "TRANCHE_KAFKA", "kafka.bootstrap=" },
};

static const char *shown(const char *path)
{
	return path ? path : "configuration";
}

static int apply_sets(const struct tr_option_table *t, void *conf,
	const char *const *sets, size_t n, struct tr_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = tr_options_set(t, conf, sets[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int check_tls(const struct tr_conf_tls *tls, const char *url,
	const char *path, struct tr_error *err)
{
	if (!tls->ca != !tls->cert)
		return tr_error_set(err, TR_EINVAL,
			"%s: [tls] needs both 'ca' and 'cert'", shown(path));
	if (strncmp(url, "tls+tcp://", 10) == 0 && !tls->ca)
		return tr_error_set(err, TR_EINVAL,
			"%s: '%s' needs 'ca' and 'cert' in [tls]", shown(path),
			url);
	return 0;
}

/* References are absolute: what they are compared with must be, too. */
static int check_secrets_dir(
	const char *dir, const char *path, struct tr_error *err)
{
	if (dir[0] == '/')
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"%s: 'job_secrets' is '%s', which is no absolute path",
		shown(path), dir);
}

static int check_driver(
	const struct tr_driver_conf *c, const char *path, struct tr_error *err)
{
	if (c->lease_ms < 2 * c->heartbeat_ms)
		return tr_error_set(err, TR_EINVAL,
			"%s: 'lease' is %ums, less than twice 'heartbeat', "
			"which is %ums",
			shown(path), c->lease_ms, c->heartbeat_ms);
	int rc = check_secrets_dir(c->job_secrets, path, err);
	if (rc != 0)
		return rc;
	return check_tls(&c->tls, c->listen, path, err);
}

static bool is_wildcard(const char *url)
{
	const char *host = strstr(url, "://");
	return host &&
	       (strncmp(host + 3, "0.0.0.0:", 8) == 0 ||
		       strncmp(host + 3, "[::]:", 5) == 0 ||
		       strncmp(host + 3, "*:", 2) == 0 || host[3] == ':');
}

static int check_executor(const struct tr_executor_conf *c, const char *path,
	struct tr_error *err)
{
	if (is_wildcard(c->listen) && !c->advertise)
		return tr_error_set(err, TR_EINVAL,
			"%s: 'listen' is '%s': set 'advertise' to the address "
			"that other executors reach",
			shown(path), c->listen);
	if (c->name && strlen(c->name) >= TR_NAME_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%s: 'name' is longer than %u bytes", shown(path),
			TR_NAME_MAX - 1);
	int rc = check_secrets_dir(c->job_secrets, path, err);
	if (rc == 0)
		rc = check_tls(&c->tls, c->driver, path, err);
	return rc ? rc : check_tls(&c->tls, c->listen, path, err);
}

static int load(enum tr_config_of of, void *conf, const char *path,
	const char *const *sets, size_t n, struct tr_error *err)
{
	const struct tr_option_table *t = &tables[of];
	int rc = path ? tr_options_read_file(t, conf, path, err) : 0;
	if (rc == 0)
		rc = apply_sets(t, conf, sets, n, err);
	return rc ? rc : tr_options_check(t, conf, shown(path), err);
}

int tr_driver_conf_load(struct tr_driver_conf *out, const char *path,
	const char *const *sets, size_t n_sets, struct tr_error *err)
{
	struct tr_driver_conf c = { 0 };
	tr_options_init(&tables[TR_CONFIG_DRIVER], &c);
	int rc = load(TR_CONFIG_DRIVER, &c, path, sets, n_sets, err);
	if (rc == 0)
		rc = check_driver(&c, path, err);
	if (rc == 0)
		*out = c;
	else
		tr_driver_conf_free(&c);
	return rc;
}

void tr_driver_conf_free(struct tr_driver_conf *c)
{
	tr_options_free(&tables[TR_CONFIG_DRIVER], c);
}

int tr_executor_conf_load(struct tr_executor_conf *out, const char *path,
	const char *const *sets, size_t n_sets, struct tr_error *err)
{
	struct tr_executor_conf c = { 0 };
	tr_options_init(&tables[TR_CONFIG_EXECUTOR], &c);
	int rc = load(TR_CONFIG_EXECUTOR, &c, path, sets, n_sets, err);
	if (rc == 0)
		rc = check_executor(&c, path, err);
	if (rc == 0)
		*out = c;
	else
		tr_executor_conf_free(&c);
	return rc;
}

void tr_executor_conf_free(struct tr_executor_conf *c)
{
	tr_options_free(&tables[TR_CONFIG_EXECUTOR], c);
}

/* The profile to read, from malloc, or NULL: there is none. */
static char *client_path(void)
{
	const char *named = getenv("TRANCHE_CONFIG");
	if (named)
		return tr_xstrdup(named);
	static const char in_home[] = "/.config/tranche/tranche.conf";
	const char *home = getenv("HOME");
	if (home) {
		size_t n = strlen(home);
		char *path = tr_xmalloc(n + sizeof(in_home));
		memcpy(path, home, n);
		memcpy(path + n, in_home, sizeof(in_home));
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	static const char for_all[] = "/etc/tranche/tranche.conf";
	return access(for_all, F_OK) == 0 ? tr_xstrdup(for_all) : NULL;
}

static int apply_environment(struct tr_client_conf *c, struct tr_error *err)
{
	int rc = 0;
	size_t n = TR_ARRAY_LEN(client_environment);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const char *name = client_environment[i].variable;
		const char *value = getenv(name);
		if (!value)
			continue;
		const char *begin = client_environment[i].setting;
		size_t size = strlen(begin) + strlen(value) + 1;
		char *setting = tr_xmalloc(size);
		snprintf(setting, size, "%s%s", begin, value);
		rc = tr_options_set(&tables[TR_CONFIG_CLIENT], c, setting, err);
		if (rc != 0)
			tr_error_prefix(err, "%s", name);
		free(setting);
	}
	return rc;
}

static int client_load(struct tr_client_conf *c, const char *path,
	const char *const *sets, size_t n_sets, struct tr_error *err)
{
	const struct tr_option_table *t = &tables[TR_CONFIG_CLIENT];
	int rc = path ? tr_options_read_file(t, c, path, err) : 0;
	if (rc == 0)
		rc = apply_environment(c, err);
	if (rc == 0)
		rc = load(TR_CONFIG_CLIENT, c, NULL, sets, n_sets, err);
	return rc ? rc : check_tls(&c->tls, c->driver, path, err);
}

int tr_client_conf_load(struct tr_client_conf *out, const char *path,
	const char *const *sets, size_t n_sets, struct tr_error *err)
{
	struct tr_client_conf c = { 0 };
	tr_options_init(&tables[TR_CONFIG_CLIENT], &c);
	char *found = path ? tr_xstrdup(path) : client_path();
	int rc = client_load(&c, found, sets, n_sets, err);
	free(found);
	if (rc == 0)
		*out = c;
	else
		tr_client_conf_free(&c);
	return rc;
}

void tr_client_conf_free(struct tr_client_conf *c)
{
	tr_options_free(&tables[TR_CONFIG_CLIENT], c);
}

void tr_config_print(enum tr_config_of of, FILE *out)
{
	tr_options_print(&tables[of], out);
}
