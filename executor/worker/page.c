#include "executor/worker/page.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int map(int fd, struct tr_page **out, struct tr_error *err)
{
	void *p = mmap(NULL, sizeof(struct tr_page), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return tr_error_set(err, TR_EIO,
			"cannot map a progress page: %s", strerror(errno));
	*out = p;
	return 0;
}

static void clear(struct tr_page *p)
{
	atomic_store(&p->op, TR_PAGE_NO_OPERATOR);
	atomic_store(&p->records, 0);
	atomic_store(&p->bytes, 0);
	atomic_store(&p->first, -1);
	atomic_store(&p->last, -1);
	p->user.op = TR_PAGE_NO_OPERATOR;
	p->user.index = 0;
	p->user.offset = -1;
}

static int make_file(struct tr_error *err)
{
	int fd = memfd_create("tranche-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && ftruncate(fd, sizeof(struct tr_page)) == 0 &&
		fcntl(fd, F_ADD_SEALS,
			F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	tr_error_set(err, TR_EIO, "cannot make a progress page: %s",
		strerror(errno));
	if (fd >= 0)
		close(fd);
	return TR_EIO;
}

int tr_page_create(int *fd, struct tr_page **out, struct tr_error *err)
{
	struct tr_page *p = NULL;
	int made = make_file(err);
	if (made < 0)
		return made;
	int rc = map(made, &p, err);
	if (rc != 0) {
		close(made);
		return rc;
	}
	clear(p);
	atomic_store(&p->position, -1);
	*fd = made;
	*out = p;
	return 0;
}

int tr_page_map(const char *path, struct tr_page **out, struct tr_error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return tr_error_set(err, TR_EIO,
			"cannot open progress page '%s': %s", path,
			strerror(errno));
	int rc = map(fd, out, err);
	close(fd);
	return rc;
}

void tr_page_unmap(struct tr_page *p)
{
	if (p)
		munmap(p, sizeof(*p));
}

void tr_page_begin(struct tr_page *p, uint64_t attempt, const char *topic,
	uint32_t partition, int64_t from)
{
	clear(p);
	snprintf(p->topic, sizeof(p->topic), "%s", topic ? topic : "");
	atomic_store(&p->partition, partition);
	atomic_store(&p->position, topic ? from : -1);
	atomic_store(&p->attempt, attempt);
	tr_page_beat(p);
}

static void describe_place(const struct tr_page *p, struct tr_page_view *out)
{
	char topic[sizeof(p->topic)];
	memcpy(topic, p->topic, sizeof(topic));
	topic[sizeof(topic) - 1] = '\0';
	int64_t first = atomic_load(&p->first), last = atomic_load(&p->last);
	int64_t exact = p->user.op != TR_PAGE_NO_OPERATOR ? p->user.offset : -1;
	out->at[0] = '\0';
	if (topic[0] == '\0')
		return;
	uint32_t partition = atomic_load(&p->partition);
	if (exact < 0 && first >= 0 && first == last)
		exact = first;
	if (exact >= 0)
		snprintf(out->at, sizeof(out->at), "%s-%u@%" PRId64, topic,
			partition, exact);
	else if (first >= 0)
		snprintf(out->at, sizeof(out->at),
			"%s-%u@%" PRId64 "..%" PRId64, topic, partition, first,
			last);
}

void tr_page_read(const struct tr_page *p, struct tr_page_view *out)
{
	uint32_t user_op = p->user.op;
	*out = (struct tr_page_view){
		.state = (enum tr_page_state)atomic_load(&p->state),
		.op = user_op != TR_PAGE_NO_OPERATOR ? user_op
						     : atomic_load(&p->op),
		.attempt = atomic_load(&p->attempt),
		.records = atomic_load(&p->records),
		.bytes = atomic_load(&p->bytes),
		.position = atomic_load(&p->position),
	};
	/* User code moves on by elements, everything else by beats. */
	out->progress = atomic_load(&p->beat) << 12;
	out->progress += p->user.index + ((uint64_t)p->user.offset << 20);
	describe_place(p, out);
}
