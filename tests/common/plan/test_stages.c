/* Stages of plans, as one line each: the whole structure in readable form. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/plan/stages.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

/* A small plan on the stack: {kind, inputs…}, -1 ends the inputs. */
struct row {
	Tranche__V1__OperatorKind kind;
	int inputs[4];
	const char *table;
};

struct plan {
	Tranche__V1__JobPlan plan;
	Tranche__V1__Operator ops[16];
	Tranche__V1__Operator *list[16];
	uint32_t inputs[16][4];
	char names[16][16];
};

static char lines[] = "lines";

static void build(struct plan *p, const struct row *rows, size_t n)
{
	tranche__v1__job_plan__init(&p->plan);
	p->plan.version = 1;
	p->plan.n_operators = n;
	p->plan.operators = p->list;
	for (size_t i = 0; i < n; i++) {
		Tranche__V1__Operator *op = &p->ops[i];
		tranche__v1__operator__init(op);
		op->id = (uint32_t)i;
		op->kind = rows[i].kind;
		op->inputs = p->inputs[i];
		while (rows[i].inputs[op->n_inputs] >= 0) {
			p->inputs[i][op->n_inputs] =
				(uint32_t)rows[i].inputs[op->n_inputs];
			op->n_inputs++;
		}
		if (op->kind == OP(SOURCE))
			op->topic = lines;
		if (op->kind == OP(REDUCE_BY_KEY))
			op->reducer = TRANCHE__V1__REDUCER__REDUCER_SUM;
		if (rows[i].table) {
			snprintf(p->names[i], sizeof(p->names[i]), "%s",
				rows[i].table);
			op->table = p->names[i];
		}
		p->list[i] = op;
	}
}

/* "S0: 0>1 1~2 | H2<0: 2>3" : kind, root, inputs; > in stage, ~ shuffles. */
static void describe(const struct tr_stages *st, char *out, size_t size)
{
	static const char kinds[] = { 'S', 'H', 'G' };
	size_t n = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < st->n; i++) {
		const struct tr_stage *s = &st->s[i];
		n += (size_t)snprintf(out + n, size - n, "%s%c%u",
			i ? " | " : "", kinds[s->kind], s->root);
		for (uint32_t k = 0; k < s->n_inputs; k++)
			n += (size_t)snprintf(out + n, size - n, "%c%u",
				k ? ',' : '<', s->inputs[k]);
		n += (size_t)snprintf(out + n, size - n, ":");
		for (uint32_t k = 0; k < s->n_edges; k++)
			n += (size_t)snprintf(out + n, size - n, " %u%c%u",
				s->edges[k].from,
				s->edges[k].shuffle ? '~' : '>',
				s->edges[k].to);
	}
}

static void expect_stages(const struct row *rows, size_t n, const char *want)
{
	struct plan p = { 0 };
	struct tr_stages *st;
	struct tr_error err;
	char text[512];
	build(&p, rows, n);
	assert_int_equal(tr_stages_new(&p.plan, &st, &err), 0);
	describe(st, text, sizeof(text));
	assert_string_equal(text, want);
	tr_stages_free(st);
}

#define EXPECT(want, ...)                                                      \
	do {                                                                   \
		const struct row rows[] = { __VA_ARGS__ };                     \
		expect_stages(rows, TR_ARRAY_LEN(rows), want);                 \
	} while (0)

static void test_stages__word_count_shuffles_once_and_gathers_rows(void **state)
{
	(void)state;
	EXPECT("S0: 0>1 1~2 | H2<0: 2>3 3~4 | G4<1:",
		{ OP(SOURCE), { -1 }, NULL }, { OP(FLAT_MAP), { 0, -1 }, NULL },
		{ OP(REDUCE_BY_KEY), { 1, -1 }, NULL },
		{ OP(STORE), { 2, -1 }, "counts" },
		{ OP(PRINT), { 3, -1 }, NULL });
}

static void test_stages__store_of_unkeyed_data_shuffles(void **state)
{
	(void)state;
	EXPECT("S0: 0>1 1~2 | H2<0:", { OP(SOURCE), { -1 }, NULL },
		{ OP(KEY_BY), { 0, -1 }, NULL }, { OP(STORE), { 1, -1 }, "t" });
}

static void test_stages__filter_and_map_values_keep_the_spread(void **state)
{
	(void)state;
	EXPECT("S0: 0~1 | H1<0: 1>2 2>3 3>4", { OP(SOURCE), { -1 }, NULL },
		{ OP(COUNT_BY_KEY), { 0, -1 }, NULL },
		{ OP(FILTER), { 1, -1 }, NULL },
		{ OP(MAP_VALUES), { 2, -1 }, NULL },
		{ OP(STORE), { 3, -1 }, "t" });
}

static void test_stages__map_loses_the_spread(void **state)
{
	(void)state;
	EXPECT("S0: 0~1 | H1<0: 1>2 2~3 | H3<1:", { OP(SOURCE), { -1 }, NULL },
		{ OP(COUNT_BY_KEY), { 0, -1 }, NULL },
		{ OP(MAP), { 1, -1 }, NULL }, { OP(STORE), { 2, -1 }, "t" });
}

static void test_stages__distinct_may_repeat_keys_so_store_shuffles(
	void **state)
{
	(void)state;
	EXPECT("S0: 0~1 | H1<0: 1~2 | H2<1:", { OP(SOURCE), { -1 }, NULL },
		{ OP(DISTINCT), { 0, -1 }, NULL },
		{ OP(STORE), { 1, -1 }, "t" });
}

static void test_stages__union_runs_in_each_source_stage(void **state)
{
	(void)state;
	EXPECT("S0: 0>2 2~3 | S1: 1>2 2~3 | H3<0,1: 3>4",
		{ OP(SOURCE), { -1 }, NULL }, { OP(SOURCE), { -1 }, NULL },
		{ OP(UNION), { 0, 1, -1 }, NULL },
		{ OP(COUNT_BY_VALUE), { 2, -1 }, NULL },
		{ OP(STORE), { 3, -1 }, "t" });
}

static void test_stages__union_with_itself_has_the_edge_twice(void **state)
{
	(void)state;
	EXPECT("S0: 0>1 0>1 1~2 | G2<0:", { OP(SOURCE), { -1 }, NULL },
		{ OP(UNION), { 0, 0, -1 }, NULL },
		{ OP(PRINT), { 1, -1 }, NULL });
}

static void test_stages__what_follows_print_runs_before_the_gather(void **state)
{
	(void)state;
	EXPECT("S0: 0~1 1>2 2~3 | G1<0: | H3<0:", { OP(SOURCE), { -1 }, NULL },
		{ OP(PRINT), { 0, -1 }, NULL }, { OP(KEY_BY), { 1, -1 }, NULL },
		{ OP(STORE), { 2, -1 }, "t" });
}

static void test_stages__count_feeds_one_lane(void **state)
{
	(void)state;
	EXPECT("S0: 0~1 | G1<0: 1~2 | G2<1:", { OP(SOURCE), { -1 }, NULL },
		{ OP(COUNT), { 0, -1 }, NULL }, { OP(PRINT), { 1, -1 }, NULL });
}

static void expect_error(
	const struct row *rows, size_t n, int code, const char *part)
{
	struct plan p = { 0 };
	struct tr_stages *st = NULL;
	struct tr_error err;
	build(&p, rows, n);
	assert_int_equal(tr_stages_new(&p.plan, &st, &err), code);
	assert_null(st);
	assert_non_null(strstr(err.text, part));
}

#define EXPECT_ERROR(code, part, ...)                                          \
	do {                                                                   \
		const struct row rows[] = { __VA_ARGS__ };                     \
		expect_error(rows, TR_ARRAY_LEN(rows), code, part);            \
	} while (0)

static void test_stages__bad_plans_are_refused_by_name(void **state)
{
	(void)state;
	EXPECT_ERROR(TR_EINVAL, "has no result", { OP(SOURCE), { -1 }, NULL });
	EXPECT_ERROR(TR_EINVAL, "input that comes later",
		{ OP(SOURCE), { -1 }, NULL }, { OP(MAP), { 1, -1 }, NULL });
	EXPECT_ERROR(TR_EINVAL, "wrong number of inputs",
		{ OP(SOURCE), { -1 }, NULL }, { OP(MAP), { -1 }, NULL });
	EXPECT_ERROR(TR_EINVAL, "no table name", { OP(SOURCE), { -1 }, NULL },
		{ OP(STORE), { 0, -1 }, NULL });
	EXPECT_ERROR(TR_EINVAL, "another store", { OP(SOURCE), { -1 }, NULL },
		{ OP(STORE), { 0, -1 }, "t" }, { OP(STORE), { 0, -1 }, "t" });
	EXPECT_ERROR(TR_EINVAL, "unknown kind",
		{ (Tranche__V1__OperatorKind)99, { -1 }, NULL });
}

TR_TEST_MAIN(cmocka_unit_test(
		     test_stages__word_count_shuffles_once_and_gathers_rows),
	cmocka_unit_test(test_stages__store_of_unkeyed_data_shuffles),
	cmocka_unit_test(test_stages__filter_and_map_values_keep_the_spread),
	cmocka_unit_test(test_stages__map_loses_the_spread),
	cmocka_unit_test(
		test_stages__distinct_may_repeat_keys_so_store_shuffles),
	cmocka_unit_test(test_stages__union_runs_in_each_source_stage),
	cmocka_unit_test(test_stages__union_with_itself_has_the_edge_twice),
	cmocka_unit_test(
		test_stages__what_follows_print_runs_before_the_gather),
	cmocka_unit_test(test_stages__count_feeds_one_lane),
	cmocka_unit_test(test_stages__bad_plans_are_refused_by_name));
