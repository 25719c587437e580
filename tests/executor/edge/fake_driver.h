/*
 * The driver's end of the cluster protocol for tests: a real listener that
 * greets, registers, hands out an artefact and beats by itself, and keeps
 * everything else that comes for the test to look at.
 *
 * Also an executor process under test, with a folder of its own.
 */
#ifndef TR_TESTS_EXECUTOR_EDGE_FAKE_DRIVER_H
#define TR_TESTS_EXECUTOR_EDGE_FAKE_DRIVER_H

#include <sys/types.h>

#include "common/mailbox/mailbox.h"
#include "common/net/net.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"

enum {
	FAKE_MEMBERS = 4,
	FAKE_JOB = 7,
	FAKE_DEADLINE_MS = 20000
};

/* A frame that came, in order. */
struct seen {
	struct seen *next;
	struct tr_conn_id conn;
	uint8_t kind;
	void *msg; /* unpacked; NULL: of a kind nobody looks at */
	uint8_t *payload;
	size_t payload_n;
	bool taken; /* a wait has returned it */
};

struct fake_member {
	struct tr_conn_id conn;
	char name[32];
	char block_url[TR_NET_URL_MAX];
};

struct fake {
	struct tr_mailbox *mailbox;
	struct tr_net *net;
	char url[TR_NET_URL_MAX];
	uint64_t term;
	uint32_t lease_ms;
	bool mute;            /* no heartbeats */
	bool no_greeting;     /* Hello is not answered */
	bool refuse;          /* Hello is refused */
	bool flood;           /* frames are counted, not kept */
	const char *cluster;  /* id; NULL: none is told */
	const char *property; /* "name=value" of the job's Kafka settings */
	const char *artefact;
	uint64_t drop; /* attempt to drop at registration */
	bool late;     /* Register is answered by fake_send_registered() */
	uint64_t idle_beats; /* heartbeats that told of nothing running */
	uint64_t hellos, registers, drains, chunks;
	uint32_t chunk_expected; /* flood: seq of the next chunk */
	bool chunk_disorder;
	struct fake_member members[FAKE_MEMBERS];
	struct seen *seen, **seen_end;
	struct tr_conn_id dialled; /* by the test, and up */
	uint64_t beat_ms;
};

void fake_start(struct fake *f);
/* The same with mutual TLS. */
void fake_start_tls(struct fake *f, const struct tr_tls_opts *tls);
void fake_stop(struct fake *f);

/* Takes what has come, waiting at most `ms` for it. */
void fake_turn(struct fake *f, int ms);

/* The member registered under that name; waits for it. */
struct fake_member *fake_member(struct fake *f, const char *name);

/* The next frame of that kind and attempt (0: any) not returned yet. */
struct seen *fake_wait(struct fake *f, enum tr_kind kind, uint64_t attempt);
/* The same without waiting, or NULL. */
struct seen *fake_peek(struct fake *f, enum tr_kind kind, uint64_t attempt);

void fake_send(struct fake *f, const struct fake_member *to, enum tr_kind kind,
	const void *msg);
void fake_send_registered(struct fake *f, const struct fake_member *to);
void fake_send_job(struct fake *f, const struct fake_member *to);
/* A map task; `topic` is an order to the test's worker. */
void fake_send_task(struct fake *f, const struct fake_member *to,
	uint64_t attempt, const char *topic, int64_t until);
/* A reduce task over blocks of attempt `from[i]` at `urls[i]`. */
void fake_send_reduce(struct fake *f, const struct fake_member *to,
	uint64_t attempt, const char *const *urls, const uint64_t *from,
	const uint64_t *sizes, size_t n);
void fake_send_kill(
	struct fake *f, const struct fake_member *to, uint64_t attempt);
void fake_send_job_end(struct fake *f, const struct fake_member *to);

/* ---- the process under test ---- */

struct process {
	pid_t pid;
	char name[32];
	char dir[64]; /* holds t (the token) and spool/ */
};

void process_make_dir(struct process *p, const char *name);
/* `sets` are further --set arguments, NULL-terminated; may be NULL. */
void process_start(
	struct process *p, const char *driver, const char *const *sets);
/* Waits for its end; the exit status, or -signal. */
int process_wait(struct process *p);
/* Kills it if it runs, and removes its folder. */
void process_remove(struct process *p);
/* Anonymous memory, in bytes. */
uint64_t process_memory(const struct process *p);

#endif /* TR_TESTS_EXECUTOR_EDGE_FAKE_DRIVER_H */
