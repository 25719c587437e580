/*
 * Tokens: 256 random bits in hexadecimal, in files that only their owner can
 * read.
 *
 * Thread: any.
 */
#ifndef TR_DRIVER_CTL_TOKENS_H
#define TR_DRIVER_CTL_TOKENS_H

#include "common/base/err.h"

/* TR_EEXIST: there is such a file, which stays as it is. TR_EIO. */
int tr_token_create(const char *path, struct tr_error *err) TR_MUST_USE;

/* The same for any text: a new file of mode 0600. */
int tr_private_file_create(
	const char *path, const char *text, struct tr_error *err) TR_MUST_USE;

#endif /* TR_DRIVER_CTL_TOKENS_H */
