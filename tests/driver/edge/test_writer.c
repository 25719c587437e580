/* The store thread on a real store. */
#include "tests/support/test.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "driver/edge/writer.h"
#include "tests/common/kv/scratch.h"

enum {
	DEADLINE_MS = 20000,
	WRITES = 200
};

struct fix {
	char path[SCRATCH_PATH];
	struct tr_store *store;
	struct tr_mailbox *mailbox;
	struct tr_writer *writer;
};

static int start(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct tr_error err;
	scratch_make(f->path);
	struct tr_store_opts opts = { .path = f->path };
	assert_int_equal(tr_store_open(&f->store, &opts, &err), 0);
	f->mailbox = tr_mailbox_new(SIZE_MAX);
	f->writer = tr_writer_new(f->store, f->mailbox);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fix *f = *state;
	tr_writer_free(f->writer);
	tr_mailbox_free(f->mailbox);
	tr_store_close(f->store);
	scratch_remove(f->path);
	free(f);
	return 0;
}

static Tranche__V1__JournalRecord *submitted(const struct fix *f, uint64_t job)
{
	char id[33];
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	Tranche__V1__JobSubmitted s = TRANCHE__V1__JOB_SUBMITTED__INIT;
	Tranche__V1__JournalRecord r = TRANCHE__V1__JOURNAL_RECORD__INIT;
	uint8_t sha[TR_STORE_ARTEFACT_ID] = { 1 };
	char name[] = "job";
	snprintf(id, sizeof(id), "%032llu", (unsigned long long)job);
	m.request_uuid = id;
	m.name = name;
	m.artefact.data = sha;
	m.artefact.len = sizeof(sha);
	s.job = job;
	s.job_uuid = id;
	s.request = &m;
	r.term = tr_store_term(f->store).v;
	r.record_case = TRANCHE__V1__JOURNAL_RECORD__RECORD_JOB_SUBMITTED;
	r.job_submitted = &s;
	return tr_msg_copy(&r);
}

static void put_job(struct fix *f, uint64_t job)
{
	static const uint8_t artefact[] = "return 1";
	struct tr_write *w = tr_write_new(1);
	tr_write_record(w, 0, submitted(f, job));
	w->items[0].payload = (struct tr_slice){ artefact, sizeof(artefact) };
	w->seq = job;
	tr_writer_put(f->writer, w);
}

static bool is_stored(struct fix *f, uint64_t job)
{
	Tranche__V1__JobStatus *st;
	struct tr_error err;
	if (tr_store_job_status(
		    f->store, (struct tr_job_id){ job }, &st, &err) != 0)
		return false;
	tr_msg_free(st);
	return true;
}

/* Each comes back after it is durable, in the order of putting. */
static void test_writer__gives_back_what_is_durable_in_order(void **state)
{
	struct fix *f = *state;
	uint64_t last = 0;
	for (uint64_t i = 1; i <= WRITES; i++)
		put_job(f, i);
	while (last < WRITES) {
		struct pollfd p = { .fd = tr_mailbox_fd(f->mailbox),
			.events = POLLIN };
		assert_true(poll(&p, 1, DEADLINE_MS) > 0);
		struct tr_mail *next, *m = tr_mailbox_take_all(f->mailbox);
		for (; m; m = next) {
			next = m->next;
			assert_ptr_equal(m->type, &tr_write_type);
			uint64_t seq = ((struct tr_write *)m)->seq;
			assert_int_equal(seq, last + 1);
			assert_true(is_stored(f, seq));
			last = seq;
			tr_mail_free(m);
		}
	}
}

/* Nothing that was put is lost when it is stopped at once. */
static void test_writer__stores_all_before_it_ends(void **state)
{
	struct fix *f = *state;
	for (uint64_t i = 1; i <= WRITES; i++)
		put_job(f, i);
	tr_writer_free(f->writer);
	f->writer = NULL;
	for (uint64_t i = 1; i <= WRITES; i++)
		assert_true(is_stored(f, i));
}

struct kept {
	struct tr_mail mail;
	int *frees;
};

static void free_kept(struct tr_mail *m)
{
	struct kept *k = (struct kept *)m;
	(*k->frees)++;
	free(k);
}

static const struct tr_mail_type kept_type = { .name = "kept",
	.free = free_kept };

static void test_writer__frees_what_the_write_kept(void **state)
{
	struct fix *f = *state;
	int frees = 0;
	struct kept *k = tr_xcalloc(1, sizeof(*k));
	k->mail.type = &kept_type;
	k->frees = &frees;
	struct tr_write *w = tr_write_new(0);
	w->keep = &k->mail;
	tr_writer_put(f->writer, w);
	struct pollfd p = { .fd = tr_mailbox_fd(f->mailbox), .events = POLLIN };
	assert_true(poll(&p, 1, DEADLINE_MS) > 0);
	struct tr_mail *m = tr_mailbox_take_all(f->mailbox);
	assert_ptr_equal(m, &w->mail);
	assert_int_equal(frees, 0);
	tr_mail_free(m);
	assert_int_equal(frees, 1);
}

#define WRITER_TEST(t) cmocka_unit_test_setup_teardown(t, start, stop)

TR_TEST_MAIN(WRITER_TEST(test_writer__gives_back_what_is_durable_in_order),
	WRITER_TEST(test_writer__stores_all_before_it_ends),
	WRITER_TEST(test_writer__frees_what_the_write_kept));
