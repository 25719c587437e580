/*
 * A child process of a test: a daemon of a cluster, or one run of a command.
 *
 *   struct process p;
 *   process_start(&p, &(struct process_spec){ .argv = argv, … });
 *   process_signal(&p, SIGSTOP); …
 *   process_kill(&p);                 nothing is left, also when it had ended
 *
 * It ends with the test program, however that ends. A zeroed struct is a
 * process that has never run; all verbs accept it.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_PROCESS_H
#define TR_TESTS_INTEGRATION_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	PROCESS_PATH_MAX = 256,
	PROCESS_RUNNING = -1,     /* process_wait: the time was over */
	PROCESS_SIGNALLED = 1000, /* plus the signal: how it ended */
};

struct process {
	pid_t pid;  /* 0: none */
	int status; /* of the last one that ended: exit code, or as above */
};

struct process_spec {
	const char *const *argv; /* ended by NULL */
	const char *const *env;  /* "NAME=value" over the test's own, or NULL */
	const char *out;         /* file, appended to */
	const char *err;         /* file, appended to; may be the same */
	const char *in;          /* a FIFO that it holds open itself, or NULL */
	const char *folder;      /* to run in, or NULL */
};

/* Fails the test when there is no such program. */
void process_start(struct process *p, const struct process_spec *spec);

bool process_is_running(struct process *p);

/* Nothing happens when it has ended. */
void process_signal(struct process *p, int signal);

/* Its status, or PROCESS_RUNNING after `ms`. */
int process_wait(struct process *p, uint64_t ms);

/* SIGKILL, and its end awaited. */
void process_kill(struct process *p);

/* SIGTERM; after `ms` SIGKILL. Its status. */
int process_end(struct process *p, uint64_t ms);

/* Pids of its children, of all its threads; at most `max`. Returns how many. */
size_t process_children(const struct process *p, pid_t *pids, size_t max);

/*
 * Waits until is(arg) is true, looking every few milliseconds. False when `ms`
 * are over.
 */
bool wait_until(bool (*is)(void *arg), void *arg, uint64_t ms);

#endif /* TR_TESTS_INTEGRATION_PROCESS_H */
