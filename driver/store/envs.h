/*
 * The environments of jobs that are open: at most TR_STORE_ENVS_OPEN_MAX that
 * nobody uses, the least recently used closed first.
 *
 * Borrow one, use it for one call, give it back. An environment is opened once
 * per process (LMDB's rule), so everybody borrows here.
 *
 * Thread: any; a mutex inside. Opening one happens under it.
 */
#ifndef TR_DRIVER_STORE_ENVS_H
#define TR_DRIVER_STORE_ENVS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kv/kv.h"

struct tr_env {
	uint64_t job;
	struct tr_kv *kv;
	unsigned borrowers;
	uint64_t used; /* turn of the last borrowing */
	bool is_ours;  /* has this driver's term; the store thread's */
};

struct tr_envs {
	pthread_mutex_t lock;
	const char *data; /* the data folder; the store's */
	uint64_t map_bytes;
	struct tr_env **open;
	size_t n;
	size_t cap;
	uint64_t turn;
};

void tr_envs_init(struct tr_envs *e, const char *data, uint64_t map_bytes);

/* Nothing may be borrowed. Accepts a zeroed struct. */
void tr_envs_fini(struct tr_envs *e);

/* With `make`, makes what is missing; else TR_ENOTFOUND. */
int tr_envs_borrow(struct tr_envs *e, uint64_t job, bool make,
	struct tr_env **out, struct tr_error *err) TR_MUST_USE;
void tr_envs_return(struct tr_envs *e, struct tr_env *env);

/* Closes and deletes; TR_EAGAIN without text while somebody borrows it. */
int tr_envs_remove(
	struct tr_envs *e, uint64_t job, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_ENVS_H */
