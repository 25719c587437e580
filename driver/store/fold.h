/*
 * Folding the layers of an upsert table into one run, step by step.
 *
 * The target is a run like others, listed as garbage until the last step puts
 * it into the view; a crash or a change of mind leaves nothing else behind.
 * One table is folded at a time.
 *
 * Thread: the store thread.
 */
#ifndef TR_DRIVER_STORE_FOLD_H
#define TR_DRIVER_STORE_FOLD_H

#include "common/base/buf.h"
#include "driver/store/run.h"
#include "driver/store/view.h"

struct tr_store;

struct tr_fold {
	uint64_t job; /* 0: none under way */
	struct tr_view_name name;
	struct tr_view sources; /* as it was at the start */
	struct tr_run target;
	struct tr_buf after; /* the last key that was copied */
	bool has_after;
	struct tr_buf rows; /* of one step */
};

/* Frees what it holds; the target stays garbage. */
void tr_fold_stop(struct tr_fold *f);

/*
 * Starts with a table of the job that has more than `layers_max` layers.
 * *found says whether there is one.
 */
int tr_fold_start(struct tr_store *s, uint64_t job, uint32_t layers_max,
	bool *found, struct tr_error *err) TR_MUST_USE;

/* One step of the fold under way, which ends with the last. */
int tr_fold_step(struct tr_store *s, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_FOLD_H */
