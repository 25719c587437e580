/* Cases for a real broker. */
#include "tests/executor/reader/conformance.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "tests/executor/reader/plain_log.h"
#include "tests/executor/reader/seen.h"
#include "tests/support/broker.h"
#include "tests/support/feed.h"

enum {
	STALL_MS = 1500,
	SOON_MS = 20000,
};

static struct tr_feed *open_transactional(
	const struct tr_conformance *c, const char *topic)
{
	char id[160];
	const char *props[] = { id, NULL };

	snprintf(id, sizeof(id), "transactional.id=%s", topic);
	return tr_feed_open(c->brokers, props);
}

/* The last stable offset follows the commit's reply after a moment. */
static void wait_for_stable(
	const struct tr_conformance *c, const char *topic, int64_t until)
{
	uint64_t deadline = tr_clock_mono_ms() + SOON_MS;

	while (tr_clock_mono_ms() < deadline) {
		struct tr_reader *r =
			c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
		struct tr_seen seen;
		tr_seen_read(&seen, r, topic, 0, until - 1, until);
		int rc = seen.rc;
		tr_seen_fini(&seen);
		tr_reader_close(r);
		if (rc == 0)
			return;
	}
	fail_msg("%s does not become stable up to %" PRId64, topic, until);
}

/* ---- transactions ---- */

/*
 * The log: 0–99 committed, 100 marker, 101–150 aborted, 151 marker,
 * 152–161 committed, 162 marker.
 */
static void write_transactions(struct tr_feed *f, const char *topic)
{
	tr_feed_begin(f);
	tr_plain_log_fill(f, topic, 0, 0, 100, 30);
	tr_feed_commit(f);
	tr_feed_begin(f);
	tr_plain_log_fill(f, topic, 0, 101, 151, 20);
	tr_feed_abort(f);
	tr_feed_begin(f);
	tr_plain_log_fill(f, topic, 0, 152, 162, 10);
	tr_feed_commit(f);
}

static bool is_marker(int64_t offset)
{
	return offset == 100 || offset == 151 || offset == 162;
}

static bool is_aborted(int64_t offset)
{
	return offset > 100 && offset < 151;
}

static void check_transactions(
	const struct tr_seen *seen, int64_t from, int64_t until, bool aborted)
{
	size_t n = 0;

	if (seen->rc != 0)
		fail_msg("%" PRId64 ":%" PRId64 ": %s", from, until,
			seen->err.text);
	for (int64_t i = from; i < until; i++) {
		if (is_marker(i) || (is_aborted(i) && !aborted))
			continue;
		assert_true(n < seen->n);
		tr_plain_record_check(&seen->records[n++], i);
	}
	assert_int_equal(seen->n, n);
	assert_int_equal(seen->receipt.position, until);
	assert_true(seen->receipt.complete);
}

static void test_reader__shows_what_was_committed(void **state)
{
	const struct tr_conformance *c = *state;
	static const struct {
		int64_t from, until;
	} cases[] = {
		{ 0, 163 },   /* all, ends on a marker */
		{ 0, 101 },   /* ends after a marker */
		{ 0, 100 },   /* ends before it */
		{ 45, 125 },  /* ends in aborted records */
		{ 125, 155 }, /* begins in aborted records */
		{ 110, 140 }, /* nothing but aborted records */
		{ 101, 152 }, /* and their marker */
		{ 100, 101 }, /* nothing but a marker */
		{ 151, 152 },
		{ 162, 163 }, /* the log's tail is a marker */
		{ 160, 163 },
		{ 163, 163 },
	};
	struct tr_reader *committed =
		c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_reader *all =
		c->open(c->brokers, TR_READ_UNCOMMITTED, STALL_MS);
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_seen seen;

	tr_plain_topic(topic, c, 1);
	struct tr_feed *f = open_transactional(c, topic);
	write_transactions(f, topic);
	wait_for_stable(c, topic, 163);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		int64_t from = cases[i].from, until = cases[i].until;
		tr_seen_read(&seen, committed, topic, 0, from, until);
		check_transactions(&seen, from, until, false);
		tr_seen_fini(&seen);
		tr_seen_read(&seen, all, topic, 0, from, until);
		check_transactions(&seen, from, until, true);
		tr_seen_fini(&seen);
	}
	tr_feed_close(f);
	tr_reader_close(committed);
	tr_reader_close(all);
}

/* Every cut of the log into two ranges gives the whole, also without a pause.
 */
static void test_reader__continues_over_markers(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_seen seen;

	tr_plain_topic(topic, c, 1);
	struct tr_feed *f = open_transactional(c, topic);
	write_transactions(f, topic);
	wait_for_stable(c, topic, 163);
	for (int64_t cut = 1; cut < 163; cut += 6) {
		tr_seen_read(&seen, r, topic, 0, 0, cut);
		check_transactions(&seen, 0, cut, false);
		tr_seen_fini(&seen);
		tr_seen_read(&seen, r, topic, 0, cut, 163);
		check_transactions(&seen, cut, 163, false);
		tr_seen_fini(&seen);
	}
	tr_feed_close(f);
	tr_reader_close(r);
}

static void test_reader__stops_at_an_open_transaction(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *committed =
		c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_reader *all =
		c->open(c->brokers, TR_READ_UNCOMMITTED, STALL_MS);
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_seen seen;

	tr_plain_topic(topic, c, 1);
	struct tr_feed *plain = tr_feed_open(c->brokers, NULL);
	tr_plain_log_fill(plain, topic, 0, 0, 50, 50);
	struct tr_feed *f = open_transactional(c, topic);
	tr_feed_begin(f);
	tr_plain_log_fill(f, topic, 0, 50, 60, 10);

	tr_seen_read(&seen, committed, topic, 0, 0, 50);
	tr_plain_log_check(&seen, 0, 50);
	tr_seen_fini(&seen);
	tr_seen_read(&seen, all, topic, 0, 0, 60);
	tr_plain_log_check(&seen, 0, 60);
	tr_seen_fini(&seen);
	tr_seen_read(&seen, committed, topic, 0, 40, 60);
	assert_int_equal(seen.rc, TR_ETRUNCATED);
	assert_non_null(strstr(seen.err.text, "ends at 50"));
	assert_int_equal(seen.n, 10);
	tr_seen_fini(&seen);

	tr_feed_commit(f);
	wait_for_stable(c, topic, 61);
	tr_seen_read(&seen, committed, topic, 0, 0, 61);
	tr_plain_log_check(&seen, 0, 60);
	tr_seen_fini(&seen);
	tr_feed_close(f);
	tr_feed_close(plain);
	tr_reader_close(committed);
	tr_reader_close(all);
}

/* ---- holes ---- */

enum {
	KEYS = 10,
	COMPACTED = 500, /* records in the part that is cleaned */
	FILLERS = 5      /* with keys of their own, in the active segment */
};

static void put_keyed(struct tr_feed *f, const char *topic, int64_t offset)
{
	char key[32], value[32];

	snprintf(key, sizeof(key), "k%" PRId64,
		offset < COMPACTED ? offset % KEYS : offset);
	snprintf(value, sizeof(value), "value-%" PRId64, offset);
	tr_feed_put(f, topic, 0,
		&(struct tr_feed_record){ .key = tr_slice_of_text(key),
			.value = tr_slice_of_text(value) });
}

/* Whether the cleaner has been over the old part, seen from outside. */
static bool is_compacted(const struct tr_seen *seen)
{
	return seen->rc == 0 && seen->n > 0 && seen->records[0].offset >= KEYS;
}

static void read_until_compacted(
	const struct tr_conformance *c, const char *topic, struct tr_seen *seen)
{
	uint64_t deadline = tr_clock_mono_ms() + 3 * SOON_MS;

	do {
		struct tr_reader *r =
			c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
		tr_seen_read(seen, r, topic, 0, 0, COMPACTED + FILLERS);
		tr_reader_close(r);
		if (is_compacted(seen))
			return;
		tr_seen_fini(seen);
	} while (tr_clock_mono_ms() < deadline);
	fail_msg("the log cleaner did not come");
}

/* Newest of each key in the cleaned part, and all of the rest, must be there;
   anything else that is left must be what was written there. */
static void check_compacted(
	const struct tr_seen *seen, int64_t from, int64_t until)
{
	int64_t next = from;
	size_t n = 0;

	if (seen->rc != 0)
		fail_msg("%s", seen->err.text);
	for (; n < seen->n; n++) {
		int64_t offset = seen->records[n].offset;
		for (; next < offset; next++)
			assert_true(next < COMPACTED - KEYS);
		tr_plain_record_check(&seen->records[n], offset);
		next = offset + 1;
	}
	assert_true(next <= until);
	for (; next < until; next++)
		assert_true(next < COMPACTED - KEYS);
	assert_int_equal(seen->receipt.position, until);
}

static void test_reader__passes_over_compacted_holes(void **state)
{
	const struct tr_conformance *c = *state;
	static const char *const configs[] = { "cleanup.policy=compact",
		"min.cleanable.dirty.ratio=0.01", "segment.bytes=1048576",
		"segment.ms=1000", "min.compaction.lag.ms=0", NULL };
	static const struct {
		int64_t from, until;
	} cases[] = {
		{ 0, 100 }, /* nothing left, the log goes on */
		{ 0, COMPACTED },
		{ 3, COMPACTED - KEYS },
		{ 5, COMPACTED + 1 },
		{ COMPACTED - 1, COMPACTED + FILLERS },
	};
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_BROKER_TOPIC_MAX];
	struct tr_seen seen;

	tr_broker_topic_name(topic, "compacted");
	c->topic_create(topic, 1, configs);
	for (int64_t i = 0; i < COMPACTED; i++)
		put_keyed(f, topic, i);
	tr_feed_flush(f);
	/* A record a second later closes the segment; the log cleaner takes
	   closed ones only. */
	for (int64_t i = 0; i < FILLERS; i++) {
		put_keyed(f, topic, COMPACTED + i);
		tr_feed_flush(f);
		usleep(300 * 1000); /* lint: waits for time to pass */
	}
	read_until_compacted(c, topic, &seen);
	check_compacted(&seen, 0, COMPACTED + FILLERS);
	tr_seen_fini(&seen);

	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		tr_seen_read(&seen, r, topic, 0, cases[i].from, cases[i].until);
		check_compacted(&seen, cases[i].from, cases[i].until);
		tr_seen_fini(&seen);
	}
	tr_feed_close(f);
	tr_reader_close(r);
}

static void assert_input_gone(
	const struct tr_seen *seen, const char *topic, const char *log_start)
{
	assert_int_equal(seen->rc, TR_EINPUT_GONE);
	assert_non_null(strstr(seen->err.text, topic));
	assert_non_null(strstr(seen->err.text, log_start));
	assert_false(seen->receipt.complete);
}

static void test_reader__says_that_input_is_gone(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_plain_log log;
	struct tr_seen seen;

	tr_plain_log_write(&log, c, 100, 10, NULL);
	tr_broker_records_delete(log.topic, 0, 33);
	tr_seen_read(&seen, r, log.topic, 0, 32, 100);
	assert_input_gone(&seen, log.topic, "starts at 33");
	assert_int_equal(seen.n, 0);
	tr_seen_fini(&seen);
	tr_seen_read(&seen, r, log.topic, 0, 33, 100);
	tr_plain_log_check(&seen, 33, 100);
	assert_int_equal(seen.receipt.log_start_before, 33);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

/* 20 MB, of which the reader holds a small part when the rest goes away. */
static void test_reader__notices_deletion_under_the_read(void **state)
{
	const struct tr_conformance *c = *state;
	enum {
		COUNT = 20000,
		SIZE = 1000
	};
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_PLAIN_TOPIC_MAX];
	char value[SIZE];
	struct tr_seen seen = { .n = 0 };
	int rc;

	tr_plain_topic(topic, c, 1);
	memset(value, 'x', sizeof(value));
	for (int i = 0; i < COUNT; i++) {
		tr_feed_put(f, topic, 0,
			&(struct tr_feed_record){
				.value = tr_slice_of(value, sizeof(value)) });
		if (i % 500 == 499)
			tr_feed_flush(f);
	}
	struct tr_range range = { topic, 0, 0, COUNT };
	assert_int_equal(tr_reader_start(r, &range, &seen.err), 0);
	while (seen.n == 0)
		assert_true(tr_seen_next(&seen, r, 1000) >= 0);
	tr_broker_records_delete(topic, 0, COUNT - 500);
	do {
		rc = tr_seen_next(&seen, r, 1000);
	} while (rc == TR_READ_BATCH || rc == TR_READ_IDLE);
	seen.rc = rc;
	assert_input_gone(&seen, topic, "starts at 19500");
	assert_true(seen.n < COUNT);
	tr_reader_stop(r);
	tr_seen_fini(&seen);
	tr_feed_close(f);
	tr_reader_close(r);
}

/*
 * Markers and aborted records leave holes of no meaning; but once the log
 * starts beyond such a hole, nobody can tell it from records that went away.
 */
static void test_reader__trusts_no_hole_below_the_log_start(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_seen seen = { .n = 0 };
	char topic[TR_PLAIN_TOPIC_MAX];

	tr_plain_topic(topic, c, 1);
	struct tr_feed *f = open_transactional(c, topic);
	write_transactions(f, topic);
	wait_for_stable(c, topic, 163);
	struct tr_range range = { topic, 0, 0, 162 };
	assert_int_equal(tr_reader_start(r, &range, &seen.err), 0);
	while (seen.n < 110)
		assert_true(tr_seen_next(&seen, r, 100) >= 0);
	tr_broker_records_delete(topic, 0, 155);
	seen.rc = tr_seen_next(&seen, r, 100);
	assert_input_gone(&seen, topic, "starts at 155");
	tr_reader_stop(r);
	tr_seen_fini(&seen);
	tr_feed_close(f);
	tr_reader_close(r);
}

/*
 * A reader whose window is full must go on as soon as there is room. What
 * takes 0.3 s of the caller's time may not take seconds in all.
 */
static void test_reader__keeps_pace_with_a_slow_caller(void **state)
{
	const struct tr_conformance *c = *state;
	enum {
		COUNT = 60000,
		SIZE = 100,
		LIMIT_MS = 2500
	};
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, 60000);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_PLAIN_TOPIC_MAX];
	char value[SIZE];
	struct tr_seen seen = { .n = 0 };
	int rc;

	tr_plain_topic(topic, c, 1);
	memset(value, 'x', sizeof(value));
	for (int i = 0; i < COUNT; i++) {
		tr_feed_put(f, topic, 0,
			&(struct tr_feed_record){
				.value = tr_slice_of(value, sizeof(value)) });
		if (i % 1000 == 999)
			tr_feed_flush(f);
	}
	struct tr_range range = { topic, 0, 0, COUNT };
	uint64_t begin = tr_clock_mono_ms();
	size_t n = 0;
	assert_int_equal(tr_reader_start(r, &range, &seen.err), 0);
	while ((rc = tr_seen_next(&seen, r, 60000)) != TR_READ_END) {
		assert_int_equal(rc, TR_READ_BATCH);
		/* as a slow operator does */
		usleep((useconds_t)(5 * (seen.n - n))); /* lint: waits */
		n = seen.n;
	}
	assert_int_equal(seen.n, COUNT);
	assert_true(tr_clock_mono_ms() - begin < LIMIT_MS);
	tr_seen_fini(&seen);
	tr_reader_stop(r);
	tr_feed_close(f);
	tr_reader_close(r);
}

static void test_reader__calls_a_log_made_anew_truncated(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_plain_log log;
	struct tr_seen seen;

	tr_plain_log_write(&log, c, 100, 100, NULL);
	tr_broker_topic_delete(log.topic);
	c->topic_create(log.topic, 1, NULL);
	tr_seen_read(&seen, r, log.topic, 0, 20, 100);
	assert_int_equal(seen.rc, TR_ETRUNCATED);
	assert_non_null(strstr(seen.err.text, "ends at 0"));
	assert_int_equal(seen.n, 0);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__names_an_unknown_topic(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	uint64_t begin = tr_clock_mono_ms();
	struct tr_seen seen;

	tr_seen_read(&seen, r, "no-such-topic", 0, 0, 10);
	assert_int_equal(seen.rc, TR_ENOTFOUND);
	assert_non_null(strstr(seen.err.text, "no-such-topic"));
	assert_true(tr_clock_mono_ms() - begin < 10000);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

/* ---- limits ---- */

static void test_reader__refuses_a_value_over_the_limit(void **state)
{
	const struct tr_conformance *c = *state;
	static const char *const configs[] = { "max.message.bytes=20000000",
		NULL };
	static const struct {
		int64_t from, until;
		int rc;
		size_t n;
	} cases[] = {
		{ 0, 1, 0, 1 },
		{ 1, 3, TR_ELIMIT, 0 }, /* where the last one stopped */
		{ 0, 3, TR_ELIMIT, 1 },
		{ 2, 3, 0, 1 },
	};
	size_t size = (size_t)TR_VALUE_MAX + 1;
	uint8_t *value = tr_xcalloc(1, size);
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_BROKER_TOPIC_MAX];

	tr_broker_topic_name(topic, "large");
	c->topic_create(topic, 1, configs);
	tr_plain_log_fill(f, topic, 0, 0, 1, 1);
	tr_feed_put(f, topic, 0,
		&(struct tr_feed_record){ .value = tr_slice_of(value, size) });
	tr_feed_flush(f);
	tr_plain_log_fill(f, topic, 0, 2, 3, 1);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_seen seen;
		tr_seen_read(&seen, r, topic, 0, cases[i].from, cases[i].until);
		assert_int_equal(seen.rc, cases[i].rc);
		assert_int_equal(seen.n, cases[i].n);
		if (seen.rc != 0)
			assert_non_null(strstr(seen.err.text, "offset 1: "));
		tr_seen_fini(&seen);
	}
	free(value);
	tr_feed_close(f);
	tr_reader_close(r);
}

/* ---- corruption ---- */

/* Changes the first place of `text` in a partition's first segment. */
static void spoil(const char *topic, const char *text)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s-0/00000000000000000000.log",
		tr_broker_data(), topic);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	char *bytes = tr_xmalloc((size_t)st.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	char *place = memmem(bytes, (size_t)st.st_size, text, strlen(text));
	assert_non_null(place);
	assert_int_equal(pwrite(fd, "X", 1, place - bytes), 1);
	free(bytes);
	close(fd);
}

static void test_reader__stops_at_a_broken_checksum(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_plain_log log;
	struct tr_seen seen;

	if (tr_broker_data() == NULL) {
		print_message("the broker's files are out of reach\n");
		skip();
	}
	struct tr_reader *r = c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
	tr_plain_log_write(&log, c, 300, 100, NULL);
	spoil(log.topic, "value-150");
	tr_seen_read(&seen, r, log.topic, 0, 0, 300);
	assert_int_equal(seen.rc, TR_ECORRUPT);
	assert_non_null(strstr(seen.err.text, log.topic));
	assert_true(seen.n <= 100);
	for (size_t i = 0; i < seen.n; i++)
		tr_plain_record_check(&seen.records[i], (int64_t)i);
	tr_seen_fini(&seen);
	tr_seen_read(&seen, r, log.topic, 0, 200, 300);
	tr_plain_log_check(&seen, 200, 300);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

const struct CMUnitTest tr_conformance_real[] = {
	cmocka_unit_test(test_reader__shows_what_was_committed),
	cmocka_unit_test(test_reader__continues_over_markers),
	cmocka_unit_test(test_reader__stops_at_an_open_transaction),
	cmocka_unit_test(test_reader__passes_over_compacted_holes),
	cmocka_unit_test(test_reader__says_that_input_is_gone),
	cmocka_unit_test(test_reader__notices_deletion_under_the_read),
	cmocka_unit_test(test_reader__trusts_no_hole_below_the_log_start),
	cmocka_unit_test(test_reader__keeps_pace_with_a_slow_caller),
	cmocka_unit_test(test_reader__calls_a_log_made_anew_truncated),
	cmocka_unit_test(test_reader__names_an_unknown_topic),
	cmocka_unit_test(test_reader__refuses_a_value_over_the_limit),
	cmocka_unit_test(test_reader__stops_at_a_broken_checksum),
};
const size_t tr_conformance_real_n = TR_ARRAY_LEN(tr_conformance_real);
