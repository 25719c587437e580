#include "tests/executor/lua/fixture.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/data/datum.h"
#include "common/data/datum_json.h"
#include "common/data/datum_text.h"
#include "tests/support/test.h"

enum {
	ARGS_MAX = 8,
	DATA_MAX = 1 << 16
};

static uint8_t data[DATA_MAX];
static size_t data_used;

static void append(char *to, const char *fmt, ...) TR_PRINTF(2, 3);

static void append(char *to, const char *fmt, ...)
{
	size_t n = strlen(to);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(to + n, SCRIPT_TEXT_MAX - n, fmt, ap);
	va_end(ap);
}

static void append_nested(char *to, const struct tr_val *v)
{
	struct tr_buf text;
	tr_buf_init(&text, SCRIPT_TEXT_MAX);
	struct tr_slice d = tr_slice_of(v->p, v->len);
	assert_int_equal(tr_datum_check(d), 0);
	assert_int_equal(tr_datum_to_json(d, &text), 0);
	append(to, "%.*s", (int)text.len, (const char *)text.data);
	tr_buf_fini(&text);
}

static void append_val(char *to, const struct tr_val *v)
{
	switch (v->type) {
	case TR_VAL_NULL:
		append(to, "null");
		break;
	case TR_VAL_BOOL:
		append(to, "%s", v->i ? "true" : "false");
		break;
	case TR_VAL_INT:
		append(to, "%" PRId64, v->i);
		break;
	case TR_VAL_DOUBLE:
		append(to, "%.17gd", v->d);
		break;
	case TR_VAL_BYTES:
		append(to, "'%.*s'", (int)v->len, (const char *)v->p);
		break;
	default:
		append_nested(to, v);
	}
}

static int push(struct tr_emitter *e, const struct tr_elem *elem)
{
	struct script *s = (struct script *)e;
	if (++s->pushed == s->fail_push_at)
		return tr_error_set(&s->err, TR_EFULL, "push %zu", s->pushed);
	append_val(s->out, &elem->key);
	append(s->out, " ");
	append_val(s->out, &elem->value);
	if (elem->origin)
		append(s->out, " @%" PRId64, elem->origin->offset);
	append(s->out, "\n");
	return 0;
}

static void log_line(void *arg, uint32_t op, const struct tr_origin *origin,
	const char *text, size_t len)
{
	struct script *s = arg;
	/* No script here prints one: it is the end of somebody's buffer. */
	assert_null(memchr(text, '\0', len));
	append(s->log, "%" PRId32 ":%.*s", (int32_t)op, (int)len, text);
	if (origin)
		append(s->log, " @%" PRId64, origin->offset);
	append(s->log, "\n");
}

void script_init(struct script *s)
{
	*s = (struct script){ .emitter.push = push,
		.memory_bytes = TR_MIB(64),
		.batch_time_ms = 1700000000000 };
	data_used = 0;
}

void script_fini(struct script *s)
{
	if (s->p)
		s->p->ops->free(s->p);
	s->p = NULL;
}

int script_load(struct script *s, const char *text, ...)
{
	char texts[ARGS_MAX][256];
	Tranche__V1__Property props[ARGS_MAX];
	Tranche__V1__Property *list[ARGS_MAX];
	size_t n = 0;
	va_list ap;
	va_start(ap, text);
	for (const char *arg; (arg = va_arg(ap, const char *)) != NULL; n++) {
		snprintf(texts[n], sizeof(texts[n]), "%s", arg);
		char *eq = strchr(texts[n], '=');
		*eq = '\0';
		tranche__v1__property__init(&props[n]);
		props[n].name = texts[n];
		props[n].value = eq + 1;
		list[n] = &props[n];
	}
	va_end(ap);
	struct tr_program_opts opts = {
		.name = "job.lua",
		.artefact = tr_slice_of_text(text),
		.arguments = list,
		.n_arguments = n,
		.batch_time_ms = s->batch_time_ms,
		.seed = s->seed,
		.memory_bytes = s->memory_bytes,
		.log = log_line,
		.log_arg = s,
	};
	script_fini(s);
	s->log[0] = '\0';
	return tr_lua_program_new(&opts, &s->p, &s->where, &s->err);
}

int script_apply(
	struct script *s, uint32_t op, const struct tr_elem *elems, uint32_t n)
{
	/* A copy of its own, so that ASan sees who keeps a view too long. */
	struct tr_elem *copy = tr_xcalloc(n + 1, sizeof(*copy));
	memcpy(copy, elems, n * sizeof(*copy));
	struct tr_elem_batch in = { .elems = copy, .n = n };
	s->out[0] = '\0';
	s->pushed = 0;
	int rc = s->p->ops->apply(s->p, op, s->p->plan->operators[op]->kind,
		&in, &s->emitter, &s->where, &s->err);
	tr_xfree(copy);
	return rc;
}

int script_reduce(struct script *s, uint32_t op, struct tr_val first,
	const struct tr_val *values, uint32_t n)
{
	struct tr_val key = V_TEXT("the key"), acc = first;
	struct tr_val *keys = tr_xcalloc(n, sizeof(*keys));
	struct tr_val **accs = tr_xcalloc(n, sizeof(struct tr_val *));
	for (uint32_t i = 0; i < n; i++) {
		keys[i] = key;
		accs[i] = &acc;
	}
	int rc = s->p->ops->reduce(
		s->p, op, keys, accs, values, n, &s->where, &s->err);
	s->out[0] = '\0';
	if (rc == 0)
		append_val(s->out, &acc);
	tr_xfree(keys);
	tr_xfree(accs);
	return rc;
}

int script_map(struct script *s, const char *body, struct tr_val value)
{
	char text[4096];
	snprintf(text, sizeof(text),
		"tranche.source{topic='t'}:map(function(r)\n%s\nend):print()",
		body);
	int rc = script_load(s, text, NULL);
	struct tr_elem e = { .key = V_TEXT("k"), .value = value };
	return rc ? rc : script_apply(s, 1, &e, 1);
}

struct tr_val v_bytes(const char *bytes, size_t n)
{
	struct tr_val v = { .type = TR_VAL_BYTES, .len = (uint32_t)n };
	v.p = (const uint8_t *)bytes;
	return v;
}

struct tr_val v_json(struct script *s, const char *json)
{
	struct tr_buf b;
	tr_buf_init(&b, DATA_MAX);
	int rc = tr_datum_from_json(tr_slice_of_text(json), &b, &s->err);
	assert_int_equal(rc, 0);
	assert_true(data_used + b.len <= DATA_MAX);
	struct tr_val v = { .len = (uint32_t)b.len };
	v.type = b.data[0] == TR_TAG_LIST ? TR_VAL_LIST : TR_VAL_MAP;
	v.p = memcpy(data + data_used, b.data, b.len);
	data_used += b.len;
	tr_buf_fini(&b);
	return v;
}
