/*
 * tranche-worker: started by tranche-executor and tranche-driver with its
 * socket as descriptor 3; nobody else has a use for it.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>

#include "common/log/log.h"
#include "executor/worker/limits.h"
#include "executor/worker/worker.h"

enum {
	SOCKET_FD = 3
};

int main(int argc, char **argv)
{
	(void)argv;
	if (argc != 1 || fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC) != 0) {
		fprintf(stderr, "tranche-worker: is started by "
				"tranche-executor; to run a job see 'tranche "
				"--help'\n");
		return 2;
	}
	tr_limits_of_process();
	struct tr_error err;
	if (tr_worker_run(SOCKET_FD, &err) == 0)
		return 0;
	tr_log_err("worker-ended", "error=%s text=%s", tr_err_name(err.code),
		TR_LOG_STR(err.text));
	return 1;
}
