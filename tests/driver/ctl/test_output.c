#include "tests/support/test.h"

#include <string.h>
#include <time.h>

#include "common/data/datum_text.h"
#include "driver/ctl/logs.h"
#include "driver/ctl/output.h"
#include "driver/ctl/stagetext.h"
#include "driver/ctl/tabletext.h"

/* A datum as users type it. */
static void datum(struct tr_buf *b, const char *text)
{
	struct tr_error err;
	tr_buf_init(b, TR_VALUE_DATUM_MAX);
	if (tr_datum_from_text(text, b, &err) != 0)
		fail_msg("%s: %s", text, err.text);
}

static struct tr_slice all(const struct tr_buf *b)
{
	return tr_slice_of(b->data, b->len);
}

static void assert_text(const struct tr_buf *b, const char *expected)
{
	if (b->len != strlen(expected) ||
		memcmp(b->data, expected, b->len) != 0)
		fail_msg("'%.*s' is not '%s'", (int)b->len,
			(const char *)b->data, expected);
}

static void test_output_row__table(void **state)
{
	static const struct {
		const char *key, *value;
		const char *text, *json, *csv;
	} cases[] = {
		{ "the", "i:42", "the\t42\n",
			"{\"key\":\"the\",\"value\":42}\n", "the,42\r\n" },
		{ "a,b", "j:[1,\"x\"]", "a,b\t[1,\"x\"]\n",
			"{\"key\":\"a,b\",\"value\":[1,\"x\"]}\n",
			"\"a,b\",\"[1,\"\"x\"\"]\"\r\n" },
		{ "tab\there", "d:0.5", "tab\\there\t0.5\n",
			"{\"key\":\"tab\\u0009here\",\"value\":0.5}\n",
			"tab\there,0.5\r\n" },
		{ "i:-1", "say \"hi\"", "-1\tsay \"hi\"\n",
			"{\"key\":-1,\"value\":\"say \\\"hi\\\"\"}\n",
			"-1,\"say \"\"hi\"\"\"\r\n" },
		{ "x:ff", "s:", "\\xff\t\n",
			"{\"key\":{\"$bytes\":\"/w==\"},\"value\":\"\"}\n",
			"\xff,\r\n" },
		{ " x", "l1\nl2", " x\tl1\\nl2\n",
			"{\"key\":\" x\",\"value\":\"l1\\nl2\"}\n",
			"\" x\",\"l1\nl2\"\r\n" },
	};
	(void)state;
	for (size_t i = 0; i < TR_ARRAY_LEN(cases); i++) {
		const char *const expected[] = { cases[i].text, cases[i].json,
			cases[i].csv };
		struct tr_buf k, v, out;
		datum(&k, cases[i].key);
		datum(&v, cases[i].value);
		struct tr_element row = { all(&k), all(&v) };
		tr_buf_init(&out, 4096);
		for (int format = 0; format < 3; format++) {
			tr_buf_reset(&out);
			assert_int_equal(
				tr_output_row(&out,
					(enum tr_output_format)format, &row),
				0);
			assert_text(&out, expected[format]);
		}
		tr_buf_fini(&k);
		tr_buf_fini(&v);
		tr_buf_fini(&out);
	}
}

static void test_output_begin__only_csv_has_a_header(void **state)
{
	struct tr_buf out;
	(void)state;
	tr_buf_init(&out, 4096);
	assert_int_equal(tr_output_begin(&out, TR_OUTPUT_TEXT), 0);
	assert_int_equal(tr_output_begin(&out, TR_OUTPUT_JSON), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(tr_output_begin(&out, TR_OUTPUT_CSV), 0);
	assert_text(&out, "key,value\r\n");
	tr_buf_fini(&out);
}

static void test_output_printed__members_of_the_row(void **state)
{
	struct tr_buf row, out;
	(void)state;
	datum(&row, "j:[\"the\",115812]");
	tr_buf_init(&out, 4096);
	assert_int_equal(tr_output_printed(&out, TR_OUTPUT_TEXT, all(&row)), 0);
	assert_int_equal(tr_output_printed(&out, TR_OUTPUT_JSON, all(&row)), 0);
	assert_text(&out, "the\t115812\n[\"the\",115812]\n");
	tr_buf_fini(&row);
	datum(&row, "i:5");
	assert_int_equal(tr_output_printed(&out, TR_OUTPUT_TEXT, all(&row)),
		TR_ECORRUPT);
	tr_buf_fini(&row);
	tr_buf_fini(&out);
}

static void test_log_line_text__does_not_steer_a_terminal(void **state)
{
	char position[] = "lines-0@42", text[] = "\033[2J\ta\rb\nc\x7f é";
	Tranche__V1__LogLine l = TRANCHE__V1__LOG_LINE__INIT;
	Tranche__V1__StoredLogLine line = TRANCHE__V1__STORED_LOG_LINE__INIT;
	struct tr_buf out;
	(void)state;
	l.position = position;
	l.text = text;
	line.line = &l;
	tr_buf_init(&out, 4096);
	assert_int_equal(tr_log_line_text(&out, &line), 0);
	assert_text(&out, "- lines-0@42  \\x1b[2J\ta\\x0db\\x0ac\\x7f é\n");
	tr_buf_fini(&out);
}

/* Whether every key of that text begins with the prefix's bytes. */
static bool has_prefix(const char *key, const char *prefix)
{
	struct tr_buf k, p;
	struct tr_error err;
	datum(&k, key);
	tr_buf_init(&p, TR_KEY_DATUM_MAX);
	if (tr_table_prefix(prefix, &p, &err) != 0)
		fail_msg("%s: %s", prefix, err.text);
	bool has = k.len >= p.len && memcmp(k.data, p.data, p.len) == 0;
	tr_buf_fini(&k);
	tr_buf_fini(&p);
	return has;
}

static void test_table_prefix__of_texts_and_lists(void **state)
{
	(void)state;
	assert_true(has_prefix("there", "the"));
	assert_true(has_prefix("the", "the"));
	assert_false(has_prefix("th", "the"));
	assert_false(has_prefix("i:5", ""));
	assert_true(has_prefix("anything", ""));
	assert_true(has_prefix("x:ff00", "x:ff"));
	assert_true(has_prefix("j:[1,2,3]", "j:[1,2]"));
	assert_true(has_prefix("j:[1,2]", "j:[1,2]"));
	assert_true(has_prefix("j:[\"a\",1]", "j:[\"a\"]"));
	assert_false(has_prefix("j:[\"ab\",1]", "j:[\"a\"]"));
}

static void test_table_prefix__numbers_have_none(void **state)
{
	struct tr_buf p;
	struct tr_error err;
	(void)state;
	tr_buf_init(&p, TR_KEY_DATUM_MAX);
	assert_int_equal(tr_table_prefix("i:5", &p, &err), TR_EINVAL);
	assert_non_null(strstr(err.text, "'i:5' is a int"));
	assert_int_equal(p.len, 0);
	tr_buf_fini(&p);
}

static void test_output_status_json__has_error_and_tables(void **state)
{
	char code[] = "user-code", text[] = "boom", none[] = "",
	     where[] = "job.lua:7", name[] = "counts", job[] = "wc",
	     uuid[] = "u";
	Tranche__V1__Envelope env = TRANCHE__V1__ENVELOPE__INIT;
	Tranche__V1__ErrorInfo error = TRANCHE__V1__ERROR_INFO__INIT;
	Tranche__V1__TableInfo table = TRANCHE__V1__TABLE_INFO__INIT;
	Tranche__V1__TableInfo *tables[] = { &table };
	Tranche__V1__JobStatus s = TRANCHE__V1__JOB_STATUS__INIT;
	(void)state;
	env.job = 7;
	error.code = code;
	error.text = text;
	error.where = where;
	error.position = none;
	table.name = name;
	table.records = 3;
	s.env = &env;
	s.name = job;
	s.job_uuid = uuid;
	s.state = TRANCHE__V1__JOB_STATE__JOB_FAILED;
	s.error = &error;
	s.tables = tables;
	s.n_tables = 1;
	s.records = 12;
	json_t *o = tr_output_status_json(&s);
	json_int_t number, records, rows;
	const char *got_state, *got_code, *got_where, *got_table;
	assert_int_equal(
		json_unpack(o, "{s:I,s:s,s:I,s:{s:s,s:s},s:[{s:s,s:I}]}", "job",
			&number, "state", &got_state, "records", &records,
			"error", "code", &got_code, "where", &got_where,
			"tables", "name", &got_table, "records", &rows),
		0);
	assert_int_equal(number, 7);
	assert_string_equal(got_state, "failed");
	assert_int_equal(records, 12);
	assert_string_equal(got_code, "user-code");
	assert_string_equal(got_where, "job.lua:7");
	assert_string_equal(got_table, "counts");
	assert_int_equal(rows, 3);
	assert_null(json_object_get(json_object_get(o, "error"), "position"));
	json_decref(o);
}

/* source 0 ─ flat_map 1 ─ reduce_by_key 2 ─ store 3 ─ print 4 */
static void make_plan(Tranche__V1__JobPlan *plan, Tranche__V1__Operator ops[5],
	Tranche__V1__Operator *list[5], uint32_t inputs[5])
{
	static const Tranche__V1__OperatorKind kinds[] = {
		TRANCHE__V1__OPERATOR_KIND__OP_SOURCE,
		TRANCHE__V1__OPERATOR_KIND__OP_FLAT_MAP,
		TRANCHE__V1__OPERATOR_KIND__OP_REDUCE_BY_KEY,
		TRANCHE__V1__OPERATOR_KIND__OP_STORE,
		TRANCHE__V1__OPERATOR_KIND__OP_PRINT,
	};
	static char topic[] = "lines", table[] = "counts";
	for (uint32_t i = 0; i < 5; i++) {
		tranche__v1__operator__init(&ops[i]);
		ops[i].id = i;
		ops[i].kind = kinds[i];
		inputs[i] = i - 1;
		ops[i].n_inputs = i ? 1 : 0;
		ops[i].inputs = &inputs[i];
		list[i] = &ops[i];
	}
	ops[0].topic = topic;
	ops[2].reducer = TRANCHE__V1__REDUCER__REDUCER_SUM;
	ops[3].table = table;
	tranche__v1__job_plan__init(plan);
	plan->version = 1;
	plan->n_operators = 5;
	plan->operators = list;
}

static void test_stage_text__root_inside_and_what_it_feeds(void **state)
{
	Tranche__V1__JobPlan plan;
	Tranche__V1__Operator ops[5], *list[5];
	uint32_t inputs[5];
	Tranche__V1__BatchPlan batch = TRANCHE__V1__BATCH_PLAN__INIT;
	char out[256];
	(void)state;
	make_plan(&plan, ops, list, inputs);
	batch.plan = &plan;
	assert_string_equal(tr_stage_text(out, sizeof(out), &batch, 0),
		"source(lines) → flat_map → ⇢ reduce_by_key");
	assert_string_equal(tr_stage_text(out, sizeof(out), &batch, 1),
		"reduce_by_key → store(counts) → ⇢ print");
	assert_string_equal(
		tr_stage_text(out, sizeof(out), &batch, 2), "print");
	assert_string_equal(tr_stage_text(out, sizeof(out), &batch, 9), "?");
}

static void test_output_date__in_the_zone(void **state)
{
	char out[32];
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(
		tr_output_date(out, 1767323045678), "2026-01-02 03:04:05");
	assert_string_equal(tr_output_date(out, 0), "-");
}

TR_TEST_MAIN(cmocka_unit_test(test_output_row__table),
	cmocka_unit_test(test_output_begin__only_csv_has_a_header),
	cmocka_unit_test(test_output_printed__members_of_the_row),
	cmocka_unit_test(test_log_line_text__does_not_steer_a_terminal),
	cmocka_unit_test(test_table_prefix__of_texts_and_lists),
	cmocka_unit_test(test_table_prefix__numbers_have_none),
	cmocka_unit_test(test_output_status_json__has_error_and_tables),
	cmocka_unit_test(test_stage_text__root_inside_and_what_it_feeds),
	cmocka_unit_test(test_output_date__in_the_zone));
