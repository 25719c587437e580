#include "tests/executor/op/program.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/xalloc.h"

#define OP(suffix) TRANCHE__V1__OPERATOR_KIND__OP_##suffix

struct test_program {
	struct tr_program base;
	struct tr_buf text; /* of results, until the next call */
};

static int fail(
	uint32_t index, struct tr_user_error *where, struct tr_error *err)
{
	where->index = index;
	snprintf(where->where, sizeof(where->where), "user.lua:42");
	return tr_error_set(err, TR_EUSER, "it says fail");
}

static bool is_fail(const struct tr_val *v)
{
	return v->type == TR_VAL_BYTES && v->len == 4 &&
	       memcmp(v->p, "fail", 4) == 0;
}

static int flat(const struct tr_elem *e, struct tr_emitter *out)
{
	for (uint32_t i = 0; i < e->value.len; i++) {
		int rc = out->push(out, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int capitals(struct tr_elem e, struct tr_emitter *out)
{
	uint8_t text[256];
	uint32_t n = e.value.len < sizeof(text) ? e.value.len : sizeof(text);
	for (uint32_t i = 0; i < n; i++)
		text[i] = (uint8_t)toupper(e.value.p[i]);
	e.value.p = text;
	e.value.len = n;
	return out->push(out, &e);
}

static int one(Tranche__V1__OperatorKind kind, struct tr_elem e,
	struct tr_emitter *out)
{
	struct tr_val key = e.key;
	switch ((int)kind) {
	case OP(MAP):
		e.key = e.value;
		e.value = key;
		return out->push(out, &e);
	case OP(FILTER):
		return e.value.len > 0 && e.value.p[0] == 'x'
			       ? 0
			       : out->push(out, &e);
	case OP(FLAT_MAP):
		return flat(&e, out);
	case OP(MAP_VALUES):
		return capitals(e, out);
	default:
		e.key = e.value;
		e.key.len = e.value.len > 0;
		return out->push(out, &e);
	}
}

static int apply(struct tr_program *p, uint32_t op,
	Tranche__V1__OperatorKind kind, const struct tr_elem_batch *in,
	struct tr_emitter *out, struct tr_user_error *where,
	struct tr_error *err)
{
	(void)p;
	(void)op;
	for (uint32_t i = 0; i < in->n; i++) {
		if (is_fail(&in->elems[i].value))
			return fail(i, where, err);
		int rc = one(kind, in->elems[i], out);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int reduce(struct tr_program *p, uint32_t op, const struct tr_val *keys,
	struct tr_val *const *acc, const struct tr_val *values, uint32_t n,
	struct tr_user_error *where, struct tr_error *err)
{
	struct test_program *t = (struct test_program *)p;
	(void)op;
	(void)keys;
	/* Room for the longest results there can be: views do not move. */
	size_t room = 0;
	for (uint32_t i = 0; i < n; i++)
		room += (size_t)(acc[i]->len + values[i].len) * (n + 1);
	tr_buf_fini(&t->text);
	if (tr_buf_reserve(&t->text, room + 1) != 0)
		return tr_error_set(err, TR_ENOMEM, "test program");
	for (uint32_t i = 0; i < n; i++) {
		if (is_fail(&values[i]))
			return fail(i, where, err);
		uint8_t *to = t->text.data + t->text.len;
		memcpy(to, acc[i]->p, acc[i]->len);
		memcpy(to + acc[i]->len, values[i].p, values[i].len);
		*acc[i] = (struct tr_val){ .type = TR_VAL_BYTES,
			.len = acc[i]->len + values[i].len,
			.p = to };
		t->text.len += acc[i]->len;
		tr_assert(t->text.len <= t->text.cap);
	}
	return 0;
}

static void program_free(struct tr_program *p)
{
	tr_buf_fini(&((struct test_program *)p)->text);
	free(p);
}

struct tr_program *test_program_new(void)
{
	static const struct tr_program_ops ops = {
		.apply = apply,
		.reduce = reduce,
		.free = program_free,
	};
	struct test_program *t = tr_xcalloc(1, sizeof(*t));
	t->base.ops = &ops;
	tr_buf_init(&t->text, SIZE_MAX);
	return &t->base;
}
