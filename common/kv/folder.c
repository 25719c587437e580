#include "common/kv/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/xalloc.h"

bool tr_folder_is_network(long fs_type)
{
	/* statfs(2). FUSE is not listed: it may be local, and cannot be told
	 * apart from here. */
	static const unsigned long network[] = {
		0x6969,     /* nfs */
		0x517b,     /* smb */
		0xff534d42, /* cifs */
		0xfe534d42, /* smb2 */
		0x01021997, /* 9p */
		0x5346414f, /* afs */
		0x73757245, /* coda */
		0x00c36400, /* ceph */
		0x0bd00bd0, /* lustre */
		0x01161970, /* gfs2 */
		0x564c,     /* ncp */
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(network); i++)
		if (((unsigned long)fs_type & 0xffffffffUL) == network[i])
			return true;
	return false;
}

int tr_folder_sync(const char *path, struct tr_error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return tr_error_set(err, TR_EIO, "cannot open folder '%s': %s",
			path, strerror(errno));
	int rc = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	if (rc != 0)
		return tr_error_set(err, rc == ENOSPC ? TR_EFULL : TR_EIO,
			"cannot sync folder '%s': %s", path, strerror(rc));
	return 0;
}

int tr_folder_sync_parent(const char *path, struct tr_error *err)
{
	char *copy = tr_xstrdup(path);
	int rc = tr_folder_sync(dirname(copy), err);
	free(copy);
	return rc;
}

static int check_filesystem(const char *path, struct tr_error *err)
{
	struct statfs fs;
	if (statfs(path, &fs) != 0)
		return tr_error_set(err, TR_EIO, "cannot examine '%s': %s",
			path, strerror(errno));
	if (tr_folder_is_network(fs.f_type))
		return tr_error_set(err, TR_EINVAL,
			"'%s' is on a network filesystem (type 0x%lx): put it "
			"on a local disk",
			path, (unsigned long)fs.f_type);
	return 0;
}

int tr_folder_make(const char *path, struct tr_error *err)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return tr_error_set(err, errno == ENOSPC ? TR_EFULL : TR_EIO,
			"cannot make folder '%s': %s", path, strerror(errno));
	struct stat st;
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return tr_error_set(
			err, TR_EINVAL, "'%s' is not a folder", path);
	return check_filesystem(path, err);
}
