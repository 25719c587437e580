#include "driver/core/transition.h"

#include "common/base/xalloc.h"

enum {
	STATES_MAX = 8,
	CELLS = STATES_MAX * STATES_MAX,
	NO_ROW = 0, /* rows are stored one higher */
};

#define JOB(from, to, why)                                                     \
	{                                                                      \
		TR_CORE_JOB_##from, TR_CORE_JOB_##to, why                      \
	}
#define EXE(from, to, why)                                                     \
	{                                                                      \
		TR_CORE_EXECUTOR_##from, TR_CORE_EXECUTOR_##to, why            \
	}
#define TASK(from, to, why)                                                    \
	{                                                                      \
		TR_TASK_##from, TR_TASK_##to, why                              \
	}

static const struct tr_transition job_rows[] = {
	JOB(FREE, PLANNING, "added, or recovered"),
	JOB(PLANNING, RUNNING, "planned"),
	JOB(PLANNING, ENDING, "plan failed, cancelled, or committed before"),
	JOB(RUNNING, COMMITTING, "every lane of every stage finished"),
	JOB(RUNNING, ENDING, "failed or cancelled"),
	JOB(COMMITTING, ENDING, "the commit is durable"),
	JOB(ENDING, FREE, "attempts killed and executors told"),
};

static const struct tr_transition executor_rows[] = {
	EXE(FREE, JOINING, "registers"),
	EXE(JOINING, ACTIVE, "has listed what it holds"),
	EXE(JOINING, DRAINING, "likewise, but it is to leave"),
	EXE(JOINING, LOST, "connection closed or replaced"),
	EXE(ACTIVE, DRAINING, "asked to leave"),
	EXE(ACTIVE, LOST, "connection closed, silent or replaced"),
	EXE(DRAINING, LOST, "likewise, or it left"),
	EXE(LOST, FREE, "taken apart"),
};

static const struct tr_transition task_rows[] = {
	TASK(PENDING, RUNNING, "launched, or adopted"),
	TASK(PENDING, DONE, "held or recovered output adopted"),
	TASK(PENDING, GONE, "recovered: blocks not located yet"),
	TASK(RUNNING, PENDING, "lost with its executor or its input"),
	TASK(RUNNING, BACKOFF, "failed"),
	TASK(RUNNING, DONE, "finished, or held output adopted"),
	TASK(BACKOFF, PENDING, "time over"),
	TASK(BACKOFF, RUNNING, "adopted"),
	TASK(BACKOFF, DONE, "held output adopted"),
	TASK(DONE, PENDING, "blocks lost and still needed"),
	TASK(DONE, GONE, "blocks lost and not needed"),
	TASK(GONE, PENDING, "blocks needed again"),
	TASK(GONE, DONE, "their executor came back"),
};

static const char *const job_names[] = { "free", "planning", "running",
	"committing", "ending" };
static const char *const executor_names[] = { "free", "joining", "active",
	"draining", "lost" };
static const char *const task_names[] = { "pending", "backoff", "running",
	"done", "gone" };

static const struct {
	const char *name;
	const struct tr_transition *rows;
	size_t count;
	const char *const *states;
} tables[TR_TABLES] = {
	[TR_TABLE_JOB] = { "job", job_rows, TR_ARRAY_LEN(job_rows), job_names },
	[TR_TABLE_EXECUTOR] = { "executor", executor_rows,
		TR_ARRAY_LEN(executor_rows), executor_names },
	[TR_TABLE_TASK] = { "task", task_rows, TR_ARRAY_LEN(task_rows),
		task_names },
};

static_assert(TR_ARRAY_LEN(job_names) == TR_CORE_JOB_STATES, "named");
static_assert(TR_ARRAY_LEN(executor_names) == TR_CORE_EXECUTOR_STATES, "named");
static_assert(TR_ARRAY_LEN(task_names) == TR_TASK_STATES, "named");
static_assert(TR_ARRAY_LEN(task_rows) <= TR_CORE_TRANSITIONS_MAX, "fits");

const struct tr_transition *tr_transitions(
	enum tr_state_table table, size_t *count)
{
	*count = tables[table].count;
	return tables[table].rows;
}

const char *tr_state_name(enum tr_state_table table, uint8_t state)
{
	return tables[table].states[state];
}

const char *tr_state_table_name(enum tr_state_table table)
{
	return tables[table].name;
}

uint64_t tr_transition_taken(
	const struct tr_core *c, enum tr_state_table table, size_t row)
{
	return c->taken[(size_t)table * TR_CORE_TRANSITIONS_MAX + row];
}

static size_t cell(enum tr_state_table table, uint8_t from, uint8_t to)
{
	return (size_t)table * CELLS + (size_t)from * STATES_MAX + to;
}

void tr_transition_init(struct tr_core *c)
{
	c->rows_of = tr_xcalloc(TR_TABLES, CELLS);
	c->taken = tr_xcalloc(
		(size_t)TR_TABLES * TR_CORE_TRANSITIONS_MAX, sizeof(*c->taken));
	for (int t = 0; t < TR_TABLES; t++)
		for (size_t i = 0; i < tables[t].count; i++) {
			const struct tr_transition *r = &tables[t].rows[i];
			size_t at =
				cell((enum tr_state_table)t, r->from, r->to);
			c->rows_of[at] = (uint8_t)(i + 1);
		}
}

void tr_transition_fini(struct tr_core *c)
{
	tr_xfree(c->rows_of);
	tr_xfree(c->taken);
}

void tr_move(struct tr_core *c, enum tr_state_table table, uint8_t *state,
	uint8_t to)
{
	uint8_t row = c->rows_of[cell(table, *state, to)];
	tr_assert(row != NO_ROW);
	c->taken[(size_t)table * TR_CORE_TRANSITIONS_MAX + row - 1]++;
	*state = to;
}
