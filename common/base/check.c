#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void tr_assert_failed(const char *cond, const char *file, int line)
{
	fprintf(stderr, "lvl=err evt=assertion-failed at=%s:%d cond=\"%s\"\n",
		file, line, cond);
	abort();
}
