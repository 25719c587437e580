#include "tests/integration/lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/table.h"
#include "tests/support/feed.h"

enum {
	FLUSH_EVERY = 5000, /* lines: several batches in each partition */
};

const char lines_lua[] =
	"local lines = tranche.source { topic = tranche.arg('topic') }\n"
	"lines:flat_map(function(r, emit)\n"
	"    for w in r.value:gmatch('%S+') do emit(w, 1) end\n"
	"  end)\n"
	"  :reduce_by_key('sum')\n"
	"  :store('counts')\n"
	"  :print { top = 10 }\n";

const char lines_builtin[] = "tranche.source { topic = tranche.arg('topic') }\n"
			     "  :split():count_by_value():store('counts')\n";

void lines_add(struct lines *l, uint64_t n)
{
	struct tr_feed *f = tr_feed_open(tr_broker_address(), NULL);
	char line[TR_GEN_LINE_MAX];

	for (uint64_t i = 0; i < n; i++) {
		int32_t partition =
			(int32_t)(l->gen.lines % (uint64_t)l->partitions);
		tr_gen_line(&l->gen, line);
		tr_feed_put_text(f, l->topic, partition, line);
		if (l->gen.lines % FLUSH_EVERY == 0)
			tr_feed_flush(f);
	}
	tr_feed_flush(f);
	tr_feed_close(f);
}

void lines_init(struct lines *l, const char *prefix, int partitions, uint64_t n)
{
	memset(l, 0, sizeof(*l));
	tr_broker_topic_name(l->topic, prefix);
	snprintf(l->argument, sizeof(l->argument), "topic=%s", l->topic);
	l->partitions = partitions;
	tr_gen_init(&l->gen, (uint64_t)partitions * 1000 + n);
	tr_broker_topic_create(l->topic, partitions, NULL);
	lines_add(l, n);
}

void lines_check_table(struct cluster *c, const char *job, const char *table,
	const struct tr_gen *gen)
{
	static char words[TR_GEN_WORDS][TR_GEN_WORD_MAX];
	struct table_row rows[TR_GEN_WORDS];
	size_t n = 0;

	for (unsigned i = 0; i < TR_GEN_WORDS; i++)
		if (gen->counts[i] > 0)
			rows[n++] =
				(struct table_row){ tr_gen_word(i, words[i]),
					gen->counts[i] };
	table_check(c, job, table, rows, n);
}
