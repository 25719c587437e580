#include "executor/worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WRITE_BYTES = 256 << 10
};

void tr_spool_file_init(struct tr_spool_file *f, const char *path)
{
	*f = (struct tr_spool_file){ .path = path, .fd = -1 };
	tr_buf_init(&f->pending, WRITE_BYTES);
}

static int fail(const struct tr_spool_file *f, struct tr_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? TR_EFULL : TR_EIO;
	return tr_error_set(err, code, "cannot write block file '%s': %s",
		f->path, strerror(errno));
}

static int write_all(
	struct tr_spool_file *f, struct tr_slice bytes, struct tr_error *err)
{
	if (f->fd < 0)
		f->fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0600);
	if (f->fd < 0)
		return fail(f, err);
	while (bytes.n > 0) {
		ssize_t n = write(f->fd, bytes.p, bytes.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(f, err);
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
	return 0;
}

static int flush(struct tr_spool_file *f, struct tr_error *err)
{
	if (f->pending.len == 0)
		return 0;
	int rc =
		write_all(f, tr_slice_of(f->pending.data, f->pending.len), err);
	tr_buf_reset(&f->pending);
	return rc;
}

int tr_spool_file_write(
	struct tr_spool_file *f, struct tr_slice bytes, struct tr_error *err)
{
	int rc = 0;
	if (f->pending.len + bytes.n > WRITE_BYTES)
		rc = flush(f, err);
	if (rc != 0)
		return rc;
	if (bytes.n > WRITE_BYTES / 2)
		return write_all(f, bytes, err);
	rc = tr_buf_append(&f->pending, bytes.p, bytes.n);
	return rc == 0 ? 0 : tr_error_set(err, rc, "no memory to write blocks");
}

int tr_spool_file_finish(struct tr_spool_file *f, struct tr_error *err)
{
	int rc = flush(f, err);
	tr_buf_fini(&f->pending);
	int fd = f->fd;
	f->fd = -1;
	/* Network file systems and quotas may complain only now. */
	if (fd >= 0 && close(fd) != 0 && rc == 0)
		rc = fail(f, err);
	if (rc != 0)
		unlink(f->path);
	return rc;
}

void tr_spool_file_abandon(struct tr_spool_file *f)
{
	tr_buf_fini(&f->pending);
	if (f->fd < 0)
		return;
	close(f->fd);
	unlink(f->path);
	f->fd = -1;
}

static int open_part(
	const char *path, uint64_t offset, uint64_t len, struct tr_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tr_error_set(err, errno == ENOENT ? TR_ELOST : TR_EIO,
			"cannot open block file '%s': %s", path,
			strerror(errno));
	struct stat st;
	if (fstat(fd, &st) == 0 && offset <= (uint64_t)st.st_size &&
		len <= (uint64_t)st.st_size - offset)
		return fd;
	close(fd);
	return tr_error_set(err, TR_ELOST,
		"block file '%s' has no bytes %" PRIu64 " to %" PRIu64, path,
		offset, offset + len);
}

int tr_spool_region_open(struct tr_spool_region *r, const char *path,
	uint64_t offset, uint64_t len, struct tr_error *err)
{
	*r = (struct tr_spool_region){ .bytes = tr_slice_of(path, 0) };
	int fd = open_part(path, offset, len, err);
	if (fd < 0)
		return fd;
	if (len == 0) {
		close(fd);
		return 0;
	}
	uint64_t lead = offset % (uint64_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, lead + len, PROT_READ, MAP_PRIVATE, fd,
		(off_t)(offset - lead));
	close(fd);
	if (p == MAP_FAILED)
		return tr_error_set(err, TR_EIO,
			"cannot map block file '%s': %s", path,
			strerror(errno));
	r->map = p;
	r->map_len = lead + len;
	r->bytes = tr_slice_of((const uint8_t *)p + lead, len);
	return 0;
}

void tr_spool_region_close(struct tr_spool_region *r)
{
	if (r->map)
		munmap(r->map, r->map_len);
	r->map = NULL;
}
