#include "executor/lua/plan.h"

#include <string.h>

#include "common/base/xalloc.h"
#include "executor/lua/state.h"

struct name {
	const char *text;
	int value;
};

static const struct name KINDS[] = {
	{ "source", TRANCHE__V1__OPERATOR_KIND__OP_SOURCE },
	{ "map", TRANCHE__V1__OPERATOR_KIND__OP_MAP },
	{ "filter", TRANCHE__V1__OPERATOR_KIND__OP_FILTER },
	{ "flat_map", TRANCHE__V1__OPERATOR_KIND__OP_FLAT_MAP },
	{ "map_values", TRANCHE__V1__OPERATOR_KIND__OP_MAP_VALUES },
	{ "key_by", TRANCHE__V1__OPERATOR_KIND__OP_KEY_BY },
	{ "reduce_by_key", TRANCHE__V1__OPERATOR_KIND__OP_REDUCE_BY_KEY },
	{ "count", TRANCHE__V1__OPERATOR_KIND__OP_COUNT },
	{ "count_by_value", TRANCHE__V1__OPERATOR_KIND__OP_COUNT_BY_VALUE },
	{ "count_by_key", TRANCHE__V1__OPERATOR_KIND__OP_COUNT_BY_KEY },
	{ "distinct", TRANCHE__V1__OPERATOR_KIND__OP_DISTINCT },
	{ "union", TRANCHE__V1__OPERATOR_KIND__OP_UNION },
	{ "split", TRANCHE__V1__OPERATOR_KIND__OP_SPLIT },
	{ "store", TRANCHE__V1__OPERATOR_KIND__OP_STORE },
	{ "print", TRANCHE__V1__OPERATOR_KIND__OP_PRINT },
	{ "take", TRANCHE__V1__OPERATOR_KIND__OP_TAKE },
};

static const struct name REDUCERS[] = {
	{ "", TRANCHE__V1__REDUCER__REDUCER_NONE },
	{ "sum", TRANCHE__V1__REDUCER__REDUCER_SUM },
	{ "count", TRANCHE__V1__REDUCER__REDUCER_COUNT },
	{ "min", TRANCHE__V1__REDUCER__REDUCER_MIN },
	{ "max", TRANCHE__V1__REDUCER__REDUCER_MAX },
	{ "first", TRANCHE__V1__REDUCER__REDUCER_FIRST },
	{ "last", TRANCHE__V1__REDUCER__REDUCER_LAST },
	{ "user", TRANCHE__V1__REDUCER__REDUCER_USER },
};

static const struct name MODES[] = {
	{ "", TRANCHE__V1__STORE_MODE__STORE_REPLACE },
	{ "replace", TRANCHE__V1__STORE_MODE__STORE_REPLACE },
	{ "upsert", TRANCHE__V1__STORE_MODE__STORE_UPSERT },
};

static int value_of(const struct name *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i].text, text) == 0)
			return names[i].value;
	}
	tr_assert(false);
	return 0;
}

const char *tr_lua_kind_name(Tranche__V1__OperatorKind kind)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(KINDS); i++) {
		if (KINDS[i].value == (int)kind)
			return KINDS[i].text;
	}
	return "unknown";
}

/*
 * Fields of the table on top. Strings belong to Lua tables that the host table
 * holds on to, so they outlive the copy that is made of the message.
 */
static char *get_text(lua_State *L, const char *field)
{
	static char empty[] = "";
	lua_getfield(L, -1, field);
	union {
		const char *from;
		char *to;
	} text = { lua_tostring(L, -1) };
	lua_pop(L, 1);
	return text.from ? text.to : empty;
}

static lua_Number get_number(lua_State *L, const char *field)
{
	lua_getfield(L, -1, field);
	lua_Number n = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return n;
}

static bool get_bool(lua_State *L, const char *field)
{
	lua_getfield(L, -1, field);
	bool b = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return b;
}

static void take_inputs(lua_State *L, Tranche__V1__Operator *op)
{
	lua_getfield(L, -1, "inputs");
	op->n_inputs = lua_objlen(L, -1);
	op->inputs = tr_xcalloc(op->n_inputs, sizeof(op->inputs[0]));
	for (size_t i = 0; i < op->n_inputs; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		op->inputs[i] = (uint32_t)lua_tonumber(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static Tranche__V1__Range *take_range(lua_State *L)
{
	Tranche__V1__Range *r = tr_xmalloc(sizeof(*r));
	tranche__v1__range__init(r);
	r->topic = get_text(L, "topic");
	r->partition = (uint32_t)get_number(L, "partition");
	r->from = (int64_t)get_number(L, "from");
	r->until = (int64_t)get_number(L, "until");
	r->from_leader_epoch = -1;
	return r;
}

static void take_ranges(lua_State *L, Tranche__V1__Operator *op)
{
	lua_getfield(L, -1, "ranges");
	if (lua_istable(L, -1)) {
		op->n_ranges = lua_objlen(L, -1);
		op->ranges = tr_xcalloc(op->n_ranges, sizeof(op->ranges[0]));
	}
	for (size_t i = 0; i < op->n_ranges; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		op->ranges[i] = take_range(L);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static Tranche__V1__Operator *take_operator(lua_State *L)
{
	Tranche__V1__Operator *op = tr_xmalloc(sizeof(*op));
	tranche__v1__operator__init(op);
	op->id = (uint32_t)get_number(L, "id");
	op->kind = (Tranche__V1__OperatorKind)value_of(
		KINDS, TR_ARRAY_LEN(KINDS), get_text(L, "kind"));
	take_inputs(L, op);
	op->where = get_text(L, "where");
	op->reducer = (Tranche__V1__Reducer)value_of(
		REDUCERS, TR_ARRAY_LEN(REDUCERS), get_text(L, "reducer"));
	op->table = get_text(L, "table");
	op->store_mode = (Tranche__V1__StoreMode)value_of(
		MODES, TR_ARRAY_LEN(MODES), get_text(L, "mode"));
	op->limit = (uint64_t)get_number(L, "limit");
	op->top = get_bool(L, "top");
	op->topic = get_text(L, "topic");
	op->offsets = get_text(L, "offsets");
	take_ranges(L, op);
	return op;
}

static void drop_operator(Tranche__V1__Operator *op)
{
	for (size_t i = 0; i < op->n_ranges; i++)
		tr_xfree(op->ranges[i]);
	tr_xfree(op->ranges);
	tr_xfree(op->inputs);
	tr_xfree(op);
}

Tranche__V1__JobPlan *tr_lua_plan_take(
	struct tr_lua_program *p, const char *name)
{
	lua_State *L = p->L;
	char *job = tr_xstrdup(name);
	Tranche__V1__JobPlan plan;
	tranche__v1__job_plan__init(&plan);
	plan.version = 1;
	plan.name = job;
	plan.n_operators = lua_objlen(L, -1);
	plan.operators =
		tr_xcalloc(plan.n_operators, sizeof(plan.operators[0]));
	for (size_t i = 0; i < plan.n_operators; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		plan.operators[i] = take_operator(L);
		lua_pop(L, 1);
	}
	Tranche__V1__JobPlan *copy = tr_msg_copy(&plan);
	for (size_t i = 0; i < plan.n_operators; i++)
		drop_operator(plan.operators[i]);
	tr_xfree(plan.operators);
	tr_xfree(job);
	return copy;
}
