#include "driver/ctl/bundle.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/xalloc.h"
#include "driver/ctl/pki.h"
#include "driver/ctl/tokens.h"

enum {
	CA_DAYS = 3650,
	TEXT_MAX = 16384,
};

/* ------------------------------------------------------------------- hosts */

int tr_host_list_parse(
	struct tr_host_list *l, const char *text, struct tr_error *err)
{
	*l = (struct tr_host_list){ .text = tr_xstrdup(text) };
	char *rest = l->text, *host;
	while ((host = strsep(&rest, ","))) {
		if (*host && l->n < TR_BUNDLE_HOSTS_MAX) {
			l->hosts[l->n++] = host;
			continue;
		}
		tr_error_set(err, TR_EINVAL,
			"'%s' is no list of 1 to %d hosts: NAME,ADDRESS,…",
			text, TR_BUNDLE_HOSTS_MAX);
		tr_host_list_fini(l);
		return TR_EINVAL;
	}
	return 0;
}

void tr_host_list_fini(struct tr_host_list *l)
{
	tr_xfree(l->text);
	*l = (struct tr_host_list){ 0 };
}

int tr_bundle_check_name(const char *name, struct tr_error *err)
{
	size_t n = strlen(name);
	bool ok = n > 0 && n <= TR_BUNDLE_NAME_MAX && *name != '.' &&
		  *name != '-';
	for (size_t i = 0; i < n && ok; i++)
		ok = isalnum((unsigned char)name[i]) || strchr("._-", name[i]);
	if (ok)
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"'%s' is no name for an executor: 1 to %d letters, digits, "
		"dots, dashes and underscores",
		name, TR_BUNDLE_NAME_MAX);
}

static void url_of(char *out, size_t size, const char *host, unsigned port)
{
	bool v6 = strchr(host, ':') != NULL;
	snprintf(out, size, "tls+tcp://%s%s%s:%u", v6 ? "[" : "", host,
		v6 ? "]" : "", port);
}

/* ------------------------------------------------------------------- files */

/* PATH/name in `out`. */
static int join(char out[PATH_MAX], const char *dir, const char *name,
	struct tr_error *err)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
		return 0;
	return tr_error_set(err, TR_EINVAL, "'%s' is too long a path", dir);
}

static int make_dir(const char *path, bool may_be, struct tr_error *err)
{
	if (mkdir(path, 0700) == 0 || (may_be && errno == EEXIST))
		return 0;
	if (errno == EEXIST)
		return tr_error_set(err, TR_EEXIST,
			"'%s' is there already and is not overwritten", path);
	return tr_error_set(err, TR_EIO, "cannot make folder '%s': %s", path,
		strerror(errno));
}

static int put_file(const char *dir, const char *name, const char *text,
	struct tr_error *err)
{
	char path[PATH_MAX];
	int rc = join(path, dir, name, err);
	return rc ? rc : tr_private_file_create(path, text, err);
}

static int put_token(const char *dir, const char *name, struct tr_error *err)
{
	char path[PATH_MAX];
	int rc = join(path, dir, name, err);
	return rc ? rc : tr_token_create(path, err);
}

/* The text of a small file of the cluster's folder, to be freed. */
static int get_file(
	const char *dir, const char *name, char **out, struct tr_error *err)
{
	char path[PATH_MAX];
	int rc = join(path, dir, name, err);
	if (rc != 0)
		return rc;
	FILE *f = fopen(path, "re");
	if (!f)
		return tr_error_set(err,
			errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"cannot open '%s': %s; 'tranche cluster init' makes "
			"it",
			path, strerror(errno));
	char *text = tr_xmalloc(TEXT_MAX);
	size_t n = fread(text, 1, TEXT_MAX - 1, f);
	text[n] = '\0';
	fclose(f);
	*out = text;
	return 0;
}

static int copy_file(const char *from, const char *to, const char *name,
	struct tr_error *err)
{
	char *text;
	int rc = get_file(from, name, &text, err);
	if (rc != 0)
		return rc;
	rc = put_file(to, name, text, err);
	explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

/* A certificate of its own with its key, and the CA's. */
static int put_identity(const char *dir, const char *file,
	const struct tr_pki_pair *ca, const struct tr_pki_subject *s,
	struct tr_error *err)
{
	struct tr_pki_pair own = { 0 };
	char text[TEXT_MAX];
	int rc = tr_pki_issue(&own, ca, s, err);
	if (rc != 0)
		return rc;
	snprintf(text, sizeof(text), "%s%s", own.cert, own.key);
	rc = put_file(dir, file, text, err);
	explicit_bzero(text, sizeof(text));
	tr_pki_free(&own);
	return rc ? rc : put_file(dir, "ca.pem", ca->cert, err);
}

/* -------------------------------------------------------------------- init */

static int put_ca(const char *dir, const struct tr_bundle_opts *o,
	struct tr_pki_pair *ca, struct tr_error *err)
{
	struct tr_pki_subject s = { .name = "Tranche cluster CA",
		.days = o->days > CA_DAYS ? o->days : CA_DAYS };
	int rc = make_dir(dir, false, err);
	if (rc == 0)
		rc = tr_pki_make_ca(ca, &s, err);
	if (rc == 0)
		rc = put_file(dir, "ca.key", ca->key, err);
	return rc ? rc : put_file(dir, "ca.pem", ca->cert, err);
}

static int put_driver(const char *dir, const struct tr_bundle_opts *o,
	const struct tr_pki_pair *ca, struct tr_error *err)
{
	static const char *const tokens[] = { "executor.token",
		"submitter.token", "reader.token" };
	struct tr_pki_subject s = { .name = "tranche-driver",
		.hosts = o->hosts->hosts,
		.n_hosts = o->hosts->n,
		.days = o->days };
	char conf[1024];
	int rc = make_dir(dir, false, err);
	if (rc == 0)
		rc = put_identity(dir, "driver.pem", ca, &s, err);
	for (size_t i = 0; rc == 0 && i < TR_ARRAY_LEN(tokens); i++)
		rc = put_token(dir, tokens[i], err);
	snprintf(conf, sizeof(conf),
		"# tranche-driver -c driver.conf; paths are relative to this "
		"file.\n"
		"# All options: tranche-driver --print-config\n"
		"[driver]\n"
		"listen = tls+tcp://0.0.0.0:%u\n"
		"data_dir = data\n"
		"executor_token = file:executor.token\n"
		"submitter_token = file:submitter.token\n"
		"reader_token = file:reader.token\n"
		"\n"
		"[tls]\n"
		"ca = ca.pem\n"
		"cert = driver.pem\n"
		"\n"
		"[kafka]\n"
		"# For jobs that name no brokers:\n"
		"#bootstrap = kafka:9092\n",
		o->port);
	return rc ? rc : put_file(dir, "driver.conf", conf, err);
}

static int put_client(const char *dir, const char *driver_dir, const char *url,
	const struct tr_bundle_opts *o, const struct tr_pki_pair *ca,
	struct tr_error *err)
{
	struct tr_pki_subject s = { .name = "client", .days = o->days };
	char conf[1024];
	int rc = make_dir(dir, false, err);
	if (rc == 0)
		rc = put_identity(dir, "client.pem", ca, &s, err);
	if (rc == 0)
		rc = copy_file(driver_dir, dir, "submitter.token", err);
	snprintf(conf, sizeof(conf),
		"# Copy this folder to ~/.config/tranche, or name this file "
		"in TRANCHE_CONFIG.\n"
		"[client]\n"
		"driver = %s\n"
		"token = file:submitter.token\n"
		"\n"
		"[tls]\n"
		"ca = ca.pem\n"
		"cert = client.pem\n",
		url);
	return rc ? rc : put_file(dir, "tranche.conf", conf, err);
}

static int init_in(const struct tr_bundle_opts *o, const char *url,
	struct tr_pki_pair *ca, struct tr_error *err)
{
	char dir[PATH_MAX], driver[PATH_MAX];
	char address[600];
	snprintf(address, sizeof(address), "%s\n", url);
	int rc = make_dir(o->dir, true, err);
	if (rc == 0)
		rc = join(dir, o->dir, "ca", err);
	if (rc == 0)
		rc = put_ca(dir, o, ca, err);
	if (rc == 0)
		rc = join(driver, o->dir, "driver", err);
	if (rc == 0)
		rc = put_driver(driver, o, ca, err);
	if (rc == 0)
		rc = join(dir, o->dir, "client", err);
	if (rc == 0)
		rc = put_client(dir, driver, url, o, ca, err);
	return rc ? rc : put_file(o->dir, "address", address, err);
}

int tr_bundle_init(
	const struct tr_bundle_opts *o, char url[512], struct tr_error *err)
{
	struct tr_pki_pair ca = { 0 };
	url_of(url, 512, o->hosts->hosts[0], o->port);
	int rc = init_in(o, url, &ca, err);
	tr_pki_free(&ca);
	return rc;
}

/* ---------------------------------------------------------------- executors */

static int load_ca(
	struct tr_pki_pair *ca, const char *dir, struct tr_error *err)
{
	int rc = get_file(dir, "ca/ca.pem", &ca->cert, err);
	return rc ? rc : get_file(dir, "ca/ca.key", &ca->key, err);
}

static int put_executor_conf(const char *dir, const struct tr_bundle_opts *o,
	const char *name, struct tr_error *err)
{
	char own[512], conf[2048];
	char *driver;
	int rc = get_file(o->dir, "address", &driver, err);
	if (rc != 0)
		return rc;
	driver[strcspn(driver, "\n")] = '\0';
	url_of(own, sizeof(own), o->hosts->hosts[0], o->port);
	snprintf(conf, sizeof(conf),
		"# tranche-executor -c executor.conf; paths are relative to "
		"this file.\n"
		"# All options: tranche-executor --help\n"
		"[executor]\n"
		"name = %s\n"
		"driver = %s\n"
		"token = file:executor.token\n"
		"listen = tls+tcp://0.0.0.0:%u\n"
		"advertise = %s\n"
		"spool_dir = spool\n"
		"\n"
		"[tls]\n"
		"ca = ca.pem\n"
		"cert = executor.pem\n",
		name, driver, o->port, own);
	free(driver);
	return put_file(dir, "executor.conf", conf, err);
}

static int fill_executor(const char *dir, const struct tr_bundle_opts *o,
	const char *name, const struct tr_pki_pair *ca, struct tr_error *err)
{
	char driver[PATH_MAX];
	struct tr_pki_subject s = { .name = name,
		.hosts = o->hosts->hosts,
		.n_hosts = o->hosts->n,
		.days = o->days };
	int rc = put_identity(dir, "executor.pem", ca, &s, err);
	if (rc == 0)
		rc = join(driver, o->dir, "driver", err);
	if (rc == 0)
		rc = copy_file(driver, dir, "executor.token", err);
	return rc ? rc : put_executor_conf(dir, o, name, err);
}

int tr_bundle_add_executor(const struct tr_bundle_opts *o, const char *name,
	char path[PATH_MAX], struct tr_error *err)
{
	struct tr_pki_pair ca = { 0 };
	char all[PATH_MAX];
	int rc = tr_bundle_check_name(name, err);
	if (rc == 0)
		rc = load_ca(&ca, o->dir, err);
	if (rc == 0)
		rc = join(all, o->dir, "executors", err);
	if (rc == 0)
		rc = make_dir(all, true, err);
	if (rc == 0)
		rc = join(path, all, name, err);
	if (rc == 0)
		rc = make_dir(path, false, err);
	if (rc == 0)
		rc = fill_executor(path, o, name, &ca, err);
	tr_pki_free(&ca);
	return rc;
}
