/*
 * A thread that frees what NNG's callbacks may not free themselves: freeing an
 * aio waits for its callback, so a callback that did it would wait for itself.
 *
 * Objects embed a struct tr_reap and hand themselves over once nothing of the
 * library is pending on them.
 *
 * Thread: put from any; new and free from the owner. free does what is queued
 * first.
 */
#ifndef TR_COMMON_NET_REAPER_H
#define TR_COMMON_NET_REAPER_H

struct tr_reap {
	struct tr_reap *next;
	void (*run)(struct tr_reap *r); /* may put again, itself too */
};

struct tr_reaper;

struct tr_reaper *tr_reaper_new(void);
void tr_reaper_free(struct tr_reaper *rp);
void tr_reaper_put(struct tr_reaper *rp, struct tr_reap *r);

#endif /* TR_COMMON_NET_REAPER_H */
