/*
 * Folders for tests of durable state, and what is done to them: cut, flipped,
 * filled up, left behind by a process that died.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_COMMON_KV_SCRATCH_H
#define TR_TESTS_COMMON_KV_SCRATCH_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SCRATCH_PATH = 512
};

/* A new, empty folder below TMPDIR; its name into `path`. */
void scratch_make(char path[SCRATCH_PATH]);
void scratch_remove(const char *path);

/* path/name, in a static buffer of which there are four in turn. */
const char *scratch_file(const char *path, const char *name);

/*
 * Inverts every byte of `needle` where it stands in the file; returns how many
 * places that were.
 */
unsigned scratch_flip(const char *file, const char *needle);

/* Overwrites the pages [first, first + n) of 4 KiB with noise. */
void scratch_scramble(const char *file, unsigned first, unsigned n);

void scratch_truncate(const char *file, int64_t bytes);
int64_t scratch_size(const char *file);

/*
 * Runs fn in a child process, with TRANCHE_FAILPOINT set when it is not NULL.
 * The status as of waitpid(2).
 */
int scratch_run(void (*fn)(void *arg), void *arg, const char *failpoint);

/*
 * The same with a tmpfs of that size mounted on `path`, in a mount namespace
 * of the child's own. False when this process may not do that.
 */
bool scratch_run_small(void (*fn)(void *arg), void *arg, const char *path,
	unsigned kib, int *status);

#endif /* TR_TESTS_COMMON_KV_SCRATCH_H */
