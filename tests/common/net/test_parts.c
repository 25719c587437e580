/* The parts of a connection that need no connection. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"
#include "common/net/deadline.h"
#include "common/net/outq.h"
#include "common/net/rx.h"

enum {
	HEADROOM = 40,
	CAP = 64, /* of the receive buffer: most frames below are larger */
};

static size_t make_frame(uint8_t *out, uint8_t kind, size_t payload)
{
	for (size_t i = 0; i < payload; i++)
		out[TR_FRAME_HEADER_SIZE + i] = (uint8_t)(kind + i);
	struct tr_frame f = { .kind = kind,
		.payload = tr_slice_of(out + TR_FRAME_HEADER_SIZE, payload) };
	assert_int_equal(tr_frame_header(&f, out), 0);
	return TR_FRAME_HEADER_SIZE + payload;
}

static void expect_frame(struct tr_rx *rx, uint8_t kind, size_t payload)
{
	void *mem;
	struct tr_frame f;
	assert_int_equal(tr_rx_next(rx, 1000, &mem, &f), 0);
	memset(mem, 0xee, HEADROOM); /* the caller's: harms nothing */
	assert_int_equal(f.kind, kind);
	assert_int_equal(f.payload.n, payload);
	for (size_t i = 0; i < payload; i++)
		assert_int_equal(f.payload.p[i], (uint8_t)(kind + i));
	free(mem);
}

/* Feeds bytes in steps of at most `step`; every frame comes out in order. */
static void feed(struct tr_rx *rx, const uint8_t *bytes, size_t n, size_t step,
	const size_t *payloads)
{
	uint8_t kind = 0;
	while (n > 0) {
		uint8_t *p;
		size_t room;
		tr_rx_space(rx, &p, &room);
		assert_true(room > 0);
		size_t take = room < step ? room : step;
		take = take < n ? take : n;
		memcpy(p, bytes, take);
		tr_rx_filled(rx, take);
		bytes += take;
		n -= take;
		void *mem;
		struct tr_frame f;
		int rc;
		while ((rc = tr_rx_next(rx, 1000, &mem, &f)) == 0) {
			assert_int_equal(f.kind, kind);
			assert_int_equal(f.payload.n, payloads[kind]);
			assert_int_equal(
				f.payload.n ? f.payload.p[0] : kind, kind);
			kind++;
			free(mem);
		}
		assert_int_equal(rc, TR_EAGAIN);
	}
	assert_int_equal(payloads[kind], SIZE_MAX);
}

/* However the stream is cut, the same frames come out. */
static void test_rx__any_cut_gives_the_same_frames(void **state)
{
	(void)state;
	static const size_t payloads[] = { 0, 1, 47, 48, 49, 0, 0, 500, 3, 64,
		984, 48, SIZE_MAX };
	uint8_t bytes[4096];
	size_t n = 0;
	for (uint8_t i = 0; payloads[i] != SIZE_MAX; i++)
		n += make_frame(bytes + n, i, payloads[i]);
	for (size_t step = 1; step < 100; step++) {
		struct tr_rx rx;
		tr_rx_init(&rx, CAP, HEADROOM);
		feed(&rx, bytes, n, step, payloads);
		tr_rx_fini(&rx);
	}
}

/* A frame over the limit is refused when its header is there. */
static void test_rx__refuses_by_the_header(void **state)
{
	(void)state;
	uint8_t bytes[2048];
	make_frame(bytes, 1, 985);
	struct tr_rx rx;
	tr_rx_init(&rx, CAP, HEADROOM);
	uint8_t *p;
	size_t room;
	tr_rx_space(&rx, &p, &room);
	memcpy(p, bytes, TR_FRAME_HEADER_SIZE);
	tr_rx_filled(&rx, TR_FRAME_HEADER_SIZE);
	void *mem;
	struct tr_frame f;
	assert_int_equal(tr_rx_next(&rx, 1000, &mem, &f), TR_ELIMIT);
	tr_rx_fini(&rx);
}

/* A damaged large frame is found at its end; its memory is not leaked. */
static void test_rx__large_frame_is_checked(void **state)
{
	(void)state;
	uint8_t bytes[512];
	size_t n = make_frame(bytes, 1, 300);
	for (int damaged = 0; damaged <= 1; damaged++) {
		struct tr_rx rx;
		tr_rx_init(&rx, CAP, HEADROOM);
		uint8_t *p;
		size_t room;
		tr_rx_space(&rx, &p, &room);
		memcpy(p, bytes, CAP);
		tr_rx_filled(&rx, CAP);
		void *mem;
		struct tr_frame f;
		assert_int_equal(tr_rx_next(&rx, 1000, &mem, &f), TR_EAGAIN);
		tr_rx_space(&rx, &p, &room);
		assert_int_equal(room, n - CAP);
		memcpy(p, bytes + CAP, n - CAP);
		p[10] ^= (uint8_t)damaged;
		tr_rx_filled(&rx, n - CAP);
		if (damaged)
			assert_int_equal(
				tr_rx_next(&rx, 1000, &mem, &f), TR_EPROTO);
		else
			expect_frame(&rx, 1, 300);
		tr_rx_fini(&rx);
	}
}

static void put(struct tr_outq *q, uint8_t kind, const char *payload, bool take)
{
	struct tr_frame f = { .kind = kind,
		.body = tr_slice_of_text("B"),
		.payload = take ? tr_slice_of(strdup(payload), strlen(payload))
				: tr_slice_of_text(payload) };
	struct tr_outq_entry *e;
	assert_int_equal(tr_outq_entry_new(&f, take, &e), 0);
	assert_int_equal(tr_outq_entry_size(e), 17 + strlen(payload));
	tr_outq_put(q, e);
}

/* Sent in pieces of any size, the bytes are those of the frames in order. */
static void test_outq__any_partial_send_gives_the_same_bytes(void **state)
{
	(void)state;
	for (size_t step = 1; step < 80; step++) {
		struct tr_outq q = { 0 };
		put(&q, 0, "copied", false);
		put(&q, 1, "taken", true);
		put(&q, 2, "", true);
		put(&q, 3, "end", false);
		assert_int_equal(q.bytes, 4 * 17 + 6 + 5 + 0 + 3);
		uint8_t bytes[128];
		size_t n = 0;
		nng_iov iov[3];
		while (tr_outq_iov(&q, iov, 3) > 0) {
			size_t take =
				iov[0].iov_len < step ? iov[0].iov_len : step;
			memcpy(bytes + n, iov[0].iov_buf, take);
			n += take;
			tr_outq_sent(&q, take);
		}
		assert_int_equal(n, 82);
		assert_int_equal(q.bytes, 0);
		static const char *const want[] = { "copied", "taken", "",
			"end" };
		size_t at = 0, size;
		for (uint8_t i = 0; i < 4; i++, at += size) {
			struct tr_frame f;
			assert_int_equal(tr_frame_parse(bytes + at, n - at,
						 1000, &f, &size),
				0);
			assert_int_equal(f.kind, i);
			assert_int_equal(f.payload.n, strlen(want[i]));
			assert_memory_equal(f.payload.p, want[i], f.payload.n);
		}
	}
}

/* One send may cover many entries, and end in the middle of one. */
static void test_outq__sends_over_several_entries(void **state)
{
	(void)state;
	struct tr_outq q = { 0 };
	put(&q, 0, "abc", true);
	put(&q, 1, "defg", true);
	nng_iov iov[8];
	assert_int_equal(tr_outq_iov(&q, iov, 8), 4);
	assert_int_equal(tr_outq_iov(&q, iov, 1), 1);
	tr_outq_sent(&q, 20 + 17 + 1);
	assert_int_equal(tr_outq_iov(&q, iov, 8), 1);
	assert_int_equal(iov[0].iov_len, 3);
	assert_memory_equal(iov[0].iov_buf, "efg", 3);
	assert_int_equal(q.bytes, 21);
	tr_outq_fini(&q);
	assert_int_equal(tr_outq_iov(&q, iov, 8), 0);
}

struct scan {
	uint64_t now;
	struct tr_deadline_facts facts;
	enum tr_deadline_verdict want;
	uint64_t next;
};

static void run_scans(struct tr_deadline *d, const struct scan *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t next;
		struct tr_deadline_facts facts = s[i].facts;
		facts.hello_ms = 500;
		facts.linger_ms = 100;
		assert_int_equal(tr_deadline_check(d, &facts, s[i].now, &next),
			s[i].want);
		if (s[i].want == TR_DEADLINE_NONE)
			assert_int_equal(next, s[i].next);
	}
}

/* The hello deadline runs from the first scan until authentication. */
static void test_deadline__hello(void **state)
{
	(void)state;
	static const struct scan scans[] = {
		{ 1000, { 0 }, TR_DEADLINE_NONE, 1500 },
		{ 1100, { .received = true }, TR_DEADLINE_NONE, 1500 },
		{ 1600, { .waiting = true }, TR_DEADLINE_NONE, UINT64_MAX },
		{ 1700, { .authenticated = true }, TR_DEADLINE_NONE,
			UINT64_MAX },
		{ 1700, { 0 }, TR_DEADLINE_HELLO, 0 },
	};
	struct tr_deadline d = { 0 };
	run_scans(&d, scans, TR_ARRAY_LEN(scans));
}

/* Silence runs from the last scan that saw bytes, or a pause of ours. */
static void test_deadline__idle(void **state)
{
	(void)state;
	const struct tr_deadline_facts silent = { .authenticated = true };
	struct tr_deadline_facts got = silent, paused = silent;
	got.received = true;
	paused.paused = true;
	const struct scan scans[] = {
		{ 1000, silent, TR_DEADLINE_NONE, 1100 },
		{ 1700, silent, TR_DEADLINE_NONE, 1800 },
		{ 1799, got, TR_DEADLINE_NONE, 1899 },
		{ 2550, silent, TR_DEADLINE_NONE, 2599 },
		{ 2598, paused, TR_DEADLINE_NONE, 2698 },
		{ 3397, silent, TR_DEADLINE_NONE, 3398 },
		{ 3398, silent, TR_DEADLINE_IDLE, 0 },
	};
	struct tr_deadline d = { .idle_ms = 800 };
	run_scans(&d, scans, TR_ARRAY_LEN(scans));
}

/* Lingering runs from the first scan that saw it. */
static void test_deadline__linger(void **state)
{
	(void)state;
	const struct tr_deadline_facts f = { .authenticated = true,
		.finishing = true };
	const struct scan scans[] = {
		{ 1000, f, TR_DEADLINE_NONE, 1100 },
		{ 1099, f, TR_DEADLINE_NONE, 1100 },
		{ 1100, f, TR_DEADLINE_LINGER, 0 },
	};
	struct tr_deadline d = { 0 };
	run_scans(&d, scans, TR_ARRAY_LEN(scans));
}

TR_TEST_MAIN(cmocka_unit_test(test_rx__any_cut_gives_the_same_frames),
	cmocka_unit_test(test_rx__refuses_by_the_header),
	cmocka_unit_test(test_rx__large_frame_is_checked),
	cmocka_unit_test(test_outq__any_partial_send_gives_the_same_bytes),
	cmocka_unit_test(test_outq__sends_over_several_entries),
	cmocka_unit_test(test_deadline__hello),
	cmocka_unit_test(test_deadline__idle),
	cmocka_unit_test(test_deadline__linger));
