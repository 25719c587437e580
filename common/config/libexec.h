/*
 * Where the programs are that users do not start themselves: beside the running
 * binary (a build tree, a bundle), or in the libexec folder of the installation
 * it belongs to.
 *
 * Thread: any. Looks at the file system.
 */
#ifndef TR_COMMON_CONFIG_LIBEXEC_H
#define TR_COMMON_CONFIG_LIBEXEC_H

#include <stddef.h>

#include "common/base/err.h"

/*
 * The path of program `name` in `out`: `configured` when it is not NULL, else
 * the first that can be executed of DIR/name, DIR/../libexec/tranche/name,
 * where DIR holds the running binary. TR_ENOTFOUND names what was tried.
 */
int tr_libexec_find(const char *name, const char *configured, char *out,
	size_t size, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_CONFIG_LIBEXEC_H */
