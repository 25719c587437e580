/*
 * What the kernel holds a worker to, so that code gone wild ends the worker
 * and nothing else.
 *
 * Thread: at the start of the process.
 */
#ifndef TR_EXECUTOR_WORKER_LIMITS_H
#define TR_EXECUTOR_WORKER_LIMITS_H

#include <stdint.h>

/*
 * The worker dies with the thread that started it, dumps no core (it holds
 * users' data) and gains no privileges; a broken socket is an error, no signal,
 * and a terminal's interrupt is its parent's business.
 */
void tr_limits_of_process(void);

/* Private memory that it may map: budgets of program, operators and window. */
void tr_limits_of_memory(uint64_t memory_bytes, uint64_t window_bytes);

#endif /* TR_EXECUTOR_WORKER_LIMITS_H */
