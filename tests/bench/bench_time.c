/*
 * What a command costs: wall time from exec to exit, and the CPU time of it and
 * of every process that came of it, however deep and whoever waited for them.
 *
 *	bench_time COMMAND…
 *
 * Its own last line on stderr is `wall_s cpu_s`. Exit status: the command's.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock/clock.h"

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage used;
	int status = 0;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_time COMMAND…\n");
		return 2;
	}
	/* Those whose parent ends first become children of this process. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	uint64_t start = tr_clock_mono_us();
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	double wall = (double)(tr_clock_mono_us() - start) / 1e6;
	while (wait(NULL) > 0 || errno == EINTR)
		;
	getrusage(RUSAGE_CHILDREN, &used);
	fprintf(stderr, "%.4f %.4f\n", wall,
		seconds(used.ru_utime) + seconds(used.ru_stime));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
