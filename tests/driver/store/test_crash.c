/*
 * What a crash, a full disk or damage leaves behind. Every store is opened in
 * a child process, so that failpoints count from that child's start.
 */
#include "tests/support/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/failpoint.h"
#include "common/base/xalloc.h"
#include "common/kv/be.h"
#include "common/kv/kv.h"
#include "driver/store/layout.h"
#include "tests/driver/store/fixture.h"

#define DONE TRANCHE__V1__JOB_STATE__JOB_DONE

static int set_up(void **state)
{
	*state = fix_new();
	return 0;
}

static int tear_down(void **state)
{
	fix_free(*state);
	return 0;
}

/* A check inside a child: ends it with the line's number. */
#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "line %d: %s: %s\n", __LINE__, #cond,  \
				f->err.text);                                  \
			_exit(2);                                              \
		}                                                              \
	} while (0)

static const struct fix_row rows0[] = { { "a", "1" }, { "c", "3" } };
static const struct fix_row rows1[] = { { "b", "2" } };

static const struct fix_run named[] = {
	{ .op = 1, .lane = 0, .attempt = 8, .table = "t", .records = 2 },
	{ .op = 1, .lane = 1, .attempt = 9, .table = "t", .records = 1 },
};

static struct tr_store_run lane(uint32_t n)
{
	return (struct tr_store_run){ .job = { 1 },
		.batch = 1,
		.op = 1,
		.lane = n,
		.attempt = { 8 + n } };
}

/* The life of a job, one item after the other. Each may be repeated. */
enum {
	STEPS = 9
};

static int step(struct fix *f, unsigned n)
{
	switch (n) {
	case 0:
		return fix_submit(f, 1, "wc");
	case 1:
		return fix_plan(f, 1, 1, 5);
	case 2:
		return fix_finish(f, 1, 1, 0, 0, 7);
	case 3:
		return fix_rows(f, lane(0), rows0, 2);
	case 4:
		return fix_finish(f, 1, 1, 1, 0, 8);
	case 5:
		return fix_rows(f, lane(1), rows1, 1);
	case 6:
		return fix_finish(f, 1, 1, 1, 1, 9);
	case 7:
		return fix_commit(f, 1, 1, named, 2, 2);
	default:
		return fix_end(f, 1, DONE);
	}
}

static void run_steps(struct fix *f, unsigned n)
{
	fix_open(f);
	for (unsigned i = 0; i < n; i++)
		MUST(step(f, i) == 0);
	fix_close(f);
}

static void live(void *arg)
{
	run_steps(arg, STEPS);
}

/* The whole life in one call: one transaction where one will do. */
static void live_at_once(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	fix_gather(f);
	for (unsigned i = 0; i < STEPS; i++)
		MUST(step(f, i) == 0);
	MUST(fix_apply(f) == 0);
	fix_close(f);
}

/* Everything a job should come to. */
static void check_end(void *arg)
{
	struct fix *f = arg;
	Tranche__V1__JobStatus *status;
	fix_open(f);
	MUST(strcmp(fix_table(f, 1, "t"), "a=1 b=2 c=3") == 0);
	MUST(tr_store_job_status(
		     f->store, (struct tr_job_id){ 1 }, &status, &f->err) == 0);
	MUST(status->state == DONE && status->records == 77);
	tr_msg_free(status);
	MUST(strcmp(fix_recover(f), "") == 0);
	fix_maintain(f);
	MUST(strcmp(fix_table(f, 1, "t"), "a=1 b=2 c=3") == 0);
	fix_close(f);
}

static void assert_exit(int status, int want)
{
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), want);
}

static void assert_killed(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* ------------------------------------------------------------------ sweeps */

/* Whatever is seen after a crash is a beginning of the job's life. */
static void check_beginning(void *arg)
{
	static const char *const stories[] = {
		"",
		"submit 1",
		"submit 1, plan 1/1",
		"submit 1, plan 1/1, finished 1/1/0/0",
		"submit 1, plan 1/1, finished 1/1/0/0, finished 1/1/1/0",
		("submit 1, plan 1/1, finished 1/1/0/0, finished 1/1/1/0, "
		 "finished 1/1/1/1"),
		"submit 1, commit 1/1",
	};
	struct fix *f = arg;
	fix_open(f);
	const char *story = fix_recover(f);
	bool is_known = false;
	for (size_t i = 0; i < TR_ARRAY_LEN(stories); i++)
		is_known |= strcmp(story, stories[i]) == 0;
	MUST(is_known);
	bool is_committed = strstr(story, "commit") != NULL;
	Tranche__V1__JobStatus **jobs;
	size_t n;
	MUST(tr_store_job_list(f->store, false, &jobs, &n, &f->err) == 0);
	bool has_ended = n > 0 && jobs[0]->state == DONE;
	/* No story: before the submission, or after the end. */
	MUST((story[0] == '\0') == (n == 0 || has_ended));
	tr_store_jobs_free(jobs, n);
	MUST(strcmp(fix_table(f, 1, "t"),
		     is_committed || has_ended ? "a=1 b=2 c=3" : "not-found") ==
		0);
	fix_close(f);
}

/* Killed at the n-th hit of a point, for all n: a beginning is left, and the
 * same records again lead to the same end. Returns how many there were. */
static unsigned sweep(struct fix *f, const char *point, void (*fn)(void *arg))
{
	for (unsigned n = 1;; n++) {
		char spec[64];
		snprintf(spec, sizeof(spec), "%s=kill@%u", point, n);
		int status = scratch_run(fn, f, spec);
		if (WIFSIGNALED(status))
			assert_killed(status);
		else
			assert_exit(status, 0);
		assert_exit(scratch_run(check_beginning, f, NULL), 0);
		assert_exit(scratch_run(fn, f, NULL), 0);
		assert_exit(scratch_run(check_end, f, NULL), 0);
		scratch_remove(f->data);
		if (!WIFSIGNALED(status))
			return n - 1;
	}
}

static void test_crash__before_any_commit(void **state)
{
	/* Two environments made, the term, and nine items of a job. */
	assert_true(sweep(*state, "lmdb.before_commit", live) >= 12);
}

static void test_crash__after_any_commit(void **state)
{
	assert_true(sweep(*state, "lmdb.after_commit", live) >= 12);
}

static void test_crash__of_a_group(void **state)
{
	assert_true(sweep(*state, "lmdb.before_commit", live_at_once) >= 5);
	assert_true(sweep(*state, "lmdb.after_commit", live_at_once) >= 5);
}

static void test_crash__at_named_points(void **state)
{
	struct fix *f = *state;
	assert_int_equal(sweep(f, "plan.before_write", live), 1);
	assert_int_equal(sweep(f, "plan.after_write", live), 1);
	assert_int_equal(sweep(f, "run.after_append", live), 2);
	assert_int_equal(sweep(f, "commit.before", live), 1);
	assert_int_equal(sweep(f, "commit.after", live), 1);
}

static void no_plan(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	MUST(strcmp(fix_recover(f), "submit 1") == 0);
}

static void the_plan(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	MUST(strcmp(fix_recover(f), "submit 1, plan 1/1") == 0);
	MUST(fix_plan(f, 1, 1, 6) == TR_EEXIST);
}

static void all_finished(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	MUST(strcmp(fix_recover(f),
		     "submit 1, plan 1/1, finished 1/1/0/0, finished 1/1/1/0, "
		     "finished 1/1/1/1") == 0);
	MUST(strcmp(fix_table(f, 1, "t"), "not-found") == 0);
}

static void the_commit(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	MUST(strcmp(fix_recover(f), "submit 1, commit 1/1") == 0);
	MUST(strcmp(fix_table(f, 1, "t"), "a=1 b=2 c=3") == 0);
}

/* The table of docs/journal.md, row by row. */
static void test_crash__leaves_what_the_table_says(void **state)
{
	static const struct {
		const char *point;
		void (*check)(void *arg);
	} cases[] = {
		{ "plan.before_write=kill", no_plan },
		{ "plan.after_write=kill", the_plan },
		{ "commit.before=kill", all_finished },
		{ "commit.after=kill", the_commit },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		assert_killed(scratch_run(live, f, cases[i].point));
		assert_exit(scratch_run(cases[i].check, f, NULL), 0);
		scratch_remove(f->data);
	}
}

/* The same rows, more often than a transaction may hold them. */
static void repeat_rows(void *arg)
{
	struct fix *f = arg;
	size_t n = TR_MIB(4);
	char *big = tr_xmalloc(n + 1);
	memset(big, 'v', n);
	big[n] = '\0';
	const struct fix_row row = { "k", big };
	fix_open(f);
	MUST(fix_submit(f, 1, "big") == 0 && fix_plan(f, 1, 1, 1) == 0);
	fix_gather(f);
	for (unsigned i = 0; i < 20; i++)
		MUST(fix_rows(f, lane(0), &row, 1) == 0);
	MUST(fix_apply(f) == 0);
	fix_close(f);
	free(big);
}

static void test_apply__bounds_transactions(void **state)
{
	struct fix *f = *state;
	assert_killed(scratch_run(repeat_rows, f, "run.after_append=kill@2"));
	scratch_remove(f->data);
	assert_exit(scratch_run(repeat_rows, f, "run.after_append=kill@3"), 0);
}

/* --------------------------------------------------------- failing commits */

static void fail_and_exit(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	for (unsigned i = 0; i < STEPS; i++)
		if (step(f, i) != 0)
			tr_store_exit(&f->err);
	_exit(3);
}

static void test_crash__a_failed_commit_ends_the_driver(void **state)
{
	struct fix *f = *state;
	for (unsigned n = 4; n < 12; n++) {
		char spec[64];
		snprintf(spec, sizeof(spec), "lmdb.before_commit=error:12@%u",
			n);
		assert_exit(scratch_run(fail_and_exit, f, spec), 1);
		assert_exit(scratch_run(check_beginning, f, NULL), 0);
		assert_exit(scratch_run(live, f, NULL), 0);
		assert_exit(scratch_run(check_end, f, NULL), 0);
		scratch_remove(f->data);
	}
}

/* Maps of a few pages: every transaction may have to be done again. */
static void test_crash__tiny_maps_change_nothing(void **state)
{
	struct fix *f = *state;
	for (unsigned kib = 32; kib < 160; kib += 4) {
		f->map_bytes = TR_KIB(kib);
		assert_exit(scratch_run(live, f, NULL), 0);
		assert_exit(scratch_run(check_end, f, NULL), 0);
		scratch_remove(f->data);
	}
}

/* --------------------------------------------------------------- full disk */

static void write_file(const char *path, size_t bytes)
{
	char *zeroes = tr_xcalloc(1, bytes);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ssize_t n = write(fd, zeroes, bytes);
	(void)n;
	close(fd);
	free(zeroes);
}

static void fill_disk(void *arg)
{
	struct fix *f = arg;
	char ballast[SCRATCH_PATH + 16];
	snprintf(ballast, sizeof(ballast), "%s/ballast", f->path);
	run_steps(f, STEPS);
	write_file(ballast, 1 << 20);
	fix_open(f);
	char *big = tr_xmalloc(100001);
	memset(big, 'v', 100000);
	big[100000] = '\0';
	const struct fix_row row = { "k", big };
	int rc = fix_submit(f, 2, "big");
	if (rc == 0)
		rc = fix_plan(f, 2, 1, 1);
	for (uint32_t i = 0; rc == 0 && i < 100; i++)
		rc = fix_rows(f,
			(struct tr_store_run){
				.job = { 2 }, .batch = 1, .lane = i },
			&row, 1);
	MUST(rc == TR_EFULL);
	MUST(strstr(f->err.text, "disk full") &&
		strstr(f->err.text, "free space and restart"));
	fix_close(f);
	MUST(unlink(ballast) == 0);
	fix_open(f);
	MUST(strcmp(fix_table(f, 1, "t"), "a=1 b=2 c=3") == 0);
	MUST(fix_finish(f, 2, 1, 0, 0, 1) == 0);
	MUST(strcmp(fix_recover(f), "submit 2, plan 2/1, finished 2/1/0/0") ==
		0);
	_exit(0);
}

static void test_crash__full_disk(void **state)
{
	struct fix *f = *state;
	int status;
	if (!scratch_run_small(fill_disk, f, f->path, 4096, &status)) {
		print_message("skipped: may not mount a tmpfs\n");
		skip();
	}
	assert_exit(status, 0);
}

/* ----------------------------------------------------------------- damage */

static struct fix *refused; /* the store whose opening is looked at */
static int refused_code;

static void expect_refusal(void *arg)
{
	struct fix *f = refused;
	const char *part = arg;
	int rc = fix_try_open(f);
	if (rc != refused_code || !strstr(f->err.text, part) ||
		strchr(f->err.text, '\n')) {
		fprintf(stderr, "%d: '%s'\n", rc, f->err.text);
		_exit(2);
	}
}

static void assert_refused(struct fix *f, int code, const char *part)
{
	char copy[64];
	refused = f;
	refused_code = code;
	snprintf(copy, sizeof(copy), "%s", part);
	assert_exit(scratch_run(expect_refusal, copy, NULL), 0);
}

static void test_open__refuses_damage_by_name(void **state)
{
	static const char *const envs[] = { "cluster", "jobs/1" };
	struct fix *f = *state;
	for (size_t i = 0; i < TR_ARRAY_LEN(envs); i++) {
		for (unsigned kind = 0; kind < 5; kind++) {
			char env[SCRATCH_PATH];
			char file[SCRATCH_PATH + 16];
			snprintf(env, sizeof(env), "%s",
				scratch_file(f->data, envs[i]));
			snprintf(file, sizeof(file), "%s/data.mdb", env);
			assert_exit(scratch_run(live, f, NULL), 0);
			int64_t size = scratch_size(file);
			if (kind == 0)
				scratch_truncate(file, size / 2);
			else if (kind == 1)
				scratch_truncate(file, 0);
			else if (kind == 2)
				scratch_scramble(file, 0, 2);
			else if (kind == 3)
				scratch_scramble(
					file, 2, (unsigned)(size / 4096) - 2);
			else
				assert_true(scratch_flip(file, "uuid-1") > 0);
			assert_refused(f, TR_ECORRUPT, envs[i]);
			scratch_remove(f->data);
		}
	}
}

static void test_open__refuses_jobs_without_a_list(void **state)
{
	struct fix *f = *state;
	assert_exit(scratch_run(live, f, NULL), 0);
	scratch_remove(scratch_file(f->data, "cluster"));
	assert_refused(f, TR_ECORRUPT, "there are 1 jobs");
}

static int put_newer(struct tr_kv_txn *txn, void *arg, struct tr_error *err)
{
	uint8_t be[4];
	const unsigned *db = arg;
	tr_be_put32(be, 2);
	struct tr_slice v = tr_slice_of(be, 4);
	/* The schema's own database comes behind those of the caller. */
	return tr_kv_put(txn, *db, tr_slice_of_text("version"), &v, 1, err);
}

static void make_newer(
	struct fix *f, const char *env, const struct tr_kv_schema *schema)
{
	const struct tr_kv_opts opts = {
		.path = scratch_file(f->data, env),
		.schema = schema,
		.must_exist = true,
	};
	struct tr_kv *kv;
	unsigned db = (unsigned)schema->n_dbs;
	assert_int_equal(tr_kv_open(&kv, &opts, &f->err), 0);
	assert_int_equal(tr_kv_update(kv, put_newer, &db, &f->err), 0);
	tr_kv_close(kv);
}

static void test_open__refuses_newer_formats(void **state)
{
	struct fix *f = *state;
	assert_exit(scratch_run(live, f, NULL), 0);
	make_newer(f, "jobs/1", &tr_store_job_schema);
	assert_refused(f, TR_EVERSION, "format 2");
	scratch_remove(f->data);
	assert_exit(scratch_run(live, f, NULL), 0);
	make_newer(f, "cluster", &tr_store_cluster_schema);
	assert_refused(f, TR_EVERSION, "cluster");
}

static void end_by_half(void *arg)
{
	struct fix *f = arg;
	run_steps(f, STEPS - 1);
	fix_open(f);
	/* The job's environment is this driver's from here on, so that the
	 * next commit is the end in it. */
	MUST(fix_log(f, 1, 0, "about to end") == 0);
	tr_failpoint_reset();
	setenv("TRANCHE_FAILPOINT", "lmdb.after_commit=kill", 1);
	(void)!fix_end(f, 1, DONE);
}

/* A crash between the two environments: the list learns of the end. */
static void test_open__repairs_the_list_from_the_job(void **state)
{
	struct fix *f = *state;
	assert_killed(scratch_run(end_by_half, f, NULL));
	assert_exit(scratch_run(check_end, f, NULL), 0);
}

static void remove_job(void *arg)
{
	struct fix *f = arg;
	fix_open(f);
	MUST(fix_remove(f, 1) == 0);
	fix_maintain(f);
	fix_close(f);
}

static void check_removed(void *arg)
{
	struct fix *f = arg;
	char jobs[SCRATCH_PATH + 16];
	fix_open(f);
	MUST(strcmp(fix_recover(f), "") == 0);
	fix_maintain(f);
	snprintf(jobs, sizeof(jobs), "%s/jobs", f->data);
	MUST(rmdir(jobs) == 0); /* nothing is left in it */
	fix_close(f);
}

/* A folder that is half removed is no damage: it goes at the next start. */
static void test_open__goes_on_with_a_removal(void **state)
{
	struct fix *f = *state;
	for (unsigned n = 1; n <= 2; n++) {
		char spec[64];
		snprintf(spec, sizeof(spec), "kv.removing=kill@%u", n);
		assert_exit(scratch_run(live, f, NULL), 0);
		assert_killed(scratch_run(remove_job, f, spec));
		assert_exit(scratch_run(check_removed, f, NULL), 0);
		scratch_remove(f->data);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TR_TEST_MAIN(CASE(test_crash__before_any_commit),
	CASE(test_crash__after_any_commit), CASE(test_crash__of_a_group),
	CASE(test_crash__at_named_points),
	CASE(test_crash__leaves_what_the_table_says),
	CASE(test_apply__bounds_transactions),
	CASE(test_crash__a_failed_commit_ends_the_driver),
	CASE(test_crash__tiny_maps_change_nothing), CASE(test_crash__full_disk),
	CASE(test_open__refuses_damage_by_name),
	CASE(test_open__refuses_jobs_without_a_list),
	CASE(test_open__refuses_newer_formats),
	CASE(test_open__repairs_the_list_from_the_job),
	CASE(test_open__goes_on_with_a_removal));
