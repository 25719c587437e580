#include "common/config/value.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first, so that the first that divides a value is the shortest. */
static const struct unit times[] = {
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};

static const struct unit sizes[] = {
	{ "G", UINT64_C(1) << 30 },
	{ "M", UINT64_C(1) << 20 },
	{ "K", UINT64_C(1) << 10 },
	{ "", 1 },
};

/* Digits at the start of text; *rest is behind them. False: none, too many. */
static bool read_digits(const char *text, uint64_t *out, const char **rest)
{
	const char *p = text;
	uint64_t v = 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*rest = p;
	*out = v;
	return p != text;
}

static bool read_scaled(
	const char *text, const struct unit *units, size_t n, uint64_t *out)
{
	uint64_t v;
	const char *rest;
	if (!read_digits(text, &v, &rest))
		return false;
	if (v == 0 && *rest == '\0') {
		*out = 0;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		if (v > UINT64_MAX / units[i].factor)
			return false;
		*out = v * units[i].factor;
		return true;
	}
	return false;
}

int tr_value_uint(const char *text, uint64_t *out, struct tr_error *err)
{
	uint64_t v;
	const char *rest;
	if (!read_digits(text, &v, &rest) || *rest != '\0')
		return tr_error_set(
			err, TR_EINVAL, "'%s' is not a whole number", text);
	*out = v;
	return 0;
}

int tr_value_duration(const char *text, uint64_t *ms, struct tr_error *err)
{
	if (read_scaled(text, times, TR_ARRAY_LEN(times), ms))
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"'%s' is not a duration like 250ms, 3s, 5m or 2h", text);
}

int tr_value_size(const char *text, uint64_t *bytes, struct tr_error *err)
{
	if (read_scaled(text, sizes, TR_ARRAY_LEN(sizes), bytes))
		return 0;
	return tr_error_set(err, TR_EINVAL,
		"'%s' is not a size like 4096, 64K, 512M or 8G", text);
}

int tr_value_bool(const char *text, bool *out, struct tr_error *err)
{
	static const char *const words[][2] = {
		{ "false", "true" },
		{ "no", "yes" },
		{ "off", "on" },
	};
	for (size_t i = 0; i < TR_ARRAY_LEN(words); i++)
		for (int v = 0; v < 2; v++)
			if (strcmp(text, words[i][v]) == 0) {
				*out = v == 1;
				return 0;
			}
	return tr_error_set(
		err, TR_EINVAL, "'%s' is neither true nor false", text);
}

static const char *scaled_text(
	char *out, size_t size, uint64_t v, const struct unit *units)
{
	while (v % units->factor != 0)
		units++;
	snprintf(out, size, "%llu%s", (unsigned long long)(v / units->factor),
		v ? units->name : "");
	return out;
}

const char *tr_value_duration_text(char *out, size_t size, uint64_t ms)
{
	return scaled_text(out, size, ms, times);
}

const char *tr_value_size_text(char *out, size_t size, uint64_t bytes)
{
	return scaled_text(out, size, bytes, sizes);
}
