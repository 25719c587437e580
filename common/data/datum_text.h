/*
 * Data as people see them on a terminal, and the keys they type.
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
 * lists and maps as in JSON (common/data/datum_json.h).
 */
int tr_datum_to_text(struct tr_slice d, struct tr_buf *out) TR_MUST_USE;

/*
 * Appends the datum that a user typed: s:TEXT, i:INTEGER, d:DOUBLE, x:HEX
 * (bytes), j:JSON; anything else is text as it stands.
 */
int tr_datum_from_text(
	const char *text, struct tr_buf *out, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_DATA_DATUM_TEXT_H */
