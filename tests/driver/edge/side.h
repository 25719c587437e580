/*
 * A driver process, and the other ends of its connections as a test plays
 * them: executors and clients that say what the test wants, true or not.
 *
 * Every call fails the running test when what it waits for does not come.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_DRIVER_EDGE_SIDE_H
#define TR_TESTS_DRIVER_EDGE_SIDE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/wire/framefd.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "tests/common/kv/scratch.h"

#define SIDE_EXECUTOR_TOKEN  "the-token-of-executors"
#define SIDE_SUBMITTER_TOKEN "the-token-of-submitters"

enum {
	SIDE_DEADLINE_MS = 20000
};

struct driver_process {
	char path[SCRATCH_PATH];
	pid_t pid;
	int port;
};

/* In a folder of its own. */
void driver_make(struct driver_process *d);

/* Starts it, again too, and waits until it listens. */
void driver_start(struct driver_process *d);
void driver_kill(struct driver_process *d);

/* SIGTERM; the milliseconds until it had ended with status 0. */
uint64_t driver_stop(struct driver_process *d);
void driver_remove(struct driver_process *d);

struct side {
	int fd;
	struct tr_framefd in;
	uint64_t term;         /* of the driver, once greeted */
	struct tr_frame frame; /* the last that wait or next gave */
};

void side_dial(struct side *s, const struct driver_process *d);
void side_hang_up(struct side *s);

void side_send(struct side *s, enum tr_kind kind, const void *msg);
void side_send_payload(struct side *s, enum tr_kind kind, const void *msg,
	struct tr_slice payload);

/* The next frame of that kind; others are passed over. Free the message. */
void *side_wait(struct side *s, enum tr_kind kind);

/* Whether a frame of that kind comes within `ms`; it is left where it is. */
bool side_is_silent(struct side *s, int ms);

/* The driver closes the connection. */
void side_wait_closed(struct side *s);

/* A Hello, and its answer: free the message. */
Tranche__V1__HelloReply *side_hello(struct side *s, Tranche__V1__Role role,
	const char *token, const char *name);

/* Dialled and greeted. */
void side_client(struct side *s, const struct driver_process *d);

/* Dialled, greeted and registered; the answer: free the message. */
Tranche__V1__RegisterReply *side_executor(struct side *s,
	const struct driver_process *d, const char *name,
	Tranche__V1__HeldTask **held, size_t n_held);

#endif /* TR_TESTS_DRIVER_EDGE_SIDE_H */
