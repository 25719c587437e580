/*
 * A worker for tests of the executor: it speaks worker.proto as the real one
 * does and takes its orders from the topic of the task's range, so that a test
 * can have one that crashes, hangs, eats memory or talks nonsense.
 *
 *   ok        writes a block (stage 1, lane 0) of `until` bytes, logs a line
 *   results   sends `until` result chunks of 64 KiB, then is done
 *   gate      waits until the file that the artefact names exists, as a reader
 *   crash, exit, hang, nonsense, error
 *   memory    takes `until` MiB
 *   and what hostile.h lists
 *
 * A task without a range sends its inputs on as one result chunk each.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/wire/framefd.h"
#include "common/wire/kinds.h"
#include "common/wire/msg.h"
#include "executor/worker/page.h"
#include "tests/executor/edge/hostile.h"

enum {
	FD = 3,
	CHUNK = 64 * 1024
};

static struct tr_page *page;
static char gate[512], folder[512];

static void say(enum tr_kind kind, const void *msg, struct tr_slice payload)
{
	struct tr_buf body;
	tr_buf_init(&body, TR_FRAME_MAX);
	if (tr_msg_pack(&body, msg) != 0)
		abort();
	struct tr_frame f = { .kind = (uint8_t)kind,
		.body = tr_slice_of(body.data, body.len),
		.payload = payload };
	if (tr_framefd_write(FD, &f) != 0)
		exit(0);
	tr_buf_fini(&body);
}

/* What it sends is told apart by these bytes, which depend on the place. */
static uint8_t byte_at(uint64_t i)
{
	return (uint8_t)(i * 31 + i / 251);
}

static void done(Tranche__V1__Receipt *receipt, Tranche__V1__ErrorInfo *error)
{
	Tranche__V1__WorkerDone m = TRANCHE__V1__WORKER_DONE__INIT;
	m.receipt = receipt;
	m.error = error;
	tr_page_set_state(page, TR_PAGE_IDLE);
	say(TR_KIND_WORKER_DONE, &m, TR_SLICE_ABSENT);
}

static void write_block(const char *path, uint64_t n)
{
	FILE *f = fopen(path, "we");
	if (!f)
		abort();
	for (uint64_t i = 0; i < n; i++)
		putc(byte_at(i), f);
	fclose(f);
	Tranche__V1__LogLine line = TRANCHE__V1__LOG_LINE__INIT;
	Tranche__V1__LogLine *lines[] = { &line };
	Tranche__V1__JobLog log = TRANCHE__V1__JOB_LOG__INIT;
	char text[] = "hello";
	line.text = text;
	log.n_lines = 1;
	log.lines = lines;
	say(TR_KIND_JOB_LOG, &log, TR_SLICE_ABSENT);
	Tranche__V1__BlockInfo block = TRANCHE__V1__BLOCK_INFO__INIT;
	Tranche__V1__BlockInfo *blocks[] = { &block };
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	block.stage = 1;
	block.stored_bytes = n;
	r.records_in = 7;
	r.n_blocks = 1;
	r.blocks = blocks;
	done(&r, NULL);
}

static void chunk(uint32_t seq, struct tr_slice payload)
{
	Tranche__V1__ResultChunk m = TRANCHE__V1__RESULT_CHUNK__INIT;
	m.operator_ = 1;
	m.seq = seq;
	say(TR_KIND_RESULT_CHUNK, &m, payload);
	tr_page_beat(page);
}

static void send_results(uint64_t n)
{
	uint8_t *bytes = tr_xmalloc(CHUNK);
	for (uint64_t i = 0; i < n; i++) {
		memset(bytes, (int)i, CHUNK);
		chunk((uint32_t)i, tr_slice_of(bytes, CHUNK));
	}
	tr_xfree(bytes);
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	r.records_out = n;
	done(&r, NULL);
}

static void wait_at_gate(void)
{
	tr_page_set_state(page, TR_PAGE_READING);
	while (access(gate, F_OK) != 0)
		usleep(2000); /* lint: waits */
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	r.records_in = 1;
	done(&r, NULL);
}

static void be_in_operator(void)
{
	atomic_store(&page->op, 2);
	atomic_store(&page->first, 17);
	atomic_store(&page->last, 17);
	tr_page_set_state(page, TR_PAGE_RUNNING);
}

static void eat(uint64_t mib)
{
	be_in_operator();
	for (uint64_t i = 0; i < mib; i++) {
		char *p = tr_xmalloc(TR_MIB(1));
		for (size_t k = 0; k < TR_MIB(1); k += 512)
			p[k] = (char)(i + 1);
		tr_page_beat(page);
		usleep(1000); /* lint: waits */
	}
	for (;;) {
		tr_page_beat(page);
		usleep(1000); /* lint: waits */
	}
}

static void fail(void)
{
	Tranche__V1__ErrorInfo e = TRANCHE__V1__ERROR_INFO__INIT;
	char code[] = "user-code", text[] = "it went wrong";
	char where[] = "job.lua:9";
	e.code = code;
	e.text = text;
	e.where = where;
	done(NULL, &e);
}

static void send_inputs(const Tranche__V1__WorkerTask *m)
{
	for (size_t i = 0; i < m->n_inputs; i++) {
		const Tranche__V1__BlockFile *b = m->inputs[i];
		uint8_t *bytes = tr_xmalloc(b->stored_bytes + 1);
		FILE *f = fopen(b->path, "re");
		if (!f || fseek(f, (long)b->offset, SEEK_SET) != 0 ||
			fread(bytes, 1, b->stored_bytes, f) != b->stored_bytes)
			abort();
		fclose(f);
		chunk((uint32_t)i, tr_slice_of(bytes, b->stored_bytes));
		tr_xfree(bytes);
	}
	Tranche__V1__Receipt r = TRANCHE__V1__RECEIPT__INIT;
	r.records_in = m->n_inputs;
	done(&r, NULL);
}

static void crash(void)
{
	/* Also where a sanitizer would catch it. */
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void run(const Tranche__V1__WorkerTask *m)
{
	const Tranche__V1__Range *r = m->spec->range;
	tr_page_begin(page, m->spec->env->attempt, r ? r->topic : NULL,
		r ? r->partition : 0, r ? r->from : 0);
	const char *order = r ? r->topic : "";
	uint64_t n = r ? (uint64_t)r->until : 0;
	be_in_operator();
	const struct hostile h = { gate, folder, m->block_path, say };
	if (!r)
		send_inputs(m);
	else if (hostile_obey(&h, order))
		tr_page_set_state(page, TR_PAGE_IDLE);
	else if (strcmp(order, "ok") == 0)
		write_block(m->block_path, n);
	else if (strcmp(order, "results") == 0)
		send_results(n);
	else if (strcmp(order, "gate") == 0)
		wait_at_gate();
	else if (strcmp(order, "crash") == 0)
		crash();
	else if (strcmp(order, "exit") == 0)
		_exit(3);
	else if (strcmp(order, "hang") == 0)
		for (;;)
			pause();
	else if (strcmp(order, "memory") == 0)
		eat(n);
	else if (strcmp(order, "nonsense") == 0)
		say(TR_KIND_HELLO,
			&(Tranche__V1__Hello)TRANCHE__V1__HELLO__INIT,
			TR_SLICE_ABSENT);
	else
		fail();
}

static void init(const struct tr_frame *f)
{
	struct tr_error err;
	Tranche__V1__WorkerInit *m = tr_msg_unpack(
		&tranche__v1__worker_init__descriptor, f->body, &err);
	if (!m || tr_page_map(m->progress_page, &page, &err) != 0)
		abort();
	snprintf(folder, sizeof(folder), "%s", m->spool);
	snprintf(gate, sizeof(gate), "%.*s", (int)f->payload.n,
		(const char *)f->payload.p);
	tr_msg_free(m);
}

int main(void)
{
	struct tr_framefd in;
	struct tr_frame f;
	tr_framefd_init(&in, FD, TR_FRAME_MAX);
	while (tr_framefd_read(&in, &f) == 0) {
		struct tr_error err;
		if (f.kind == TR_KIND_WORKER_INIT) {
			init(&f);
			continue;
		}
		Tranche__V1__WorkerTask *m = tr_msg_unpack(
			&tranche__v1__worker_task__descriptor, f.body, &err);
		if (!m)
			abort();
		run(m);
		tr_msg_free(m);
	}
	tr_framefd_fini(&in);
	tr_page_unmap(page);
	return 0;
}
