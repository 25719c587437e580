/*
 * A Tranche cluster of real processes for a test: one driver and some
 * executors, each with a configuration file, tokens and a log in a folder of
 * the test's own.
 *
 *   struct cluster c;
 *   cluster_start(&c, &(struct cluster_opts){ .executors = 2 });
 *   … cli_run(&c, &r, "submit", …); cluster_executor_kill(&c, 0); …
 *   cluster_stop(&c);
 *
 * The driver takes a port that the kernel chooses and keeps it over restarts.
 * cluster_stop accepts what cluster_start has left half built, which is what a
 * failing assertion within it leaves.
 *
 * A test program ends with INTEGRATION_MAIN(…): it makes the folder in which
 * the clusters live, has a broker, and keeps the folder, with all logs, when a
 * test has failed.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_CLUSTER_H
#define TR_TESTS_INTEGRATION_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/check.h"
#include "tests/integration/process.h"
#include "tests/support/test.h"

enum {
	CLUSTER_EXECUTORS_MAX = 8,
	CLUSTER_ENV_MAX = 4,
	CLUSTER_URL_MAX = 128,
	SOON_MS = 30000, /* for what should take a moment, on a busy machine */
};

struct cluster_opts {
	unsigned executors;            /* started with it */
	unsigned slots;                /* of each; 0: 2 */
	unsigned lease_ms;             /* 0: 2000 */
	const char *driver_settings;   /* more lines of its [driver] */
	const char *executor_settings; /* likewise */
	/*
	 * Its files are the bundles that `tranche cluster init` makes, over
	 * TLS; folders bundle/driver, bundle/executors/eN and bundle/client.
	 */
	bool bundled;
	const char *driver_host; /* of bundles; NULL: localhost, a free port */
	const char *executor_hosts[CLUSTER_EXECUTORS_MAX];
	/* A process in whose network namespace it runs; 0: the test's own. */
	pid_t driver_namespace;
	pid_t executor_namespaces[CLUSTER_EXECUTORS_MAX];
};

/* What a daemon is started with; each start reads it again. */
struct cluster_env {
	char entries[CLUSTER_ENV_MAX][PROCESS_PATH_MAX]; /* "NAME=value" */
	unsigned n;
};

struct cluster {
	struct cluster_opts opts;
	char folder[PROCESS_PATH_MAX];
	char url[CLUSTER_URL_MAX]; /* of the driver, once it listens */
	char client_conf[PROCESS_PATH_MAX];
	struct process driver;
	struct cluster_env driver_env;
	struct process executors[CLUSTER_EXECUTORS_MAX];
	struct cluster_env executor_env[CLUSTER_EXECUTORS_MAX];
};

/* Only a folder with an empty client configuration: nothing runs. */
void cluster_start_none(struct cluster *c);

/* Driver and executors are up, and the driver knows the executors. */
void cluster_start(struct cluster *c, const struct cluster_opts *opts);
void cluster_stop(struct cluster *c);

/* Path of `name` in the cluster's folder. Returns path. */
const char *cluster_path(
	const struct cluster *c, const char *name, char path[PROCESS_PATH_MAX]);

/* Writes a file there, a job's script mostly. Returns path. */
const char *cluster_write(const struct cluster *c, const char *name,
	const char *text, char path[PROCESS_PATH_MAX]);

/* Path of a program of this build. Returns path. */
const char *cluster_program(const char *name, char path[PROCESS_PATH_MAX]);

/* ---- the driver ---- */

/* Same folder, same port. Returns when it listens. */
void cluster_driver_start(struct cluster *c);
void cluster_driver_kill(struct cluster *c);

/* Bundles: one more executor's, before it is started. */
void cluster_executor_add(struct cluster *c, unsigned i);

/* Waits until it has ended by itself (a failpoint), at most SOON_MS. */
void cluster_driver_gone(struct cluster *c);

/* Sets "NAME=value" for starts to come; NULL: nothing is set any more. */
void cluster_env_set(struct cluster_env *env, const char *entry);

/* A port of 127.0.0.1 that nobody has now. */
unsigned free_port(void);

/* ---- executors: "e0", "e1", … ---- */

/* Does not wait. */
void cluster_executor_start(struct cluster *c, unsigned i);
void cluster_executor_kill(struct cluster *c, unsigned i);

/* By name; CLUSTER_EXECUTORS_MAX when it is none of the cluster's. */
unsigned cluster_executor_named(const char *name);

/* Waits until n executors are active, as the driver has it. */
void cluster_wait_executors(struct cluster *c, unsigned n);

/* ---- test programs ---- */

/* The folder of all clusters of this test program. */
const char *integration_folder(void);

/* 0, or the exit status. */
int integration_setup(bool broker);

/*
 * `rc` of the tests; returns the program's, which is 1 too when a log has a
 * failed assertion or a sanitizer's report in it.
 */
int integration_teardown(bool broker, int rc);

/* All of a file, with a NUL behind it; free() it. NULL: it cannot be opened. */
char *file_bytes(const char *path, size_t *n);
char *file_text(const char *path);
bool file_has(const char *path, const char *text);

/* `setup` and `teardown` are cmocka's of the whole group; may be NULL. */
#define INTEGRATION_MAIN(setup, teardown, ...)                                 \
	int main(void)                                                         \
	{                                                                      \
		const struct CMUnitTest tests[] = { __VA_ARGS__ };             \
		int rc = integration_setup(true);                              \
		if (rc != 0)                                                   \
			return rc;                                             \
		rc = cmocka_run_group_tests_name(                              \
			__FILE__, tests, setup, teardown);                     \
		return integration_teardown(true, rc);                         \
	}                                                                      \
	struct tr_integration_main_semicolon

#endif /* TR_TESTS_INTEGRATION_CLUSTER_H */
