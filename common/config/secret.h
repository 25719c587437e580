/*
 * References to secrets: `file:PATH` or `env:NAME`. Configuration files,
 * command lines and plans hold references only; the process that needs the
 * secret resolves it when it does.
 *
 * Thread: any. Resolving may read a file.
 */
#ifndef TR_COMMON_CONFIG_SECRET_H
#define TR_COMMON_CONFIG_SECRET_H

#include <stddef.h>

#include "common/base/err.h"

/* Whether the text has the form of a reference. */
int tr_secret_check(const char *ref, struct tr_error *err) TR_MUST_USE;

/*
 * The secret, without white space at its end, NUL-terminated in `out`.
 * TR_ENOTFOUND: no such file or variable. TR_EAUTH: everybody may read the
 * file. TR_EINVAL: empty, or a NUL in it. TR_ELIMIT: does not fit.
 */
int tr_secret_resolve(const char *ref, char *out, size_t size,
	struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_CONFIG_SECRET_H */
