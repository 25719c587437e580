#include "common/net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/net/cert.h"

enum {
	PEM_MAX = 1 << 20, /* a bundle of every public CA has 250 KB */
	DATE_SIZE = 32,
};

static int read_all(
	int fd, const char *path, char *text, size_t size, struct tr_error *err)
{
	size_t len = 0;
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);
		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return tr_error_set(err, TR_EIO, "cannot read '%s': %s",
				path, strerror(errno));
		len += n > 0 ? (size_t)n : 0;
	}
	if (len == size)
		return tr_error_set(err, TR_EAUTH,
			"'%s' is too large for a PEM file", path);
	text[len] = '\0';
	return 0;
}

/* The file's text, to be freed, and its mode. */
static int read_pem(
	const char *path, char **out, mode_t *mode, struct tr_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tr_error_set(err, TR_EIO, "cannot open '%s': %s", path,
			strerror(errno));
	struct stat st;
	char *text = tr_xmalloc(PEM_MAX);
	int rc = fstat(fd, &st) == 0
			 ? read_all(fd, path, text, PEM_MAX, err)
			 : tr_error_set(err, TR_EIO, "cannot stat '%s': %s",
				   path, strerror(errno));
	close(fd);
	if (rc != 0) {
		free(text);
		return rc;
	}
	*out = text;
	*mode = st.st_mode;
	return 0;
}

static const char *date_text(char out[DATE_SIZE], int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	if (!gmtime_r(&t, &tm) ||
		strftime(out, DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		return "?";
	return out;
}

static int check_dates(const char *path, const char *pem, struct tr_error *err)
{
	int64_t first, last;
	int64_t now = tr_clock_wall_ms() / 1000;
	char date[DATE_SIZE];
	if (tr_cert_validity(pem, &first, &last) != 0)
		return tr_error_set(err, TR_EAUTH,
			"the certificate in '%s' cannot be read", path);
	if (now > last)
		return tr_error_set(err, TR_EAUTH,
			"the certificate in '%s' expired on %s", path,
			date_text(date, last));
	if (now < first)
		return tr_error_set(err, TR_EAUTH,
			"the certificate in '%s' is valid from %s only: is "
			"the clock right?",
			path, date_text(date, first));
	return 0;
}

static int check_pem(const char *path, const char *pem, mode_t mode,
	bool with_key, struct tr_error *err)
{
	if (!tr_pem_has_certificate(pem))
		return tr_error_set(
			err, TR_EAUTH, "'%s' holds no PEM certificate", path);
	if (with_key && !tr_pem_has_key(pem))
		return tr_error_set(err, TR_EAUTH,
			"'%s' holds no private key: put certificate and key "
			"into one file",
			path);
	if (with_key && (mode & S_IROTH))
		return tr_error_set(err, TR_EAUTH,
			"everybody can read the private key in '%s': chmod 600",
			path);
	return check_dates(path, pem, err);
}

static int check_file(
	const char *path, const char *what, bool with_key, struct tr_error *err)
{
	if (!path)
		return tr_error_set(
			err, TR_EINVAL, "tls needs a %s file", what);
	char *pem = NULL;
	mode_t mode = 0;
	int rc = read_pem(path, &pem, &mode, err);
	if (rc != 0)
		return rc;
	rc = check_pem(path, pem, mode, with_key, err);
	free(pem);
	return rc;
}

int tr_tls_check(const struct tr_tls_opts *opts, struct tr_error *err)
{
	int rc = check_file(opts->ca_file, "CA", false, err);
	if (rc != 0)
		return rc;
	return check_file(
		opts->cert_key_file, "certificate and key", true, err);
}

static int load(nng_tls_config *cfg, const struct tr_tls_opts *opts,
	const char *name, struct tr_error *err)
{
	/* A listener asks for no certificate unless it is told to. */
	int rv = nng_tls_config_auth_mode(cfg, NNG_TLS_AUTH_MODE_REQUIRED);
	if (rv == 0 && name)
		rv = nng_tls_config_server_name(cfg, name);
	if (rv != 0)
		return tr_error_set(
			err, TR_EIO, "cannot set up tls: %s", nng_strerror(rv));
	rv = nng_tls_config_ca_file(cfg, opts->ca_file);
	if (rv != 0)
		return tr_error_set(err, TR_EAUTH,
			"cannot use CA certificates of '%s': %s", opts->ca_file,
			nng_strerror(rv));
	rv = nng_tls_config_cert_key_file(cfg, opts->cert_key_file, NULL);
	if (rv != 0)
		return tr_error_set(err, TR_EAUTH,
			"cannot use certificate and key of '%s': %s",
			opts->cert_key_file, nng_strerror(rv));
	return 0;
}

int tr_tls_config(const struct tr_tls_opts *opts, bool server, const char *host,
	nng_tls_config **out, struct tr_error *err)
{
	int rc = tr_tls_check(opts, err);
	if (rc != 0)
		return rc;
	nng_tls_config *cfg;
	int rv = nng_tls_config_alloc(
		&cfg, server ? NNG_TLS_MODE_SERVER : NNG_TLS_MODE_CLIENT);
	if (rv != 0)
		return tr_error_set(
			err, TR_EIO, "cannot set up tls: %s", nng_strerror(rv));
	const char *name = opts->server_name ? opts->server_name : host;
	rc = load(cfg, opts, server ? NULL : name, err);
	if (rc != 0) {
		nng_tls_config_free(cfg);
		return rc;
	}
	*out = cfg;
	return 0;
}
