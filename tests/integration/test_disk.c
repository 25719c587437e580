/*
 * The driver's disk: full in the middle of a job, and with the database
 * damaged. It ends with a clear word, and what was committed is whole.
 */
#include "tests/integration/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/lines.h"
#include "tests/integration/shown.h"
#include "tests/integration/table.h"

enum {
	N_LINES = 30000, /* 3 MB */
	PAGE = 4096,
};

/* Every record with its place: as large as the input. */
static const char keep_all[] =
	"tranche.source { topic = tranche.arg('topic') }\n"
	"  :map(function(r)\n"
	"      return r.partition .. '@' .. r.offset, r.value\n"
	"    end)\n"
	"  :store('all')\n";

static struct cluster c;
static struct lines lines;
static struct cli job;
static char small_script[PROCESS_PATH_MAX];
static char large_script[PROCESS_PATH_MAX];

static int make_lines(void **state)
{
	(void)state;
	lines_init(&lines, "disk", 2, N_LINES);
	return 0;
}

static int start_driver(void **state)
{
	(void)state;
	cluster_start(&c, &(struct cluster_opts){ .executors = 0 });
	cluster_write(&c, "small.lua", lines_builtin, small_script);
	cluster_write(&c, "large.lua", keep_all, large_script);
	return 0;
}

static int stop_all(void **state)
{
	char path[PROCESS_PATH_MAX];

	(void)state;
	cli_free(&job);
	cluster_stop(&c);
	umount2(cluster_path(&c, "data", path), MNT_DETACH);
	return 0;
}

static void submit(struct cli *r, const char *script, const char *name)
{
	cli_start(&c, r, "submit", script, lines.argument, "--offsets",
		"start:end", "--name", name, NULL);
}

static void run_small(const char *name)
{
	struct cli r;

	submit(&r, small_script, name);
	if (cli_wait(&r, CLI_JOB_MS) != 0)
		fail_msg("exit %d: %s", r.status, r.err);
	cli_free(&r);
	lines_check_table(&c, name, "counts", &lines.gen);
}

/* ---- full ---- */

/* A mount of the test's own: it ends with it, however it ends. */
static bool can_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void mount_data(unsigned long flags, const char *options)
{
	char path[PROCESS_PATH_MAX];

	if (mount("tmpfs", cluster_path(&c, "data", path), "tmpfs", flags,
		    options) != 0)
		fail_msg("mount: %s", strerror(errno));
}

static void test_disk__full_in_a_job_loses_nothing(void **state)
{
	char log[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	if (!can_mount()) {
		print_message("no right to mount\n");
		skip();
	}
	cluster_driver_kill(&c);
	mount_data(0, "size=3m,mode=700");
	cluster_driver_start(&c);
	cluster_executor_start(&c, 0);
	cluster_wait_executors(&c, 1);
	run_small("before");
	submit(&job, large_script, "large");
	cluster_driver_gone(&c);
	assert_int_equal(c.driver.status, 1);
	cluster_path(&c, "driver.log", log);
	assert_true(file_has(log, "evt=store-failed"));
	assert_true(file_has(log, "disk-full"));
	mount_data(MS_REMOUNT, "size=256m,mode=700");
	cluster_driver_start(&c);
	if (cli_wait(&job, CLI_JOB_MS) != 0)
		fail_msg("exit %d: %s", job.status, job.err);
	cli_free(&job);
	json_t *rows = table_rows(&c, "large", "all");
	assert_int_equal(json_object_size(rows), N_LINES);
	json_decref(rows);
	lines_check_table(&c, "before", "counts", &lines.gen);
	cli_ok(&c, &r, "job", "list", NULL);
	cli_free(&r);
}

/* ---- damaged ---- */

/* Everything from its third page on: what is before says where the roots are.
 */
static void spoil(const char *name)
{
	char path[PROCESS_PATH_MAX], page[PAGE];
	struct stat st;
	FILE *file = fopen(cluster_path(&c, name, path), "r+e");

	assert_non_null(file);
	memset(page, 0xa5, sizeof(page));
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_true(st.st_size > 3 * PAGE);
	for (off_t at = 2 * PAGE; at + PAGE <= st.st_size; at += PAGE) {
		assert_int_equal(fseeko(file, at, SEEK_SET), 0);
		assert_int_equal(fwrite(page, PAGE, 1, file), 1);
	}
	assert_int_equal(fclose(file), 0);
}

static void start_and_fail(const char *says)
{
	char program[PROCESS_PATH_MAX], conf[PROCESS_PATH_MAX];
	char log[PROCESS_PATH_MAX];
	const char *argv[] = { program, "-c", conf, NULL };

	cluster_program("tranche-driver", program);
	cluster_path(&c, "driver.conf", conf);
	cluster_path(&c, "refused.log", log);
	process_start(&c.driver,
		&(struct process_spec){ .argv = argv, .out = log, .err = log });
	assert_int_equal(process_wait(&c.driver, SOON_MS), 1);
	if (!file_has(log, says))
		fail_msg("%s does not say '%s'", log, says);
}

static void check_damaged(const char *file, const char *folder)
{
	cluster_executor_start(&c, 0);
	cluster_wait_executors(&c, 1);
	run_small("damaged");
	cluster_driver_kill(&c);
	spoil(file);
	start_and_fail(folder);
}

static void test_disk__with_a_damaged_journal_is_refused(void **state)
{
	(void)state;
	check_damaged("data/cluster/data.mdb", "data/cluster' is corrupt");
}

static void test_disk__with_damaged_tables_is_refused(void **state)
{
	(void)state;
	check_damaged("data/jobs/1/data.mdb", "data/jobs/1' is corrupt");
}

#define WITH_DRIVER(test)                                                      \
	cmocka_unit_test_setup_teardown(test, start_driver, stop_all)

INTEGRATION_MAIN(make_lines, NULL,
	WITH_DRIVER(test_disk__full_in_a_job_loses_nothing),
	WITH_DRIVER(test_disk__with_a_damaged_journal_is_refused),
	WITH_DRIVER(test_disk__with_damaged_tables_is_refused));
