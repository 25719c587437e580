/*
 * One frame at a time over a file descriptor that blocks: the worker's end of
 * its socket pair, and tools. Network connections use common/net instead.
 *
 *   struct tr_framefd in;
 *   tr_framefd_init(&in, fd, TR_FRAME_MAX);
 *   while ((rc = tr_framefd_read(&in, &frame)) == 0)
 *           … tr_framefd_write(fd, &reply) …
 *   tr_framefd_fini(&in);
 *
 * Never reads beyond the frame it returns, so that poll() on the descriptor
 * tells the truth.
 *
 * Thread: one reader and one writer per descriptor; both block. Interrupted
 * calls go on. The descriptor stays the caller's.
 */
#ifndef TR_COMMON_WIRE_FRAMEFD_H
#define TR_COMMON_WIRE_FRAMEFD_H

#include <stdbool.h>

#include "common/base/buf.h"
#include "common/wire/frame.h"

struct tr_framefd {
	int fd;
	size_t frame_max;  /* header included */
	bool done;         /* buf holds the frame handed out last */
	struct tr_buf buf; /* keeps its memory between frames */
};

void tr_framefd_init(struct tr_framefd *in, int fd, size_t frame_max);
void tr_framefd_fini(struct tr_framefd *in);

/*
 * Waits for the next frame. *f borrows memory that is good until the next
 * call. TR_ECLOSED: the peer closed between two frames. TR_EPROTO: it closed
 * within one, or sent no frame. TR_EVERSION, TR_ELIMIT as tr_frame_parse.
 * TR_EAGAIN: the descriptor does not block, and the frame is not all there
 * yet; call again. TR_ENOMEM, TR_EIO.
 */
int tr_framefd_read(struct tr_framefd *in, struct tr_frame *f) TR_MUST_USE;

/*
 * Writes all of it, waiting as long as it takes. TR_ECLOSED: nobody reads any
 * more (no SIGPIPE is raised on sockets; on pipes the caller ignores it).
 * TR_ELIMIT: the frame is too large and nothing was written. TR_EIO.
 */
int tr_framefd_write(int fd, const struct tr_frame *f) TR_MUST_USE;

#endif /* TR_COMMON_WIRE_FRAMEFD_H */
