#include "executor/lua/native.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "common/base/bounds.h"
#include "executor/lua/state.h"

static int grow(struct tr_lua_call *call)
{
	struct tr_lua_heap *heap = &call->program->heap;
	size_t add = call->outs_cap * sizeof(call->outs[0]);
	if (call->outs_cap > UINT32_MAX / 2 || !tr_lua_heap_charge(heap, add))
		return 0;
	struct tr_lua_out *outs = realloc(call->outs, 2 * add);
	if (outs == NULL) {
		tr_lua_heap_discharge(heap, add);
		return 0;
	}
	call->outs = outs;
	call->outs_cap *= 2;
	return 1;
}

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	return XXH3_64bits_withSeed(p, n, h);
}

static uint64_t mix_val(uint64_t h, const struct tr_val *v)
{
	h = mix(h, &v->type, sizeof(v->type));
	if (v->type >= TR_VAL_BYTES)
		return mix(h, v->p, v->len);
	return v->type == TR_VAL_NULL ? h : mix(h, &v->i, sizeof(v->i));
}

static uint64_t mix_origin(uint64_t h, const struct tr_origin *o)
{
	h = mix(h, o->topic, strlen(o->topic));
	h = mix(h, &o->partition, sizeof(o->partition));
	return mix(h, &o->offset, sizeof(o->offset));
}

static uint64_t element_seed(const struct tr_lua_program *p)
{
	const struct tr_lua_call *c = p->current;
	uint64_t h = mix(p->seed, &c->op, sizeof(c->op));
	if (c->elems == NULL) {
		h = mix_val(h, &c->keys[c->index]);
		return mix_val(h, &c->values[c->index]);
	}
	const struct tr_elem *e = &c->elems[c->index];
	if (e->origin != NULL)
		h = mix_origin(h, e->origin);
	return mix_val(mix_val(h, &e->key), &e->value);
}

/* Moves the generator to the element at hand unless it is there already. */
static void follow_element(struct tr_lua_program *p)
{
	if (p->current == NULL || (p->drawn_run == p->runs &&
					  p->drawn_index == p->current->index))
		return;
	p->drawn_run = p->runs;
	p->drawn_index = p->current->index;
	tr_rng_init(&p->rng, element_seed(p));
}

static double draw(struct tr_lua_program *p)
{
	follow_element(p);
	return (double)(tr_rng_next(&p->rng) >> 11) * 0x1p-53;
}

static void reseed(struct tr_lua_program *p, double seed)
{
	follow_element(p);
	tr_rng_init(&p->rng, mix(0, &seed, sizeof(seed)));
}

void tr_lua_log(struct tr_lua_program *p, const char *text, uint32_t n)
{
	const struct tr_lua_call *c = p->current;
	const struct tr_origin *origin = NULL;
	if (p->log == NULL)
		return;
	if (c != NULL && c->elems != NULL && c->index < c->n)
		origin = c->elems[c->index].origin;
	p->log(p->log_arg, c ? c->op : UINT32_MAX, origin, text,
		n < TR_LOG_LINE_MAX ? n : TR_LOG_LINE_MAX);
}

void tr_lua_native_init(struct tr_lua_native *n, struct tr_lua_program *p)
{
	*n = (struct tr_lua_native){
		.find = tr_lua_words_find,
		.grow = grow,
		.random = draw,
		.seed = reseed,
		.log = tr_lua_log,
		.slot = &p->slot,
		.words = p->words,
		.program = p,
	};
}
