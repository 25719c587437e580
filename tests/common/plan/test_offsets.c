/* The offset grammar, as tables of text and meaning. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/plan/offsets.h"

struct span_case {
	const char *text;
	struct tr_point from, until;
};

#define AT(n)                                                                  \
	{                                                                      \
		TR_POINT_OFFSET, n                                             \
	}
#define PLUS(n)                                                                \
	{                                                                      \
		TR_POINT_AFTER_START, n                                        \
	}
#define BACK(n)                                                                \
	{                                                                      \
		TR_POINT_BEFORE_END, n                                         \
	}
#define TIME(n)                                                                \
	{                                                                      \
		TR_POINT_TIME, n                                               \
	}
#define AGO(n)                                                                 \
	{                                                                      \
		TR_POINT_AGO, n                                                \
	}

/* 2026-11-17T14:00:00Z is 1794924000. */
static const struct span_case spans[] = {
	{ "start", { TR_POINT_START, 0 }, { TR_POINT_END, 0 } },
	{ "end", { TR_POINT_END, 0 }, { TR_POINT_END, 0 } },
	{ "start:end", { TR_POINT_START, 0 }, { TR_POINT_END, 0 } },
	{ "+5", PLUS(5), { TR_POINT_END, 0 } },
	{ "-5", BACK(5), { TR_POINT_END, 0 } },
	{ "42", AT(42), { TR_POINT_END, 0 } },
	{ "42:", AT(42), { TR_POINT_END, 0 } },
	{ ":42", { TR_POINT_START, 0 }, AT(42) },
	{ "110:220", AT(110), AT(220) },
	{ "-10:-5", BACK(10), BACK(5) },
	{ "+1:+2", PLUS(1), PLUS(2) },
	{ "start:+1000", { TR_POINT_START, 0 }, PLUS(1000) },
	{ "@1794924000", TIME(1794924000000), { TR_POINT_END, 0 } },
	{ "@1794924000:", TIME(1794924000000), { TR_POINT_END, 0 } },
	{ "@1794924000123", TIME(1794924000123), { TR_POINT_END, 0 } },
	{ "@1794924000:1794927600", TIME(1794924000000), TIME(1794927600000) },
	{ "@2026-11-17T14:00:00Z", TIME(1794924000000), { TR_POINT_END, 0 } },
	{ "@2026-11-17T14:00:00.250Z", TIME(1794924000250),
		{ TR_POINT_END, 0 } },
	{ "@2026-11-17T16:00:00+02:00", TIME(1794924000000),
		{ TR_POINT_END, 0 } },
	{ "@2026-11-17", TIME(1794873600000), { TR_POINT_END, 0 } },
	{ "@2026-11-17:2026-11-18", TIME(1794873600000), TIME(1794960000000) },
	{ "@2026-11-17T14:00Z:2026-11-17T15:00:00Z", TIME(1794924000000),
		TIME(1794927600000) },
	{ "@2026-11-17T14:00:00Z:@2026-11-17T15:00:00Z", TIME(1794924000000),
		TIME(1794927600000) },
	{ "@2026-11-17:end", TIME(1794873600000), { TR_POINT_END, 0 } },
	{ "@-48h:-24h", AGO(172800000), AGO(86400000) },
	{ "@-1d12h", AGO(129600000), { TR_POINT_END, 0 } },
	{ "@-90s:-500ms", AGO(90000), AGO(500) },
};

static void assert_point(
	const struct tr_point *a, const struct tr_point *b, const char *text)
{
	if (a->kind != b->kind || a->v != b->v)
		fail_msg("'%s': kind %d value %lld, wanted %d %lld", text,
			(int)a->kind, (long long)a->v, (int)b->kind,
			(long long)b->v);
}

static void test_offsets__spans_mean_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(spans); i++) {
		struct tr_offset_spans s = { 0 };
		struct tr_error err;
		if (tr_offsets_parse(&s, spans[i].text, &err) != 0)
			fail_msg("'%s': %s", spans[i].text, err.text);
		assert_int_equal(s.n, 1);
		assert_string_equal(s.spans[0].topic, "");
		assert_int_equal(s.spans[0].partition, -1);
		assert_point(&s.spans[0].from, &spans[i].from, spans[i].text);
		assert_point(&s.spans[0].until, &spans[i].until, spans[i].text);
		tr_offset_spans_fini(&s);
	}
}

static void test_offsets__nonsense_is_refused_with_the_text(void **state)
{
	static const char *const texts[] = { "", ":", "x", "1-2", "5:3x", "@",
		"@yesterday", "@2026-13-01", "@2026-02-30", "@12",
		"@2026-11-17T25:00:00Z", "@-5y", "@-", "+", "-", "++1",
		"99999999999999999999", "t:x:1-2", "t:0:1", "t:0:1-x",
		"@2026-11-17T14:00:00+2", "{}x", "[1]", "{\"t\":{\"0\":[1]}}",
		"{\"t\":{\"x\":[1,2]}}", "{\"t\":{\"0\":[1,-2]}}", "220:110" };
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(texts); i++) {
		struct tr_offset_spans s = { 0 };
		struct tr_error err = { 0 };
		if (tr_offsets_parse(&s, texts[i], &err) != TR_EINVAL)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(s.n, 0);
		assert_true(err.text[0] != '\0');
		tr_offset_spans_fini(&s);
	}
}

static void test_offsets__the_most_exact_span_applies(void **state)
{
	struct tr_offset_spans s = { 0 };
	struct tr_error err;
	(void)state;
	assert_int_equal(tr_offsets_parse(&s, "start:end", &err), 0);
	assert_int_equal(tr_offsets_parse(&s, "a.b-c:7:10-20", &err), 0);
	assert_int_equal(
		tr_offsets_parse(&s,
			"{\"t\": {\"0\": [1, \"end\"], \"3\": [\"start\", 9]}}",
			&err),
		0);
	const struct tr_offset_span *x = tr_offsets_find(&s, "a.b-c", 7);
	assert_int_equal(x->from.v, 10);
	assert_int_equal(x->until.v, 20);
	x = tr_offsets_find(&s, "a.b-c", 8);
	assert_int_equal(x->from.kind, TR_POINT_START);
	x = tr_offsets_find(&s, "t", 0);
	assert_int_equal(x->from.v, 1);
	assert_int_equal(x->until.kind, TR_POINT_END);
	x = tr_offsets_find(&s, "t", 3);
	assert_int_equal(x->until.v, 9);
	tr_offset_spans_fini(&s);
}

static void test_offsets__explicit_ones_alone_leave_others_out(void **state)
{
	struct tr_offset_spans s = { 0 };
	struct tr_error err;
	(void)state;
	assert_int_equal(tr_offsets_parse(&s, "t:0:1-2", &err), 0);
	assert_null(tr_offsets_find(&s, "t", 1));
	assert_null(tr_offsets_find(&s, "u", 0));
	tr_offset_spans_fini(&s);
}

static void normalise(const char *zone, const char *text, const char *want)
{
	struct tr_buf b;
	struct tr_error err;
	tr_buf_init(&b, 256);
	setenv("TZ", zone, 1);
	tzset();
	assert_int_equal(tr_offsets_normalise(&b, text, &err), 0);
	assert_int_equal(tr_buf_append_u8(&b, 0), 0);
	assert_string_equal((const char *)b.data, want);
	tr_buf_fini(&b);
	setenv("TZ", "UTC", 1);
	tzset();
}

static void test_offsets__civil_times_are_taken_in_the_zone(void **state)
{
	(void)state;
	/* Central Europe in POSIX form, so that no zone files are needed. */
	const char *berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
	normalise("UTC", "@2026-11-17", "@1794873600000:end");
	normalise(berlin, "@2026-11-17", "@1794870000000:end");
	normalise(berlin, "@2026-07-01T00:00:00", "@1782856800000:end");
	normalise(berlin, "@2026-11-17T00:00:00Z", "@1794873600000:end");
	normalise(berlin, "@-48h:-24h", "@-172800000ms:-86400000ms");
	normalise("UTC", "@6022-11-17", "@127896451200000:end");
	normalise("UTC", "@1960-01-01", "@0000000000000:end");
	normalise(berlin, "start:end", "start:end");
	normalise(berlin, "t:0:1-2", "t:0:1-2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets__spans_mean_what_the_table_says),
		cmocka_unit_test(
			test_offsets__nonsense_is_refused_with_the_text),
		cmocka_unit_test(test_offsets__the_most_exact_span_applies),
		cmocka_unit_test(
			test_offsets__explicit_ones_alone_leave_others_out),
		cmocka_unit_test(
			test_offsets__civil_times_are_taken_in_the_zone),
	};
	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
