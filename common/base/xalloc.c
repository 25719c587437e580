#include "common/base/xalloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p, size_t size)
{
	if (p || size == 0)
		return p ? p : must(malloc(1), 1);
	fprintf(stderr, "lvl=err evt=out-of-memory bytes=%zu\n", size);
	abort();
}

void *tr_xmalloc(size_t size)
{
	return must(malloc(size), size);
}

void *tr_xcalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);
	return must(p, p ? 0 : (n && size ? n * size : 0));
}

void *tr_xrealloc(void *p, size_t size)
{
	return must(realloc(p, size ? size : 1), size ? size : 1);
}

char *tr_xstrdup(const char *s)
{
	return tr_xmemdup(s, strlen(s) + 1);
}

void *tr_xmemdup(const void *p, size_t n)
{
	void *copy = tr_xmalloc(n);
	if (n)
		memcpy(copy, p, n);
	return copy;
}

void tr_xfree(void *p)
{
	free(p);
}
