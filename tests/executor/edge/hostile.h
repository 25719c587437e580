/*
 * What a worker might do once its user code has taken it over. Orders to the
 * test's worker, beside those of worker_main.c:
 *
 *   log-lines   sends more log lines than a task may
 *   log-line    sends one that is too long
 *   borrowed    a chunk, a line and a report under other ids than its own
 *   swollen     a report as large as a frame takes
 *   log-place   a log line with a position of megabytes
 *   garbage     bytes that are no frame
 *   half        a frame's header, and nothing more
 *   flood       chunks without end
 *   fork        ends, and leaves a child that goes on writing
 *   shrink      shortens its progress page
 *   fifo        a FIFO in place of its block file
 *   deep        folders in its own, more than anybody can open
 *   environment logs its environment
 *   pause       writes its number to the gate, waits for SIGUSR1, is done
 *   pause       writes its number to the gate, waits for SIGUSR1, is done
 */
#ifndef TR_TESTS_EXECUTOR_EDGE_HOSTILE_H
#define TR_TESTS_EXECUTOR_EDGE_HOSTILE_H

#include <stdbool.h>

#include "common/wire/kinds.h"
#include "common/wire/msg.h"

struct hostile {
	const char *gate;   /* path of a file that the test looks at */
	const char *folder; /* the worker's own */
	const char *block_path;
	void (*say)(
		enum tr_kind kind, const void *msg, struct tr_slice payload);
};

/* False: no such order. May not return. */
bool hostile_obey(const struct hostile *h, const char *order);

#endif /* TR_TESTS_EXECUTOR_EDGE_HOSTILE_H */
