/*
 * Allocation that cannot fail: small, bounded objects whose loss nobody could
 * handle. Out of memory ends the process with one line. Large buffers whose
 * size depends on data use malloc and answer TR_ENOMEM instead.
 *
 * tr_xcalloc leaves pages untouched (calloc), so a table sized by its limit
 * costs memory only for the part in use.
 */
#ifndef TR_COMMON_BASE_XALLOC_H
#define TR_COMMON_BASE_XALLOC_H

#include <stddef.h>

void *tr_xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *tr_xcalloc(size_t n, size_t size)
	__attribute__((malloc, returns_nonnull));
void *tr_xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
char *tr_xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
void *tr_xmemdup(const void *p, size_t n)
	__attribute__((malloc, returns_nonnull));

/* free() under a name that pure modules may refer to. Accepts NULL. */
void tr_xfree(void *p);

#endif /* TR_COMMON_BASE_XALLOC_H */
