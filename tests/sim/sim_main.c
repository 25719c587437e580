/*
 * tr_sim: runs seeds of the simulated cluster.
 *
 *	tr_sim --seeds 2000             seeds 1 to 2000, each twice
 *	tr_sim --seed 17 --trace        one seed, everything that happens
 *	tr_sim --corpus FILE            the seeds of a file
 *	tr_sim --canary NAME --seeds N  with a planted bug, which must be found
 *	tr_sim --canaries --seeds N     with each of them in turn
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/core/transition.h"
#include "tests/sim/sim.h"

enum tr_canary tr_canary_planted;

static const struct {
	const char *name;
	enum tr_canary canary;
} canaries[] = {
	{ "launch-before-plan", TR_CANARY_LAUNCH_BEFORE_PLAN },
	{ "accept-old-term", TR_CANARY_ACCEPT_OLD_TERM },
	{ "accept-stale-attempt", TR_CANARY_ACCEPT_STALE_ATTEMPT },
	{ "forget-lost-blocks", TR_CANARY_FORGET_LOST_BLOCKS },
	{ "forget-lost-attempts", TR_CANARY_FORGET_LOST_ATTEMPTS },
	{ "commit-twice", TR_CANARY_COMMIT_TWICE },
	{ "commit-early", TR_CANARY_COMMIT_EARLY },
	{ "oversubscribe", TR_CANARY_OVERSUBSCRIBE },
	{ "ignore-digest", TR_CANARY_IGNORE_DIGEST },
	{ "adopt-old-version", TR_CANARY_ADOPT_OLD_VERSION },
	{ "lease-forever", TR_CANARY_LEASE_FOREVER },
	{ "reduce-early", TR_CANARY_REDUCE_EARLY },
	{ "forget-finished", TR_CANARY_FORGET_FINISHED },
};

static_assert(TR_ARRAY_LEN(canaries) == TR_CANARIES_COUNT - 1, "all of them");

static const char *const fault_names[] = {
	[SIM_CRASH_DRIVER] = "crash-driver",
	[SIM_CRASH_EXECUTOR] = "crash-executor",
	[SIM_PAUSE_DRIVER] = "pause-driver",
	[SIM_PAUSE_EXECUTOR] = "pause-executor",
	[SIM_PARTITION] = "partition",
	[SIM_PARTITION_ONE_WAY] = "partition-one-way",
	[SIM_PARTITION_EXECUTORS] = "partition-executors",
	[SIM_RESET_CONNECTION] = "reset-connection",
	[SIM_REPLAY_REPORT] = "replay-report",
	[SIM_ROT_BLOCKS] = "rot-blocks",
	[SIM_DRAIN] = "drain",
	[SIM_TERMINATE] = "terminate",
	[SIM_KILL_ALL] = "kill-all",
	[SIM_LOG_START] = "log-start",
	[SIM_CANCEL] = "cancel",
	[SIM_TASK_FAILS] = "task-fails",
	[SIM_WORKER_DIES] = "worker-dies",
	[SIM_PLAN_FAILS] = "plan-fails",
	[SIM_NONDETERMINISM] = "nondeterminism",
	[SIM_POISON] = "poison",
};

static_assert(TR_ARRAY_LEN(fault_names) == SIM_FAULTS, "all of them");

enum {
	EXIT_USAGE = 2,
	STATES_MAX = TR_TABLES * TR_CORE_TRANSITIONS_MAX,
};

struct options {
	uint64_t seed;
	uint64_t seeds;
	uint64_t steps;
	bool trace;
	const char *corpus;
	const char *canary;
	bool all_canaries;
};

struct totals {
	uint64_t runs;
	uint64_t steps;
	uint64_t simulated_ms;
	uint64_t hash;
	uint64_t struck[SIM_FAULTS];
	uint64_t taken[STATES_MAX];
};

/* Any failed check or assertion ends here: says how to see it again. */
static void on_abort(int sig)
{
	char text[200];
	uint64_t seed, step, now_ms;
	(void)sig;
	sim_at(&seed, &step, &now_ms);
	int n = snprintf(text, sizeof(text),
		"sim: at step %llu (%llu ms); again with:\n"
		"  tr_sim --seed %llu --trace\n",
		(unsigned long long)step, (unsigned long long)now_ms,
		(unsigned long long)seed);
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(1);
	_exit(1);
}

static void run_seed(
	uint64_t seed, const struct options *o, struct totals *totals)
{
	struct sim_result first;
	struct sim_result second;
	sim_run(seed, o->steps, o->trace, totals->taken, &first);
	if (o->trace)
		printf("seed %llu: %llu steps, %llu ms, hash %016llx\n",
			(unsigned long long)seed,
			(unsigned long long)first.steps,
			(unsigned long long)first.end_ms,
			(unsigned long long)first.hash);
	sim_run(seed, o->steps, false, totals->taken, &second);
	if (first.hash != second.hash) {
		fprintf(stderr,
			"sim: seed %llu is not deterministic: %016llx, then "
			"%016llx\n",
			(unsigned long long)seed,
			(unsigned long long)first.hash,
			(unsigned long long)second.hash);
		exit(1);
	}
	totals->runs++;
	totals->steps += first.steps;
	totals->simulated_ms += first.end_ms;
	totals->hash = sim_mix(totals->hash, first.hash);
	for (int i = 0; i < SIM_FAULTS; i++)
		totals->struck[i] += first.struck[i];
}

static int run_corpus(const struct options *o, struct totals *totals)
{
	char line[256];
	FILE *in = fopen(o->corpus, "r");
	if (!in) {
		fprintf(stderr, "cannot open '%s': %s\n", o->corpus,
			strerror(errno));
		return EXIT_USAGE;
	}
	while (fgets(line, sizeof(line), in))
		if (line[0] >= '0' && line[0] <= '9')
			run_seed(strtoull(line, NULL, 10), o, totals);
	fclose(in);
	return 0;
}

/* -------------------------------------------------------------- coverage */

/* Transitions that no seed took: 0, or a table is stale. */
static int check_transitions(const struct totals *totals)
{
	const uint64_t *taken = totals->taken;
	int missing = 0;
	for (int t = 0; t < TR_TABLES; t++) {
		enum tr_state_table table = (enum tr_state_table)t;
		size_t count;
		const struct tr_transition *rows =
			tr_transitions(table, &count);
		for (size_t i = 0; i < count; i++) {
			if (*taken++)
				continue;
			fprintf(stderr, "sim: never taken: %s %s -> %s (%s)\n",
				tr_state_table_name(table),
				tr_state_name(table, rows[i].from),
				tr_state_name(table, rows[i].to), rows[i].why);
			missing++;
		}
	}
	return missing;
}

static int check_faults(const struct totals *totals)
{
	int missing = 0;
	for (int i = 0; i < SIM_FAULTS; i++)
		if (!totals->struck[i]) {
			fprintf(stderr, "sim: never struck: %s\n",
				fault_names[i]);
			missing++;
		}
	return missing;
}

static void print_totals(const struct totals *totals)
{
	printf("%llu seeds twice, %llu steps, %llu simulated seconds, hash "
	       "%016llx\n",
		(unsigned long long)totals->runs,
		(unsigned long long)totals->steps,
		(unsigned long long)totals->simulated_ms / 1000,
		(unsigned long long)totals->hash);
	for (int i = 0; i < SIM_FAULTS; i++)
		printf("  %-20s %llu\n", fault_names[i],
			(unsigned long long)totals->struck[i]);
}

/* Enough seeds to judge coverage by. */
static bool is_smoke(const struct options *o)
{
	return o->seeds >= 1000 && !o->corpus;
}

static int run_seeds(const struct options *o)
{
	static struct totals totals;
	int rc = 0;
	if (o->corpus)
		rc = run_corpus(o, &totals);
	for (uint64_t i = 0; i < o->seeds && !o->corpus; i++)
		run_seed(o->seed + i, o, &totals);
	if (rc == 0)
		print_totals(&totals);
	if (is_smoke(o) &&
		check_transitions(&totals) + check_faults(&totals) > 0)
		rc = 1;
	return rc;
}

/* -------------------------------------------------------------- canaries */

/* In a process of its own, which is expected to fail. */
static bool finds(enum tr_canary canary, const struct options *o)
{
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		if (o->all_canaries && !freopen("/dev/null", "w", stderr))
			_exit(0);
		tr_canary_planted = canary;
		static struct totals totals;
		for (uint64_t i = 0; i < o->seeds; i++)
			run_seed(o->seed + i, o, &totals);
		_exit(0);
	}
	int status;
	if (waitpid(pid, &status, 0) < 0) {
		perror("waitpid");
		exit(1);
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static int run_canaries(const struct options *o)
{
	int missed = 0;
	int known = 0;
	for (size_t i = 0; i < TR_ARRAY_LEN(canaries); i++) {
		if (!o->all_canaries && strcmp(o->canary, canaries[i].name))
			continue;
		bool found = finds(canaries[i].canary, o);
		printf("%-24s %s\n", canaries[i].name,
			found ? "found" : "NOT FOUND");
		known++;
		missed += !found;
	}
	if (!known) {
		fprintf(stderr, "no canary '%s'\n", o->canary);
		return EXIT_USAGE;
	}
	return missed ? 1 : 0;
}

/* --------------------------------------------------------------- options */

static int usage(void)
{
	fputs("usage: tr_sim [--seed N] [--seeds M] [--steps K] [--trace]\n"
	      "              [--corpus FILE | --canary NAME | --canaries]\n",
		stderr);
	return EXIT_USAGE;
}

static bool parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "steps", required_argument, NULL, 'k' },
		{ "trace", no_argument, NULL, 't' },
		{ "corpus", required_argument, NULL, 'f' },
		{ "canary", required_argument, NULL, 'c' },
		{ "canaries", no_argument, NULL, 'C' },
		{ NULL, 0, NULL, 0 },
	};
	int c;
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's')
			o->seed = strtoull(optarg, NULL, 10);
		else if (c == 'n')
			o->seeds = strtoull(optarg, NULL, 10);
		else if (c == 'k')
			o->steps = strtoull(optarg, NULL, 10);
		else if (c == 't')
			o->trace = true;
		else if (c == 'f')
			o->corpus = optarg;
		else if (c == 'c')
			o->canary = optarg;
		else if (c == 'C')
			o->all_canaries = true;
		else
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .seeds = 1, .steps = 1000000 };
	if (!parse(&o, argc, argv))
		return usage();
	struct sigaction action = { .sa_handler = on_abort };
	sigaction(SIGABRT, &action, NULL);
	if (o.trace)
		setvbuf(stdout, NULL, _IOLBF, 0);
	if (o.canary || o.all_canaries)
		return run_canaries(&o);
	return run_seeds(&o);
}
