/*
 * Names, numbers and keys of everything stored: docs/journal.md, as code.
 *
 * Thread: plain values.
 */
#ifndef TR_DRIVER_STORE_LAYOUT_H
#define TR_DRIVER_STORE_LAYOUT_H

#include <stdint.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/kv/be.h"
#include "common/kv/kv.h"
#include "common/wire/msg.h"
#include "driver/store/store.h"

enum tr_cluster_db {
	TR_CLUSTER_META,      /* names below */
	TR_CLUSTER_JOBS,      /* job: JobStatus */
	TR_CLUSTER_SUBMITS,   /* job: JobSubmitted */
	TR_CLUSTER_REQUESTS,  /* request uuid: job */
	TR_CLUSTER_ARTEFACTS, /* SHA-256: bytes */
	TR_CLUSTER_USES,      /* SHA-256 · job: nothing */
	TR_CLUSTER_REMOVALS,  /* job whose folder is to go: nothing */
	TR_CLUSTER_DBS
};

enum tr_job_db {
	TR_JOB_META,     /* names below */
	TR_JOB_PLANS,    /* batch: BatchPlan */
	TR_JOB_FINISHED, /* batch · stage · lane: TaskFinished */
	TR_JOB_COMMITS,  /* batch: BatchCommitted without its tasks */
	TR_JOB_TASKS,    /* batch · stage · lane: TaskRow */
	TR_JOB_LOGS,     /* number: StoredLogLine */
	TR_JOB_RUNS,    /* batch · operator · lane · attempt: a run not named
			   by a commit (driver/store/run.h) */
	TR_JOB_VIEWS,   /* kind · name · 0 · batch (driver/store/view.h) */
	TR_JOB_GARBAGE, /* run: nothing */
	TR_JOB_ROWS,    /* run · key, by common/kv/longkey.h */
	TR_JOB_DBS
};

extern const struct tr_kv_schema tr_store_cluster_schema;
extern const struct tr_kv_schema tr_store_job_schema;

/* Meta of both environments: the term of its last writer. */
#define TR_META_TERM "term"

/* Meta of the cluster. */
#define TR_META_CLUSTER_ID "cluster_id"
#define TR_META_LAST_JOB   "last_job"

/* Meta of a job. */
#define TR_META_JOB_UUID    "job_uuid"
#define TR_META_LAST_BATCH  "last_batch"
#define TR_META_LAST_RUN    "last_run"
#define TR_META_LOG_SEQ     "log_seq"
#define TR_META_LOG_LINES   "log_lines"
#define TR_META_LOG_DROPPED "log_dropped"
#define TR_META_END         "end" /* JobEnded without its tasks */

enum {
	TR_KEY64 = 8,
	TR_TASK_KEY = 16,
	TR_RUN_KEY = 24,
	TR_USE_KEY = TR_STORE_ARTEFACT_ID + TR_KEY64
};

static inline struct tr_slice tr_key64(uint8_t out[TR_KEY64], uint64_t v)
{
	tr_be_put64(out, v);
	return tr_slice_of(out, TR_KEY64);
}

static inline struct tr_slice tr_task_key(
	uint8_t out[TR_TASK_KEY], uint64_t batch, uint32_t stage, uint32_t lane)
{
	tr_be_put32(tr_be_put32(tr_be_put64(out, batch), stage), lane);
	return tr_slice_of(out, TR_TASK_KEY);
}

/* A job's use of an artefact. */
static inline struct tr_slice tr_use_key(
	uint8_t out[TR_USE_KEY], struct tr_slice sha256, uint64_t job)
{
	memcpy(out, sha256.p, TR_STORE_ARTEFACT_ID);
	tr_be_put64(out + TR_STORE_ARTEFACT_ID, job);
	return tr_slice_of(out, TR_USE_KEY);
}

/* A number of the meta database; 0 when it is not there. */
int tr_meta_get64(struct tr_kv_txn *txn, unsigned db, const char *name,
	uint64_t *v, struct tr_error *err) TR_MUST_USE;
int tr_meta_put64(struct tr_kv_txn *txn, unsigned db, const char *name,
	uint64_t v, struct tr_error *err) TR_MUST_USE;

/* Packs a message into `buf`, which is emptied first, and puts it. */
int tr_store_put_msg(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const void *msg, struct tr_buf *buf, struct tr_error *err) TR_MUST_USE;

/*
 * A message of a row that passed its checksum; TR_ECORRUPT when it is none.
 * Free with tr_msg_free(). No budget: what apply() could pack must come back.
 */
int tr_store_unpack(const ProtobufCMessageDescriptor *type,
	struct tr_slice bytes, void **msg, struct tr_error *err) TR_MUST_USE;

/* tr_kv_get() and tr_store_unpack(). */
int tr_store_get_msg(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const ProtobufCMessageDescriptor *type, void **msg,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_STORE_LAYOUT_H */
