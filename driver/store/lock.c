#include "driver/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The pid in the file, or 0: it may be there before the number is. */
static long owner(int fd)
{
	char text[32] = { 0 };
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	return n > 0 ? strtol(text, NULL, 10) : 0;
}

static int refuse(int fd, const char *path, struct tr_error *err)
{
	long pid = owner(fd);
	if (pid <= 0)
		return tr_error_set(
			err, TR_EEXIST, "'%s' is held by another driver", path);
	return tr_error_set(err, TR_EEXIST,
		"'%s' is held by another driver, pid %ld: stop it first", path,
		pid);
}

static int write_pid(int fd, const char *path, struct tr_error *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n)
		return 0;
	return tr_error_set(err, errno == ENOSPC ? TR_EFULL : TR_EIO,
		"cannot write '%s': %s", path, strerror(errno));
}

int tr_lock_take(const char *folder, int *fd, struct tr_error *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/driver.lock", folder);
	int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f < 0)
		return tr_error_set(err, TR_EIO, "cannot open '%s': %s", path,
			strerror(errno));
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int rc = 0;
	if (fcntl(f, F_OFD_SETLK, &whole) == 0)
		rc = write_pid(f, path, err);
	else if (errno == EAGAIN || errno == EACCES)
		rc = refuse(f, path, err);
	else
		rc = tr_error_set(err, TR_EIO, "cannot lock '%s': %s", path,
			strerror(errno));
	if (rc != 0) {
		close(f);
		return rc;
	}
	*fd = f;
	return 0;
}
