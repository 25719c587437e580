#include "executor/edge/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/check.h"

int tr_spool_error(struct tr_error *err, const char *what, const char *path)
{
	bool full = errno == ENOSPC || errno == EDQUOT;
	return tr_error_set(err, full ? TR_EFULL : TR_EIO, "cannot %s '%s': %s",
		what, path, strerror(errno));
}

/*
 * Everything below the folder open at fd, which it closes. What lies deeper
 * than anything of ours stays: each level costs a descriptor and some stack.
 */
static void empty_folder(int fd, uint32_t depth)
{
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, e->d_name, 0) == 0 ||
			depth == TR_SPOOL_DEPTH_MAX)
			continue;
		int sub = openat(fd, e->d_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		empty_folder(sub, depth + 1);
		unlinkat(fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

static void remove_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	empty_folder(fd, 0);
	rmdir(path);
}

static int make_folder(const char *path, struct tr_error *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return tr_spool_error(err, "make folder", path);
}

/* Folders of earlier processes are named as ours is: 32 hexadecimal digits. */
static bool is_instance(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

static void remove_stale(const char *root)
{
	DIR *d = opendir(root);
	if (!d)
		return;
	char path[TR_SPOOL_PATH_MAX];
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (is_instance(e->d_name)) {
			snprintf(path, sizeof(path), "%s/%s", root, e->d_name);
			remove_folder(path);
		}
	closedir(d);
}

static int take_lock(const char *root, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	snprintf(path, sizeof(path), "%s/lock", root);
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return tr_spool_error(err, "open", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	int rc = errno == EWOULDBLOCK
			 ? tr_error_set(err, TR_EEXIST,
				   "another executor uses '%s': give each "
				   "its own spool_dir",
				   root)
			 : tr_spool_error(err, "lock", path);
	close(fd);
	return rc;
}

int tr_spool_open(struct tr_spool *s, const char *root, const char *instance,
	struct tr_error *err)
{
	s->lock = -1;
	tr_assert(is_instance(instance));
	int n = snprintf(s->dir, sizeof(s->dir), "%s/%s", root, instance);
	if (n < 0 || (size_t)n >= sizeof(s->dir))
		return tr_error_set(err, TR_ELIMIT,
			"spool_dir '%s' is too long a path", root);
	int rc = make_folder(root, err);
	if (rc != 0)
		return rc;
	int lock = take_lock(root, err);
	if (lock < 0)
		return lock;
	remove_stale(root);
	rc = make_folder(s->dir, err);
	char path[TR_SPOOL_PATH_MAX];
	snprintf(path, sizeof(path), "%s/artefacts", s->dir);
	if (rc == 0)
		rc = make_folder(path, err);
	if (rc != 0) {
		close(lock);
		return rc;
	}
	s->lock = lock;
	return 0;
}

void tr_spool_close(struct tr_spool *s)
{
	if (s->lock < 0)
		return;
	remove_folder(s->dir);
	close(s->lock);
	s->lock = -1;
}

const char *tr_spool_path(const struct tr_spool *s,
	const struct tr_executor_ref *ref, enum tr_spool_file file,
	char out[TR_SPOOL_PATH_MAX])
{
	static const char *const ends[] = {
		[TR_SPOOL_BLOCKS] = "blocks",
		[TR_SPOOL_OUTBOX] = "out",
		[TR_SPOOL_INPUT] = "in",
	};
	snprintf(out, TR_SPOOL_PATH_MAX,
		"%s/j%" PRIu64 "/b%" PRIu64 "-s%u-l%u-a%" PRIu64 ".%s", s->dir,
		ref->job.v, ref->batch, ref->lane.stage, ref->lane.lane,
		ref->attempt.v, ends[file]);
	return out;
}

const char *tr_spool_artefact(const struct tr_spool *s,
	const uint8_t digest[TR_SHA256_SIZE], char out[TR_SPOOL_PATH_MAX])
{
	char hex[TR_SHA256_HEX_SIZE];
	snprintf(out, TR_SPOOL_PATH_MAX, "%s/artefacts/%s", s->dir,
		tr_sha256_hex(digest, hex));
	return out;
}

static const char *job_path(const struct tr_spool *s, struct tr_job_id job,
	char out[TR_SPOOL_PATH_MAX])
{
	snprintf(out, TR_SPOOL_PATH_MAX, "%s/j%" PRIu64, s->dir, job.v);
	return out;
}

const char *tr_spool_worker(const struct tr_spool *s, struct tr_worker_id w,
	char out[TR_SPOOL_PATH_MAX])
{
	snprintf(out, TR_SPOOL_PATH_MAX, "%s/w%" PRIu64, s->dir, w.v);
	return out;
}

int tr_spool_make_job(
	const struct tr_spool *s, struct tr_job_id job, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	return make_folder(job_path(s, job, path), err);
}

int tr_spool_make_worker(
	const struct tr_spool *s, struct tr_worker_id w, struct tr_error *err)
{
	char path[TR_SPOOL_PATH_MAX];
	return make_folder(tr_spool_worker(s, w, path), err);
}

void tr_spool_remove_job(const struct tr_spool *s, struct tr_job_id job)
{
	char path[TR_SPOOL_PATH_MAX];
	remove_folder(job_path(s, job, path));
}

void tr_spool_remove_worker(const struct tr_spool *s, struct tr_worker_id w)
{
	char path[TR_SPOOL_PATH_MAX];
	remove_folder(tr_spool_worker(s, w, path));
}

void tr_spool_remove_task(
	const struct tr_spool *s, const struct tr_executor_ref *ref)
{
	char path[TR_SPOOL_PATH_MAX];
	unlink(tr_spool_path(s, ref, TR_SPOOL_BLOCKS, path));
	unlink(tr_spool_path(s, ref, TR_SPOOL_OUTBOX, path));
	unlink(tr_spool_path(s, ref, TR_SPOOL_INPUT, path));
}
