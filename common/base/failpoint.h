/*
 * Named crash points, compiled in with TR_FAILPOINTS only.
 *
 * TR_FP("plan.after_write") does nothing unless the environment variable
 * TRANCHE_FAILPOINT names it: `name=action[:arg][@n]`, several separated by
 * ';'. Actions: `kill` (SIGKILL to itself, the closest to a power cut that a
 * process can do), `abort`, `stop` (SIGSTOP), `sleep:MS`, `error:CODE`. @n
 * takes the n-th hit (default the first). The expression yields 0, or the
 * negative enum tr_err of an `error` action; callers that cannot fail ignore
 * it with (void).
 *
 * With TRANCHE_FAILPOINT_LOG=FILE each name is appended to FILE once at its
 * first hit, so that a test run can show that every point was reached.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_BASE_FAILPOINT_H
#define TR_COMMON_BASE_FAILPOINT_H

#ifdef TR_FAILPOINTS
int tr_failpoint_hit(const char *name);
#define TR_FP(name) tr_failpoint_hit(name)

/* Forgets all hits: for a test's child, which counts from its own start. */
void tr_failpoint_reset(void);
#else
#define TR_FP(name) 0
#endif

#endif /* TR_COMMON_BASE_FAILPOINT_H */
