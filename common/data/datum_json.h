/*
 * Data as JSON, for --json and REST, and back.
 *
 * It is exact: int64 as an integer, a double always with a point or an
 * exponent, text as a string. What JSON cannot say becomes an object of one
 * member: {"$bytes":"base64"} for bytes that are no UTF-8, {"$double":"nan"}
 * (or "inf", "-inf"), and {"$map":[[key,value],...]} for a map that has a key
 * which is no text, contains a NUL or begins with '$'. Reading such JSON gives
 * the same datum again.
 *
 * Thread: any.
 * Errors: TR_ELIMIT and TR_ENOMEM of the buffer, which then holds a part.
 */
#ifndef TR_COMMON_DATA_DATUM_JSON_H
#define TR_COMMON_DATA_DATUM_JSON_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/data/slice.h"

int tr_datum_to_json(struct tr_slice d, struct tr_buf *out) TR_MUST_USE;

/*
 * Appends the datum of a JSON value; on failure nothing. TR_EINVAL with text
 * for what is no JSON, has a key twice or a number that no datum holds;
 * TR_ELIMIT with text beyond the value or depth limit.
 */
int tr_datum_from_json(struct tr_slice json, struct tr_buf *out,
	struct tr_error *err) TR_MUST_USE;

/* Appends s, which is UTF-8, as a JSON string with its quotes. */
int tr_json_put_text(struct tr_slice s, struct tr_buf *out) TR_MUST_USE;

#endif /* TR_COMMON_DATA_DATUM_JSON_H */
