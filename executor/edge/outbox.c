#include "executor/edge/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "executor/edge/spool.h"

void tr_outbox_init(struct tr_outbox *o)
{
	*o = (struct tr_outbox){ .fd = -1 };
}

void tr_outbox_fini(struct tr_outbox *o)
{
	tr_outbox_rest(o);
}

void tr_outbox_rest(struct tr_outbox *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

static int open_file(struct tr_outbox *o, const char *path)
{
	if (o->broken.code != 0)
		return o->broken.code;
	if (o->fd < 0)
		o->fd = open(path,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			0600);
	return o->fd < 0 ? tr_spool_error(&o->broken, "open", path) : 0;
}

static int write_all(struct tr_outbox *o, const char *path, const uint8_t *p,
	size_t n, uint64_t at)
{
	while (n) {
		ssize_t done = pwrite(o->fd, p, n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return tr_spool_error(&o->broken, "write", path);
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int append(
	struct tr_outbox *o, const char *path, const struct tr_frame *f)
{
	uint8_t header[TR_FRAME_HEADER_SIZE];
	int rc = open_file(o, path);
	if (rc == 0)
		rc = tr_frame_header(f, header);
	int injected = rc == 0 ? TR_FP("exe.outbox_append") : 0;
	if (injected != 0)
		return tr_error_set(
			&o->broken, injected, "failpoint exe.outbox_append");
	if (rc == TR_ELIMIT)
		return tr_error_set(&o->broken, TR_ELIMIT,
			"the report is larger than a message can be");
	uint64_t at = o->end;
	if (rc == 0)
		rc = write_all(o, path, header, sizeof(header), at);
	at += sizeof(header);
	if (rc == 0)
		rc = write_all(o, path, f->body.p, f->body.n, at);
	at += f->body.n;
	if (rc == 0)
		rc = write_all(o, path, f->payload.p, f->payload.n, at);
	at += f->payload.n;
	if (rc == 0)
		o->end = at;
	return rc;
}

void tr_outbox_append(
	struct tr_outbox *o, const char *path, const struct tr_frame *f)
{
	(void)append(o, path, f);
}

void tr_outbox_append_report(
	struct tr_outbox *o, const char *path, const struct tr_frame *f)
{
	uint64_t at = o->end;
	if (append(o, path, f) == 0)
		o->report_at = at;
	o->reported = true;
}

static int read_all(struct tr_outbox *o, const char *path, uint8_t *p, size_t n,
	uint64_t at)
{
	while (n) {
		ssize_t got = pread(o->fd, p, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return tr_spool_error(&o->broken, "read", path);
		if (got == 0)
			return tr_error_set(&o->broken, TR_ECORRUPT,
				"'%s' has become shorter", path);
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int read_frame(struct tr_outbox *o, const char *path, uint64_t at,
	struct tr_buf *buf, struct tr_frame *f)
{
	size_t have = 0, want = TR_FRAME_HEADER_SIZE;
	tr_buf_reset(buf);
	int rc = open_file(o, path);
	while (rc == 0) {
		rc = tr_buf_reserve(buf, want - have);
		if (rc != 0)
			return rc; /* memory: what is on disk is still whole */
		rc = read_all(
			o, path, buf->data + have, want - have, at + have);
		if (rc != 0)
			break;
		have = want;
		buf->len = have;
		rc = tr_frame_parse(buf->data, have, TR_FRAME_MAX, f, &want);
		if (rc == 0)
			return 0;
		if (rc == TR_EAGAIN)
			rc = 0;
		else
			rc = tr_error_set(&o->broken, TR_ECORRUPT,
				"'%s' is damaged at byte %llu", path,
				(unsigned long long)at);
	}
	return rc;
}

int tr_outbox_peek(struct tr_outbox *o, const char *path, struct tr_buf *buf,
	struct tr_frame *f)
{
	if (o->broken.code != 0)
		return o->broken.code;
	if (o->sent == o->end)
		return TR_EAGAIN;
	return read_frame(o, path, o->sent, buf, f);
}

void tr_outbox_advance(struct tr_outbox *o, const struct tr_frame *f)
{
	o->sent += tr_frame_size(f);
	if (o->sent_once < o->sent)
		o->sent_once = o->sent;
}

int tr_outbox_report(struct tr_outbox *o, const char *path, struct tr_buf *buf,
	struct tr_frame *f)
{
	if (!o->reported)
		return TR_ENOTFOUND;
	if (o->broken.code != 0)
		return o->broken.code;
	return read_frame(o, path, o->report_at, buf, f);
}

void tr_outbox_rewind(struct tr_outbox *o)
{
	o->sent = 0;
}

void tr_outbox_rewind_to_report(struct tr_outbox *o)
{
	if (o->reported && o->broken.code == 0)
		o->sent = o->report_at;
}
