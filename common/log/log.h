/*
 * The log: stderr, one logfmt line per event.
 *
 *   ts=2026-01-02T03:04:05.678Z lvl=info evt=lease-expired exec=3 after_ms=3000
 *
 * `evt` is stable, lower case with dashes, and listed in docs/operations.md.
 * The rest of the line is `key=value` pairs given as a printf format; values
 * that may hold spaces are written with TR_LOG_STR, which quotes and escapes.
 * No record payloads and no secrets are ever logged.
 *
 * Levels: err (act now), warn (degraded), info (state changed), debug.
 *
 * Thread: any; each line is one write(2), cut at TR_LOG_LINE_MAX.
 */
#ifndef TR_COMMON_LOG_LOG_H
#define TR_COMMON_LOG_LOG_H

#include <stddef.h>

#include "common/base/check.h"

enum tr_log_level {
	TR_LOG_ERR,
	TR_LOG_WARN,
	TR_LOG_INFO,
	TR_LOG_DEBUG,
};

/* Lines above this level are dropped. Default TR_LOG_INFO. */
void tr_log_set_level(enum tr_log_level level);

/* "err", "warn", "info" or "debug"; false when it is none of them. */
bool tr_log_level_parse(const char *text, enum tr_log_level *level);

void tr_log(enum tr_log_level level, const char *evt, const char *fmt, ...)
	TR_PRINTF(3, 4);

/*
 * `text` quoted and escaped into `out` (at least 8 bytes), cut with "…" when
 * it does not fit. Returns out, so that it can stand in an argument list.
 */
const char *tr_log_quote(char *out, size_t size, const char *text);

#define TR_LOG_STR(text) tr_log_quote((char[512]){ 0 }, 512, (text))

#define tr_log_err(...)   tr_log(TR_LOG_ERR, __VA_ARGS__)
#define tr_log_warn(...)  tr_log(TR_LOG_WARN, __VA_ARGS__)
#define tr_log_info(...)  tr_log(TR_LOG_INFO, __VA_ARGS__)
#define tr_log_debug(...) tr_log(TR_LOG_DEBUG, __VA_ARGS__)

#endif /* TR_COMMON_LOG_LOG_H */
