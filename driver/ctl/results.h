/*
 * Rows from the driver, page by page, all of one snapshot.
 *
 * Thread: the client's.
 */
#ifndef TR_DRIVER_CTL_RESULTS_H
#define TR_DRIVER_CTL_RESULTS_H

#include "common/data/element.h"
#include "driver/ctl/client.h"

/* Which rows. Texts are borrowed. */
struct tr_rows_query {
	const char *job;   /* number or name */
	const char *table; /* NULL: what operator `op` printed */
	uint32_t op;
	struct tr_slice prefix; /* of encoded keys; may be empty */
	uint64_t limit;         /* 0: none */
};

/* A row, borrowed for the call. Errors end the walk. */
typedef int tr_row_fn(
	void *arg, const struct tr_element *row, struct tr_error *err);

/* All rows in the order of their keys. */
int tr_rows_each(struct tr_client *c, const struct tr_rows_query *q,
	tr_row_fn *fn, void *arg, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_RESULTS_H */
