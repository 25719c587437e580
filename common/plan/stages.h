/*
 * From a job's operators to its stages.
 *
 * A stage starts at a root and ends where data must change places. Its root is
 * a source, or the read side of a shuffling operator; narrow operators that
 * follow run in the same stage. A shuffling operator's write side (where it
 * combines) runs at the end of every stage that feeds it.
 *
 *   source 0 ─ flat_map 1 ─ [reduce_by_key 2 write] ┄ [2 read] ─ store 3
 *                                                            └─ [print 4 write]
 * ┄ [4 read] stage 0 (root 0)                                   stage 1 (root
 * 2)     stage 2 (root 4)
 *
 * Which operators shuffle: reduce_by_key, count_by_value, count_by_key and
 * distinct spread by a hash of the key; count, take and print gather into one
 * lane; store spreads by key unless its input is already spread so with each
 * key once (behind one of the first three or a store, through filter and
 * map_values only).
 *
 * print and store pass their input on: what follows print runs in the stage
 * that feeds it; what follows a store that shuffles runs behind its read side,
 * where each key is there once.
 *
 * The result is a function of the plan alone: driver and workers compute it
 * for themselves and agree.
 *
 * Thread: plain data.
 */
#ifndef TR_COMMON_PLAN_STAGES_H
#define TR_COMMON_PLAN_STAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/err.h"
#include "tranche/v1/types.pb-c.h"

enum tr_stage_kind {
	TR_STAGE_SOURCE, /* lanes read ranges */
	TR_STAGE_HASH,   /* lanes read blocks; spread by key */
	TR_STAGE_GATHER, /* one lane that reads all blocks */
};

/* `from`'s output goes to `to`: in this stage, or into to's write side. */
struct tr_stage_edge {
	uint32_t from;
	uint32_t to;
	bool shuffle;
};

struct tr_stage {
	uint32_t root; /* operator id */
	enum tr_stage_kind kind;
	uint32_t n_edges;
	struct tr_stage_edge *edges; /* by from, then by making of to */
	uint32_t n_inputs;
	uint32_t *inputs; /* ids of the stages that feed the root, ascending */
};

struct tr_stages {
	uint32_t n;
	struct tr_stage s[TR_STAGES_MAX]; /* ascending by root: topological */
};

/*
 * Checks the plan (it may come from anywhere) and computes its stages.
 * TR_EINVAL or TR_ELIMIT with a line that names the operator.
 */
int tr_stages_new(const Tranche__V1__JobPlan *plan, struct tr_stages **out,
	struct tr_error *err) TR_MUST_USE;
void tr_stages_free(struct tr_stages *st);

/* Whether this operator's result leaves the job: store and print. */
bool tr_operator_is_sink(Tranche__V1__OperatorKind kind);

/* "reduce_by_key" and so on, as users write it. Static. */
const char *tr_operator_name(Tranche__V1__OperatorKind kind);

#endif /* TR_COMMON_PLAN_STAGES_H */
