#include "tests/support/test.h"

#include "tests/driver/ctl/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void scratch_make(struct scratch *s)
{
	snprintf(s->dir, sizeof(s->dir), "/tmp/tr-ctl-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
}

void scratch_remove(struct scratch *s)
{
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf %s", s->dir);
	assert_int_equal(system(cmd), 0);
}

const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned at;
	char *path = paths[at++ % 4];
	snprintf(path, PATH_MAX, "%s/%s", s->dir, name);
	return path;
}

const char *scratch_file(
	const struct scratch *s, const char *name, const char *text)
{
	const char *path = scratch_path(s, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}
