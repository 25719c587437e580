#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "tests/driver/store/fixture.h"

#define DONE   TRANCHE__V1__JOB_STATE__JOB_DONE
#define FAILED TRANCHE__V1__JOB_STATE__JOB_FAILED

static int set_up(void **state)
{
	*state = fix_new();
	fix_open(*state);
	return 0;
}

static int tear_down(void **state)
{
	fix_free(*state);
	return 0;
}

static struct tr_job_id job_id(uint64_t v)
{
	return (struct tr_job_id){ v };
}

/* ------------------------------------------------------------- the folder */

static void test_store__term_grows_and_cluster_id_stays(void **state)
{
	struct fix *f = *state;
	char id[33];
	snprintf(id, sizeof(id), "%s", tr_store_cluster_id(f->store));
	assert_int_equal(strlen(id), 32);
	for (uint64_t term = 1; term < 4; term++) {
		assert_int_equal(tr_store_term(f->store).v, term);
		assert_string_equal(tr_store_cluster_id(f->store), id);
		fix_close(f);
		fix_open(f);
	}
}

static void open_second(void *arg)
{
	struct fix *f = arg;
	char pid[32];
	int rc = fix_try_open(f);
	snprintf(pid, sizeof(pid), "pid %ld", (long)getppid());
	_exit(rc == TR_EEXIST && strstr(f->err.text, pid) ? 0 : 1);
}

static void test_store__second_driver_is_refused(void **state)
{
	struct fix *f = *state;
	int status = scratch_run(open_second, f, NULL);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* And the first goes on. */
	assert_int_equal(fix_submit(f, 1, "a"), 0);
}

static void test_store__folders_are_private(void **state)
{
	struct fix *f = *state;
	struct stat st;
	static const char *const folders[] = { ".", "jobs", "cluster",
		"jobs/1" };
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	assert_int_equal(fix_plan(f, 1, 1, 9), 0);
	for (size_t i = 0; i < TR_ARRAY_LEN(folders); i++) {
		assert_int_equal(
			stat(scratch_file(f->data, folders[i]), &st), 0);
		assert_int_equal(st.st_mode & 0777, 0700);
	}
	assert_int_equal(stat(scratch_file(f->data, "driver.lock"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---------------------------------------------------------------- submits */

static void test_submit__the_same_again_is_the_same_job(void **state)
{
	struct fix *f = *state;
	struct tr_job_id job;
	assert_int_equal(fix_submit(f, 1, "wc"), 0);
	assert_int_equal(fix_submit(f, 1, "wc"), 0);
	assert_int_equal(fix_submit(f, 1, "other"), TR_EEXIST);
	assert_int_equal(
		fix_submit_as(f, 2, "wc", "r-1", 0xa1, NULL), TR_EEXIST);
	assert_int_equal(tr_store_request(f->store, "r-1", &job, &f->err), 0);
	assert_int_equal(job.v, 1);
	assert_int_equal(
		tr_store_request(f->store, "r-2", &job, &f->err), TR_ENOTFOUND);
	assert_int_equal(tr_store_last_job(f->store).v, 1);
}

static int artefact(struct fix *f, uint8_t id, char *text)
{
	uint8_t sha256[TR_STORE_ARTEFACT_ID];
	struct tr_buf out;
	memset(sha256, id, sizeof(sha256));
	tr_buf_init(&out, 64);
	int rc = tr_store_artefact(
		f->store, tr_slice_of(sha256, sizeof(sha256)), &out, &f->err);
	if (rc == 0) {
		memcpy(text, out.data, out.len);
		text[out.len] = '\0';
	}
	tr_buf_fini(&out);
	return rc;
}

/* An artefact is stored once and goes with the last job that uses it. */
static void test_submit__artefacts_are_shared(void **state)
{
	struct fix *f = *state;
	char text[64];
	assert_int_equal(fix_submit_as(f, 1, "a", "r1", 7, NULL), TR_ENOTFOUND);
	assert_int_equal(fix_submit_as(f, 1, "a", "r1", 7, "script"), 0);
	assert_int_equal(fix_submit_as(f, 2, "b", "r2", 7, NULL), 0);
	assert_int_equal(artefact(f, 7, text), 0);
	assert_string_equal(text, "script");
	assert_int_equal(fix_remove(f, 1), TR_EINVAL); /* it has not ended */
	assert_int_equal(fix_end(f, 1, DONE), 0);
	assert_int_equal(fix_remove(f, 1), 0);
	assert_int_equal(artefact(f, 7, text), 0);
	assert_int_equal(fix_end(f, 2, FAILED), 0);
	assert_int_equal(fix_remove(f, 2), 0);
	assert_int_equal(artefact(f, 7, text), TR_ENOTFOUND);
}

/* ---------------------------------------------------- plans, tasks, commits */

static void test_plan__one_per_batch_and_in_order(void **state)
{
	struct fix *f = *state;
	Tranche__V1__BatchPlan *plan;
	assert_int_equal(fix_plan(f, 1, 1, 5), TR_ENOTFOUND); /* no job */
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	assert_int_equal(fix_plan(f, 1, 2, 5), TR_EINVAL);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0);
	assert_int_equal(fix_plan(f, 1, 1, 6), TR_EEXIST);
	assert_int_equal(fix_plan(f, 1, 2, 7), 0); /* at most two are open */
	assert_int_equal(fix_plan(f, 1, 3, 8), TR_EINVAL);
	assert_int_equal(
		tr_store_plan(f->store, job_id(1), 1, &plan, &f->err), 0);
	assert_int_equal(plan->seed, 5);
	tr_msg_free(plan);
	assert_int_equal(
		tr_store_plan(f->store, job_id(1), 0, &plan, &f->err), 0);
	assert_int_equal(plan->seed, 7);
	tr_msg_free(plan);
	assert_int_equal(tr_store_plan(f->store, job_id(1), 9, &plan, &f->err),
		TR_ENOTFOUND);
}

static void test_commit__in_order_and_once(void **state)
{
	struct fix *f = *state;
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 0), TR_ENOTFOUND);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0);
	assert_int_equal(fix_commit(f, 1, 2, NULL, 0, 0), TR_EINVAL);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 0), 0);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 0), 0);
	assert_int_equal(fix_plan(f, 1, 2, 5), 0);
	assert_int_equal(fix_commit(f, 1, 2, NULL, 0, 0), 0);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 0), TR_EINVAL);
}

static void test_apply__records_of_another_term_are_refused(void **state)
{
	struct fix *f = *state;
	fix_gather(f);
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	fix_close(f);
	fix_open(f);
	assert_int_equal(fix_apply(f), TR_EFENCED);
}

static void replace_folder(const char *from, const char *to)
{
	char command[3 * SCRATCH_PATH];
	snprintf(command, sizeof(command), "rm -rf %s && cp -r %s %s", to, from,
		to);
	assert_int_equal(system(command), 0);
}

/* The job list was restored from a backup; the job knows a newer driver. */
static void test_apply__an_environment_of_a_newer_term_is_refused(void **state)
{
	struct fix *f = *state;
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	fix_close(f);
	const char *list = scratch_file(f->data, "cluster");
	const char *backup = scratch_file(f->path, "backup");
	replace_folder(list, backup);
	for (int i = 0; i < 3; i++) {
		fix_open(f);
		assert_int_equal(fix_log(f, 1, 0, "hello"), 0);
		fix_close(f);
	}
	replace_folder(backup, list);
	fix_open(f);
	assert_int_equal(tr_store_term(f->store).v, 2);
	assert_int_equal(fix_plan(f, 1, 1, 5), TR_EFENCED);
}

static void test_recover__tells_what_is_open(void **state)
{
	struct fix *f = *state;
	const struct fix_row row = { "k", "v" };
	const struct tr_store_run run = {
		.job = { 1 }, .batch = 2, .op = 3, .lane = 1, .attempt = { 11 }
	};
	fix_gather(f);
	fix_submit(f, 1, "a");
	fix_submit(f, 2, "b");
	fix_submit(f, 3, "c");
	fix_submit(f, 4, "d");
	fix_plan(f, 1, 1, 5);
	fix_finish(f, 1, 1, 0, 0, 8);
	fix_commit(f, 1, 1, NULL, 0, 2);
	fix_plan(f, 1, 2, 6);
	fix_plan(f, 3, 1, 1);
	fix_rows(f, run, &row, 1);
	fix_finish(f, 1, 2, 1, 1, 11);
	fix_finish(f, 1, 2, 0, 0, 9);
	fix_finish(f, 1, 2, 0, 1, 10);
	fix_finish(f, 1, 1, 0, 5, 7); /* late: batch 1 is committed */
	fix_plan(f, 1, 3, 6);
	fix_finish(f, 1, 3, 0, 0, 12);
	fix_unfinish(f, 1, 2, 0, 1);
	fix_unfinish(f, 1, 2, 0, 9); /* never was */
	fix_plan(f, 4, 1, 5);
	fix_end(f, 4, FAILED);
	assert_int_equal(fix_apply(f), 0);
	fix_close(f);
	fix_open(f);
	assert_string_equal(fix_recover(f),
		"submit 1, commit 1/1, plan 1/2, finished 1/2/0/0, "
		"undone 1/2/0/1, finished 1/2/1/1, plan 1/3, finished 1/3/0/0, "
		"submit 2, "
		"submit 3, plan 3/1");
	assert_int_equal(tr_store_last_job(f->store).v, 4);
	fix_maintain(f);
	assert_string_equal(fix_recover(f),
		"submit 1, commit 1/1, plan 1/2, finished 1/2/0/0, "
		"undone 1/2/0/1, finished 1/2/1/1, plan 1/3, finished 1/3/0/0, "
		"submit 2, "
		"submit 3, plan 3/1");
}

static void test_apply__ids_of_64_bits(void **state)
{
	struct fix *f = *state;
	const uint64_t job = UINT64_C(0xfedcba9876543210);
	const uint64_t attempt = UINT64_C(0xffffffff00000001);
	const struct fix_row row = { "k", "v" };
	const struct tr_store_run run = { .job = { job },
		.batch = 1,
		.op = UINT32_MAX,
		.lane = UINT32_MAX,
		.attempt = { attempt } };
	const struct fix_run named = { .op = UINT32_MAX,
		.lane = UINT32_MAX,
		.attempt = attempt,
		.table = "t",
		.records = 1 };
	assert_int_equal(fix_submit(f, job, "big"), 0);
	assert_int_equal(fix_plan(f, job, 1, 1), 0);
	assert_int_equal(fix_rows(f, run, &row, 1), 0);
	assert_int_equal(fix_commit(f, job, 1, &named, 1, 0), 0);
	fix_close(f);
	fix_open(f);
	assert_string_equal(fix_table(f, job, "t"), "k=v");
	assert_true(tr_store_last_job(f->store).v == job);
}

/* Late rows, tasks and lines of jobs that ended or went are no error. */
static void test_apply__late_items_are_dropped(void **state)
{
	struct fix *f = *state;
	const struct fix_row row = { "k", "v" };
	const struct tr_store_run run = { .job = { 1 }, .batch = 1 };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fix_rows(f, run, &row, 1), 0);
		assert_int_equal(fix_finish(f, 1, 1, 0, 0, 1), 0);
		assert_int_equal(fix_log(f, 1, 0, "hello"), 0);
		if (i == 0) {
			assert_int_equal(fix_submit(f, 1, "a"), 0);
			assert_int_equal(fix_end(f, 1, FAILED), 0);
		}
	}
	assert_int_equal(fix_end(f, 1, FAILED), 0);
	assert_int_equal(fix_end(f, 1, DONE), TR_EEXIST);
}

static void test_apply__plans_and_commits_of_ended_jobs_are_refused(
	void **state)
{
	struct fix *f = *state;
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0);
	assert_int_equal(fix_end(f, 1, FAILED), 0);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0); /* the same, again */
	assert_int_equal(fix_plan(f, 1, 2, 5), TR_EINVAL);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 0), TR_EINVAL);
}

/* --------------------------------------------------------------- the list */

static void test_list__finds_by_number_and_newest_name(void **state)
{
	struct fix *f = *state;
	struct tr_job_id job;
	Tranche__V1__JobStatus **jobs;
	size_t n;
	assert_int_equal(fix_submit(f, 1, "wc"), 0);
	assert_int_equal(fix_submit(f, 2, "wc"), 0);
	assert_int_equal(fix_submit(f, 3, "1"), 0);
	assert_int_equal(fix_submit(f, 4, "77"), 0);
	assert_int_equal(tr_store_job_find(f->store, "wc", &job, &f->err), 0);
	assert_int_equal(job.v, 2);
	assert_int_equal(tr_store_job_find(f->store, "1", &job, &f->err), 0);
	assert_int_equal(job.v, 1);
	assert_int_equal(tr_store_job_find(f->store, "77", &job, &f->err), 0);
	assert_int_equal(job.v, 4);
	assert_int_equal(
		tr_store_job_find(f->store, "x", &job, &f->err), TR_ENOTFOUND);
	assert_int_equal(fix_end(f, 2, DONE), 0);
	assert_int_equal(
		tr_store_job_list(f->store, true, &jobs, &n, &f->err), 0);
	assert_int_equal(n, 3);
	tr_store_jobs_free(jobs, n);
	assert_int_equal(
		tr_store_job_list(f->store, false, &jobs, &n, &f->err), 0);
	assert_int_equal(n, 4);
	assert_int_equal(jobs[1]->state, DONE);
	assert_string_equal(jobs[1]->name, "wc");
	assert_string_equal(jobs[1]->job_uuid, "uuid-2");
	assert_int_equal(jobs[1]->submitted_ms, 1000);
	assert_int_equal(jobs[1]->ended_ms, 3000);
	assert_int_equal(jobs[1]->records, 77);
	tr_store_jobs_free(jobs, n);
}

/* ---------------------------------------------------------------- history */

static void test_logs__are_numbered_capped_and_counted(void **state)
{
	struct fix *f = *state;
	Tranche__V1__StoredLogLine **lines;
	size_t n;
	bool more;
	uint64_t dropped;
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	for (unsigned round = 0; round < 3; round++) {
		fix_gather(f);
		for (unsigned i = 0; i < 4000; i++)
			fix_log(f, 1, 0, "line");
		assert_int_equal(fix_apply(f), 0);
	}
	assert_int_equal(fix_log(f, 1, 3, "again"), 0); /* seen before */
	assert_int_equal(tr_store_logs(f->store, job_id(1), 0, &lines, &n,
				 &more, &dropped, &f->err),
		0);
	assert_int_equal(n, TR_STORE_PAGE_ROWS);
	assert_int_equal(lines[0]->seq, 1);
	assert_string_equal(lines[2]->line->text, "line");
	assert_true(more);
	assert_int_equal(dropped, 12000 - TR_JOB_LOG_LINES_MAX);
	tr_store_logs_free(lines, n);
	assert_int_equal(
		tr_store_logs(f->store, job_id(1), TR_JOB_LOG_LINES_MAX - 5,
			&lines, &n, &more, &dropped, &f->err),
		0);
	assert_int_equal(n, 5);
	assert_int_equal(lines[4]->seq, TR_JOB_LOG_LINES_MAX);
	assert_false(more);
	tr_store_logs_free(lines, n);
}

static void test_tasks__page_by_page(void **state)
{
	struct fix *f = *state;
	Tranche__V1__TaskRow **tasks;
	size_t n;
	bool more;
	struct tr_lane_id from = { 0, 0 };
	assert_int_equal(fix_submit(f, 1, "a"), 0);
	assert_int_equal(fix_plan(f, 1, 1, 5), 0);
	assert_int_equal(fix_commit(f, 1, 1, NULL, 0, 1500), 0);
	assert_int_equal(tr_store_tasks(f->store, job_id(1), 0, from, &tasks,
				 &n, &more, &f->err),
		0);
	assert_int_equal(n, TR_STORE_PAGE_ROWS);
	assert_true(more);
	from.lane = tasks[n - 1]->lane + 1;
	tr_store_tasks_free(tasks, n);
	assert_int_equal(tr_store_tasks(f->store, job_id(1), 1, from, &tasks,
				 &n, &more, &f->err),
		0);
	assert_int_equal(n, 500);
	assert_int_equal(tasks[499]->lane, 1499);
	assert_string_equal(tasks[499]->state, "done");
	assert_false(more);
	tr_store_tasks_free(tasks, n);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TR_TEST_MAIN(CASE(test_store__term_grows_and_cluster_id_stays),
	CASE(test_store__second_driver_is_refused),
	CASE(test_store__folders_are_private),
	CASE(test_submit__the_same_again_is_the_same_job),
	CASE(test_submit__artefacts_are_shared),
	CASE(test_plan__one_per_batch_and_in_order),
	CASE(test_commit__in_order_and_once),
	CASE(test_apply__records_of_another_term_are_refused),
	CASE(test_apply__an_environment_of_a_newer_term_is_refused),
	CASE(test_recover__tells_what_is_open),
	CASE(test_apply__ids_of_64_bits),
	CASE(test_apply__late_items_are_dropped),
	CASE(test_apply__plans_and_commits_of_ended_jobs_are_refused),
	CASE(test_list__finds_by_number_and_newest_name),
	CASE(test_logs__are_numbered_capped_and_counted),
	CASE(test_tasks__page_by_page));
