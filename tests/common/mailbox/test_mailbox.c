#include "tests/support/test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/err.h"
#include "common/mailbox/mailbox.h"

struct note {
	struct tr_mail mail;
	unsigned sender;
	unsigned number;
};

static atomic_uint freed;

static void note_free(struct tr_mail *m)
{
	atomic_fetch_add(&freed, 1);
	free(m);
}

static const struct tr_mail_type note_type = { "note", note_free };

static struct tr_mail *note_new(unsigned sender, unsigned number)
{
	struct note *n = calloc(1, sizeof(*n));
	n->mail.type = &note_type;
	n->sender = sender;
	n->number = number;
	return &n->mail;
}

static bool readable(struct tr_mailbox *mb, int timeout_ms)
{
	struct pollfd p = { .fd = tr_mailbox_fd(mb), .events = POLLIN };
	return poll(&p, 1, timeout_ms) == 1;
}

/* What is put comes out once, oldest first, and poll() shows it. */
static void test_mailbox__keeps_order(void **state)
{
	(void)state;
	struct tr_mailbox *mb = tr_mailbox_new(10);
	assert_false(readable(mb, 0));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(tr_mailbox_put(mb, note_new(0, i)), 0);
	assert_true(readable(mb, 0));
	struct tr_mail *next, *m = tr_mailbox_take_all(mb);
	for (unsigned i = 0; i < 3; i++, m = next) {
		assert_non_null(m);
		next = m->next;
		assert_int_equal(((struct note *)m)->number, i);
		tr_mail_free(m);
	}
	assert_null(m);
	assert_false(readable(mb, 0));
	assert_null(tr_mailbox_take_all(mb));
	tr_mailbox_free(mb);
}

/* A full mailbox refuses, and the message stays with its sender. */
static void test_mailbox__refuses_when_full(void **state)
{
	(void)state;
	struct tr_mailbox *mb = tr_mailbox_new(1);
	assert_int_equal(tr_mailbox_put(mb, note_new(0, 0)), 0);
	struct tr_mail *m = note_new(0, 1);
	assert_int_equal(tr_mailbox_put(mb, m), TR_EAGAIN);
	assert_int_equal(tr_mailbox_put_counted(mb, m), 0);
	m = note_new(0, 2);
	assert_int_equal(tr_mailbox_put(mb, m), TR_EAGAIN);
	tr_mail_free(m);
	atomic_store(&freed, 0);
	tr_mailbox_free(mb);
	assert_int_equal(atomic_load(&freed), 2);
}

/* Closing lets nothing in, but what was in can be taken. */
static void test_mailbox__closed_still_empties(void **state)
{
	(void)state;
	struct tr_mailbox *mb = tr_mailbox_new(10);
	assert_int_equal(tr_mailbox_put(mb, note_new(0, 0)), 0);
	tr_mailbox_close(mb);
	struct tr_mail *m = note_new(0, 1);
	assert_int_equal(tr_mailbox_put(mb, m), TR_ECLOSED);
	assert_int_equal(tr_mailbox_put_counted(mb, m), TR_ECLOSED);
	tr_mail_free(m);
	m = tr_mailbox_take_all(mb);
	assert_non_null(m);
	assert_null(m->next);
	tr_mail_free(m);
	tr_mailbox_free(mb);
}

enum {
	SENDERS = 4,
	NOTES = 5000,
};

struct sender {
	struct tr_mailbox *mb;
	unsigned id;
};

static void *send_notes(void *arg)
{
	struct sender *s = arg;
	for (unsigned i = 0; i < NOTES; i++) {
		struct tr_mail *m = note_new(s->id, i);
		while (tr_mailbox_put(s->mb, m) == TR_EAGAIN)
			sched_yield();
	}
	return NULL;
}

/* Many senders: nothing lost, each one's order kept, no wake-up missed. */
static void test_mailbox__many_senders(void **state)
{
	(void)state;
	struct tr_mailbox *mb = tr_mailbox_new(64);
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ mb, i };
		pthread_create(&threads[i], NULL, send_notes, &senders[i]);
	}
	unsigned expected[SENDERS] = { 0 };
	for (unsigned got = 0; got < SENDERS * NOTES;) {
		assert_true(readable(mb, 10000));
		struct tr_mail *next;
		for (struct tr_mail *m = tr_mailbox_take_all(mb); m; m = next) {
			struct note *n = (struct note *)m;
			next = m->next;
			assert_int_equal(n->number, expected[n->sender]++);
			got++;
			tr_mail_free(m);
		}
	}
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	tr_mailbox_free(mb);
}

TR_TEST_MAIN(cmocka_unit_test(test_mailbox__keeps_order),
	cmocka_unit_test(test_mailbox__refuses_when_full),
	cmocka_unit_test(test_mailbox__closed_still_empties),
	cmocka_unit_test(test_mailbox__many_senders));
