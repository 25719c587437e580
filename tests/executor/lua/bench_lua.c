/*
 * What calls into Lua cost, without reader and combiner: CPU time per element
 * of a few functions over generated lines. Prints one line each;
 * never a test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/bounds.h"
#include "executor/lua/lua.h"
#include "tests/support/gen.h"

enum {
	BATCHES = 128, /* other lines each, or every string were interned */
	ROUNDS = 1000,
};

struct sink {
	struct tr_emitter emitter;
	uint64_t n;
	uint64_t bytes;
};

static int push(struct tr_emitter *e, const struct tr_elem *elem)
{
	struct sink *s = (struct sink *)e;
	s->n++;
	if (elem->key.type == TR_VAL_BYTES)
		s->bytes += elem->key.len + elem->key.p[0];
	return 0;
}

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char lines[BATCHES * TR_BATCH_ELEMS][TR_GEN_LINE_MAX];
static struct tr_elem elems[BATCHES * TR_BATCH_ELEMS];
static struct tr_origin origins[BATCHES * TR_BATCH_ELEMS];

static void make_lines(void)
{
	static struct tr_gen gen;
	tr_gen_init(&gen, 1);
	for (size_t i = 0; i < BATCHES * TR_BATCH_ELEMS; i++) {
		size_t n = tr_gen_line(&gen, lines[i]);
		origins[i] = (struct tr_origin){ .topic = "lines",
			.offset = (int64_t)i };
		elems[i].value.type = TR_VAL_BYTES;
		elems[i].value.len = (uint32_t)n;
		elems[i].value.p = (const uint8_t *)lines[i];
		elems[i].origin = &origins[i];
	}
}

static void run(const char *name, const char *method, const char *fn)
{
	char script[1024];
	snprintf(script, sizeof(script),
		"tranche.source{topic='lines'}:%s(%s):print()", method, fn);
	struct tr_program_opts opts = { .name = "bench.lua",
		.artefact = tr_slice_of_text(script),
		.memory_bytes = TR_MIB(64) };
	struct tr_program *p;
	struct tr_user_error where;
	struct tr_error err;
	double t = cpu_s();
	if (tr_lua_program_new(&opts, &p, &where, &err) != 0) {
		printf("%s: %s: %s\n", name, where.where, err.text);
		exit(1);
	}
	double load = cpu_s() - t;
	struct sink sink = { .emitter.push = push };
	double first = 0;
	t = cpu_s();
	for (int i = 0; i < ROUNDS; i++) {
		struct tr_elem_batch in = {
			.elems = elems + (i % BATCHES) * TR_BATCH_ELEMS,
			.n = TR_BATCH_ELEMS
		};
		if (p->ops->apply(p, 1, p->plan->operators[1]->kind, &in,
			    &sink.emitter, &where, &err) != 0) {
			printf("%s: %s: %s\n", name, where.where, err.text);
			exit(1);
		}
		if (i == 0)
			first = cpu_s() - t;
	}
	double s = cpu_s() - t;
	printf("%-28s %7.1f ns/element  %5.2f out/element  load %.2f ms  "
	       "first batch %.2f ms\n",
		name, s / ROUNDS / TR_BATCH_ELEMS * 1e9,
		(double)sink.n / ROUNDS / TR_BATCH_ELEMS, load * 1e3,
		first * 1e3);
	p->ops->free(p);
}

int main(void)
{
	make_lines();
	run("filter: length", "filter", "function(r) return #r.value > 10 end");
	run("filter: find plain", "filter",
		"function(r) return r.value:find('bako', 1, true) ~= nil end");
	run("map: value", "map", "function(r) return r.value end");
	run("map: upper", "map", "function(r) return r.value:upper() end");
	run("map: sub", "map", "function(r) return r.value:sub(1, 5), 1 end");
	run("map: gsub (stock)", "map",
		"function(r) return (r.value:gsub('b', 'x')) end");
	run("map_values", "map_values", "function(v) return #v end");
	run("key_by", "key_by", "function(r) return r.value:sub(1, 3) end");
	run("word count", "flat_map",
		"function(r, emit) for w in r.value:gmatch('%S+') do "
		"emit(w, 1) end end");
	run("word count (stock gmatch)", "flat_map",
		"function(r, emit) for w in r.value:gmatch('(%S+)') do "
		"emit(w, 1) end end");
	run("word count, lower", "flat_map",
		"function(r, emit) for w in r.value:lower():gmatch('%w+') do "
		"emit(w, 1) end end");
	return 0;
}
