/*
 * The other end of a real worker process: starts the binary, sends it frames
 * and reads its answers, as an executor does.
 *
 *	peer_start(&p)
 *	peer_init(&p, &init, script)
 *	peer_task(&p, &task)            WorkerTask with this attempt's envelope
 *	answer = peer_answer(&p)        reads up to WorkerDone
 *	peer_stop(&p)
 *
 * Every call fails the test when the worker does not behave.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_EXECUTOR_WORKER_PEER_H
#define TR_TESTS_EXECUTOR_WORKER_PEER_H

#include <sys/types.h>

#include "common/base/buf.h"
#include "common/wire/framefd.h"
#include "common/wire/msg.h"
#include "executor/worker/page.h"

enum {
	PEER_PATH = 256,
	PEER_MS = 30000 /* longest wait for a frame */
};

struct peer {
	pid_t pid;
	int fd;
	struct tr_framefd in;
	char folder[PEER_PATH]; /* of this peer's files */
	char page_path[PEER_PATH];
	struct tr_page *page;

	/* What came before the last WorkerDone. */
	struct tr_buf rows; /* chunks of all results */
	uint64_t rows_n;    /* as the chunks say */
	struct tr_buf log;  /* "operator position text\n" each */
	uint64_t log_dropped;
};

void peer_start(struct peer *p);

/* Closes the connection; the worker's wait status. */
int peer_stop(struct peer *p);

/* Adds the page and sends it. */
void peer_init(
	struct peer *p, Tranche__V1__WorkerInit *init, const char *script);
void peer_task(struct peer *p, Tranche__V1__WorkerTask *task);

/* Free with tr_msg_free. */
Tranche__V1__WorkerPlan *peer_plan(struct peer *p);
Tranche__V1__WorkerDone *peer_done(struct peer *p);

#endif /* TR_TESTS_EXECUTOR_WORKER_PEER_H */
