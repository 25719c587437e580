#include "common/kafka/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"

enum {
	PROP_NAME_MAX = 128
};

/* One property, apart. */
struct prop {
	char name[PROP_NAME_MAX];
	const char *value; /* points into the text */
};

struct setting {
	const char *name;
	const char *value;
};

/* Properties that users may not set, and what serves their purpose. */
static const struct {
	const char *name;
	const char *instead;
} refused[] = {
	{ "bootstrap.servers", "give the brokers with -b" },
	{ "metadata.broker.list", "give the brokers with -b" },
	{ "isolation.level", "choose it with --isolation" },
	{ "queued.min.messages", "set the reader's window instead" },
	{ "queued.max.messages.kbytes", "set the reader's window instead" },
	{ "fetch.wait.max.ms", "ranges are read, never waited for" },
	{ "fetch.min.bytes", "ranges are read, never waited for" },
	{ "auto.offset.reset",
		"a range that is not in the log is always an error" },
	{ "enable.partition.eof", "the reader needs it to find a range's end" },
	{ "enable.auto.commit", "offsets are committed with the results" },
	{ "auto.commit.enable", "offsets are committed with the results" },
	{ "auto.commit.interval.ms", "offsets are committed with the results" },
	{ "enable.auto.offset.store",
		"offsets are committed with the results" },
	{ "offset.store.method", "offsets are committed with the results" },
	{ "offset.store.path", "offsets are committed with the results" },
	{ "offset.store.sync.interval.ms",
		"offsets are committed with the results" },
	{ "check.crcs", "checksums are always checked" },
	{ "group.id", "ranges are assigned by the driver, not by a group" },
	{ "group.instance.id",
		"ranges are assigned by the driver, not by a group" },
	{ "group.protocol",
		"ranges are assigned by the driver, not by a group" },
	{ "partition.assignment.strategy",
		"ranges are assigned by the driver, not by a group" },
	{ "transactional.id", "transactions belong to sinks" },
	{ "allow.auto.create.topics", "a topic that is missing is an error" },
	{ "plugin.library.paths", "code is not loaded by configuration" },
	{ "ssl.engine.location", "code is not loaded by configuration" },
	{ "sasl.kerberos.kinit.cmd", "commands are not run by configuration" },
	{ "log.queue", "the log has one place" },
	{ "enabled_events", "events have one reader" },
	{ "test.mock.num.brokers", "start tranche-demo-broker instead" },
};

/* Files that librdkafka reads by itself, and that are as good as secrets. */
static const char *const private_files[] = {
	"ssl.key.location",
	"ssl.keystore.location",
	"sasl.kerberos.keytab",
};

/* Ours unless the user says otherwise. */
static const struct setting defaults[] = {
	{ "client.id", "tranche" },
	{ "socket.nagle.disable", "true" },
	/* The defaults leave a recovered broker alone for up to ten seconds and
	   a moved leader unnoticed for five minutes. */
	{ "reconnect.backoff.ms", "50" },
	{ "reconnect.backoff.max.ms", "1000" },
	{ "topic.metadata.refresh.fast.interval.ms", "50" },
	{ "topic.metadata.refresh.interval.ms", "10000" },
};

static const struct setting reader_defaults[] = {
	{ "fetch.error.backoff.ms", "50" },
};

/* What the reader's promise rests on. */
static const struct setting consumer_fixed[] = {
	{ "auto.offset.reset", "error" },
	{ "enable.partition.eof", "true" },
	{ "enable.auto.commit", "false" },
	{ "enable.auto.offset.store", "false" },
	{ "check.crcs", "true" },
	{ "allow.auto.create.topics", "false" },
	/* One fetch at a time is in flight to a broker: one that waits at the
	   end of a log holds up the start of every other range. */
	{ "fetch.wait.max.ms", "10" },
	/* Never the limit: librdkafka 2.0.2 sleeps up to a second when it is
	   reached, even if the queue is drained at once. */
	{ "queued.min.messages", "10000000" },
#if RD_KAFKA_VERSION >= 0x02020000
	{ "fetch.queue.backoff.ms", "10" },
#endif
};

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

bool tr_kafka_prop_is_secret(const char *name)
{
	return strstr(name, "password") != NULL ||
	       strstr(name, "secret") != NULL ||
	       strstr(name, "passphrase") != NULL ||
	       ends_with(name, "key.pem") ||
	       strcmp(name, "sasl.oauthbearer.config") == 0;
}

static bool is_reference(const char *value)
{
	return (strncmp(value, "file:", 5) == 0 && value[5] != '\0') ||
	       (strncmp(value, "env:", 4) == 0 && value[4] != '\0');
}

static int prop_parse(struct prop *p, const char *text, struct tr_error *err)
{
	const char *eq = strchr(text, '=');

	if (eq == NULL || eq == text)
		return tr_error_set(
			err, TR_EINVAL, "a Kafka property is name=value");
	if ((size_t)(eq - text) >= sizeof(p->name))
		return tr_error_set(err, TR_EINVAL,
			"unknown Kafka property '%.40s…'", text);
	if (strlen(text) > TR_KAFKA_PROP_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"Kafka property '%.*s' is longer than %" PRIu64
			" bytes",
			(int)(eq - text), text, TR_KAFKA_PROP_MAX);
	memcpy(p->name, text, (size_t)(eq - text));
	p->name[eq - text] = '\0';
	p->value = eq + 1;
	return 0;
}

static int prop_refuse(const struct prop *p, struct tr_error *err)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(refused); i++) {
		if (strcmp(refused[i].name, p->name) == 0)
			return tr_error_set(err, TR_EINVAL,
				"Kafka property '%s' cannot be set: %s",
				p->name, refused[i].instead);
	}
	if (tr_kafka_prop_is_secret(p->name) && !is_reference(p->value))
		return tr_error_set(err, TR_EINVAL,
			"Kafka property '%s' is a secret: give it as "
			"file:PATH or env:NAME, not in the clear",
			p->name);
	return 0;
}

static int conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
	struct tr_error *err)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) ==
		RD_KAFKA_CONF_OK)
		return 0;
	return tr_error_set(
		err, TR_EINVAL, "Kafka property '%s': %s", name, text);
}

static int conf_set_all(rd_kafka_conf_t *conf, const struct setting *settings,
	size_t n, struct tr_error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = conf_set(
			conf, settings[i].name, settings[i].value, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int tr_kafka_prop_check(const char *text, struct tr_error *err)
{
	struct prop p;
	int rc = prop_parse(&p, text, err);

	if (rc == 0)
		rc = prop_refuse(&p, err);
	if (rc != 0)
		return rc;
	rd_kafka_conf_t *scratch = rd_kafka_conf_new();
	rc = conf_set(scratch, p.name, p.value, err);
	rd_kafka_conf_destroy(scratch);
	return rc;
}

int tr_kafka_props_check(
	const char *const *props, size_t n, struct tr_error *err)
{
	if (n > TR_KAFKA_PROPS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u Kafka properties", TR_KAFKA_PROPS_MAX);
	for (size_t i = 0; i < n; i++) {
		int rc = tr_kafka_prop_check(props[i], err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Reads a whole small file without its last line end. */
static int read_secret_file(
	const char *path, char *out, size_t size, struct tr_error *err)
{
	size_t len = 0;
	ssize_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return tr_error_set(err, TR_ENOTFOUND, "cannot open '%s': %s",
			path, strerror(errno));
	while (len < size && (got = read(fd, out + len, size - len)) > 0)
		len += (size_t)got;
	int saved = errno;
	close(fd);
	if (got < 0)
		return tr_error_set(err, TR_EIO, "cannot read '%s': %s", path,
			strerror(saved));
	if (len == size)
		return tr_error_set(err, TR_ELIMIT,
			"'%s' is longer than %zu bytes", path, size - 1);
	while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == '\r'))
		len--;
	out[len] = '\0';
	return 0;
}

/* `out` has TR_KAFKA_SECRET_MAX + 1 bytes. */
static int resolve(const char *reference, char *out, struct tr_error *err)
{
	if (strncmp(reference, "file:", 5) == 0)
		return read_secret_file(reference + 5, out,
			(size_t)TR_KAFKA_SECRET_MAX + 1, err);

	const char *name = reference + 4;
	const char *value = getenv(name);
	if (value == NULL)
		return tr_error_set(err, TR_ENOTFOUND,
			"environment variable '%s' is not set", name);
	if (strlen(value) > TR_KAFKA_SECRET_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"environment variable '%s' is longer than %" PRIu64
			" bytes",
			name, TR_KAFKA_SECRET_MAX);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

/*
 * librdkafka's errors quote the value. What can be wrong shows with the
 * reference already; of the secret itself nothing is repeated.
 */
static int conf_set_secret(
	rd_kafka_conf_t *conf, const struct prop *p, struct tr_error *err)
{
	int rc = conf_set(conf, p->name, p->value, err);

	if (rc != 0)
		return rc;
	size_t size = (size_t)TR_KAFKA_SECRET_MAX + 1;
	char *secret = tr_xmalloc(size);
	rc = resolve(p->value, secret, err);
	if (rc != 0)
		tr_error_prefix(err, "Kafka property '%s'", p->name);
	else if (rd_kafka_conf_set(conf, p->name, secret, NULL, 0) !=
		 RD_KAFKA_CONF_OK)
		rc = tr_error_set(err, TR_EINVAL,
			"Kafka property '%s': librdkafka refuses the value",
			p->name);
	explicit_bzero(secret, size);
	free(secret);
	return rc;
}

const char *tr_kafka_job_env(const char *value)
{
	if (strncmp(value, "env:" TR_KAFKA_JOB_ENV,
		    strlen("env:" TR_KAFKA_JOB_ENV)) != 0)
		return NULL;
	return value + strlen("env:");
}

/* "..", as a component, could lead out of the folder again. */
static bool climbs(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2) {
		bool begins = at == path || at[-1] == '/';
		if (begins && (at[2] == '/' || at[2] == '\0'))
			return true;
	}
	return false;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 0)
		return false;
	while (n > 0 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && path[n] == '/' && !climbs(path);
}

static int check_file(const struct prop *p, const char *path, const char *dir,
	struct tr_error *err)
{
	if (is_below(path, dir))
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"Kafka property '%s': '%s' is not below '%s', where this host "
		"keeps what jobs may use (option job_secrets)",
		p->name, path, dir);
}

/* What a job names on this host must be meant for jobs. */
static int check_policy(
	const struct prop *p, const char *dir, struct tr_error *err)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(private_files); i++)
		if (strcmp(p->name, private_files[i]) == 0)
			return check_file(p, p->value, dir, err);
	if (!tr_kafka_prop_is_secret(p->name))
		return 0;
	if (strncmp(p->value, "file:", 5) == 0)
		return check_file(p, p->value + 5, dir, err);
	if (tr_kafka_job_env(p->value) != NULL)
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"Kafka property '%s': of variables jobs may name those that "
		"begin with " TR_KAFKA_JOB_ENV,
		p->name);
}

static int conf_set_user(rd_kafka_conf_t *conf, const char *text,
	const char *secrets_dir, struct tr_error *err)
{
	struct prop p;
	int rc = prop_parse(&p, text, err);

	if (rc == 0)
		rc = prop_refuse(&p, err);
	if (rc == 0 && secrets_dir != NULL)
		rc = check_policy(&p, secrets_dir, err);
	if (rc != 0)
		return rc;
	if (tr_kafka_prop_is_secret(p.name))
		return conf_set_secret(conf, &p, err);
	return conf_set(conf, p.name, p.value, err);
}

/*
 * librdkafka counts payload bytes; a queued record of 100 bytes takes 4.5
 * times its size. Its default connection set-up limit of 30 s is left alone.
 */
static int conf_set_window(
	rd_kafka_conf_t *conf, uint64_t window, struct tr_error *err)
{
	char kbytes[32];

	if (window == 0)
		window = TR_READER_WINDOW_DEFAULT;
	if (window < TR_READER_WINDOW_MIN)
		return tr_error_set(err, TR_EINVAL,
			"a reader's window is at least %" PRIu64 " bytes",
			TR_READER_WINDOW_MIN);
	uint64_t cap = window * 2 / 9 / 1024;
	if (cap < 1024)
		cap = 1024;
	snprintf(kbytes, sizeof(kbytes), "%" PRIu64, cap);
	return conf_set(conf, "queued.max.messages.kbytes", kbytes, err);
}

static int conf_set_consumer(rd_kafka_conf_t *conf,
	const struct tr_kafka_conf *c, struct tr_error *err)
{
	int rc = conf_set_all(
		conf, consumer_fixed, TR_ARRAY_LEN(consumer_fixed), err);

	if (rc == 0)
		rc = conf_set(conf, "isolation.level",
			c->isolation == TR_READ_COMMITTED ? "read_committed"
							  : "read_uncommitted",
			err);
	if (rc == 0)
		rc = conf_set_window(conf, c->window, err);
	return rc;
}

static int conf_fill(rd_kafka_conf_t *conf, enum tr_kafka_role role,
	const struct tr_kafka_conf *c, struct tr_error *err)
{
	int rc = conf_set_all(conf, defaults, TR_ARRAY_LEN(defaults), err);

	if (rc == 0 && role == TR_KAFKA_READER)
		rc = conf_set_all(conf, reader_defaults,
			TR_ARRAY_LEN(reader_defaults), err);
	for (size_t i = 0; rc == 0 && i < c->n_props; i++)
		rc = conf_set_user(conf, c->props[i], c->secrets_dir, err);
	if (rc == 0)
		rc = conf_set(conf, "bootstrap.servers", c->brokers, err);
	if (rc == 0 && role != TR_KAFKA_PRODUCER)
		rc = conf_set_consumer(conf, c, err);
	return rc;
}

int tr_kafka_conf_build(rd_kafka_conf_t **out, enum tr_kafka_role role,
	const struct tr_kafka_conf *c, struct tr_kafka_watch *watch,
	struct tr_error *err)
{
	if (c->n_props > TR_KAFKA_PROPS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u Kafka properties", TR_KAFKA_PROPS_MAX);

	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int rc = conf_fill(conf, role, c, err);
	if (rc != 0) {
		rd_kafka_conf_destroy(conf);
		return rc;
	}
	tr_kafka_watch_attach(watch, conf);
	*out = conf;
	return 0;
}

int tr_kafka_consumer_open(rd_kafka_t **out, enum tr_kafka_role role,
	const struct tr_kafka_conf *c, struct tr_kafka_watch *watch,
	struct tr_error *err)
{
	rd_kafka_conf_t *conf;
	char text[256];
	int rc = tr_kafka_conf_build(&conf, role, c, watch, err);

	if (rc != 0)
		return rc;
	rd_kafka_t *rk =
		rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
	if (rk == NULL) {
		rd_kafka_conf_destroy(conf);
		return tr_error_set(err, TR_EINVAL, "Kafka: %s", text);
	}
	*out = rk;
	return 0;
}
