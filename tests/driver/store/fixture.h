/*
 * A store in a scratch folder, with the records a driver would write, one
 * line each. Records are applied at once, or gathered between fix_gather()
 * and fix_apply() and applied together.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_DRIVER_STORE_FIXTURE_H
#define TR_TESTS_DRIVER_STORE_FIXTURE_H

#include "driver/store/store.h"
#include "tests/common/kv/scratch.h"

enum {
	FIX_ITEMS = 4096
};

struct fix {
	char path[SCRATCH_PATH];
	char data[SCRATCH_PATH + 8];
	struct tr_store *store;
	struct tr_error err;
	bool is_gathering;
	struct tr_store_item items[FIX_ITEMS];
	size_t n;
	uint64_t map_bytes;
};

struct fix_row {
	const char *key; /* text; datum: bytes */
	const char *value;
};

/* A run as a commit names it. */
struct fix_run {
	uint32_t op;
	uint32_t lane;
	uint64_t attempt;
	const char *table; /* NULL: rows of an output */
	bool upsert;
	uint64_t records;
};

struct fix *fix_new(void);
void fix_free(struct fix *f);

/* Open and close the store; open asserts that it works. */
void fix_open(struct fix *f);
int fix_try_open(struct fix *f);
void fix_close(struct fix *f);

void fix_gather(struct fix *f);
int fix_apply(struct fix *f);

/* Each applies one item, or gathers it, and answers as tr_store_apply(). */
int fix_submit(struct fix *f, uint64_t job, const char *name);
int fix_submit_as(struct fix *f, uint64_t job, const char *name,
	const char *request, uint8_t artefact, const char *payload);
int fix_plan(struct fix *f, uint64_t job, uint64_t batch, uint64_t seed);
int fix_finish(struct fix *f, uint64_t job, uint64_t batch, uint32_t stage,
	uint32_t lane, uint64_t attempt);
int fix_unfinish(struct fix *f, uint64_t job, uint64_t batch, uint32_t stage,
	uint32_t lane);
int fix_commit(struct fix *f, uint64_t job, uint64_t batch,
	const struct fix_run *runs, size_t n_runs, size_t n_tasks);
int fix_end(struct fix *f, uint64_t job, Tranche__V1__JobState state);
int fix_log(struct fix *f, uint64_t job, uint64_t seq, const char *text);
int fix_remove(struct fix *f, uint64_t job);
int fix_rows(struct fix *f, struct tr_store_run run, const struct fix_row *rows,
	size_t n);
int fix_payload(
	struct fix *f, struct tr_store_run run, struct tr_slice payload);

/* An element as block chunks, appended to `out`. */
void fix_block(struct tr_buf *out, const struct fix_row *rows, size_t n);

/* Maintains until there is nothing to do. */
void fix_maintain(struct fix *f);

/* What a driver would be told, e.g. "submit 1, plan 1/1, finished 1/1/0/2". */
const char *fix_recover(struct fix *f);

/*
 * A page of a table (name) or output (op), e.g. "a=1 b=2" with " …" when there
 * is more, or the name of the error. `after` may be NULL; limit 0: all.
 */
const char *fix_scan(struct fix *f, uint64_t job, const char *name, uint32_t op,
	uint64_t batch, const char *prefix, const char *after, uint64_t limit);

/* The whole table. */
const char *fix_table(struct fix *f, uint64_t job, const char *name);

/* The value of a key, or the name of the error. */
const char *fix_get(
	struct fix *f, uint64_t job, const char *name, const char *key);

#endif /* TR_TESTS_DRIVER_STORE_FIXTURE_H */
