#include "common/log/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/bounds.h"
#include "common/clock/clock.h"

static const char *const level_names[] = { "err", "warn", "info", "debug" };
static _Atomic int max_level = TR_LOG_INFO;

void tr_log_set_level(enum tr_log_level level)
{
	atomic_store(&max_level, (int)level);
}

bool tr_log_level_parse(const char *text, enum tr_log_level *level)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*level = (enum tr_log_level)i;
			return true;
		}
	}
	return false;
}

static int put_head(
	char *line, size_t size, enum tr_log_level level, const char *evt)
{
	int64_t ms = tr_clock_wall_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	gmtime_r(&s, &tm);
	char stamp[32];
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(line, size, "ts=%s.%03dZ lvl=%s evt=%s", stamp,
		(int)(ms % 1000), level_names[level], evt);
}

void tr_log(enum tr_log_level level, const char *evt, const char *fmt, ...)
{
	if ((int)level > atomic_load(&max_level))
		return;
	int saved = errno;
	char line[TR_LOG_LINE_MAX];
	size_t room = sizeof(line) - 1; /* one byte is the newline's */
	size_t n = (size_t)put_head(line, room, level, evt);
	if (*fmt && n < room - 1) {
		line[n++] = ' ';
		va_list ap;
		va_start(ap, fmt);
		int m = vsnprintf(line + n, room - n, fmt, ap);
		va_end(ap);
		if (m > 0)
			n += (size_t)m < room - n ? (size_t)m : room - n - 1;
	}
	line[n++] = '\n';
	ssize_t w = write(STDERR_FILENO, line, n);
	(void)w; /* nowhere left to say so */
	errno = saved;
}

const char *tr_log_quote(char *out, size_t size, const char *text)
{
	static const char cut[] = "\xe2\x80\xa6\"";
	size_t n = 0;
	out[n++] = '"';
	for (const char *p = text; *p; p++) {
		/* Worst case of one byte is \xNN, then the cut mark. */
		if (n + 4 + sizeof(cut) > size) {
			memcpy(out + n, cut, sizeof(cut));
			return out;
		}
		unsigned char c = (unsigned char)*p;
		if (c == '"' || c == '\\') {
			out[n++] = '\\';
			out[n++] = (char)c;
		} else if (c == '\n') {
			out[n++] = '\\';
			out[n++] = 'n';
		} else if (c < 0x20 || c == 0x7f) {
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
		} else {
			out[n++] = (char)c;
		}
	}
	out[n++] = '"';
	out[n] = '\0';
	return out;
}
