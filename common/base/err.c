#include "common/base/err.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[-TR_OK] = "ok",
	[-TR_EINVAL] = "invalid",
	[-TR_ENOMEM] = "out-of-memory",
	[-TR_ELIMIT] = "limit",
	[-TR_EAGAIN] = "again",
	[-TR_ETIMEOUT] = "timeout",
	[-TR_ECLOSED] = "closed",
	[-TR_EPROTO] = "protocol",
	[-TR_EAUTH] = "auth",
	[-TR_EVERSION] = "version",
	[-TR_ENOTFOUND] = "not-found",
	[-TR_EEXIST] = "exists",
	[-TR_EIO] = "io",
	[-TR_ECORRUPT] = "corrupt",
	[-TR_EFENCED] = "fenced",
	[-TR_ECANCELED] = "cancelled",
	[-TR_EUSER] = "user-code",
	[-TR_EKAFKA] = "kafka",
	[-TR_EUNREACH] = "unreachable",
	[-TR_EINPUT_GONE] = "input-gone",
	[-TR_ETRUNCATED] = "log-truncated",
	[-TR_ESTALLED] = "stalled",
	[-TR_EFULL] = "disk-full",
	[-TR_ENONDET] = "nondeterministic",
	[-TR_EKILLED] = "killed",
	[-TR_ELOST] = "lost",
};

const char *tr_err_name(int code)
{
	if (code > 0 || -code >= (int)TR_ARRAY_LEN(names))
		return "unknown";
	return names[-code];
}

int tr_err_from_name(const char *name)
{
	for (size_t i = 0; i < TR_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return -(int)i;
	return TR_EINVAL;
}

bool tr_err_is_retriable(int code)
{
	return code == TR_EAGAIN || code == TR_ETIMEOUT || code == TR_ECLOSED ||
	       code == TR_EUNREACH || code == TR_ESTALLED || code == TR_ELOST ||
	       code == TR_EKILLED;
}

int tr_error_vset(struct tr_error *err, int code, const char *fmt, va_list ap)
{
	if (!err)
		return code;
	err->code = code;
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	return code;
}

int tr_error_set(struct tr_error *err, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tr_error_vset(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int tr_error_prefix(struct tr_error *err, const char *fmt, ...)
{
	char old[TR_ERROR_TEXT_MAX];
	char prefix[TR_ERROR_TEXT_MAX];
	va_list ap;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	size_t n = strlen(prefix);
	size_t room = sizeof(err->text) - 1;
	if (n > room - 2)
		n = room - 2;
	memcpy(err->text, prefix, n);
	memcpy(err->text + n, ": ", 2);
	size_t m = strlen(old);
	if (m > room - n - 2)
		m = room - n - 2;
	memcpy(err->text + n + 2, old, m);
	err->text[n + 2 + m] = '\0';
	return err->code;
}
