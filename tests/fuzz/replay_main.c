/*
 * Runs a fuzz target over the files of its corpus once, as an ordinary test:
 * `fuzz_<name> FILE|FOLDER...`. Each input is a copy of its exact size, so
 * that a sanitizer sees a read beyond it. Exits with 1 when there is no input
 * at all, because then nothing was tested.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/bounds.h"
#include "common/base/check.h"
#include "common/base/xalloc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *path)
{
	fprintf(stderr, "cannot read '%s': %s\n", path, strerror(errno));
	exit(1);
}

static unsigned replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	if (!file || fstat(fileno(file), &st) != 0)
		fail(path);
	tr_assert((uint64_t)st.st_size <= TR_FRAME_MAX);
	size_t n = (size_t)st.st_size;
	uint8_t *input = tr_xmalloc(n);
	if (fread(input, 1, n, file) != n)
		fail(path);
	fclose(file);
	LLVMFuzzerTestOneInput(input, n);
	tr_xfree(input);
	return 1;
}

static unsigned replay_folder(const char *path)
{
	unsigned inputs = 0;
	DIR *folder = opendir(path);
	if (!folder)
		fail(path);
	for (struct dirent *e = readdir(folder); e; e = readdir(folder)) {
		char file[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		inputs += replay_file(file);
	}
	closedir(folder);
	return inputs;
}

int main(int argc, char **argv)
{
	unsigned inputs = 0;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) != 0)
			fail(argv[i]);
		inputs += S_ISDIR(st.st_mode) ? replay_folder(argv[i])
					      : replay_file(argv[i]);
	}
	printf("%u inputs\n", inputs);
	return inputs > 0 ? 0 : 1;
}
