/*
 * Rows of tables and of print as text, JSON lines or CSV, and statuses as JSON.
 *
 *   text  key TAB value, one row a line; what is no plain text is escaped
 *         (common/data/datum_text.h)
 *   json  {"key":…,"value":…}, exact (common/data/datum_json.h)
 *   csv   RFC 4180 with a header line; lists and maps as JSON
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_CTL_OUTPUT_H
#define TR_DRIVER_CTL_OUTPUT_H

#include <jansson.h>

#include "common/base/buf.h"
#include "common/data/element.h"
#include "common/wire/msg.h"

enum tr_output_format {
	TR_OUTPUT_TEXT,
	TR_OUTPUT_JSON,
	TR_OUTPUT_CSV,
};

/* What stands before the first row: CSV's header, else nothing. */
int tr_output_begin(
	struct tr_buf *out, enum tr_output_format format) TR_MUST_USE;

/* Appends one row of a table with its line end. */
int tr_output_row(struct tr_buf *out, enum tr_output_format format,
	const struct tr_element *row) TR_MUST_USE;

/*
 * Appends what print made of one row, a list: its members with TABs between
 * them, or a JSON array. TR_ECORRUPT: it is no list.
 */
int tr_output_printed(struct tr_buf *out, enum tr_output_format format,
	struct tr_slice row) TR_MUST_USE;

/* ---- messages as JSON: new references ---- */

json_t *tr_output_error_json(const Tranche__V1__ErrorInfo *e);
json_t *tr_output_status_json(const Tranche__V1__JobStatus *s);
json_t *tr_output_range_json(const Tranche__V1__Range *r);

/* The digits of bytes. */
json_t *tr_output_hex_json(ProtobufCBinaryData b);

/* A JSON document of its own line on stdout; takes the reference. */
void tr_output_print_json(json_t *doc);

/* ---- times ---- */

/* "2026-01-02 03:04:05" in the zone of the environment; "-" for 0. */
const char *tr_output_date(char out[32], int64_t ms);

#endif /* TR_DRIVER_CTL_OUTPUT_H */
