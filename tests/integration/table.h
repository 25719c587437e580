/*
 * The rows of a table, read with `tranche table scan --json`, against what a
 * test knows that they must be.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_TABLE_H
#define TR_TESTS_INTEGRATION_TABLE_H

#include "tests/integration/cli.h"

/* A row of a word count. A key that is no UTF-8 is "$bytes:" and base64. */
struct table_row {
	const char *key;
	uint64_t value;
};

/*
 * All rows as one JSON object, keys as texts ("$bytes:…" as above, integers as
 * decimals); the caller frees it. Fails the test when there is no such table
 * or a key comes twice.
 */
json_t *table_rows(struct cluster *c, const char *job, const char *table);

/* The table holds these rows, in any order, and no others. */
void table_check(struct cluster *c, const char *job, const char *table,
	const struct table_row *rows, size_t n);

#endif /* TR_TESTS_INTEGRATION_TABLE_H */
