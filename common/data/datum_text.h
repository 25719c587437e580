/*
 * Data as people and other programs see them: text for a terminal, JSON for
 * --json and REST, and the keys a user types.
 *
 * JSON is exact: int64 as an integer, a double always with a point or an
 * exponent, text as a string. What JSON cannot say becomes an object of one
 * member: {"$bytes":"base64"} for bytes that are no UTF-8, {"$double":"nan"}
 * (or "inf", "-inf"), and {"$map":[[key,value],…]} for a map with a key that
 * is no plain text. Reading such JSON gives the same datum again.
 *
 * Thread: any.
 * Errors: TR_ELIMIT and TR_ENOMEM of the buffer, which then holds a part; from
 * text also TR_EINVAL with what is wrong, and then nothing was appended.
 */
#ifndef TR_COMMON_DATA_DATUM_TEXT_H
#define TR_COMMON_DATA_DATUM_TEXT_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/slice.h"

/*
 * Appends one line of text: bytes as they are where they are UTF-8, control
 * characters, backslashes and other bytes escaped as in C (\n, \\, \xff);
 * lists and maps as in JSON.
 */
int tr_datum_to_text(struct tr_slice d, struct tr_buf *out) TR_MUST_USE;

int tr_datum_to_json(struct tr_slice d, struct tr_buf *out) TR_MUST_USE;

/*
 * Appends the datum that a user typed: s:TEXT, i:INTEGER, d:DOUBLE, x:HEX
 * (bytes), j:JSON; anything else is text as it stands.
 */
int tr_datum_from_text(
	const char *text, struct tr_buf *out, struct tr_error *err) TR_MUST_USE;

/* Appends the datum of a JSON value. */
int tr_datum_from_json(struct tr_slice json, struct tr_buf *out,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_DATA_DATUM_TEXT_H */
