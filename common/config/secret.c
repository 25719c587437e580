#include "common/config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"

static const char *after(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(text, prefix, n) == 0 && text[n] ? text + n : NULL;
}

int tr_secret_check(const char *ref, struct tr_error *err)
{
	if (after(ref, "file:") || after(ref, "env:"))
		return 0;
	/* The text may be the secret itself, so it is not repeated. */
	return tr_error_set(err, TR_EINVAL,
		"a secret is given as file:PATH or env:NAME, "
		"never in the clear");
}

static int read_all(
	int fd, const char *path, char *out, size_t size, struct tr_error *err)
{
	size_t n = 0;
	ssize_t got;
	while ((got = read(fd, out + n, size - n)) > 0) {
		n += (size_t)got;
		if (n == size)
			return tr_error_set(err, TR_ELIMIT,
				"'%s' is longer than %zu bytes", path,
				size - 1);
	}
	if (got < 0)
		return tr_error_set(err, TR_EIO, "cannot read '%s': %s", path,
			strerror(errno));
	out[n] = '\0';
	if (strlen(out) != n)
		return tr_error_set(
			err, TR_EINVAL, "'%s' holds a zero byte", path);
	return 0;
}

static int read_file(
	const char *path, char *out, size_t size, struct tr_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tr_error_set(err,
			errno == ENOENT ? TR_ENOTFOUND : TR_EIO,
			"cannot open '%s': %s", path, strerror(errno));
	struct stat st;
	int rc;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IROTH))
		rc = tr_error_set(err, TR_EAUTH,
			"'%s' can be read by everybody: chmod 600 it", path);
	else
		rc = read_all(fd, path, out, size, err);
	close(fd);
	return rc;
}

static int read_env(
	const char *name, char *out, size_t size, struct tr_error *err)
{
	const char *value = getenv(name);
	if (!value)
		return tr_error_set(err, TR_ENOTFOUND,
			"environment variable '%s' is not set", name);
	if (strlen(value) >= size)
		return tr_error_set(err, TR_ELIMIT,
			"environment variable '%s' is longer than %zu bytes",
			name, size - 1);
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

int tr_secret_resolve(
	const char *ref, char *out, size_t size, struct tr_error *err)
{
	int rc = tr_secret_check(ref, err);
	if (rc != 0)
		return rc;
	const char *path = after(ref, "file:");
	rc = path ? read_file(path, out, size, err)
		  : read_env(after(ref, "env:"), out, size, err);
	if (rc != 0)
		return rc;
	size_t n = strlen(out);
	while (n && strchr(" \t\r\n", out[n - 1]))
		out[--n] = '\0';
	if (n == 0)
		return tr_error_set(err, TR_EINVAL, "'%s' is empty", ref);
	return 0;
}
