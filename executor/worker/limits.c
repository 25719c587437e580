#include "executor/worker/limits.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/base/bounds.h"

/* A sanitizer's shadow memory is far beyond any limit. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif

#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

static void limit(int resource, rlim_t max)
{
	struct rlimit r;
	if (getrlimit((__rlimit_resource_t)resource, &r) != 0)
		return;
	if (r.rlim_max != RLIM_INFINITY && r.rlim_max < max)
		return;
	r = (struct rlimit){ .rlim_cur = max, .rlim_max = max };
	(void)setrlimit((__rlimit_resource_t)resource, &r);
}

void tr_limits_of_process(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	umask(077);
	limit(RLIMIT_CORE, 0);
}

void tr_limits_of_memory(uint64_t memory_bytes, uint64_t window_bytes)
{
	if (UNDER_SANITIZER)
		return;
	/* The window is held to by librdkafka's own rules: a guess times two.
	 */
	limit(RLIMIT_DATA,
		memory_bytes + 2 * window_bytes + TR_WORKER_MEMORY_HEADROOM);
}
