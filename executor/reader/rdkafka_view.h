/*
 * Record views of librdkafka messages. Nothing is copied but the header
 * table: a view points into the message, which must outlive it.
 *
 * Thread: the owner's.
 */
#ifndef TR_EXECUTOR_READER_RDKAFKA_VIEW_H
#define TR_EXECUTOR_READER_RDKAFKA_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include <librdkafka/rdkafka.h>

#include "executor/reader/reader.h"

/* The headers of one batch. A zeroed one is empty. */
struct tr_header_table {
	struct tr_header_view *views;
	size_t n;
	size_t cap;
};

void tr_header_table_fini(struct tr_header_table *t);

/* Empties it; views that point into it end here. */
void tr_header_table_reset(struct tr_header_table *t);

/*
 * Fills a view. False when the table has no room without moving the headers of
 * earlier views: the batch ends before this record. An empty table has room
 * for any record.
 */
bool tr_record_view_fill(struct tr_record_view *view, struct tr_header_table *t,
	const rd_kafka_message_t *m) TR_MUST_USE;

/* Key, value and headers. */
size_t tr_record_view_bytes(const struct tr_record_view *view);

#endif /* TR_EXECUTOR_READER_RDKAFKA_VIEW_H */
