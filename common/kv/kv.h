/*
 * A durable key-value environment: LMDB behind the few verbs the driver needs.
 *
 * An environment is one folder with a fixed set of named databases, numbered
 * by their place in the schema. Writes happen in tr_kv_update(), which calls a
 * function inside a write transaction and commits; reads in short read
 * transactions. Every value carries a CRC-32C of its key and itself, checked
 * at each read, so that damage to the file is an error and no wrong answer.
 *
 *	tr_kv_open(&kv, &opts, &err);
 *	tr_kv_update(kv, put_all, &args, &err);
 *	if (tr_kv_has_failed(kv))
 *		tr_kv_exit(&err);
 *	tr_kv_read(kv, &txn, &err); … tr_kv_get(&txn, DB, key, &v, &err) …
 *	tr_kv_abort(&txn);
 *	tr_kv_close(kv);
 *
 * What bites in LMDB 0.9.24, and what is done about it:
 * - Only the default, durable flags are used. None of NOSYNC, NOMETASYNC,
 *   WRITEMAP or NOLOCK: each loses commits or risks the file.
 * - MDB_MAP_FULL comes from a put and from commit alike. In both cases nothing
 *   was committed: the map is doubled while no transaction of this process is
 *   open, and the function is called again. It must be repeatable.
 * - Any other failure of a commit leaves the outcome unknown (a failed fsync
 *   may have marked pages clean). The environment refuses to write from then
 *   on, and the process must end without touching it: tr_kv_exit(). Opening
 *   it again decides what happened.
 * - Corruption is answered with SIGBUS or SIGSEGV: tr_kv_walk() is for a child
 *   process that finds out first.
 * - Network filesystems are refused: locks and shared maps do not hold there.
 *   One environment is opened once per process, and never kept over a fork.
 * - Transactions with more than 512 MB of dirty pages leak pages; the caller
 *   keeps them below TR_STORE_TXN_BYTES_MAX.
 *
 * Thread: updates from one thread at a time (LMDB would queue them anyway).
 * Reads from any thread, one transaction per thread at a time; a thread that
 * reads must end its transaction before it updates, else growing the map
 * would wait for itself. tr_kv_update() blocks on the disk.
 * Lifetime: what get and cursors return points into the map until the read
 * transaction ends, or in an update until its next write.
 * Errors: TR_EFULL (disk, or the map's limit), TR_ECORRUPT, TR_EVERSION,
 * TR_EIO, TR_ELIMIT; with text.
 */
#ifndef TR_COMMON_KV_KV_H
#define TR_COMMON_KV_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/data/slice.h"

struct MDB_txn;
struct MDB_cursor;
struct tr_kv;

enum {
	TR_KV_KEY_MAX = 511, /* bytes; longer ones: common/kv/longkey.h */
	TR_KV_DBS_MAX = 16
};

struct tr_kv_txn {
	struct tr_kv *kv;
	struct MDB_txn *txn;
	bool is_write;
	bool is_map_full;
};

/* Takes an environment from version `from` to from + 1, in one transaction. */
struct tr_kv_migration {
	uint32_t from;
	int (*run)(struct tr_kv_txn *txn, struct tr_error *err);
};

/*
 * What the caller expects. An older environment is migrated at open, one
 * version at a time; a newer one is refused with TR_EVERSION. Databases are
 * only ever added at the end.
 */
struct tr_kv_schema {
	uint32_t version; /* from 1 */
	const char *const *dbs;
	size_t n_dbs;
	const struct tr_kv_migration *migrations; /* by from, ascending */
	size_t n_migrations;
};

struct tr_kv_opts {
	const char *path; /* a folder; made with mode 0700 when it is missing */
	const struct tr_kv_schema *schema;
	uint64_t map_bytes; /* first size of the map; 0: TR_KV_MAP_DEFAULT */
	bool must_exist;    /* TR_ENOTFOUND instead of making it */
};

int tr_kv_open(struct tr_kv **out, const struct tr_kv_opts *opts,
	struct tr_error *err) TR_MUST_USE;

/* Accepts NULL. No transaction may be open. */
void tr_kv_close(struct tr_kv *kv);

/*
 * Deletes the folder of an environment that is not open, or what is left of
 * one. Absence is success.
 */
int tr_kv_remove(const char *path, struct tr_error *err) TR_MUST_USE;

const char *tr_kv_path(const struct tr_kv *kv);

/* Bytes of the file in use, and of the map. */
uint64_t tr_kv_used_bytes(struct tr_kv *kv);
uint64_t tr_kv_map_bytes(struct tr_kv *kv);

/* Frees the slots of readers that died; returns how many there were. */
int tr_kv_reader_check(struct tr_kv *kv);

/* ------------------------------------------------------------- writing */

/*
 * The work of one write transaction: 0 commits, an error aborts. Called again
 * from the start after the map was full, with an empty transaction.
 */
typedef int tr_kv_update_fn(
	struct tr_kv_txn *txn, void *arg, struct tr_error *err);

/* On success everything fn wrote is on disk; on an error nothing is. */
int tr_kv_update(struct tr_kv *kv, tr_kv_update_fn *fn, void *arg,
	struct tr_error *err) TR_MUST_USE;

/* Whether a commit failed and its outcome is unknown: tr_kv_exit() is due. */
bool tr_kv_has_failed(const struct tr_kv *kv);

/*
 * Ends the process at once (status 1, no exit functions), after one log line
 * with the reason.
 */
_Noreturn void tr_kv_exit(const struct tr_error *err);

/* Replaces what is there. The value is the parts one after the other. */
int tr_kv_put(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts,
	struct tr_error *err) TR_MUST_USE;

/* The same; TR_EEXIST without text when the key is there: nothing changed. */
int tr_kv_insert(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts,
	struct tr_error *err) TR_MUST_USE;

/*
 * The same for a key above all others of the database: fills pages whole.
 * TR_EEXIST without text when it is not above, and then nothing was put.
 */
int tr_kv_append(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	const struct tr_slice *parts, size_t n_parts,
	struct tr_error *err) TR_MUST_USE;

/* 0, or TR_ENOTFOUND without text. */
int tr_kv_del(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	struct tr_error *err) TR_MUST_USE;

/* ------------------------------------------------------------- reading */

int tr_kv_read(struct tr_kv *kv, struct tr_kv_txn *txn,
	struct tr_error *err) TR_MUST_USE;

/* Ends a read transaction. A zeroed one is accepted. */
void tr_kv_abort(struct tr_kv_txn *txn);

/* 0, or TR_ENOTFOUND without text. In updates too. */
int tr_kv_get(struct tr_kv_txn *txn, unsigned db, struct tr_slice key,
	struct tr_slice *value, struct tr_error *err) TR_MUST_USE;

/* Rows of a database. */
int tr_kv_count(struct tr_kv_txn *txn, unsigned db, uint64_t *rows,
	struct tr_error *err) TR_MUST_USE;

struct tr_kv_cursor {
	struct tr_kv_txn *txn;
	struct MDB_cursor *cursor;
	unsigned db;
};

struct tr_kv_row {
	struct tr_slice key;
	struct tr_slice value;
};

/* Closed before its transaction ends. */
int tr_kv_cursor_open(struct tr_kv_cursor *c, struct tr_kv_txn *txn,
	unsigned db, struct tr_error *err) TR_MUST_USE;
void tr_kv_cursor_close(struct tr_kv_cursor *c);

/* Each yields 1 and the row it stands on, 0 when there is none, or an error. */
int tr_kv_cursor_first(struct tr_kv_cursor *c, struct tr_kv_row *row,
	struct tr_error *err) TR_MUST_USE;
int tr_kv_cursor_last(struct tr_kv_cursor *c, struct tr_kv_row *row,
	struct tr_error *err) TR_MUST_USE;
int tr_kv_cursor_seek(struct tr_kv_cursor *c, struct tr_slice at_least,
	struct tr_kv_row *row, struct tr_error *err) TR_MUST_USE;
int tr_kv_cursor_next(struct tr_kv_cursor *c, struct tr_kv_row *row,
	struct tr_error *err) TR_MUST_USE;
int tr_kv_cursor_prev(struct tr_kv_cursor *c, struct tr_kv_row *row,
	struct tr_error *err) TR_MUST_USE;

/* Deletes the row it stands on; next and prev go on from there. */
int tr_kv_cursor_del(struct tr_kv_cursor *c, struct tr_error *err) TR_MUST_USE;

/* ------------------------------------------------------------ checking */

/*
 * Reads every page and value of the environment at `path` and checks what can
 * be checked. Opens it read-only on its own; for a child process, because
 * damage may end it with a signal. TR_ECORRUPT, TR_EVERSION, TR_EIO.
 */
int tr_kv_walk(const char *path, const struct tr_kv_schema *schema,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_KV_KV_H */
