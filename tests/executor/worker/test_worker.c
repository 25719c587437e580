/* The real worker process, over its socket, on librdkafka's mock cluster. */
#include "tests/support/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock/clock.h"
#include "common/data/block.h"
#include "common/data/digest.h"
#include "common/plan/stages.h"
#include "tests/executor/worker/peer.h"
#include "tests/support/feed.h"
#include "tests/support/gen.h"
#include "tests/support/mock_cluster.h"

enum {
	LINES = 2000, /* of each partition */
	PARTITIONS = 2,
	LANES = 3,
	ATTEMPT = 77
};

static struct tr_mock_cluster mock;
static struct tr_gen gen;

/* ------------------------------------------------------------------ job */

/* What a driver would know of a job: its plan and the digest of it. */
struct job {
	char *script;
	Tranche__V1__WorkerPlan *plan;
	struct tr_stages *stages;
	Tranche__V1__Stage stage[TR_STAGES_MAX];
	Tranche__V1__Stage *stage_p[TR_STAGES_MAX];
};

static void job_open(struct job *j, const char *script)
{
	Tranche__V1__WorkerInit init = TRANCHE__V1__WORKER_INIT__INIT;
	char name[] = "job.lua";
	struct peer p;
	struct tr_error err;
	memset(j, 0, sizeof(*j));
	j->script = strdup(script);
	init.artefact_name = name;
	peer_start(&p);
	peer_init(&p, &init, script);
	j->plan = peer_plan(&p);
	assert_int_equal(peer_stop(&p), 0);
	if (j->plan->error)
		return;
	assert_int_equal(j->plan->digest.len, 32);
	assert_int_equal(tr_stages_new(j->plan->plan, &j->stages, &err), 0);
	for (uint32_t i = 0; i < j->stages->n; i++) {
		const struct tr_stage *s = &j->stages->s[i];
		tranche__v1__stage__init(&j->stage[i]);
		j->stage[i].id = i;
		j->stage[i].root = s->root;
		j->stage[i].lanes = s->kind == TR_STAGE_SOURCE ? PARTITIONS
				    : s->kind == TR_STAGE_HASH ? LANES
							       : 1;
		j->stage_p[i] = &j->stage[i];
	}
}

static void job_close(struct job *j)
{
	tr_stages_free(j->stages);
	tr_msg_free(j->plan);
	free(j->script);
}

static void start(struct peer *p, const struct job *j)
{
	Tranche__V1__WorkerInit init = TRANCHE__V1__WORKER_INIT__INIT;
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	union {
		const char *in;
		char *out;
	} bootstrap = { mock.bootstrap };
	char name[] = "job.lua";
	kafka.bootstrap = bootstrap.out;
	init.artefact_name = name;
	init.plan_digest = j->plan->digest;
	init.kafka = &kafka;
	init.window_bytes = 8 << 20;
	init.stages = (Tranche__V1__Stage **)(uintptr_t)j->stage_p;
	init.n_stages = j->stages->n;
	peer_start(p);
	peer_init(p, &init, j->script);
}

/* A map task over [from, until) of a partition. */
static void send_map(struct peer *p, uint32_t partition, int64_t from,
	int64_t until, uint64_t max_rate)
{
	Tranche__V1__WorkerTask task = TRANCHE__V1__WORKER_TASK__INIT;
	Tranche__V1__TaskSpec spec = TRANCHE__V1__TASK_SPEC__INIT;
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__Range range = TRANCHE__V1__RANGE__INIT;
	char path[PEER_PATH + 32], topic[] = "lines";
	snprintf(path, sizeof(path), "%s/blocks-%u", p->folder, partition);
	env.attempt = ATTEMPT;
	env.lane = partition;
	range.topic = topic;
	range.partition = partition;
	range.from = from;
	range.until = until;
	spec.env = &env;
	spec.range = &range;
	spec.max_rate = max_rate;
	task.spec = &spec;
	task.block_path = path;
	peer_task(p, &task);
}

/* A reduce task over the blocks that these map tasks' receipts name. */
static void send_reduce(struct peer *p, uint32_t stage, uint32_t lane,
	Tranche__V1__WorkerDone *const *maps, size_t n_maps)
{
	Tranche__V1__WorkerTask task = TRANCHE__V1__WORKER_TASK__INIT;
	Tranche__V1__TaskSpec spec = TRANCHE__V1__TASK_SPEC__INIT;
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__BlockFile files[PARTITIONS], *file_p[PARTITIONS];
	char paths[PARTITIONS][PEER_PATH + 32], none[] = "";
	for (size_t i = 0; i < n_maps; i++) {
		const Tranche__V1__Receipt *r = maps[i]->receipt;
		snprintf(paths[i], sizeof(paths[i]), "%s/blocks-%zu", p->folder,
			i);
		for (size_t k = 0; k < r->n_blocks; k++) {
			const Tranche__V1__BlockInfo *b = r->blocks[k];
			if (b->stage != stage || b->lane != lane)
				continue;
			Tranche__V1__BlockFile *f = &files[task.n_inputs];
			tranche__v1__block_file__init(f);
			f->lane = (uint32_t)i;
			f->path = paths[i];
			f->offset = b->offset;
			f->stored_bytes = b->stored_bytes;
			f->records = b->records;
			f->digest = b->digest;
			file_p[task.n_inputs++] = f;
		}
	}
	env.attempt = ATTEMPT + 1;
	env.stage = stage;
	env.lane = lane;
	spec.env = &env;
	task.spec = &spec;
	task.inputs = file_p;
	task.block_path = none;
	peer_task(p, &task);
}

static void assert_done(const Tranche__V1__WorkerDone *m)
{
	if (m->error)
		fail_msg("%s: %s (%s, %s)", m->error->code, m->error->text,
			m->error->where, m->error->position);
	assert_non_null(m->receipt);
}

/* ---------------------------------------------------------------- tests */

static const char wordcount[] =
	"local lines = tranche.source { topic = 'lines' }\n"
	"lines:flat_map(function(r, emit)\n"
	"  for w in r.value:gmatch('%S+') do emit(w, 1) end\n"
	"end):reduce_by_key('sum'):store('counts')\n";

static const char fast_wordcount[] =
	"tranche.source { topic = 'lines' }\n"
	"  :split():count_by_value():store('counts')\n";

static unsigned find_word(const struct tr_slice *text)
{
	char word[TR_GEN_WORD_MAX];
	for (unsigned i = 0; i < TR_GEN_WORDS; i++)
		if (tr_slice_equal(
			    *text, tr_slice_of_text(tr_gen_word(i, word))))
			return i;
	fail_msg("unknown word '%.*s'", (int)text->n, (const char *)text->p);
	return 0;
}

/* Adds the rows that came to counts. */
static void add_counts(const struct peer *p, uint64_t *counts)
{
	struct tr_block_reader r;
	struct tr_buf scratch;
	struct tr_element e;
	struct tr_error err;
	int rc;
	tr_block_scratch_init(&scratch);
	tr_block_reader_init(
		&r, tr_slice_of(p->rows.data, p->rows.len), &scratch);
	while ((rc = tr_block_reader_take(&r, &e, &err)) > 0) {
		struct tr_slice word;
		int64_t n = 0;
		assert_true(tr_datum_get_bytes(e.key, &word));
		assert_true(tr_datum_get_int(e.value, &n));
		unsigned i = find_word(&word);
		assert_int_equal(counts[i], 0);
		counts[i] = (uint64_t)n;
	}
	assert_int_equal(rc, 0);
	tr_buf_fini(&scratch);
}

/* All tasks of a word count on one worker, against the generator's counts. */
static void count_words(const char *script)
{
	struct job j;
	struct peer p;
	Tranche__V1__WorkerDone *maps[PARTITIONS];
	uint64_t counts[TR_GEN_WORDS] = { 0 };
	job_open(&j, script);
	start(&p, &j);
	for (uint32_t i = 0; i < PARTITIONS; i++) {
		send_map(&p, i, 0, LINES, 0);
		maps[i] = peer_done(&p);
		assert_done(maps[i]);
		const Tranche__V1__Receipt *r = maps[i]->receipt;
		assert_int_equal(maps[i]->env->attempt, ATTEMPT);
		assert_int_equal(r->records_in, LINES);
		assert_int_equal(r->first_offset, 0);
		assert_int_equal(r->last_offset, LINES - 1);
		assert_int_equal(r->position, LINES);
		assert_int_equal(r->n_blocks, LANES);
		assert_int_equal(r->input_digest.len, TR_DIGEST_SIZE);
		assert_true(r->wall_us > 0 && r->cpu_us > 0);
		assert_non_null(strstr(r->reader, "librdkafka"));
	}
	for (uint32_t lane = 0; lane < LANES; lane++) {
		send_reduce(&p, 1, lane, maps, PARTITIONS);
		Tranche__V1__WorkerDone *m = peer_done(&p);
		assert_done(m);
		assert_int_equal(m->receipt->n_outputs, 1);
		assert_int_equal(m->receipt->outputs[0]->records, p.rows_n);
		add_counts(&p, counts);
		tr_msg_free(m);
	}
	for (unsigned i = 0; i < TR_GEN_WORDS; i++)
		assert_int_equal(counts[i], gen.counts[i]);
	for (uint32_t i = 0; i < PARTITIONS; i++)
		tr_msg_free(maps[i]);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__counts_words_in_lua(void **state)
{
	(void)state;
	count_words(wordcount);
}

static void test_worker__counts_words_in_c(void **state)
{
	(void)state;
	count_words(fast_wordcount);
}

static void test_worker__plan_of_a_wrong_script(void **state)
{
	(void)state;
	struct job j;
	job_open(&j, "local x = 1\nx:split()\n");
	assert_non_null(j.plan->error);
	assert_string_equal(j.plan->error->code, "user-code");
	assert_string_equal(j.plan->error->where, "job.lua:2");
	assert_non_null(strstr(j.plan->error->text, "job.lua:2: "));
	job_close(&j);
	job_open(&j, "tranche.source { topic = 'lines' }:split()\n");
	assert_non_null(j.plan->error);
	assert_non_null(strstr(j.plan->error->text, "store"));
	job_close(&j);
}

static void test_worker__civil_times_in_its_zone(void **state)
{
	(void)state;
	struct job j;
	setenv("TZ", "UTC-2", 1);
	job_open(&j, "tranche.source { topic = 'lines', offsets = "
		     "'@2024-01-01T00:00:00:end' }:print()\n");
	unsetenv("TZ");
	assert_null(j.plan->error);
	assert_int_equal(j.plan->n_offsets, 1);
	assert_int_equal(j.plan->offsets[0]->operator_, 0);
	/* Two hours before midnight UTC. */
	assert_string_equal(j.plan->offsets[0]->offsets, "@1704060000000:end");
	job_close(&j);
}

static void test_worker__refuses_another_plan(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, fast_wordcount);
	j.plan->digest.data[5] ^= 1;
	start(&p, &j);
	for (int i = 0; i < 2; i++) {
		send_map(&p, 0, 0, LINES, 0);
		Tranche__V1__WorkerDone *m = peer_done(&p);
		assert_null(m->receipt);
		assert_string_equal(m->error->code, "invalid");
		assert_non_null(strstr(m->error->text, "another plan"));
		tr_msg_free(m);
	}
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__names_record_and_line_of_an_error(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, "tranche.source { topic = 'lines' }\n"
		     ":filter(function(r)\n"
		     "  if r.offset == 1234 then error('boom') end\n"
		     "  return true\n"
		     "end):print()\n");
	start(&p, &j);
	send_map(&p, 1, 1000, LINES, 0);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_null(m->receipt);
	assert_string_equal(m->error->code, "user-code");
	assert_string_equal(m->error->where, "job.lua:3");
	assert_string_equal(m->error->position, "lines-1@1234");
	assert_non_null(strstr(m->error->text, "boom"));
	tr_msg_free(m);
	/* The worker goes on, with a program that knows nothing of it. */
	send_map(&p, 1, 0, 1000, 0);
	m = peer_done(&p);
	assert_done(m);
	assert_int_equal(m->receipt->records_in, 1000);
	tr_msg_free(m);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__passes_log_lines_on(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, "print('at the top level')\n"
		     "tranche.source { topic = 'lines' }\n"
		     ":filter(function(r)\n"
		     "  if r.offset % 1000 == 7 then print('seven', r.offset) "
		     "end\n"
		     "  if r.offset >= 1000 then log('many') end\n"
		     "  return true\n"
		     "end):print()\n");
	start(&p, &j);
	send_map(&p, 0, 0, 1000, 0);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_done(m);
	tr_msg_free(m);
	assert_string_equal((char *)p.log.data, "1 lines-0@7 seven\t7\n");
	assert_int_equal(p.log_dropped, 0);
	/* A limit of 1000 lines, each task its own: here 1001, 1001 and 1000.
	 */
	for (int i = 0; i < 3; i++) {
		send_map(&p, 0, i < 2 ? 1000 : 1001, LINES, 0);
		m = peer_done(&p);
		assert_done(m);
		tr_msg_free(m);
		assert_int_equal(p.log_dropped, i < 2);
	}
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

/* What user code left in its variables does not reach the next attempt. */
static void test_worker__attempts_start_afresh(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	Tranche__V1__WorkerDone *m[2];
	job_open(&j, "local n = 0\n"
		     "tranche.source { topic = 'lines' }\n"
		     ":map(function(r) n = n + 1 return n, r.value end)\n"
		     ":store('t')\n");
	start(&p, &j);
	for (int i = 0; i < 2; i++) {
		send_map(&p, 0, 0, 100, 0);
		m[i] = peer_done(&p);
		assert_done(m[i]);
	}
	const ProtobufCBinaryData *a = &m[0]->receipt->output_digest;
	const ProtobufCBinaryData *b = &m[1]->receipt->output_digest;
	assert_int_equal(a->len, TR_DIGEST_SIZE);
	assert_memory_equal(a->data, b->data, TR_DIGEST_SIZE);
	tr_msg_free(m[0]);
	tr_msg_free(m[1]);
	/* Another range is another digest. */
	send_map(&p, 0, 0, 99, 0);
	m[0] = peer_done(&p);
	assert_done(m[0]);
	send_map(&p, 0, 1, 100, 0);
	m[1] = peer_done(&p);
	assert_done(m[1]);
	assert_memory_not_equal(m[0]->receipt->output_digest.data,
		m[1]->receipt->output_digest.data, TR_DIGEST_SIZE);
	tr_msg_free(m[0]);
	tr_msg_free(m[1]);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__survives_too_much_memory(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, "local all = {}\n"
		     "tranche.source { topic = 'lines' }\n"
		     ":filter(function(r)\n"
		     "  all[#all + 1] = ('x'):rep(1000000) .. r.offset\n"
		     "  return true\n"
		     "end):print()\n");
	start(&p, &j);
	for (int i = 0; i < 2; i++) {
		send_map(&p, 0, 0, LINES, 0);
		Tranche__V1__WorkerDone *m = peer_done(&p);
		assert_non_null(m->error);
		assert_string_equal(m->error->where, "job.lua:3");
		assert_non_null(strstr(m->error->text, "memory"));
		assert_non_null(strstr(m->error->position, "lines-0@"));
		tr_msg_free(m);
	}
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

/* A failure behind user code is one, even if user code catches it. */
static void test_worker__failures_cannot_be_caught(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, "tranche.source { topic = 'lines' }\n"
		     ":flat_map(function(r, emit)\n"
		     "  if r.offset == 5 then\n"
		     "    pcall(emit, 'k', 'no number')\n"
		     "  end\n"
		     "end):reduce_by_key('sum'):print()\n");
	start(&p, &j);
	send_map(&p, 0, 0, 10, 0);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_non_null(m->error);
	assert_string_equal(m->error->code, "user-code");
	assert_non_null(strstr(m->error->text, "cannot sum 'no number'"));
	assert_string_equal(m->error->position, "lines-0@5");
	assert_string_equal(m->error->where, "job.lua:6");
	tr_msg_free(m);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__damaged_or_lost_blocks(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	char path[PEER_PATH + 32];
	job_open(&j, fast_wordcount);
	start(&p, &j);
	send_map(&p, 0, 0, LINES, 0);
	Tranche__V1__WorkerDone *map = peer_done(&p);
	assert_done(map);
	snprintf(path, sizeof(path), "%s/blocks-0", p.folder);
	FILE *f = fopen(path, "r+");
	assert_non_null(f);
	uint64_t middle = map->receipt->blocks[0]->offset +
			  map->receipt->blocks[0]->stored_bytes / 2;
	assert_int_equal(fseek(f, (long)middle, SEEK_SET), 0);
	assert_int_equal(fputc(0x55, f), 0x55);
	assert_int_equal(fclose(f), 0);
	uint32_t lane = map->receipt->blocks[0]->lane;
	send_reduce(&p, 1, lane, &map, 1);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_string_equal(m->error->code, "corrupt");
	assert_non_null(strstr(m->error->text, "block of stage 0 lane 0"));
	tr_msg_free(m);
	assert_int_equal(unlink(path), 0);
	send_reduce(&p, 1, lane, &map, 1);
	m = peer_done(&p);
	assert_string_equal(m->error->code, "lost");
	tr_msg_free(m);
	tr_msg_free(map);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

/* An endless loop: only the page says where it is. */
static void test_worker__page_shows_an_endless_loop(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	struct tr_page_view view = { .op = 0 };
	job_open(&j, "tranche.source { topic = 'lines' }\n"
		     ":map(function(r, emit)\n"
		     "  while r.offset == 321 do end\n"
		     "  return r.key, r.value\n"
		     "end):print()\n");
	start(&p, &j);
	send_map(&p, 0, 300, LINES, 0);
	uint64_t deadline = tr_clock_mono_ms() + PEER_MS;
	while (strcmp(view.at, "lines-0@321") != 0) {
		assert_true(tr_clock_mono_ms() < deadline);
		usleep(1000); /* lint: waits for the condition above */
		tr_page_read(p.page, &view);
	}
	assert_int_equal(view.state, TR_PAGE_RUNNING);
	assert_int_equal(view.op, 1);
	assert_int_equal(view.attempt, ATTEMPT);
	uint64_t stuck = view.progress;
	usleep(50000); /* lint: waits to see that nothing moves */
	tr_page_read(p.page, &view);
	assert_int_equal(view.progress, stuck);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	int status = peer_stop(&p);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	job_close(&j);
}

static void test_worker__holds_to_its_rate(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, "tranche.source { topic = 'lines' }:count():print()\n");
	start(&p, &j);
	send_map(&p, 0, 0, 300, 1000);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_done(m);
	assert_int_equal(m->receipt->records_in, 300);
	/* A tenth of a second may come at once. */
	assert_true(m->receipt->wall_us >= 200 * 1000);
	tr_msg_free(m);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

static void test_worker__unknown_topic(void **state)
{
	(void)state;
	struct job j;
	struct peer p;
	job_open(&j, fast_wordcount);
	start(&p, &j);
	send_map(&p, PARTITIONS + 5, 0, 10, 0);
	Tranche__V1__WorkerDone *m = peer_done(&p);
	assert_non_null(m->error);
	assert_string_equal(m->error->code, "not-found");
	tr_msg_free(m);
	assert_int_equal(peer_stop(&p), 0);
	job_close(&j);
}

/* ----------------------------------------------------------------- main */

static int setup(void **state)
{
	(void)state;
	tr_mock_cluster_start(&mock, 1);
	assert_int_equal(rd_kafka_mock_topic_create(
				 mock.cluster, "lines", PARTITIONS, 1),
		0);
	struct tr_feed *feed = tr_feed_open(mock.bootstrap, NULL);
	tr_gen_init(&gen, 5);
	for (int32_t p = 0; p < PARTITIONS; p++)
		for (unsigned i = 0; i < LINES; i++) {
			char line[TR_GEN_LINE_MAX];
			tr_gen_line(&gen, line);
			tr_feed_put_text(feed, "lines", p, line);
		}
	tr_feed_flush(feed);
	tr_feed_close(feed);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tr_mock_cluster_stop(&mock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker__counts_words_in_lua),
		cmocka_unit_test(test_worker__counts_words_in_c),
		cmocka_unit_test(test_worker__plan_of_a_wrong_script),
		cmocka_unit_test(test_worker__civil_times_in_its_zone),
		cmocka_unit_test(test_worker__refuses_another_plan),
		cmocka_unit_test(
			test_worker__names_record_and_line_of_an_error),
		cmocka_unit_test(test_worker__passes_log_lines_on),
		cmocka_unit_test(test_worker__attempts_start_afresh),
		cmocka_unit_test(test_worker__survives_too_much_memory),
		cmocka_unit_test(test_worker__failures_cannot_be_caught),
		cmocka_unit_test(test_worker__damaged_or_lost_blocks),
		cmocka_unit_test(test_worker__page_shows_an_endless_loop),
		cmocka_unit_test(test_worker__holds_to_its_rate),
		cmocka_unit_test(test_worker__unknown_topic),
	};
	return cmocka_run_group_tests_name(
		"executor.worker", tests, setup, teardown);
}
