#include "driver/store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tr_folder_cluster(char out[PATH_MAX], const char *data)
{
	snprintf(out, PATH_MAX, "%s/cluster", data);
	return out;
}

const char *tr_folder_jobs(char out[PATH_MAX], const char *data)
{
	snprintf(out, PATH_MAX, "%s/jobs", data);
	return out;
}

const char *tr_folder_job(char out[PATH_MAX], const char *data, uint64_t job)
{
	snprintf(out, PATH_MAX, "%s/jobs/%llu", data, (unsigned long long)job);
	return out;
}

/* Exactly the names that tr_folder_job() makes. */
static bool parse(const char *name, uint64_t *job)
{
	if (name[0] < '1' || name[0] > '9' ||
		strspn(name, "0123456789") != strlen(name))
		return false;
	errno = 0;
	*job = strtoull(name, NULL, 10);
	return errno == 0;
}

int tr_folder_each_job(
	const char *data, tr_folder_job_fn *fn, void *arg, struct tr_error *err)
{
	char path[PATH_MAX];
	DIR *d = opendir(tr_folder_jobs(path, data));
	if (!d && errno == ENOENT)
		return 0;
	if (!d)
		return tr_error_set(err, TR_EIO, "cannot read '%s': %s", path,
			strerror(errno));
	int rc = 0;
	struct dirent *entry;
	while (rc == 0 && (entry = readdir(d)) != NULL) {
		uint64_t job;
		if (parse(entry->d_name, &job))
			rc = fn(arg, job, err);
	}
	closedir(d);
	return rc;
}
