/*
 * `tranche run`: the same processes on one machine, with the demo broker and
 * with a real one; what it prints, what it exits with, and that nothing is left
 * of it.
 */
#include "tests/integration/cluster.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/integration/lines.h"

enum {
	DEMO_LINES = 20000,
	N_LINES = 20000,
	CHILDREN_MAX = 16,
	FAILED = 1,
	INTERRUPTED = 130,
	USAGE = 2,
};

static struct cluster c; /* of which only the folder is used */
static struct process demo;
static char demo_address[64];
static struct lines lines;
static char script[PROCESS_PATH_MAX];
static char tmp[PROCESS_PATH_MAX];
static char tmp_entry[PROCESS_PATH_MAX + 16];

/* ---- the demo broker ---- */

static bool is_ready(void *path)
{
	return file_has(path, "\nready\n");
}

static void start_demo(void)
{
	char program[PROCESS_PATH_MAX], out[PROCESS_PATH_MAX];
	char counts[PROCESS_PATH_MAX], in[PROCESS_PATH_MAX], n[16];
	const char *argv[] = { program, "-n", n, "--counts", counts, NULL };

	cluster_program("tranche-demo-broker", program);
	cluster_path(&c, "demo.counts", counts);
	snprintf(n, sizeof(n), "%d", DEMO_LINES);
	cluster_path(&c, "demo.out", out);
	/* It stays as long as its stdin. */
	assert_int_equal(mkfifo(cluster_path(&c, "demo.in", in), 0600), 0);
	process_start(&demo,
		&(struct process_spec){
			.argv = argv, .in = in, .out = out, .err = out });
	assert_true(wait_until(is_ready, out, SOON_MS));
	char *text = file_text(out);
	assert_int_equal(sscanf(text, "bootstrap=%63s", demo_address), 1);
	free(text);
}

static int setup(void **state)
{
	(void)state;
	lines_init(&lines, "run", 2, N_LINES);
	cluster_start_none(&c);
	assert_int_equal(mkdir(cluster_path(&c, "tmp", tmp), 0700), 0);
	snprintf(tmp_entry, sizeof(tmp_entry), "TMPDIR=%s", tmp);
	cluster_write(&c, "wordcount.lua", lines_lua, script);
	start_demo();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	process_kill(&demo);
	cluster_stop(&c);
	return 0;
}

/* ---- running it ---- */

static void start(struct cli *r, const char *brokers, const char *argument,
	const char *option, const char *value)
{
	const char *env[] = { tmp_entry, NULL };
	const char *args[] = { "run", script, argument, "--offsets",
		"start:end", "-b", brokers, option, value, NULL };

	cli_start_list(&c, r, env, args);
}

static size_t entries_of(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* The word and count of line i of the demo broker's own list. */
static bool nth_count(
	const char *counts, unsigned i, char word[64], uint64_t *count)
{
	while (counts != NULL && i-- > 0) {
		counts = strchr(counts, '\n');
		counts += counts != NULL;
	}
	return counts != NULL &&
	       sscanf(counts, "%63s %" SCNu64, word, count) == 2;
}

/* Ten rows, each of them a word with the count that the broker knows. */
static void check_rows(const char *out, const char *counts)
{
	uint64_t count, last = UINT64_MAX;
	char word[64], row[96];
	unsigned shown = 0;

	for (const char *at = out; *at != '\0'; shown++) {
		uint64_t value;
		assert_int_equal(sscanf(at, "%63s\t%" SCNu64, word, &value), 2);
		assert_true(value <= last);
		last = value;
		at = strchr(at, '\n');
		assert_non_null(at);
		at++;
	}
	assert_int_equal(shown, 10);
	/* No word that is not shown has more than the last one that is. */
	for (unsigned i = 0; nth_count(counts, i, word, &count); i++) {
		snprintf(row, sizeof(row), "%s\t%" PRIu64 "\n", word, count);
		const char *found = strstr(out, row);
		bool is_row =
			found != NULL && (found == out || found[-1] == '\n');
		assert_true(is_row || count <= last);
		shown -= is_row;
	}
	assert_int_equal(shown, 0);
}

static void test_run__on_the_demo_broker_prints_its_counts(void **state)
{
	char path[PROCESS_PATH_MAX];
	struct cli r;

	(void)state;
	start(&r, demo_address, "topic=lines", NULL, NULL);
	if (cli_wait(&r, CLI_JOB_MS) != 0)
		fail_msg("%s", r.err);
	char *counts = file_text(cluster_path(&c, "demo.counts", path));
	check_rows(r.out, counts);
	free(counts);
	cli_free(&r);
	assert_int_equal(entries_of(tmp), 0);
}

static uint64_t expected_count(const char *key)
{
	char word[TR_GEN_WORD_MAX];

	for (unsigned i = 0; i < TR_GEN_WORDS; i++)
		if (strcmp(tr_gen_word(i, word), key) == 0)
			return lines.gen.counts[i];
	fail_msg("'%s' is none of the words", key);
	return 0;
}

static void test_run__on_kafka_prints_json(void **state)
{
	json_t *row;
	struct cli r;
	size_t i;

	(void)state;
	start(&r, tr_broker_address(), lines.argument, "--json", NULL);
	if (cli_wait(&r, CLI_JOB_MS) != 0)
		fail_msg("%s", r.err);
	json_t *all = cli_json(&r);
	assert_string_equal(
		json_string_value(json_object_get(all, "state")), "done");
	const json_t *outputs = json_object_get(all, "outputs");
	assert_int_equal(json_array_size(outputs), 1);
	const json_t *rows =
		json_object_get(json_array_get(outputs, 0), "rows");
	assert_int_equal(json_array_size(rows), 10);
	json_array_foreach(rows, i, row)
	{
		const char *key = json_string_value(json_array_get(row, 0));
		assert_non_null(key);
		assert_int_equal(json_integer_value(json_array_get(row, 1)),
			expected_count(key));
	}
	json_decref(all);
	cli_free(&r);
}

static void test_run__exits_with_what_happened(void **state)
{
	static const char *const unknown[] = { "run", "wordcount.lua",
		"--no-such-option", NULL };
	static const char *const missing[] = { "run", "no-such.lua", "-b",
		"127.0.0.1:1", "--offsets", "start:end", NULL };
	static const char *const offsets[] = { "run", "wordcount.lua",
		"topic=lines", "-b", "127.0.0.1:1", "--offsets", "nonsense",
		NULL };
	const char *no_topic[] = { "run", "wordcount.lua", "topic=nope", "-b",
		tr_broker_address(), "--offsets", "0:10", NULL };
	const struct {
		const char *const *args;
		int status;
		const char *says;
	} cases[] = {
		{ unknown, USAGE, "no-such-option" },
		{ missing, USAGE, "no-such.lua" },
		{ offsets, USAGE, "nonsense" },
		{ no_topic, FAILED, "nope" },
	};
	const char *env[] = { tmp_entry, NULL };
	struct cli r;

	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		cli_start_list(&c, &r, env, cases[i].args);
		cli_wait(&r, CLI_JOB_MS);
		if (r.status != cases[i].status ||
			strstr(r.err, cases[i].says) == NULL)
			fail_msg("case %zu: exit %d: %s", i, r.status, r.err);
		assert_string_equal(r.out, "");
		cli_free(&r);
	}
	assert_int_equal(entries_of(tmp), 0);
}

/* ---- ending it ---- */

struct family {
	struct process *parent;
	pid_t children[CHILDREN_MAX];
	size_t n;
};

/* A driver and an executor, and the executor's workers are at it. */
static bool has_family(void *arg)
{
	struct family *f = arg;
	struct process child = { 0 };
	pid_t workers[CHILDREN_MAX];
	size_t n = 0;

	f->n = process_children(f->parent, f->children, CHILDREN_MAX);
	for (size_t i = 0; i < f->n; i++) {
		child.pid = f->children[i];
		n += process_children(&child, workers, CHILDREN_MAX);
	}
	return f->n >= 2 && n > 0;
}

static bool are_gone(void *arg)
{
	struct family *f = arg;

	for (size_t i = 0; i < f->n; i++)
		if (kill(f->children[i], 0) == 0)
			return false;
	return true;
}

static void start_slow(struct cli *r, struct family *f)
{
	start(r, tr_broker_address(), lines.argument, "--max-rate", "2000");
	f->parent = &r->p;
	assert_true(wait_until(has_family, f, SOON_MS));
}

static void test_run__interrupted_cancels_and_cleans_up(void **state)
{
	struct family f;
	struct cli r;

	(void)state;
	start_slow(&r, &f);
	process_signal(&r.p, SIGINT);
	assert_int_equal(cli_wait(&r, CLI_JOB_MS), FAILED);
	assert_non_null(strstr(r.err, "cancelled"));
	cli_free(&r);
	assert_true(wait_until(are_gone, &f, SOON_MS));
	assert_int_equal(entries_of(tmp), 0);
}

static bool has_children(void *arg)
{
	struct family *f = arg;

	f->n = process_children(f->parent, f->children, CHILDREN_MAX);
	return f->n > 0;
}

static void test_run__a_plan_that_is_interrupted_says_so(void **state)
{
	/* An address for documentation: nobody answers, for seconds. */
	const char *args[] = { "plan", script, lines.argument, "--offsets",
		"start:end", "-b", "192.0.2.1:9092", "--local", NULL };
	const char *env[] = { tmp_entry, NULL };
	struct family f;
	struct cli r;

	(void)state;
	cli_start_list(&c, &r, env, args);
	f.parent = &r.p;
	assert_true(wait_until(has_children, &f, SOON_MS));
	process_signal(&r.p, SIGINT);
	assert_int_equal(cli_wait(&r, CLI_JOB_MS), INTERRUPTED);
	assert_non_null(strstr(r.err, "interrupted"));
	cli_free(&r);
	assert_true(wait_until(are_gone, &f, SOON_MS));
	assert_int_equal(entries_of(tmp), 0);
}

static void test_run__killed_leaves_no_process(void **state)
{
	struct family f;
	struct cli r;

	(void)state;
	start_slow(&r, &f);
	process_kill(&r.p);
	assert_true(wait_until(are_gone, &f, SOON_MS));
	cli_free(&r);
}

INTEGRATION_MAIN(setup, teardown,
	cmocka_unit_test(test_run__on_the_demo_broker_prints_its_counts),
	cmocka_unit_test(test_run__on_kafka_prints_json),
	cmocka_unit_test(test_run__exits_with_what_happened),
	cmocka_unit_test(test_run__interrupted_cancels_and_cleans_up),
	cmocka_unit_test(test_run__a_plan_that_is_interrupted_says_so),
	cmocka_unit_test(test_run__killed_leaves_no_process));
