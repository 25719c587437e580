/*
 * The receipt of a finished task as a message: what the reader and the stage's
 * execution say about it.
 *
 * Thread: the worker's only one.
 */
#ifndef TR_EXECUTOR_WORKER_RECEIPT_H
#define TR_EXECUTOR_WORKER_RECEIPT_H

#include "common/wire/msg.h"
#include "executor/op/exec.h"
#include "executor/reader/reader.h"

struct tr_receipt {
	struct tr_read_receipt read; /* library NULL: no range was read */
	uint64_t cpu_us;
	uint64_t wall_us;
	uint64_t read_wait_us;
};

/* Never NULL; free with tr_receipt_message_free. */
Tranche__V1__Receipt *tr_receipt_message(
	const struct tr_receipt *r, const struct tr_exec *x);
void tr_receipt_message_free(Tranche__V1__Receipt *m);

#endif /* TR_EXECUTOR_WORKER_RECEIPT_H */
