/*
 * A topic of generated lines, and what a word count over it must give: the
 * generator's own sums (tests/support/gen.h).
 *
 * Lines are dealt out to the partitions in turn, so that line i stands at
 * offset i / partitions of partition i % partitions.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_LINES_H
#define TR_TESTS_INTEGRATION_LINES_H

#include "tests/integration/cli.h"
#include "tests/support/broker.h"
#include "tests/support/gen.h"

struct lines {
	char topic[TR_BROKER_TOPIC_MAX];
	char argument[TR_BROKER_TOPIC_MAX + 8]; /* "topic=…", for a script */
	int partitions;
	struct tr_gen gen;
};

/* A new topic with n lines. */
void lines_init(
	struct lines *l, const char *prefix, int partitions, uint64_t n);

/* n lines more, in the same topic. */
void lines_add(struct lines *l, uint64_t n);

/* The table holds each word with its count, and nothing else. */
void lines_check_table(struct cluster *c, const char *job, const char *table,
	const struct tr_gen *gen);

/* A script for it: the word count in Lua, or without Lua in the hot path. */
extern const char lines_lua[];
extern const char lines_builtin[];

#endif /* TR_TESTS_INTEGRATION_LINES_H */
