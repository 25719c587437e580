/*
 * Reads a range to its end, or to its error, and keeps what came.
 */
#ifndef TR_TESTS_EXECUTOR_READER_SEEN_H
#define TR_TESTS_EXECUTOR_READER_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "executor/reader/reader.h"

struct tr_seen_record {
	int64_t offset;
	bool value_absent;
	size_t value_n;
	char *value; /* with a NUL after it */
};

struct tr_seen {
	struct tr_seen_record *records;
	size_t n;
	int rc; /* 0 for a complete range, else the error's code */
	struct tr_error err;
	struct tr_read_receipt receipt;
};

/* Starts, reads until end or error (at most a minute), stops. */
void tr_seen_read(struct tr_seen *s, struct tr_reader *r, const char *topic,
	int32_t partition, int64_t from, int64_t until);
void tr_seen_fini(struct tr_seen *s);

/* One batch of a started range, kept and released. An enum tr_read or error. */
int tr_seen_next(struct tr_seen *s, struct tr_reader *r, uint32_t timeout_ms);

#endif /* TR_TESTS_EXECUTOR_READER_SEEN_H */
