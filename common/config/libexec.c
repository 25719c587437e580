#include "common/config/libexec.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running binary; "." when the system does not tell. */
static void own_folder(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	if (n > 0) {
		out[n] = '\0';
		char *slash = strrchr(out, '/');
		if (slash) {
			*slash = '\0';
			return;
		}
	}
	snprintf(out, size, ".");
}

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

int tr_libexec_find(const char *name, const char *configured, char *out,
	size_t size, struct tr_error *err)
{
	if (configured) {
		if (!is_program(configured))
			return tr_error_set(err, TR_ENOTFOUND,
				"'%s' is not a program that can be run",
				configured);
		snprintf(out, size, "%s", configured);
		return 0;
	}
	static const char *const places[] = { "", "/../libexec/tranche" };
	char dir[PATH_MAX];
	own_folder(dir, sizeof(dir));
	for (size_t i = 0; i < TR_ARRAY_LEN(places); i++) {
		char path[PATH_MAX * 2];
		snprintf(path, sizeof(path), "%s%s/%s", dir, places[i], name);
		if (strlen(path) < size && is_program(path)) {
			memcpy(out, path, strlen(path) + 1);
			return 0;
		}
	}
	return tr_error_set(err, TR_ENOTFOUND,
		"no program '%s' in '%s' or '%s%s': set option 'worker'", name,
		dir, dir, places[1]);
}
