/*
 * Assertions that stay on in release builds.
 *
 * tr_assert() states an invariant of our own code: a failure is a bug, prints
 * file, line and condition, and aborts. It is never used on data that came
 * from outside; such data is checked where it is decoded and answered with an
 * error (common/base/err.h).
 */
#ifndef TR_COMMON_BASE_CHECK_H
#define TR_COMMON_BASE_CHECK_H

#include <assert.h>
#include <stdbool.h>

_Noreturn void tr_assert_failed(const char *cond, const char *file, int line);

#define tr_assert(cond)                                                        \
	((cond) ? (void)0 : tr_assert_failed(#cond, __FILE__, __LINE__))

#define TR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TR_MUST_USE          __attribute__((warn_unused_result))
#define TR_ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

#endif /* TR_COMMON_BASE_CHECK_H */
