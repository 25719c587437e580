/*
 * Golden traces: a few steps each, compared with readable text. They document
 * the core; read them as prose in traces/.
 */
#include "tests/support/test.h"

#include "common/base/err.h"
#include "tests/driver/core/fixture.h"

/* Two map lanes and one reduce lane on two executors, all goes well. */
static void test_core__runs_a_batch(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 2);
	fx_join(&f, 2, 2);
	fx_submit(&f, 7, 2, 1);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_done(&f, 2, 7, 0, 1, 2);
	fx_done(&f, 1, 7, 1, 0, 3);
	fx_committed(&f, 7);
	fx_compare(&f, "batch");
	fx_stop(&f);
}

/* A lost executor's attempt runs elsewhere at once, its output again. */
static void test_core__replaces_a_lost_executor(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 3, 1);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_say(&f, "executor 1 holds lane 0/0 and runs 0/2");
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 1);
	fx_done(&f, 2, 7, 0, 1, 2);
	fx_done(&f, 2, 7, 0, 2, 4);
	fx_done(&f, 2, 7, 0, 0, 5);
	fx_done(&f, 2, 7, 1, 0, 6);
	fx_compare(&f, "lost_executor");
	fx_stop(&f);
}

/* Blocks that nobody will read are let go. */
static void test_core__keeps_lanes_whose_blocks_are_read(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 1, 2);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_done(&f, 1, 7, 1, 0, 2);
	fx_say(&f, "lane 1/1 still reads the blocks of 0/0");
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 1);
	fx_join(&f, 2, 1);
	fx_done(&f, 2, 7, 0, 0, 4);
	fx_done(&f, 2, 7, 1, 1, 5);
	fx_say(&f, "now nobody does");
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 2);
	fx_compare(&f, "blocks_read");
	fx_stop(&f);
}

/* A failed attempt waits and then runs on another executor. */
static void test_core__retries_with_back_off_elsewhere(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 1, 0);
	fx_failed(&f, 1, 7, 0, 0, 1, TR_EIO);
	fx_wait(&f, 49);
	fx_say(&f, "not before half of 100 ms");
	fx_wait(&f, 51);
	fx_failed(&f, 2, 7, 0, 0, 2, TR_EIO);
	fx_wait(&f, 200);
	fx_failed(&f, 1, 7, 0, 0, 3, TR_EIO);
	fx_wait(&f, 400);
	fx_say(&f, "the fourth failure is the last");
	fx_failed(&f, 2, 7, 0, 0, 4, TR_EUSER);
	fx_compare(&f, "retry");
	fx_stop(&f);
}

static void test_core__fails_at_once_on_final_errors(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 2);
	fx_submit(&f, 7, 2, 1);
	fx_failed(&f, 1, 7, 0, 1, 2, TR_EINPUT_GONE);
	fx_say(&f, "the other attempt's slot is free when it has answered");
	fx_failed(&f, 1, 7, 0, 0, 1, TR_ECANCELED);
	fx_compare(&f, "final_error");
	fx_stop(&f);
}

/* A reader that cannot have its blocks makes the writer run again. */
static void test_core__runs_the_writer_of_lost_blocks_again(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_event lost;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 1, 1);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_say(&f, "lane 1/0 runs where the blocks are; suppose they rot");
	lost = fx_report(&f, TR_CORE_BLOCKS_LOST, 1, 7, 0, 0, 1);
	fx_step(&f, &lost);
	fx_failed(&f, 1, 7, 1, 0, 2, TR_ELOST);
	fx_done(&f, 2, 7, 0, 0, 3);
	fx_done(&f, 2, 7, 1, 0, 4);
	fx_compare(&f, "blocks_lost");
	fx_stop(&f);
}

/* Other output of a lane before anybody used the first: the newer counts. */
static void test_core__replaces_a_version_nobody_used(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 2);
	fx_submit(&f, 7, 2, 1);
	fx_done_with(&f, 2, 7, 0, 0, 1, 0xA);
	fx_done_with(&f, 1, 7, 0, 1, 2, 0xB);
	fx_say(&f, "lane 1/0 runs on 2; 1 goes with the blocks of 0/1");
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 1);
	fx_done_with(&f, 2, 7, 0, 1, 4, 0xC);
	fx_say(&f, "what 1/0 has read so far was 0xB: it starts anew");
	fx_done_with(&f, 2, 7, 1, 0, 3, 0xD);
	fx_compare(&f, "version_replaced");
	fx_stop(&f);
}

/* Two versions of a lane would meet in one result. */
static void test_core__fails_a_batch_of_two_versions(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 1, 2);
	fx_done_with(&f, 1, 7, 0, 0, 1, 0xA);
	fx_done(&f, 2, 7, 1, 1, 3);
	fx_member(&f, TR_CORE_EXECUTOR_DOWN, 1);
	fx_done_with(&f, 2, 7, 0, 0, 4, 0xB);
	fx_compare(&f, "two_versions");
	fx_stop(&f);
}

/* After a restart: finished lanes stay so, what is held is adopted. */
static void test_core__recovers_what_is_stored_and_held(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_event job = { .kind = TR_CORE_RECOVER_JOB,
		.now_ms = 1000 };
	job.u.job.job.v = 7;
	fx_begin(&f, 2);
	fx_step(&f, &job);
	fx_plan(&f, 7, 4, 1);
	fx_recover_task(&f, 7, 0, 0, fx_attempt(1, 1), false);
	fx_recover_task(&f, 7, 0, 1, fx_attempt(1, 2), false);
	fx_recover_task(&f, 7, 0, 2, fx_attempt(1, 3), true);
	fx_simple(&f, TR_CORE_RECOVER_END);
	fx_say(&f, "executor 1 has the blocks of 0/0 and runs 0/3");
	fx_up(&f, 1, 1, 2);
	fx_held(&f, 1, 7, 0, 0, fx_attempt(1, 1), true);
	fx_held(&f, 1, 7, 0, 3, fx_attempt(1, 4), false);
	fx_say(&f, "and things that are not wanted any more");
	fx_held(&f, 1, 6, 0, 0, fx_attempt(1, 1), true);
	fx_held(&f, 1, 7, 0, 1, fx_attempt(1, 1), true);
	fx_held(&f, 1, 7, 1, 0, fx_attempt(1, 5), true);
	fx_member(&f, TR_CORE_EXECUTOR_READY, 1);
	fx_say(&f, "nobody comes back with 0/1: it runs again, and 0/2 too");
	fx_wait(&f, 1500);
	fx_member(&f, TR_CORE_EXECUTOR_HEARD, 1);
	fx_wait(&f, 1500);
	fx_compare(&f, "recover");
	fx_stop(&f);
}

static void test_core__ends_a_committed_job_after_restart(void **state)
{
	(void)state;
	struct fixture f;
	struct tr_core_event job = { .kind = TR_CORE_RECOVER_JOB,
		.now_ms = 1000 };
	fx_begin(&f, 3);
	job.u.job.job.v = 4;
	job.u.job.committed = true;
	fx_step(&f, &job);
	job.u.job.job.v = 5;
	job.u.job.committed = false;
	fx_step(&f, &job);
	job.u.job.job.v = 6;
	fx_step(&f, &job);
	fx_plan(&f, 6, 1, 0);
	fx_recover_task(&f, 6, 0, 0, fx_attempt(1, 9), false);
	fx_simple(&f, TR_CORE_RECOVER_END);
	fx_compare(&f, "recover_late");
	fx_stop(&f);
}

/* Silence for a lease; then the id is not valid any more. */
static void test_core__drops_a_silent_executor(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 1, 0);
	fx_wait(&f, 2999);
	fx_member(&f, TR_CORE_EXECUTOR_HEARD, 1);
	fx_wait(&f, 2999);
	fx_wait(&f, 1);
	fx_say(&f, "it was only slow; its report is refused");
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_say(&f, "it comes back and still has the output");
	fx_up(&f, 2, 1, 1);
	fx_held(&f, 2, 7, 0, 0, fx_attempt(1, 1), true);
	fx_member(&f, TR_CORE_EXECUTOR_READY, 2);
	fx_compare(&f, "lease");
	fx_stop(&f);
}

/* A daemon whose old connection still looks open. */
static void test_core__replaces_a_registration(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_join(&f, 2, 1);
	fx_submit(&f, 7, 2, 0);
	fx_up(&f, 3, 1, 1);
	fx_say(&f, "nothing is placed until it has said what it holds");
	fx_held(&f, 3, 7, 0, 0, fx_attempt(1, 1), false);
	fx_member(&f, TR_CORE_EXECUTOR_READY, 3);
	fx_compare(&f, "replaced");
	fx_stop(&f);
}

/* Leaves when nothing of it is needed: not its slots, not its blocks. */
static void test_core__drains_an_executor(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 2, 1);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_join(&f, 2, 1);
	fx_member(&f, TR_CORE_EXECUTOR_DRAIN, 1);
	fx_done(&f, 1, 7, 0, 1, 2);
	fx_say(&f, "its blocks are still read");
	fx_done(&f, 2, 7, 1, 0, 3);
	fx_compare(&f, "drain");
	fx_stop(&f);
}

static void test_core__cancels_a_job(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_join(&f, 1, 1);
	fx_submit(&f, 7, 2, 1);
	fx_stop_job(&f, TR_CORE_JOB_CANCEL, 7, TR_ECANCELED);
	fx_say(&f, "the slot is taken until the attempt has answered");
	fx_submit(&f, 8, 1, 0);
	fx_done(&f, 1, 7, 0, 0, 1);
	fx_say(&f, "a job that is being planned is cancelled as well");
	fx_add(&f, 9, 1);
	fx_stop_job(&f, TR_CORE_JOB_CANCEL, 9, TR_ECANCELED);
	fx_plan(&f, 9, 1, 0);
	fx_compare(&f, "cancel");
	fx_stop(&f);
}

/* Without executors a job waits, and says so once. */
static void test_core__waits_for_executors(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_submit(&f, 7, 1, 0);
	fx_wait(&f, 60000);
	fx_join(&f, 1, 1);
	fx_compare(&f, "wait");
	fx_stop(&f);
}

static void test_core__plans_without_lanes_commit_at_once(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_submit(&f, 7, 0, 0);
	fx_committed(&f, 7);
	fx_compare(&f, "empty");
	fx_stop(&f);
}

static void test_core__refuses_what_does_not_fit(void **state)
{
	(void)state;
	struct fixture f;
	fx_start(&f, NULL);
	fx_submit(&f, 1, 60, 0);
	fx_say(&f, "the fifth lane is one too many for the table of tasks");
	fx_submit(&f, 2, 4, 1);
	fx_add(&f, 3, 1);
	fx_add(&f, 4, 1);
	fx_add(&f, 5, 1);
	fx_say(&f, "and this is the fifth job");
	fx_add(&f, 6, 1);
	fx_stop_job(&f, TR_CORE_JOB_PLAN_FAILED, 3, TR_EUSER);
	fx_add(&f, 7, 1);
	for (uint64_t e = 1; e <= 9; e++)
		fx_up(&f, e, e, 1);
	fx_compare(&f, "full");
	fx_stop(&f);
}

TR_TEST_MAIN(cmocka_unit_test(test_core__runs_a_batch),
	cmocka_unit_test(test_core__replaces_a_lost_executor),
	cmocka_unit_test(test_core__keeps_lanes_whose_blocks_are_read),
	cmocka_unit_test(test_core__retries_with_back_off_elsewhere),
	cmocka_unit_test(test_core__fails_at_once_on_final_errors),
	cmocka_unit_test(test_core__runs_the_writer_of_lost_blocks_again),
	cmocka_unit_test(test_core__replaces_a_version_nobody_used),
	cmocka_unit_test(test_core__fails_a_batch_of_two_versions),
	cmocka_unit_test(test_core__recovers_what_is_stored_and_held),
	cmocka_unit_test(test_core__ends_a_committed_job_after_restart),
	cmocka_unit_test(test_core__drops_a_silent_executor),
	cmocka_unit_test(test_core__replaces_a_registration),
	cmocka_unit_test(test_core__drains_an_executor),
	cmocka_unit_test(test_core__cancels_a_job),
	cmocka_unit_test(test_core__waits_for_executors),
	cmocka_unit_test(test_core__plans_without_lanes_commit_at_once),
	cmocka_unit_test(test_core__refuses_what_does_not_fit));
