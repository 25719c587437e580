/*
 * What the verbs on tables share: the format of rows, and prefixes of keys.
 *
 * Thread: pure functions.
 */
#ifndef TR_DRIVER_CTL_TABLETEXT_H
#define TR_DRIVER_CTL_TABLETEXT_H

#include "driver/ctl/args.h"
#include "driver/ctl/output.h"

extern const struct tr_ctl_option tr_options_table[]; /* --csv */

/* TR_EINVAL: JSON and CSV at once. */
int tr_table_format(const struct tr_args *args, enum tr_output_format *out,
	struct tr_error *err) TR_MUST_USE;

/*
 * Appends the bytes with which all encoded keys begin that have this prefix,
 * typed as a key is: a text (or x: bytes) is the beginning of a text, a list
 * j:[…] the first members of a list. TR_EINVAL: other data have no prefixes.
 */
int tr_table_prefix(
	const char *text, struct tr_buf *out, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_TABLETEXT_H */
