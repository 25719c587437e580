/*
 * A driver and three executors in four network namespaces that a bridge joins,
 * over TLS, set up by `tranche cluster init`; one of them is cut off in the
 * middle of a job and comes back.
 *
 *                  198.18.0.1  bridge: broker, clients
 *        ┌──────────────┬──────┴───────┬──────────────┐
 *   198.18.0.2     198.18.0.11    198.18.0.12    198.18.0.13
 *     driver           e0             e1             e2
 *
 * The bridge is in a namespace of the test program, the others belong to
 * processes that end with it: the kernel cleans up, however the test ends.
 * Without the right to make namespaces the test is skipped.
 */
#include "tests/integration/cluster.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"

enum {
	N_LINES = 60000,
	EXECUTORS = 3,
	HOSTS = EXECUTORS + 1, /* the driver's is the last */
	DRIVER = EXECUTORS,
	LEASE_MS = 1000,
};

static const char *const addresses[HOSTS] = { "198.18.0.11", "198.18.0.12",
	"198.18.0.13", "198.18.0.2" };

static struct process hosts[HOSTS]; /* sleep in their namespaces */
static struct cluster c;
static struct lines lines;
static struct cli job;
static char script[PROCESS_PATH_MAX];

static bool run_shell(const char *command)
{
	char all[1024];

	snprintf(all, sizeof(all), "{ %s; } >>%s/network.log 2>&1", command,
		integration_folder());
	return system(all) == 0;
}

/* ---- the network ---- */

static bool make_bridge(void)
{
	return unshare(CLONE_NEWNET) == 0 &&
	       run_shell("ip link set lo up && "
			 "ip link add tr0 type bridge && "
			 "ip addr add 198.18.0.1/24 dev tr0 && "
			 "ip link set tr0 up");
}

static bool is_apart(void *arg)
{
	const struct process *p = arg;
	char path[64], own[64] = "", its[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)p->pid);
	return readlink("/proc/thread-self/ns/net", own, sizeof(own) - 1) > 0 &&
	       readlink(path, its, sizeof(its) - 1) > 0 &&
	       strcmp(own, its) != 0;
}

static void make_host(unsigned i)
{
	const char *argv[] = { "unshare", "-n", "sleep", "infinity", NULL };
	char command[512];

	process_start(&hosts[i],
		&(struct process_spec){
			.argv = argv, .out = "/dev/null", .err = "/dev/null" });
	assert_true(wait_until(is_apart, &hosts[i], SOON_MS));
	int pid = (int)hosts[i].pid;
	snprintf(command, sizeof(command),
		"ip link add tr0h%u type veth peer name eth0 netns %d && "
		"ip link set tr0h%u master tr0 up && "
		"nsenter -t %d -n ip link set lo up && "
		"nsenter -t %d -n ip addr add %s/24 dev eth0 && "
		"nsenter -t %d -n ip link set eth0 up",
		i, pid, i, pid, pid, addresses[i], pid);
	if (!run_shell(command))
		fail_msg("host %u cannot be joined", i);
}

static void add_rules(unsigned i, const char *rules)
{
	char command[512];

	snprintf(command, sizeof(command),
		"nsenter -t %d -n nft 'add table inet cut; %s'",
		(int)hosts[i].pid, rules);
	assert_true(run_shell(command));
}

/* Nothing comes in or goes out, and nobody is told so. */
static void cut_off(unsigned i)
{
	add_rules(i, "add chain inet cut in { type filter hook input priority "
		     "0; policy drop; }; add chain inet cut out { type filter "
		     "hook output priority 0; policy drop; }");
}

/* From the broker alone: driver and other executors are still there. */
static void cut_off_from_kafka(unsigned i)
{
	add_rules(i, "add chain inet cut out { type filter hook output "
		     "priority 0; policy accept; }; add rule inet cut out ip "
		     "daddr 198.18.0.1 drop");
}

static void heal(unsigned i)
{
	char command[128];

	snprintf(command, sizeof(command),
		"nsenter -t %d -n nft delete table inet cut",
		(int)hosts[i].pid);
	assert_true(run_shell(command));
}

/* ---- */

static int setup(void **state)
{
	struct cluster_opts opts = { .executors = EXECUTORS,
		.lease_ms = LEASE_MS,
		.bundled = true,
		.driver_host = addresses[DRIVER] };

	(void)state;
	for (unsigned i = 0; i < HOSTS; i++)
		make_host(i);
	opts.driver_namespace = hosts[DRIVER].pid;
	for (unsigned i = 0; i < EXECUTORS; i++) {
		opts.executor_namespaces[i] = hosts[i].pid;
		opts.executor_hosts[i] = addresses[i];
	}
	lines_init(&lines, "namespaces", 6, N_LINES);
	cluster_start(&c, &opts);
	cluster_write(&c, "wordcount.lua", lines_lua, script);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	for (unsigned i = 0; i < HOSTS; i++)
		process_kill(&hosts[i]);
	return 0;
}

static void submit(const char *name)
{
	cli_start(&c, &job, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, "--max-rate", "30000", NULL);
}

static void check_job(const char *name)
{
	if (cli_wait(&job, CLI_JOB_MS) != 0)
		fail_msg("exit %d: %s", job.status, job.err);
	cli_free(&job);
	lines_check_table(&c, name, "counts", &lines.gen);
}

/* Tasks ran on all hosts, so blocks have crossed the bridge. */
static void test_namespaces__are_one_cluster(void **state)
{
	bool used[EXECUTORS] = { false };
	struct shown_attempt a;
	struct shown s;

	(void)state;
	submit("apart");
	check_job("apart");
	assert_true(shown_get(&c, &s, "apart"));
	for (unsigned lane = 0; shown_attempt(&s, 0, lane, 1, &a); lane++)
		used[a.executor] = true;
	shown_free(&s);
	for (unsigned i = 0; i < EXECUTORS; i++)
		assert_true(used[i]);
}

static void test_namespace__cut_off_mid_job_costs_a_retry(void **state)
{
	struct shown_attempt first, a;
	struct shown s;

	(void)state;
	submit("cut");
	shown_wait(&c, &s, "cut", shown_is_mid_task, &first);
	shown_free(&s);
	cut_off(first.executor);
	check_job("cut");
	assert_true(shown_get(&c, &s, "cut"));
	assert_true(shown_attempt(&s, 0, first.lane, 1, &a));
	assert_string_equal(a.outcome, "lost");
	assert_int_equal(a.executor, first.executor);
	assert_true(shown_attempt(&s, 0, first.lane, 2, &a));
	assert_string_equal(a.outcome, "done");
	assert_int_not_equal(a.executor, first.executor);
	shown_free(&s);
	cluster_wait_executors(&c, EXECUTORS - 1);
	heal(first.executor);
	cluster_wait_executors(&c, EXECUTORS);
}

/* Cut off and healed while the job runs: nothing it says counts twice. */
static void test_namespace__healed_mid_job_does_no_harm(void **state)
{
	struct shown_attempt first;
	struct shown s;

	(void)state;
	submit("healed");
	shown_wait(&c, &s, "healed", shown_is_mid_task, &first);
	shown_free(&s);
	cut_off(first.executor);
	cluster_wait_executors(&c, EXECUTORS - 1);
	heal(first.executor);
	check_job("healed");
	assert_true(shown_get(&c, &s, "healed"));
	assert_int_equal(shown_number(&s, "nondeterministic"), 0);
	shown_free(&s);
	cluster_wait_executors(&c, EXECUTORS);
}

static bool has_done_one(const struct shown *s, void *arg)
{
	(void)arg;
	return shown_number(s, "ranges_done") > 0;
}

static void test_namespace__cut_off_from_kafka_waits_or_moves(void **state)
{
	struct shown_attempt first;
	struct shown s;

	(void)state;
	submit("no-kafka");
	shown_wait(&c, &s, "no-kafka", shown_is_mid_task, &first);
	shown_free(&s);
	cut_off_from_kafka(first.executor);
	shown_wait(&c, &s, "no-kafka", has_done_one, NULL);
	shown_free(&s);
	heal(first.executor);
	check_job("no-kafka");
	assert_int_equal(cli_active_executors(&c), EXECUTORS);
}

/* How often the driver has said that an executor is lost. */
static unsigned losses(void)
{
	static const char what[] = "evt=executor-lost";
	char log[PROCESS_PATH_MAX];
	char *text = file_text(cluster_path(&c, "driver.log", log));
	unsigned n = 0;

	assert_non_null(text);
	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	free(text);
	return n;
}

static bool has_lost(void *n)
{
	return losses() >= *(const unsigned *)n;
}

/* The driver itself: it loses everybody, and finds them again. */
static void test_namespace__of_the_driver_cut_off_and_healed(void **state)
{
	unsigned all = losses() + EXECUTORS;
	struct shown s;

	(void)state;
	submit("driver-cut");
	shown_wait(&c, &s, "driver-cut", shown_is_mid_task, NULL);
	shown_free(&s);
	cut_off(DRIVER);
	assert_true(wait_until(has_lost, &all, SOON_MS));
	heal(DRIVER);
	check_job("driver-cut");
	cluster_wait_executors(&c, EXECUTORS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces__are_one_cluster),
		cmocka_unit_test(test_namespace__cut_off_mid_job_costs_a_retry),
		cmocka_unit_test(test_namespace__healed_mid_job_does_no_harm),
		cmocka_unit_test(
			test_namespace__cut_off_from_kafka_waits_or_moves),
		cmocka_unit_test(
			test_namespace__of_the_driver_cut_off_and_healed),
	};
	int rc = integration_setup(false);

	if (rc != 0)
		return rc;
	if (!make_bridge()) {
		fprintf(stderr, "skipped: no right to make network "
				"namespaces, or no bridge\n");
		integration_teardown(false, 0);
		return TR_BROKER_SKIPPED;
	}
	rc = tr_broker_setup_on("198.18.0.1");
	if (rc != 0)
		return rc;
	rc = cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
	return integration_teardown(true, rc);
}
