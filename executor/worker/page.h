/*
 * The page that a worker shares with the executor that watches it: a small
 * file mapped by both, so that progress needs no message and the place of a
 * crash, an endless loop or a kill is known although the worker cannot speak.
 *
 * The executor creates it before it starts the worker, as a file in memory
 * that cannot change its size, so that neither a full disk nor a worker gone
 * wild can take the page from under it. The worker gets its descriptor, maps
 * the path that WorkerInit names and writes; the executor reads whenever it
 * likes. There is no lock: fields are read one by one, so that a reading may
 * mix two batches. That is good enough to tell progress from none, and once
 * the worker is dead nothing changes any more.
 *
 * Thread: one writer (the worker's only thread), any readers.
 */
#ifndef TR_EXECUTOR_WORKER_PAGE_H
#define TR_EXECUTOR_WORKER_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "executor/lua/lua.h"

enum tr_page_state {
	TR_PAGE_IDLE = 0,    /* no task */
	TR_PAGE_LOADING = 1, /* the job's program runs its top level */
	TR_PAGE_READING = 2, /* waits for records or blocks */
	TR_PAGE_RUNNING = 3, /* in an operator */
	TR_PAGE_WRITING = 4, /* puts out blocks and results */
};

#define TR_PAGE_NO_OPERATOR UINT32_MAX

/* Both sides are of one build: the executor starts its own worker binary. */
struct tr_page {
	_Atomic uint32_t state; /* enum tr_page_state */
	_Atomic uint32_t op;    /* at work, TR_PAGE_NO_OPERATOR: none */
	_Atomic uint64_t beat;  /* grows with every step forward */
	_Atomic uint64_t attempt;
	_Atomic uint64_t records; /* taken from the range or the blocks */
	_Atomic uint64_t bytes;
	_Atomic int64_t position; /* map: read up to here, -1: reduce */
	_Atomic int64_t first;    /* offsets of the batch at hand, -1: none */
	_Atomic int64_t last;
	_Atomic uint32_t partition;
	char topic[TR_TOPIC_NAME_MAX + 1]; /* empty: no range */
	struct tr_lua_position user;       /* user code's element */
};

/*
 * Creates the file and maps it; for the executor. *fd is the caller's to hand
 * on and close. TR_EIO.
 */
int tr_page_create(
	int *fd, struct tr_page **out, struct tr_error *err) TR_MUST_USE;

/* Maps what the executor created, at /proc/…/fd/N; for the worker. TR_EIO. */
int tr_page_map(const char *path, struct tr_page **out,
	struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. The file stays. */
void tr_page_unmap(struct tr_page *p);

/* A task begins; topic is NULL for a reduce task. */
void tr_page_begin(struct tr_page *p, uint64_t attempt, const char *topic,
	uint32_t partition, int64_t from);

static inline void tr_page_beat(struct tr_page *p)
{
	atomic_fetch_add_explicit(&p->beat, 1, memory_order_relaxed);
}

static inline void tr_page_set_state(
	struct tr_page *p, enum tr_page_state state)
{
	atomic_store_explicit(&p->state, state, memory_order_relaxed);
	tr_page_beat(p);
}

/* What a page says, in one struct. */
struct tr_page_view {
	enum tr_page_state state;
	uint32_t op;       /* operator id, TR_PAGE_NO_OPERATOR: none */
	uint64_t progress; /* another value than last time: it moves */
	uint64_t attempt;
	uint64_t records;
	uint64_t bytes;
	int64_t position;
	/* "topic-partition@offset", or "topic-partition@first..last" where only
	 * the batch is known; empty where there is no range or no batch. */
	char at[TR_TOPIC_NAME_MAX + 64];
};

void tr_page_read(const struct tr_page *p, struct tr_page_view *out);

#endif /* TR_EXECUTOR_WORKER_PAGE_H */
