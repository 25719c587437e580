#include "common/wire/framefd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/err.h"

void tr_framefd_init(struct tr_framefd *in, int fd, size_t frame_max)
{
	*in = (struct tr_framefd){ .fd = fd, .frame_max = frame_max };
	tr_buf_init(&in->buf, frame_max);
}

void tr_framefd_fini(struct tr_framefd *in)
{
	tr_buf_fini(&in->buf);
}

/* Reads until the buffer holds `want` bytes. */
static int fill(struct tr_framefd *in, size_t want)
{
	int rc = tr_buf_reserve(&in->buf, want - in->buf.len);
	if (rc != 0)
		return rc;
	while (in->buf.len < want) {
		ssize_t n = read(
			in->fd, in->buf.data + in->buf.len, want - in->buf.len);
		if (n > 0)
			in->buf.len += (size_t)n;
		else if (n == 0 || errno == ECONNRESET)
			return in->buf.len == 0 ? TR_ECLOSED : TR_EPROTO;
		else if (errno == EAGAIN)
			return TR_EAGAIN;
		else if (errno != EINTR)
			return TR_EIO;
	}
	return 0;
}

int tr_framefd_read(struct tr_framefd *in, struct tr_frame *f)
{
	if (in->done)
		tr_buf_reset(&in->buf);
	in->done = false;
	for (;;) {
		size_t size;
		int rc = tr_frame_parse(
			in->buf.data, in->buf.len, in->frame_max, f, &size);
		if (rc == 0)
			in->done = true;
		if (rc != TR_EAGAIN)
			return rc;
		rc = fill(in, size);
		if (rc != 0)
			return rc;
	}
}

static int wait_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return TR_EIO;
	return 0;
}

static ssize_t write_some(int fd, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent = sendmsg(fd, &msg, MSG_NOSIGNAL);
	if (sent < 0 && errno == ENOTSOCK)
		sent = writev(fd, iov, (int)n);
	return sent;
}

/* Drops `sent` bytes from the front of iov[at..n); returns the new at. */
static size_t advance(struct iovec *iov, size_t at, size_t n, size_t sent)
{
	while (at < n && sent >= iov[at].iov_len)
		sent -= iov[at++].iov_len;
	if (at < n) {
		iov[at].iov_base = (uint8_t *)iov[at].iov_base + sent;
		iov[at].iov_len -= sent;
	}
	return at;
}

/* iovec has no const; nothing is written through it here. */
static struct iovec iov_of(struct tr_slice s)
{
	union {
		const void *in;
		void *out;
	} p = { .in = s.p };
	return (struct iovec){ .iov_base = p.out, .iov_len = s.n };
}

int tr_framefd_write(int fd, const struct tr_frame *f)
{
	uint8_t header[TR_FRAME_HEADER_SIZE];
	int rc = tr_frame_header(f, header);
	if (rc != 0)
		return rc;
	struct iovec iov[3] = {
		{ .iov_base = header, .iov_len = sizeof(header) },
		iov_of(f->body),
		iov_of(f->payload),
	};
	size_t at = 0;
	while (at < 3) {
		ssize_t n = write_some(fd, iov + at, 3 - at);
		if (n >= 0)
			at = advance(iov, at, 3, (size_t)n);
		else if (errno == EPIPE || errno == ECONNRESET)
			return TR_ECLOSED;
		else if (errno == EAGAIN && wait_writable(fd) == 0)
			continue;
		else if (errno != EINTR)
			return TR_EIO;
	}
	return 0;
}
