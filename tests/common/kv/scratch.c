#include "tests/common/kv/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/rng.h"
#include "common/base/xalloc.h"

enum {
	PAGE = 4096,
	NOT_PERMITTED = 99
};

void scratch_make(char path[SCRATCH_PATH])
{
	const char *tmp = getenv("TMPDIR");
	snprintf(path, SCRATCH_PATH, "%s/tranche-test-XXXXXX",
		tmp && tmp[0] ? tmp : "/tmp");
	tr_assert(mkdtemp(path) != NULL);
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void scratch_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_file(const char *path, const char *name)
{
	static char files[4][SCRATCH_PATH];
	static unsigned turn;
	char *file = files[turn++ % 4];
	snprintf(file, SCRATCH_PATH, "%s/%s", path, name);
	return file;
}

int64_t scratch_size(const char *file)
{
	struct stat st;
	tr_assert(stat(file, &st) == 0);
	return st.st_size;
}

void scratch_truncate(const char *file, int64_t bytes)
{
	tr_assert(truncate(file, bytes) == 0);
}

unsigned scratch_flip(const char *file, const char *needle)
{
	size_t n = (size_t)scratch_size(file);
	size_t len = strlen(needle);
	uint8_t *bytes = tr_xmalloc(n);
	unsigned places = 0;
	int fd = open(file, O_RDWR | O_CLOEXEC);
	tr_assert(fd >= 0 && pread(fd, bytes, n, 0) == (ssize_t)n);
	for (size_t i = 0; i + len <= n; i++) {
		if (memcmp(bytes + i, needle, len) != 0)
			continue;
		for (size_t k = 0; k < len; k++)
			bytes[i + k] = (uint8_t)~bytes[i + k];
		places++;
	}
	tr_assert(pwrite(fd, bytes, n, 0) == (ssize_t)n);
	close(fd);
	free(bytes);
	return places;
}

void scratch_scramble(const char *file, unsigned first, unsigned n)
{
	struct tr_rng rng;
	tr_rng_init(&rng, first);
	int fd = open(file, O_RDWR | O_CLOEXEC);
	tr_assert(fd >= 0);
	for (unsigned page = first; page < first + n; page++) {
		uint64_t noise[PAGE / 8];
		for (size_t i = 0; i < TR_ARRAY_LEN(noise); i++)
			noise[i] = tr_rng_next(&rng);
		tr_assert(pwrite(fd, noise, PAGE, (off_t)page * PAGE) == PAGE);
	}
	close(fd);
}

int scratch_run(void (*fn)(void *arg), void *arg, const char *failpoint)
{
	int status;
	fflush(NULL);
	pid_t pid = fork();
	tr_assert(pid >= 0);
	if (pid == 0) {
#ifdef TR_FAILPOINTS
		tr_failpoint_reset();
#endif
		if (failpoint)
			setenv("TRANCHE_FAILPOINT", failpoint, 1);
		fn(arg);
		_exit(0);
	}
	tr_assert(waitpid(pid, &status, 0) == pid);
	return status;
}

struct small {
	void (*fn)(void *arg);
	void *arg;
	const char *path;
	unsigned kib;
};

static void mount_and_run(void *arg)
{
	const struct small *s = arg;
	char options[64];
	snprintf(options, sizeof(options), "size=%uk", s->kib);
	if (unshare(CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
		mount("tmpfs", s->path, "tmpfs", 0, options) != 0)
		_exit(NOT_PERMITTED);
	s->fn(s->arg);
}

bool scratch_run_small(void (*fn)(void *arg), void *arg, const char *path,
	unsigned kib, int *status)
{
	struct small s = { .fn = fn, .arg = arg, .path = path, .kib = kib };
	*status = scratch_run(mount_and_run, &s, NULL);
	return !WIFEXITED(*status) || WEXITSTATUS(*status) != NOT_PERMITTED;
}
