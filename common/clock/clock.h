/*
 * The only place that reads clocks. A loop reads once per turn and passes the
 * value on; cores get it in their events.
 *
 * Thread: any; does not block.
 */
#ifndef TR_COMMON_CLOCK_CLOCK_H
#define TR_COMMON_CLOCK_CLOCK_H

#include <stdint.h>

/* Monotonic, from an arbitrary start. For deadlines and durations. */
uint64_t tr_clock_mono_ms(void);
uint64_t tr_clock_mono_us(void);

/* Since 1970-01-01 UTC. For people and for a batch's frozen time only. */
int64_t tr_clock_wall_ms(void);

/* CPU time this process has used, user and system, in microseconds. */
uint64_t tr_clock_cpu_us(void);

#endif /* TR_COMMON_CLOCK_CLOCK_H */
