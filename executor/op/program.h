/*
 * A loaded job program: what a Lua script (executor/lua) or, later, a plug-in
 * provides to the operators of a stage.
 *
 * The same artefact and arguments always give the same plan. Functions are
 * named by the id of the operator they were given to, so nothing but the
 * artefact travels between hosts.
 *
 * Thread: the worker's only one. User code may run for ever: the executor
 * watches from outside and kills the worker (executor/worker/page.h).
 */
#ifndef TR_EXECUTOR_OP_PROGRAM_H
#define TR_EXECUTOR_OP_PROGRAM_H

#include "common/base/err.h"
#include "common/data/slice.h"
#include "common/wire/msg.h"
#include "executor/op/elem.h"

struct tr_program;

/*
 * Where user functions put what they make. push copies bytes when they do not
 * outlive the call; it returns 0, or a negative enum tr_err when the stage
 * behind it failed (err of the call is set then).
 */
struct tr_emitter {
	int (*push)(struct tr_emitter *e, const struct tr_elem *elem);
};

/* One line from print() or log() in user code. */
typedef void tr_program_log_fn(void *arg, uint32_t op,
	const struct tr_origin *origin, const char *text, size_t len);

struct tr_program_opts {
	const char *name; /* file name for messages */
	struct tr_slice artefact;
	Tranche__V1__Property *const *arguments;
	size_t n_arguments;
	int64_t batch_time_ms; /* what user code sees as now */
	uint64_t seed;
	uint64_t memory_bytes; /* ceiling of the program's own heap */
	tr_program_log_fn *log;
	void *log_arg;
};

/*
 * The place of a failure in user code. `index` is the element of the input
 * batch that was being worked on, or UINT32_MAX; `where` is "file:line".
 */
struct tr_user_error {
	uint32_t index;
	char where[128];
};

struct tr_program_ops {
	/*
	 * Runs operator op's function over the batch, in order, and pushes
	 * what comes out. kind is OP_MAP, OP_FILTER, OP_FLAT_MAP,
	 * OP_MAP_VALUES or OP_KEY_BY. TR_EUSER with err and where set.
	 */
	int (*apply)(struct tr_program *p, uint32_t op,
		Tranche__V1__OperatorKind kind, const struct tr_elem_batch *in,
		struct tr_emitter *out, struct tr_user_error *where,
		struct tr_error *err);

	/*
	 * acc[i] = f(acc[i], value[i]) for i in [0, n), where an acc may
	 * appear more than once: in order. Results' bytes live until the next
	 * call. keys[i] is for error messages.
	 */
	int (*reduce)(struct tr_program *p, uint32_t op,
		const struct tr_val *keys, struct tr_val *const *acc,
		const struct tr_val *values, uint32_t n,
		struct tr_user_error *where, struct tr_error *err);

	void (*free)(struct tr_program *p);
};

struct tr_program {
	const struct tr_program_ops *ops;
	/* The plan the program built; owned by the program. */
	Tranche__V1__JobPlan *plan;
};

#endif /* TR_EXECUTOR_OP_PROGRAM_H */
