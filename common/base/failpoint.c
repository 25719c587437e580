#include "common/base/failpoint.h"

#ifdef TR_FAILPOINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/err.h"

enum {
	POINTS_MAX = 64,
	NAME_MAX_LEN = 64
};

struct point {
	char name[NAME_MAX_LEN];
	unsigned hits;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct point points[POINTS_MAX];
static size_t n_points;

/* Counts the hit; the first one of a name is logged. */
static unsigned count_hit(const char *name)
{
	unsigned hits = 0;
	pthread_mutex_lock(&lock);
	size_t i = 0;
	while (i < n_points && strcmp(points[i].name, name) != 0)
		i++;
	if (i == n_points && n_points < POINTS_MAX)
		snprintf(points[n_points++].name, NAME_MAX_LEN, "%s", name);
	if (i < n_points)
		hits = ++points[i].hits;
	pthread_mutex_unlock(&lock);
	const char *path = getenv("TRANCHE_FAILPOINT_LOG");
	if (hits == 1 && path) {
		char line[NAME_MAX_LEN + 1];
		int n = snprintf(line, sizeof(line), "%s\n", name);
		int fd = open(
			path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd >= 0) {
			ssize_t w = write(fd, line, (size_t)n);
			(void)w;
			close(fd);
		}
	}
	return hits;
}

void tr_failpoint_reset(void)
{
	pthread_mutex_lock(&lock);
	n_points = 0;
	memset(points, 0, sizeof(points));
	pthread_mutex_unlock(&lock);
}

static int act(const char *action)
{
	if (strncmp(action, "kill", 4) == 0)
		kill(getpid(), SIGKILL);
	else if (strncmp(action, "abort", 5) == 0)
		abort();
	else if (strncmp(action, "stop", 4) == 0)
		kill(getpid(), SIGSTOP);
	else if (strncmp(action, "sleep:", 6) == 0)
		usleep((useconds_t)(strtoul(action + 6, NULL, 10) * 1000));
	else if (strncmp(action, "error:", 6) == 0)
		return -(int)strtol(action + 6, NULL, 10);
	return 0;
}

int tr_failpoint_hit(const char *name)
{
	unsigned hits = count_hit(name);
	const char *spec = getenv("TRANCHE_FAILPOINT");
	size_t len = strlen(name);
	while (spec && *spec) {
		if (strncmp(spec, name, len) == 0 && spec[len] == '=') {
			const char *at = strchr(spec, '@');
			const char *end = strchr(spec, ';');
			unsigned nth = 1;
			if (at && (!end || at < end))
				nth = (unsigned)strtoul(at + 1, NULL, 10);
			if (hits == nth)
				return act(spec + len + 1);
		}
		spec = strchr(spec, ';');
		if (spec)
			spec++;
	}
	return 0;
}

#else
/* ISO C forbids an empty translation unit. */
typedef int tr_failpoint_unused;
#endif
