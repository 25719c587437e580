#include "driver/ctl/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	TOKEN_BYTES = 32
};

static int write_all(int fd, const char *text)
{
	size_t n = strlen(text);
	while (n > 0) {
		ssize_t put = write(fd, text, n);
		if (put < 0 && errno != EINTR)
			return -1;
		text += put > 0 ? put : 0;
		n -= put > 0 ? (size_t)put : 0;
	}
	return 0;
}

int tr_private_file_create(
	const char *path, const char *text, struct tr_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return tr_error_set(err, TR_EEXIST,
			"'%s' is there already and is not overwritten", path);
	if (fd < 0)
		return tr_error_set(err, TR_EIO, "cannot make '%s': %s", path,
			strerror(errno));
	int rc = write_all(fd, text);
	if (close(fd) != 0 || rc != 0)
		return tr_error_set(err, TR_EIO, "cannot write '%s': %s", path,
			strerror(errno));
	return 0;
}

int tr_token_create(const char *path, struct tr_error *err)
{
	uint8_t raw[TOKEN_BYTES];
	char text[2 * TOKEN_BYTES + 2];
	ssize_t n = getrandom(raw, sizeof(raw), 0);
	tr_assert(n == sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	int rc = tr_private_file_create(path, text, err);
	explicit_bzero(raw, sizeof(raw));
	explicit_bzero(text, sizeof(text));
	return rc;
}
