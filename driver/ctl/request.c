#include "driver/ctl/request.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/bounds.h"
#include "common/base/sha256.h"
#include "common/base/xalloc.h"
#include "common/config/suggest.h"
#include "common/kafka/conf.h"
#include "common/plan/offsets.h"

const struct tr_ctl_option tr_options_job[] = {
	{ "offsets", 'o', "SPEC",
		"what to read, e.g. start:end, @-48h:-24h or\n"
		"lines:0:110-220; may be repeated" },
	{ "tz", 0, "ZONE",
		"zone of dates in offsets, e.g. Europe/Berlin;\n"
		"else UTC" },
	{ "clamp", 0, NULL, "take what the log has of a range beyond it" },
	{ "brokers", 'b', "LIST", "Kafka brokers, host:port,host:port" },
	{ "property", 'X', "NAME=VALUE",
		"any librdkafka property; secrets as file:PATH or\n"
		"env:NAME; may be repeated" },
	{ "property-file", 'F', "FILE",
		"properties as name=value lines; may be repeated" },
	{ "isolation", 0, "LEVEL", "read_committed or read_uncommitted" },
	{ "max-range", 0, "N", "records of one map task at most" },
	{ "max-rate", 0, "N", "records/s of the whole job at most" },
	{ "lanes", 0, "N", "reduce lanes; else by slots and records" },
	{ "memory", 0, "SIZE", "of one worker, e.g. 512M" },
	{ "timeout", 0, "DURATION",
		"end a task without progress after, e.g. 5m" },
	{ "max-attempts", 0, "N", "failures of one task, then the job fails" },
	{ "name", 0, "NAME", "of the job; else the script's" },
	{ NULL, 0, NULL, NULL },
};

/* ------------------------------------------------------------- properties */

void tr_props_fini(struct tr_option_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		tr_xfree(l->items[i]);
	tr_xfree(l->items);
	*l = (struct tr_option_list){ 0 };
}

int tr_props_add(
	struct tr_option_list *out, const char *prop, struct tr_error *err)
{
	int rc = tr_kafka_prop_check(prop, err);
	if (rc != 0)
		return rc;
	if (out->n == TR_KAFKA_PROPS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u Kafka properties", TR_KAFKA_PROPS_MAX);
	out->items =
		tr_xrealloc(out->items, (out->n + 1) * sizeof(*out->items));
	out->items[out->n++] = tr_xstrdup(prop);
	return 0;
}

/* The line without white space at its ends and around its first '='. */
static char *trim(char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	size_t n = strlen(line);
	while (n && isspace((unsigned char)line[n - 1]))
		line[--n] = '\0';
	char *eq = strchr(line, '=');
	if (!eq)
		return line;
	char *left = eq, *right = eq + 1;
	while (left > line && isspace((unsigned char)left[-1]))
		left--;
	while (isspace((unsigned char)*right))
		right++;
	*left = '=';
	memmove(left + 1, right, strlen(right) + 1);
	return line;
}

int tr_props_read(
	struct tr_option_list *out, const char *path, struct tr_error *err)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;
	if (!f)
		return tr_error_set(err,
			errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"cannot open '%s': %s", path, strerror(errno));
	for (int n = 1; rc == 0 && getline(&line, &cap, f) >= 0; n++) {
		const char *prop = trim(line);
		if (*prop == '\0' || *prop == '#')
			continue;
		rc = tr_props_add(out, prop, err);
		if (rc != 0)
			tr_error_prefix(err, "%s:%d", path, n);
	}
	free(line);
	fclose(f);
	return rc;
}

/* The profile's first: librdkafka takes the later of two. */
static int collect_props(struct tr_option_list *out, const struct tr_args *args,
	const struct tr_client_conf *conf, struct tr_error *err)
{
	const char *text;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < conf->kafka.properties.n; i++)
		rc = tr_props_add(out, conf->kafka.properties.items[i], err);
	for (size_t i = 0;
		rc == 0 && (text = tr_args_nth(args, "property-file", i)); i++)
		rc = tr_props_read(out, text, err);
	for (size_t i = 0; rc == 0 && (text = tr_args_nth(args, "property", i));
		i++)
		rc = tr_props_add(out, text, err);
	return rc;
}

/* ------------------------------------------------------------------ zones */

int tr_zone_use(const char *name, struct tr_error *err)
{
	char path[512];
	struct stat st;
	const char *dir = getenv("TZDIR");
	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "/usr/share/zoneinfo",
		name);
	bool known = strcmp(name, "UTC") == 0 ||
		     (*name && *name != '/' && !strstr(name, "..") &&
			     stat(path, &st) == 0 && S_ISREG(st.st_mode));
	if (!known)
		return tr_error_set(err, TR_EINVAL,
			"unknown time zone '%s': zones are named like "
			"Europe/Berlin or UTC",
			name);
	setenv("TZ", name, 1);
	tzset();
	return 0;
}

/* ---------------------------------------------------------------- request */

static char *own(struct tr_job_request *r, char *text)
{
	r->owned = tr_xrealloc(r->owned, (r->n_owned + 1) * sizeof(*r->owned));
	r->owned[r->n_owned++] = text;
	return text;
}

static int read_artefact(
	struct tr_job_request *r, const char *path, struct tr_error *err)
{
	FILE *f = fopen(path, "re");
	uint8_t chunk[16384];
	size_t n;
	int rc = 0;
	if (!f)
		return tr_error_set(err,
			errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"cannot open '%s': %s", path, strerror(errno));
	while (rc == 0 && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		rc = tr_buf_append(&r->artefact, chunk, n);
	if (rc != 0)
		rc = tr_error_set(err, TR_ELIMIT,
			"'%s' is larger than %llu bytes", path,
			(unsigned long long)TR_ARTEFACT_MAX);
	else if (ferror(f))
		rc = tr_error_set(err, TR_EIO, "cannot read '%s': %s", path,
			strerror(errno));
	else if (r->artefact.len == 0)
		rc = tr_error_set(err, TR_EINVAL, "'%s' is empty", path);
	fclose(f);
	return rc;
}

static void put_artefact(struct tr_job_request *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = own(r, tr_xstrdup(slash ? slash + 1 : path));
	tr_sha256(r->artefact.data, r->artefact.len, r->digest);
	r->msg.artefact = (ProtobufCBinaryData){ sizeof(r->digest), r->digest };
	r->msg.artefact_name = name;
}

static int put_name(struct tr_job_request *r, const struct tr_args *args,
	struct tr_error *err)
{
	const char *given = tr_args_get(args, "name");
	char *name = own(r, tr_xstrdup(given ? given : r->msg.artefact_name));
	char *dot = given ? NULL : strrchr(name, '.');
	if (dot && dot > name)
		*dot = '\0';
	if (*name == '\0' || strlen(name) >= TR_NAME_MAX)
		return tr_error_set(err, TR_EINVAL,
			"a job's name has 1 to %u bytes: give --name",
			TR_NAME_MAX - 1);
	r->msg.name = name;
	return 0;
}

static Tranche__V1__Property *new_property(
	struct tr_job_request *r, const char *text)
{
	Tranche__V1__Property *p = tr_xmalloc(sizeof(*p));
	tranche__v1__property__init(p);
	p->name = own(r, tr_xstrdup(text));
	char *eq = strchr(p->name, '=');
	*eq = '\0';
	p->value = eq + 1;
	return p;
}

static void free_properties(Tranche__V1__Property **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tr_xfree(list[i]);
	tr_xfree(list);
}

static int put_arguments(struct tr_job_request *r, const struct tr_args *args,
	struct tr_error *err)
{
	size_t n = args->n_operands - 1;
	if (n > TR_JOB_ARGS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"%zu arguments, the limit is %u", n, TR_JOB_ARGS_MAX);
	r->msg.arguments = tr_xcalloc(n + 1, sizeof(*r->msg.arguments));
	for (size_t i = 0; i < n; i++) {
		const char *text = args->operands[i + 1];
		const char *eq = strchr(text, '=');
		if (!eq || eq == text)
			return tr_error_set(err, TR_EINVAL,
				"'%s' is not name=value, as a script's "
				"arguments are",
				text);
		r->msg.arguments[r->msg.n_arguments++] = new_property(r, text);
	}
	return 0;
}

static int put_offsets(struct tr_job_request *r, const struct tr_args *args,
	struct tr_error *err)
{
	const char *zone = tr_args_get(args, "tz");
	const char *text;
	size_t n = 0;
	int rc = tr_zone_use(zone ? zone : "UTC", err);
	r->msg.tz = own(r, tr_xstrdup(zone ? zone : "UTC"));
	while (tr_args_nth(args, "offsets", n))
		n++;
	r->msg.offsets = tr_xcalloc(n + 1, sizeof(*r->msg.offsets));
	while (rc == 0 &&
		(text = tr_args_nth(args, "offsets", r->msg.n_offsets))) {
		struct tr_buf b;
		tr_buf_init(&b, TR_FRAME_BODY_MAX);
		rc = tr_offsets_normalise(&b, text, err);
		if (rc == 0)
			rc = tr_buf_append_u8(&b, '\0');
		if (rc == 0) {
			size_t len;
			r->msg.offsets[r->msg.n_offsets++] =
				own(r, (char *)tr_buf_take(&b, &len));
		}
		tr_buf_fini(&b);
	}
	return rc;
}

static int put_numbers(struct tr_job_request *r, const struct tr_args *args,
	struct tr_error *err)
{
	uint64_t lanes = 0, timeout = 0, attempts = 0, weight = 0;
	int rc = tr_args_uint(
		args, "max-range", INT64_MAX, &r->msg.max_range, err);
	if (rc == 0)
		rc = tr_args_uint(
			args, "max-rate", INT64_MAX, &r->msg.max_rate, err);
	if (rc == 0)
		rc = tr_args_uint(
			args, "lanes", TR_REDUCE_LANES_MAX, &lanes, err);
	if (rc == 0)
		rc = tr_args_size(args, "memory", &r->msg.worker_memory, err);
	if (rc == 0)
		rc = tr_args_duration(
			args, "timeout", UINT32_MAX, &timeout, err);
	if (rc == 0)
		rc = tr_args_uint(args, "max-attempts", 1000, &attempts, err);
	/* A job alone on its machine shares with nobody. */
	if (rc == 0 && tr_args_knows(args, "weight"))
		rc = tr_args_uint(args, "weight", 1000, &weight, err);
	r->msg.reduce_lanes = (uint32_t)lanes;
	r->msg.task_timeout_ms = (uint32_t)timeout;
	r->msg.max_attempts = (uint32_t)attempts;
	r->msg.weight = (uint32_t)weight;
	return rc;
}

static int put_isolation(struct tr_job_request *r, const struct tr_args *args,
	struct tr_error *err)
{
	const char *text = tr_args_get(args, "isolation");
	if (!text || strcmp(text, "read_committed") == 0)
		return 0;
	r->kafka.read_uncommitted = strcmp(text, "read_uncommitted") == 0;
	if (r->kafka.read_uncommitted)
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"--isolation: '%s' is neither read_committed nor "
		"read_uncommitted",
		text);
}

static int put_kafka(struct tr_job_request *r, const struct tr_args *args,
	const struct tr_client_conf *conf, struct tr_error *err)
{
	const char *brokers = tr_args_get(args, "brokers");
	tranche__v1__kafka_conf__init(&r->kafka);
	r->msg.kafka = &r->kafka;
	if (!brokers)
		brokers = conf->kafka.bootstrap;
	r->kafka.bootstrap = own(r, tr_xstrdup(brokers ? brokers : ""));
	int rc = put_isolation(r, args, err);
	if (rc == 0)
		rc = collect_props(&r->properties, args, conf, err);
	size_t n = rc == 0 ? r->properties.n : 0;
	r->kafka.properties = tr_xcalloc(n + 1, sizeof(*r->kafka.properties));
	for (size_t i = 0; i < n; i++)
		r->kafka.properties[r->kafka.n_properties++] =
			new_property(r, r->properties.items[i]);
	return rc;
}

static void put_uuid(struct tr_job_request *r)
{
	uint8_t raw[16];
	ssize_t n = getrandom(raw, sizeof(raw), 0);
	tr_assert(n == sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(r->uuid + 2 * i, 3, "%02x", raw[i]);
	r->msg.request_uuid = r->uuid;
}

int tr_job_request_init(struct tr_job_request *r, const struct tr_args *args,
	const struct tr_client_conf *conf, struct tr_error *err)
{
	const char *path = args->operands[0];
	*r = (struct tr_job_request){ 0 };
	tranche__v1__submit_request__init(&r->msg);
	tr_buf_init(&r->artefact, TR_ARTEFACT_MAX);
	put_uuid(r);
	int rc = read_artefact(r, path, err);
	if (rc == 0) {
		put_artefact(r, path);
		rc = put_name(r, args, err);
	}
	if (rc == 0)
		rc = put_arguments(r, args, err);
	if (rc == 0)
		rc = put_offsets(r, args, err);
	if (rc == 0)
		rc = put_numbers(r, args, err);
	if (rc == 0)
		rc = put_kafka(r, args, conf, err);
	r->msg.clamp = tr_args_has(args, "clamp");
	if (rc != 0)
		tr_job_request_fini(r);
	return rc;
}

void tr_job_request_fini(struct tr_job_request *r)
{
	free_properties(r->msg.arguments, r->msg.n_arguments);
	free_properties(r->kafka.properties, r->kafka.n_properties);
	tr_xfree(r->msg.offsets);
	tr_props_fini(&r->properties);
	for (size_t i = 0; i < r->n_owned; i++)
		tr_xfree(r->owned[i]);
	tr_xfree(r->owned);
	tr_buf_fini(&r->artefact);
	*r = (struct tr_job_request){ 0 };
}
