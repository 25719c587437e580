#include "executor/lua/lua.h"

#include <stdint.h>
#include <stdio.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/data/datum.h"
#include "common/data/datum_text.h"
#include "executor/lua/load.h"
#include "executor/lua/native.h"
#include "executor/lua/state.h"

static struct tr_lua_program *lua_program(struct tr_program *p)
{
	return (struct tr_lua_program *)p;
}

static int collect(lua_State *L)
{
	lua_gc(L, LUA_GCCOLLECT, 0);
	return 0;
}

/*
 * LuaJIT begins to collect when the heap has doubled since the last time,
 * which may be beyond the ceiling: where much is in use, collect before going
 * on, and more often from then on.
 */
static void make_room(struct tr_lua_program *p)
{
	struct tr_lua_heap *h = &p->heap;
	if (h->used <= p->collect_at)
		return;
	if (lua_cpcall(p->L, collect, NULL) != 0)
		lua_pop(p->L, 1);
	size_t room = h->max - h->used;
	p->collect_at = h->used + room / 2;
	lua_gc(p->L, LUA_GCSETPAUSE,
		100 + (int)(room / 2 / (h->used / 100 + 1)));
	lua_gc(p->L, LUA_GCRESTART, -1); /* begin by the new pause */
}

/* Runs the loop once: over the elements from call->index on, or some of them.
 */
static int run_loop(struct tr_lua_program *p, struct tr_lua_call *call,
	struct tr_user_error *where, struct tr_error *err)
{
	const Tranche__V1__Operator *op = p->base.plan->operators[call->op];
	make_room(p);
	p->runs++;
	p->current = call;
	call->at = p->at;
	call->at->op = call->op;
	lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->loops[call->op]);
	int rc = tr_lua_protected_call(p, 0, 0, op->where, where, err);
	p->current = NULL;
	call->at->op = UINT32_MAX;
	call->running = 0;
	if (rc != 0)
		where->index = call->index;
	return rc;
}

static int get_call(struct tr_lua_program *p, uint32_t op,
	struct tr_lua_call **out, struct tr_error *err)
{
	tr_assert(op < p->base.plan->n_operators);
	if (p->calls[op] == NULL) {
		int rc = tr_lua_bind(p, op, err);
		if (rc != 0)
			return rc;
	}
	*out = p->calls[op];
	return 0;
}

/* Element i of what the loop put out, as its operator means it. */
static struct tr_elem output(const struct tr_lua_call *call, uint32_t i,
	Tranche__V1__OperatorKind kind)
{
	const struct tr_lua_out *out = &call->outs[i];
	struct tr_elem e = call->elems[out->from];
	switch ((int)kind) {
	case TRANCHE__V1__OPERATOR_KIND__OP_KEY_BY:
		e.key = out->key;
		break;
	case TRANCHE__V1__OPERATOR_KIND__OP_MAP_VALUES:
		e.value = out->value;
		break;
	case TRANCHE__V1__OPERATOR_KIND__OP_FLAT_MAP:
		e.key = out->key;
		e.value = out->value;
		break;
	case TRANCHE__V1__OPERATOR_KIND__OP_MAP:
		if (!out->keep_key)
			e.key = out->key;
		e.value = out->value;
		break;
	default: /* filter */
		break;
	}
	return e;
}

static int push_outputs(const struct tr_lua_call *call,
	Tranche__V1__OperatorKind kind, struct tr_emitter *to)
{
	bool views = kind == TRANCHE__V1__OPERATOR_KIND__OP_FILTER;
	for (uint32_t i = 0; i < call->n_outs; i++) {
		struct tr_elem made;
		const struct tr_elem *e = &call->elems[call->outs[i].from];
		if (!views) {
			made = output(call, i, kind);
			e = &made;
		}
		int rc = to->push(to, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int apply(struct tr_program *base, uint32_t op,
	Tranche__V1__OperatorKind kind, const struct tr_elem_batch *in,
	struct tr_emitter *out, struct tr_user_error *where,
	struct tr_error *err)
{
	struct tr_lua_program *p = lua_program(base);
	struct tr_lua_call *call = NULL;
	int rc = get_call(p, op, &call, err);
	if (rc != 0)
		return rc;
	tr_assert(base->plan->operators[op]->kind == kind);
	call->elems = in->elems;
	call->n = in->n;
	call->index = 0;
	while (call->index < call->n) {
		rc = run_loop(p, call, where, err);
		if (rc == 0)
			rc = push_outputs(call, kind, out);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The key as people read it, in a message; cut. */
static void add_key(struct tr_error *err, const struct tr_val *key)
{
	struct tr_buf datum, text;
	tr_buf_init(&datum, TR_VALUE_DATUM_MAX);
	tr_buf_init(&text, TR_KIB(1));
	int rc = 0;
	switch (key->type) {
	case TR_VAL_BYTES:
		rc = tr_datum_put_bytes(
			&datum, key->p, key->len < 100 ? key->len : 100);
		break;
	case TR_VAL_INT:
		rc = tr_datum_put_int(&datum, key->i);
		break;
	case TR_VAL_DOUBLE:
		rc = tr_datum_put_double(&datum, key->d);
		break;
	default:
		rc = TR_EINVAL;
	}
	if (rc == 0)
		rc = tr_datum_to_text(
			tr_slice_of(datum.data, datum.len), &text);
	if (rc == 0) {
		char message[sizeof(err->text)];
		snprintf(message, sizeof(message), "%s", err->text);
		tr_error_set(err, err->code, "%s (key %.*s)", message,
			(int)text.len, (const char *)text.data);
	}
	tr_buf_fini(&text);
	tr_buf_fini(&datum);
}

static int reduce(struct tr_program *base, uint32_t op,
	const struct tr_val *keys, struct tr_val *const *acc,
	const struct tr_val *values, uint32_t n, struct tr_user_error *where,
	struct tr_error *err)
{
	struct tr_lua_program *p = lua_program(base);
	struct tr_lua_call *call = NULL;
	int rc = get_call(p, op, &call, err);
	if (rc != 0)
		return rc;
	p->at->offset = -1;
	call->keys = keys;
	call->accs = acc;
	call->values = values;
	call->n = n;
	call->index = 0;
	rc = run_loop(p, call, where, err);
	if (rc == TR_EUSER)
		add_key(err, &keys[where->index]);
	return rc;
}

static void free_program(struct tr_program *base)
{
	struct tr_lua_program *p = lua_program(base);
	if (p->L != NULL)
		tr_lua_heap_close(&p->heap, p->L);
	for (size_t i = 0; i < TR_OPERATORS_MAX; i++) {
		if (p->calls[i] != NULL)
			tr_xfree(p->calls[i]->outs);
		tr_xfree(p->calls[i]);
	}
	tr_xfree(p->calls);
	tr_xfree(p->loops);
	tr_lua_words_free(p->words);
	tr_builder_fini(&p->builder);
	tr_buf_fini(&p->encoded);
	tr_buf_fini(&p->scratch);
	tr_msg_free(base->plan);
	tr_xfree(p);
}

static const struct tr_program_ops OPS = {
	.apply = apply,
	.reduce = reduce,
	.free = free_program,
};

static struct tr_lua_program *new_program(const struct tr_program_opts *opts)
{
	struct tr_lua_program *p = tr_xcalloc(1, sizeof(*p));
	p->base.ops = &OPS;
	p->log = opts->log;
	p->log_arg = opts->log_arg;
	p->at = &p->own_at;
	p->seed = opts->seed;
	p->calls = tr_xcalloc(TR_OPERATORS_MAX, sizeof(p->calls[0]));
	p->loops = tr_xcalloc(TR_OPERATORS_MAX, sizeof(p->loops[0]));
	tr_rng_init(&p->rng, 0);
	tr_builder_init(&p->builder);
	tr_buf_init(&p->encoded, TR_VALUE_DATUM_MAX);
	tr_buf_init(&p->scratch, TR_VALUE_DATUM_MAX);
	p->words = tr_lua_words_new();
	tr_lua_native_init(&p->native, p);
	return p;
}

int tr_lua_program_new(const struct tr_program_opts *opts,
	struct tr_program **out, struct tr_user_error *where,
	struct tr_error *err)
{
	size_t max = opts->memory_bytes ? opts->memory_bytes : SIZE_MAX;
	if (max < TR_USER_MEMORY_MIN)
		return tr_error_set(err, TR_EINVAL,
			"%zu bytes are too little memory for a script: at "
			"least %llu",
			max, (unsigned long long)TR_USER_MEMORY_MIN);
	struct tr_lua_program *p = new_program(opts);
	p->L = tr_lua_heap_open(&p->heap, max);
	p->collect_at = max / 2;
	int rc = p->L ? tr_lua_load(p, opts, where, err)
		      : tr_error_set(err, TR_ENOMEM, "no memory for a script");
	if (rc != 0) {
		free_program(&p->base);
		return rc;
	}
	*out = &p->base;
	return 0;
}

void tr_lua_program_set_position(
	struct tr_program *base, struct tr_lua_position *position)
{
	struct tr_lua_program *p = lua_program(base);
	p->at = position ? position : &p->own_at;
	p->at->op = UINT32_MAX;
}
