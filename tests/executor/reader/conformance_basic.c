/* Cases for any broker. */
#include "tests/executor/reader/conformance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "tests/executor/reader/plain_log.h"
#include "tests/executor/reader/seen.h"
#include "tests/support/feed.h"

enum {
	STALL_MS = 1500
};

static struct tr_reader *open_reader(const struct tr_conformance *c)
{
	return c->open(c->brokers, TR_READ_COMMITTED, STALL_MS);
}

static void test_reader__hands_out_a_whole_log(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;
	struct tr_seen seen;

	tr_plain_log_write(&log, c, 3000, 100, NULL);
	tr_seen_read(&seen, r, log.topic, 0, 0, 3000);
	tr_plain_log_check(&seen, 0, 3000);

	assert_int_equal(seen.receipt.records, 3000);
	assert_int_equal(seen.receipt.first_offset, 0);
	assert_int_equal(seen.receipt.last_offset, 2999);
	assert_int_equal(seen.receipt.position, 3000);
	assert_true(seen.receipt.complete);
	/* "value-" and the digits: 10, 90, 900 and 2000 of 1 to 4. */
	assert_int_equal(seen.receipt.bytes,
		3000 * 6 + 10 + 90 * 2 + 900 * 3 + 2000 * 4);
	assert_int_equal(seen.receipt.duplicates, 0);
	assert_int_equal(seen.receipt.log_start_before, 0);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__starts_and_ends_inside_batches(void **state)
{
	const struct tr_conformance *c = *state;
	static const struct {
		int64_t from, until;
	} cases[] = {
		{ 0, 1 },
		{ 50, 51 },
		{ 99, 101 },
		{ 100, 200 },
		{ 101, 299 },
		{ 0, 100 },
		{ 199, 200 },
		{ 499, 500 },
		{ 1, 500 },
	};
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;

	tr_plain_log_write(&log, c, 500, 100, "compression.codec=lz4");
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_seen seen;
		tr_seen_read(
			&seen, r, log.topic, 0, cases[i].from, cases[i].until);
		tr_plain_log_check(&seen, cases[i].from, cases[i].until);
		assert_int_equal(seen.receipt.position, cases[i].until);
		tr_seen_fini(&seen);
	}
	tr_reader_close(r);
}

static void test_reader__ends_an_empty_range_at_once(void **state)
{
	const struct tr_conformance *c = *state;
	static const int64_t at[] = { 0, 57, 100 };
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;

	tr_plain_log_write(&log, c, 100, 100, NULL);
	for (size_t i = 0; i < TR_ARRAY_LEN(at); i++) {
		struct tr_seen seen;
		tr_seen_read(&seen, r, log.topic, 0, at[i], at[i]);
		tr_plain_log_check(&seen, at[i], at[i]);
		assert_int_equal(seen.receipt.records, 0);
		assert_int_equal(seen.receipt.first_offset, -1);
		assert_true(seen.receipt.complete);
		tr_seen_fini(&seen);
	}
	tr_reader_close(r);
}

/* ---- content ---- */

static void put_content(struct tr_feed *f, const char *topic)
{
	const struct tr_header_view headers[] = {
		{ tr_slice_of_text("trace"), tr_slice_of_text("abc") },
		{ tr_slice_of_text("trace"), TR_SLICE_ABSENT },
		{ tr_slice_of_text("none"), tr_slice_of("", 0) },
	};
	const struct tr_feed_record records[] = {
		{ .key = TR_SLICE_ABSENT, .value = TR_SLICE_ABSENT },
		{ .key = tr_slice_of("", 0), .value = tr_slice_of("", 0) },
		{ .key = tr_slice_of("k\0y", 3),
			.value = tr_slice_of("\0\xff\n", 3),
			.timestamp_ms = 1600000000123 },
		{ .value = tr_slice_of_text("headers"),
			.headers = headers,
			.n_headers = TR_ARRAY_LEN(headers) },
		{ .value = tr_slice_of_text("last") },
	};

	for (size_t i = 0; i < TR_ARRAY_LEN(records); i++)
		tr_feed_put(f, topic, 0, &records[i]);
	tr_feed_flush(f);
}

static void assert_slice(struct tr_slice s, const void *p, size_t n)
{
	assert_non_null(s.p);
	assert_int_equal(s.n, n);
	assert_memory_equal(s.p, p, n);
}

static void check_headers(const struct tr_record_view *v)
{
	assert_int_equal(v->n_headers, 3);
	assert_slice(v->headers[0].name, "trace", 5);
	assert_slice(v->headers[0].value, "abc", 3);
	assert_slice(v->headers[1].name, "trace", 5);
	assert_null(v->headers[1].value.p);
	assert_slice(v->headers[2].name, "none", 4);
	assert_slice(v->headers[2].value, "", 0);
}

static void check_content(const struct tr_record_view *v)
{
	switch (v->offset) {
	case 0:
		assert_null(v->key.p);
		assert_null(v->value.p);
		break;
	case 1:
		assert_slice(v->key, "", 0);
		assert_slice(v->value, "", 0);
		break;
	case 2:
		assert_slice(v->key, "k\0y", 3);
		assert_slice(v->value, "\0\xff\n", 3);
		assert_int_equal(v->timestamp_ms, 1600000000123);
		assert_int_equal(v->timestamp_type, TR_TIMESTAMP_CREATE);
		assert_int_equal(v->n_headers, 0);
		break;
	case 3:
		assert_slice(v->value, "headers", 7);
		check_headers(v);
		break;
	default:
		assert_int_equal(v->offset, 4);
		assert_slice(v->value, "last", 4);
	}
}

static void test_reader__keeps_null_empty_and_headers_apart(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_batch_view batch;
	struct tr_error err;
	size_t n = 0;
	int rc;

	tr_plain_topic(topic, c, 1);
	put_content(f, topic);
	struct tr_range range = { topic, 0, 0, 5 };
	assert_int_equal(tr_reader_start(r, &range, &err), 0);
	while ((rc = tr_reader_next(r, 1000, &batch, &err)) != TR_READ_END) {
		assert_true(rc >= 0);
		if (rc != TR_READ_BATCH)
			continue;
		for (size_t i = 0; i < batch.n; i++)
			check_content(&batch.records[i]);
		n += batch.n;
		assert_int_equal(batch.position, n);
		tr_reader_release(r, &batch);
	}
	assert_int_equal(n, 5);
	tr_reader_stop(r);
	tr_feed_close(f);
	tr_reader_close(r);
}

static void test_reader__reads_values_of_a_megabyte(void **state)
{
	const struct tr_conformance *c = *state;
	enum {
		SIZE = 1000 * 1000,
		COUNT = 3
	};
	struct tr_reader *r = open_reader(c);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_PLAIN_TOPIC_MAX];
	uint8_t *value = tr_xmalloc(SIZE);
	struct tr_seen seen;

	tr_plain_topic(topic, c, 1);
	for (int i = 0; i < COUNT; i++) {
		memset(value, 'a' + i, SIZE);
		tr_feed_put(f, topic, 0,
			&(struct tr_feed_record){
				.value = tr_slice_of(value, SIZE) });
		tr_feed_flush(f);
	}
	tr_seen_read(&seen, r, topic, 0, 0, COUNT);
	assert_int_equal(seen.rc, 0);
	assert_int_equal(seen.n, COUNT);
	for (int i = 0; i < COUNT; i++) {
		memset(value, 'a' + i, SIZE);
		assert_int_equal(seen.records[i].value_n, SIZE);
		assert_memory_equal(seen.records[i].value, value, SIZE);
	}
	assert_int_equal(seen.receipt.bytes, (uint64_t)SIZE * COUNT);
	tr_seen_fini(&seen);
	free(value);
	tr_feed_close(f);
	tr_reader_close(r);
}

/* ---- one range after the other ---- */

static void test_reader__continues_where_it_stopped(void **state)
{
	const struct tr_conformance *c = *state;
	static const int64_t cuts[] = { 0, 1, 2, 150, 150, 777, 1999, 2000 };
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;
	struct tr_digest sum = { 0, 0 };
	struct tr_seen seen;

	tr_plain_log_write(&log, c, 2000, 250, NULL);
	for (size_t i = 0; i + 1 < TR_ARRAY_LEN(cuts); i++) {
		tr_seen_read(&seen, r, log.topic, 0, cuts[i], cuts[i + 1]);
		tr_plain_log_check(&seen, cuts[i], cuts[i + 1]);
		tr_digest_merge(&sum, seen.receipt.digest);
		tr_seen_fini(&seen);
	}
	tr_reader_cool(r);
	tr_seen_read(&seen, r, log.topic, 0, 0, 2000);
	tr_plain_log_check(&seen, 0, 2000);
	assert_true(tr_digest_equal(sum, seen.receipt.digest));
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__gives_a_range_the_same_digest_again(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_plain_log log;
	struct tr_digest digest[2];
	struct tr_seen seen;

	tr_plain_log_write(&log, c, 400, 100, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct tr_reader *r = open_reader(c);
		tr_seen_read(&seen, r, log.topic, 0, 33, 333);
		digest[i] = seen.receipt.digest;
		tr_seen_fini(&seen);
		tr_seen_read(&seen, r, log.topic, 0, 33, 332);
		assert_false(tr_digest_equal(digest[i], seen.receipt.digest));
		tr_seen_fini(&seen);
		tr_reader_close(r);
	}
	assert_true(tr_digest_equal(digest[0], digest[1]));
}

static void test_reader__changes_partitions_and_goes_back(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	char topic[TR_PLAIN_TOPIC_MAX];

	tr_plain_topic(topic, c, 3);
	for (int32_t p = 0; p < 3; p++)
		tr_plain_log_fill(f, topic, p, 0, 300, 100);
	for (int64_t from = 0; from < 300; from += 60) {
		for (int32_t p = 0; p < 3; p++) {
			struct tr_seen seen;
			tr_seen_read(&seen, r, topic, p, from, from + 60);
			tr_plain_log_check(&seen, from, from + 60);
			tr_seen_fini(&seen);
		}
	}
	tr_feed_close(f);
	tr_reader_close(r);
}

static void test_reader__forgets_a_range_given_up(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;
	struct tr_seen part = { .n = 0 };
	struct tr_seen seen;
	struct tr_error err;
	int rc;

	tr_plain_log_write(&log, c, 5000, 500, NULL);
	struct tr_range range = { log.topic, 0, 0, 5000 };
	assert_int_equal(tr_reader_start(r, &range, &err), 0);
	do {
		rc = tr_seen_next(&part, r, 100);
	} while (rc == TR_READ_IDLE);
	assert_int_equal(rc, TR_READ_BATCH);
	assert_true(part.n < 5000);
	tr_reader_stop(r);
	tr_seen_read(&seen, r, log.topic, 0, 10, 5000);
	tr_plain_log_check(&seen, 10, 5000);
	tr_seen_fini(&seen);
	tr_seen_fini(&part);
	tr_reader_close(r);
}

/* A stream's next range may be planned before its records can be fetched. */
static void test_reader__waits_for_records_still_to_come(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_feed *f = tr_feed_open(c->brokers, NULL);
	struct tr_seen seen = { .n = 0 };
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_error err;
	int rc;

	tr_plain_topic(topic, c, 1);
	tr_plain_log_fill(f, topic, 0, 0, 10, 10);
	struct tr_range range = { topic, 0, 0, 20 };
	assert_int_equal(tr_reader_start(r, &range, &err), 0);
	while (seen.n < 10)
		assert_true(tr_seen_next(&seen, r, 50) >= 0);
	assert_int_equal(tr_seen_next(&seen, r, 50), TR_READ_IDLE);
	tr_plain_log_fill(f, topic, 0, 10, 20, 10);
	while ((rc = tr_seen_next(&seen, r, 50)) != TR_READ_END)
		assert_true(rc >= 0);
	tr_plain_log_check(&seen, 0, 20);
	tr_seen_fini(&seen);
	tr_reader_stop(r);
	tr_feed_close(f);
	tr_reader_close(r);
}

/* ---- what cannot be read ---- */

static void test_reader__names_an_unknown_partition(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	char topic[TR_PLAIN_TOPIC_MAX];
	struct tr_seen seen;

	tr_plain_topic(topic, c, 2);
	tr_seen_read(&seen, r, topic, 2, 0, 10);
	assert_int_equal(seen.rc, TR_ENOTFOUND);
	assert_non_null(strstr(seen.err.text, topic));
	assert_non_null(strstr(seen.err.text, "partition 2"));
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

static void test_reader__refuses_what_is_no_range(void **state)
{
	const struct tr_conformance *c = *state;
	struct tr_reader *r = open_reader(c);
	struct tr_seen seen;

	tr_seen_read(&seen, r, "any", 0, 5, 4);
	assert_int_equal(seen.rc, TR_EINVAL);
	tr_seen_read(&seen, r, "any", 0, -1, 4);
	assert_int_equal(seen.rc, TR_EINVAL);
	tr_reader_close(r);
}

static void test_reader__calls_a_log_too_short_truncated(void **state)
{
	const struct tr_conformance *c = *state;
	static const struct {
		int64_t from, until;
		size_t n;
	} cases[] = {
		{ 150, 250, 0 }, /* begins beyond the end */
		{ 50, 101, 50 },
		{ 100, 101, 0 },
	};
	struct tr_reader *r = open_reader(c);
	struct tr_plain_log log;

	tr_plain_log_write(&log, c, 100, 100, NULL);
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		struct tr_seen seen;
		tr_seen_read(
			&seen, r, log.topic, 0, cases[i].from, cases[i].until);
		assert_int_equal(seen.rc, TR_ETRUNCATED);
		assert_int_equal(seen.n, cases[i].n);
		assert_false(seen.receipt.complete);
		assert_non_null(strstr(seen.err.text, log.topic));
		assert_non_null(strstr(seen.err.text, "ends at 100"));
		tr_seen_fini(&seen);
	}
	tr_reader_close(r);
}

static void test_reader__names_a_broker_that_is_not_there(void **state)
{
	const struct tr_conformance *c = *state;
	uint64_t begin = tr_clock_mono_ms();
	struct tr_reader *r =
		c->open("127.0.0.1:1", TR_READ_COMMITTED, STALL_MS);
	struct tr_seen seen;

	tr_seen_read(&seen, r, "any", 0, 0, 10);
	if (seen.rc != TR_EUNREACH)
		fail_msg("%d: %s", seen.rc, seen.err.text);
	assert_non_null(strstr(seen.err.text, "127.0.0.1:1"));
	assert_non_null(strstr(seen.err.text, "Connection refused"));
	assert_true(tr_clock_mono_ms() - begin < 10000);
	tr_seen_fini(&seen);
	tr_reader_close(r);
}

const struct CMUnitTest tr_conformance_basic[] = {
	cmocka_unit_test(test_reader__hands_out_a_whole_log),
	cmocka_unit_test(test_reader__starts_and_ends_inside_batches),
	cmocka_unit_test(test_reader__ends_an_empty_range_at_once),
	cmocka_unit_test(test_reader__keeps_null_empty_and_headers_apart),
	cmocka_unit_test(test_reader__reads_values_of_a_megabyte),
	cmocka_unit_test(test_reader__continues_where_it_stopped),
	cmocka_unit_test(test_reader__gives_a_range_the_same_digest_again),
	cmocka_unit_test(test_reader__changes_partitions_and_goes_back),
	cmocka_unit_test(test_reader__forgets_a_range_given_up),
	cmocka_unit_test(test_reader__waits_for_records_still_to_come),
	cmocka_unit_test(test_reader__names_an_unknown_partition),
	cmocka_unit_test(test_reader__refuses_what_is_no_range),
	cmocka_unit_test(test_reader__calls_a_log_too_short_truncated),
	cmocka_unit_test(test_reader__names_a_broker_that_is_not_there),
};
const size_t tr_conformance_basic_n = TR_ARRAY_LEN(tr_conformance_basic);
