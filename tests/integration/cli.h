/*
 * The tranche command, run against a cluster the way a user does.
 *
 *   struct cli r;
 *   cli_run(&c, &r, "submit", script, "topic=…", "--json", NULL);
 *   assert_int_equal(r.status, 0); … r.out … r.err … cli_json(&r) …
 *   cli_free(&r);
 *
 * With cli_start and cli_wait it runs while the test does something else.
 *
 * Thread: the test's.
 */
#ifndef TR_TESTS_INTEGRATION_CLI_H
#define TR_TESTS_INTEGRATION_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "tests/integration/cluster.h"

enum {
	CLI_ARGS_MAX = 48,
	CLI_JOB_MS = 60000, /* for a job, on a busy machine */
};

struct cli {
	struct process p;
	char out_path[PROCESS_PATH_MAX];
	char err_path[PROCESS_PATH_MAX];
	int status; /* once it has ended */
	char *out;
	char *err;
	uint64_t started_ms;
	uint64_t took_ms; /* from its start until its end was seen */
};

/* Arguments end with NULL. */
void cli_start(struct cluster *c, struct cli *r, ...) __attribute__((sentinel));

/* Fails the test when it has not ended after `ms`. Returns its status. */
int cli_wait(struct cli *r, uint64_t ms);

/* Both, with CLI_JOB_MS. */
int cli_run(struct cluster *c, struct cli *r, ...) __attribute__((sentinel));

/* As cli_run; fails the test, with what it said, when it has not exited 0. */
void cli_ok(struct cluster *c, struct cli *r, ...) __attribute__((sentinel));

/* With an environment over the cluster's own; `env` ends with NULL. */
void cli_start_list(struct cluster *c, struct cli *r, const char *const *env,
	const char *const *args);

/* Ends it if it runs. Accepts a zeroed struct. */
void cli_free(struct cli *r);

/* Its stdout as JSON; the caller frees it. Fails the test when it is none. */
json_t *cli_json(const struct cli *r);

/* Of `executor list`; 0 too when the driver does not answer. */
unsigned cli_active_executors(struct cluster *c);

#endif /* TR_TESTS_INTEGRATION_CLI_H */
