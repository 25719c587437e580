/*
 * A folder for one test, removed with all that is in it.
 */
#ifndef TR_TESTS_DRIVER_CTL_SCRATCH_H
#define TR_TESTS_DRIVER_CTL_SCRATCH_H

#include <limits.h>

struct scratch {
	char dir[64];
};

void scratch_make(struct scratch *s);
void scratch_remove(struct scratch *s);

/* DIR/name in a buffer of this thread's, good until the fourth call after. */
const char *scratch_path(const struct scratch *s, const char *name);

/* Writes a file of mode 0600 there and returns its path. */
const char *scratch_file(
	const struct scratch *s, const char *name, const char *text);

#endif /* TR_TESTS_DRIVER_CTL_SCRATCH_H */
