#include "common/plan/offsets.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "common/base/xalloc.h"

/* A piece of the text being parsed. */
struct piece {
	const char *p;
	size_t n;
};

static struct piece piece_of(const char *p, size_t n)
{
	return (struct piece){ p, n };
}

static bool piece_is(struct piece s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* All digits, no overflow. */
static bool parse_number(struct piece s, int64_t *out)
{
	int64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, s.p[i] - '0', &v))
			return false;
	}
	*out = v;
	return true;
}

static bool parse_point(struct piece s, struct tr_point *out)
{
	if (piece_is(s, "start"))
		out->kind = TR_POINT_START;
	else if (piece_is(s, "end"))
		out->kind = TR_POINT_END;
	else if (s.n && s.p[0] == '+')
		out->kind = TR_POINT_AFTER_START;
	else if (s.n && s.p[0] == '-')
		out->kind = TR_POINT_BEFORE_END;
	else
		out->kind = TR_POINT_OFFSET;
	out->v = 0;
	if (out->kind == TR_POINT_START || out->kind == TR_POINT_END)
		return true;
	if (out->kind != TR_POINT_OFFSET)
		s = piece_of(s.p + 1, s.n - 1);
	return parse_number(s, &out->v);
}

/* "1d12h30m5s250ms": each unit at most once is not required, order neither. */
static bool parse_duration(struct piece s, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "d", 86400000 }, { "h", 3600000 },
		{ "m", 60000 }, { "s", 1000 } };
	int64_t total = 0;
	size_t i = 0;
	while (i < s.n) {
		size_t digits = i;
		while (digits < s.n && isdigit((unsigned char)s.p[digits]))
			digits++;
		int64_t v;
		if (!parse_number(piece_of(s.p + i, digits - i), &v))
			return false;
		size_t u = 0;
		for (; u < TR_ARRAY_LEN(units); u++) {
			size_t len = strlen(units[u].unit);
			if (s.n - digits >= len &&
				memcmp(s.p + digits, units[u].unit, len) == 0)
				break;
		}
		if (u == TR_ARRAY_LEN(units) ||
			__builtin_mul_overflow(v, units[u].ms, &v) ||
			__builtin_add_overflow(total, v, &total))
			return false;
		i = digits + strlen(units[u].unit);
	}
	*ms = total;
	return s.n > 0;
}

static bool take_digits(const char **p, int n, int *out)
{
	int v = 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*p)[i]))
			return false;
		v = v * 10 + ((*p)[i] - '0');
	}
	*p += n;
	*out = v;
	return true;
}

/* ".123456" into milliseconds, rounded down; nothing is 0. */
static bool take_fraction(const char **p, int *ms)
{
	*ms = 0;
	if (**p != '.')
		return true;
	(*p)++;
	int scale = 100;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		*ms += (**p - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* "Z", "+02:00" or nothing; *local says that nothing was there. */
static bool take_zone(const char **p, int *offset_min, bool *local)
{
	int h, m;
	*offset_min = 0;
	*local = false;
	if (**p == '\0') {
		*local = true;
		return true;
	}
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return true;
	}
	int sign = **p == '-' ? -1 : 1;
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!take_digits(p, 2, &h) || *(*p)++ != ':' ||
		!take_digits(p, 2, &m) || h > 23 || m > 59)
		return false;
	*offset_min = sign * (h * 60 + m);
	return true;
}

static bool take_clock(const char **p, struct tm *tm, int *ms)
{
	(*p)++; /* 'T' or ' ' */
	if (!take_digits(p, 2, &tm->tm_hour) || *(*p)++ != ':' ||
		!take_digits(p, 2, &tm->tm_min))
		return false;
	if (**p == ':') {
		(*p)++;
		if (!take_digits(p, 2, &tm->tm_sec))
			return false;
	}
	return take_fraction(p, ms);
}

/* Whether the calendar has that day and time; mktime would move it on. */
static bool is_real(const struct tm *tm)
{
	struct tm copy = *tm;
	copy.tm_isdst = 0;
	timegm(&copy);
	return copy.tm_mday == tm->tm_mday && copy.tm_mon == tm->tm_mon &&
	       tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* 2026-01-31, 2026-01-31T12:30[:05[.250]][Z|+02:00] */
static bool parse_civil(struct piece s, int64_t *out)
{
	char text[40];
	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	const char *p = text;
	struct tm tm = { .tm_isdst = -1 };
	int year, ms = 0, offset_min = 0;
	bool local = true;
	if (!take_digits(&p, 4, &year) || *p++ != '-' ||
		!take_digits(&p, 2, &tm.tm_mon) || *p++ != '-' ||
		!take_digits(&p, 2, &tm.tm_mday))
		return false;
	if ((*p == 'T' || *p == 't') && !take_clock(&p, &tm, &ms))
		return false;
	if (!take_zone(&p, &offset_min, &local) || *p != '\0')
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon -= 1;
	if (tm.tm_mon < 0 || !is_real(&tm))
		return false;
	int64_t seconds = local ? mktime(&tm) : timegm(&tm);
	*out = (seconds - (int64_t)offset_min * 60) * 1000 + ms;
	return true;
}

static bool parse_time(struct piece s, struct tr_point *out)
{
	int64_t v;
	if (s.n > 1 && s.p[0] == '-') {
		out->kind = TR_POINT_AGO;
		return parse_duration(piece_of(s.p + 1, s.n - 1), &out->v);
	}
	out->kind = TR_POINT_TIME;
	if (parse_number(s, &v)) {
		out->v = s.n == 10 ? v * 1000 : v;
		/* More digits than 13 are years that Kafka allows, too. */
		return s.n == 10 || (s.n >= 13 && s.n <= 15);
	}
	if (!parse_civil(s, &out->v))
		return false;
	/* No record is older than Kafka's clock. */
	if (out->v < 0)
		out->v = 0;
	return true;
}

static bool parse_time_or_end(struct piece s, struct tr_point *out)
{
	if (piece_is(s, "end")) {
		*out = (struct tr_point){ .kind = TR_POINT_END };
		return true;
	}
	return parse_time(s, out);
}

/* Behind '@'. Times hold colons themselves: try each as the separator. */
static bool parse_time_span(struct piece s, struct tr_offset_span *out)
{
	out->until = (struct tr_point){ .kind = TR_POINT_END };
	if (s.n && s.p[s.n - 1] == ':')
		s.n--;
	if (parse_time(s, &out->from))
		return true;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] != ':')
			continue;
		struct piece right = piece_of(s.p + i + 1, s.n - i - 1);
		/* "@t1:@t2" says the same. */
		if (right.n && right.p[0] == '@')
			right = piece_of(right.p + 1, right.n - 1);
		if (parse_time(piece_of(s.p, i), &out->from) &&
			parse_time_or_end(right, &out->until))
			return true;
	}
	return false;
}

static bool parse_span(struct piece s, struct tr_offset_span *out)
{
	if (s.n && s.p[0] == '@')
		return parse_time_span(piece_of(s.p + 1, s.n - 1), out);
	const char *colon = memchr(s.p, ':', s.n);
	out->from = (struct tr_point){ .kind = TR_POINT_START };
	out->until = (struct tr_point){ .kind = TR_POINT_END };
	if (!colon)
		return parse_point(s, &out->from);
	struct piece left = piece_of(s.p, (size_t)(colon - s.p));
	struct piece right = piece_of(colon + 1, s.n - left.n - 1);
	if (left.n == 0 && right.n == 0)
		return false;
	return (left.n == 0 || parse_point(left, &out->from)) &&
	       (right.n == 0 || parse_point(right, &out->until));
}

static bool set_topic(struct tr_offset_span *span, struct piece topic)
{
	if (topic.n == 0 || topic.n > TR_TOPIC_NAME_MAX)
		return false;
	for (size_t i = 0; i < topic.n; i++)
		if (!isalnum((unsigned char)topic.p[i]) &&
			!strchr("._-", topic.p[i]))
			return false;
	memcpy(span->topic, topic.p, topic.n);
	span->topic[topic.n] = '\0';
	return true;
}

static bool set_partition(struct tr_offset_span *span, struct piece s)
{
	int64_t v;
	if (!parse_number(s, &v) || v > INT32_MAX)
		return false;
	span->partition = (int32_t)v;
	return true;
}

/* topic:partition:from-until */
static bool parse_explicit(const char *text, struct tr_offset_span *out)
{
	const char *c1 = strchr(text, ':');
	const char *c2 = c1 ? strchr(c1 + 1, ':') : NULL;
	const char *dash = c2 ? strchr(c2 + 1, '-') : NULL;
	if (!dash)
		return false;
	out->from.kind = TR_POINT_OFFSET;
	out->until.kind = TR_POINT_OFFSET;
	return set_topic(out, piece_of(text, (size_t)(c1 - text))) &&
	       set_partition(out, piece_of(c1 + 1, (size_t)(c2 - c1 - 1))) &&
	       parse_number(piece_of(c2 + 1, (size_t)(dash - c2 - 1)),
		       &out->from.v) &&
	       parse_number(
		       piece_of(dash + 1, strlen(dash + 1)), &out->until.v);
}

static int append(struct tr_offset_spans *out, const struct tr_offset_span *s,
	struct tr_error *err)
{
	if (out->n == TR_LANES_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"more than %u ranges in --offsets", TR_LANES_MAX);
	if (s->from.kind == TR_POINT_OFFSET &&
		s->until.kind == TR_POINT_OFFSET && s->from.v > s->until.v)
		return tr_error_set(err, TR_EINVAL,
			"offsets end before they start: %" PRId64
			" is after %" PRId64,
			s->from.v, s->until.v);
	out->spans = tr_xrealloc(out->spans, (out->n + 1) * sizeof(*s));
	out->spans[out->n++] = *s;
	return 0;
}

static bool json_point(const json_t *v, struct tr_point *out)
{
	if (json_is_integer(v) && json_integer_value(v) >= 0) {
		*out = (struct tr_point){ TR_POINT_OFFSET,
			json_integer_value(v) };
		return true;
	}
	const char *text = json_string_value(v);
	return text && parse_point(piece_of(text, strlen(text)), out);
}

static int parse_json(
	struct tr_offset_spans *out, const char *text, struct tr_error *err)
{
	json_error_t why;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	const char *topic, *partition;
	json_t *partitions, *pair;
	int rc = 0;
	if (!json_is_object(root)) {
		rc = tr_error_set(err, TR_EINVAL, "offsets are no JSON: %s",
			root ? "not an object" : why.text);
		goto out;
	}
	json_object_foreach(root, topic, partitions)
	{
		json_object_foreach(partitions, partition, pair)
		{
			struct tr_offset_span s = { .partition = -1 };
			if (!set_topic(&s, piece_of(topic, strlen(topic))) ||
				!set_partition(
					&s, piece_of(partition,
						    strlen(partition))) ||
				json_array_size(pair) != 2 ||
				!json_point(json_array_get(pair, 0), &s.from) ||
				!json_point(
					json_array_get(pair, 1), &s.until)) {
				rc = tr_error_set(err, TR_EINVAL,
					"offsets of '%s' '%s' are not "
					"{\"topic\": {\"0\": [from, until]}}",
					topic, partition);
				goto out;
			}
			rc = append(out, &s, err);
			if (rc != 0)
				goto out;
		}
	}
out:
	json_decref(root);
	return rc;
}

int tr_offsets_parse(
	struct tr_offset_spans *out, const char *text, struct tr_error *err)
{
	struct tr_offset_span s = { .partition = -1 };
	size_t before = out->n;
	int rc;
	if (text[0] == '{')
		rc = parse_json(out, text, err);
	else if (strnlen(text, TR_OFFSETS_TEXT_MAX) == TR_OFFSETS_TEXT_MAX)
		rc = tr_error_set(err, TR_ELIMIT,
			"offsets of more than %u bytes: '%.40s...'",
			TR_OFFSETS_TEXT_MAX - 1, text);
	else if (parse_span(piece_of(text, strlen(text)), &s) ||
		 (s = (struct tr_offset_span){ .partition = -1 },
			 parse_explicit(text, &s)))
		rc = append(out, &s, err);
	else
		rc = tr_error_set(err, TR_EINVAL,
			"cannot read offsets '%s': use start:end, N1:N2, +N, "
			"-N, @t1:t2, @-48h:-24h or topic:partition:N1-N2",
			text);
	if (rc == 0)
		return 0;
	out->n = before;
	if (before == 0)
		tr_offset_spans_fini(out);
	return rc;
}

void tr_offset_spans_fini(struct tr_offset_spans *s)
{
	free(s->spans);
	*s = (struct tr_offset_spans){ 0 };
}

const struct tr_offset_span *tr_offsets_find(
	const struct tr_offset_spans *s, const char *topic, int32_t partition)
{
	const struct tr_offset_span *best = NULL;
	int best_rank = -1;
	for (size_t i = 0; i < s->n; i++) {
		const struct tr_offset_span *c = &s->spans[i];
		if (c->topic[0] && strcmp(c->topic, topic) != 0)
			continue;
		if (c->partition >= 0 && c->partition != partition)
			continue;
		int rank = (c->partition >= 0 ? 2 : 0) + (c->topic[0] ? 1 : 0);
		if (rank >= best_rank) {
			best = c;
			best_rank = rank;
		}
	}
	return best;
}

static int put_time(struct tr_buf *out, const struct tr_point *p)
{
	switch (p->kind) {
	case TR_POINT_TIME:
		return tr_buf_printf(out, "%013" PRId64, p->v);
	case TR_POINT_AGO:
		return tr_buf_printf(out, "-%" PRId64 "ms", p->v);
	case TR_POINT_END:
	case TR_POINT_START:
	case TR_POINT_AFTER_START:
	case TR_POINT_BEFORE_END:
	case TR_POINT_OFFSET:
		break;
	}
	return tr_buf_printf(out, "end");
}

int tr_offsets_normalise(
	struct tr_buf *out, const char *text, struct tr_error *err)
{
	struct tr_offset_spans spans = { 0 };
	size_t before = out->len;
	int rc = tr_offsets_parse(&spans, text, err);
	if (rc != 0)
		return rc;
	if (text[0] != '@')
		rc = tr_buf_append(out, text, strlen(text));
	else if ((rc = tr_buf_append_u8(out, '@')) == 0 &&
		 (rc = put_time(out, &spans.spans[0].from)) == 0 &&
		 (rc = tr_buf_append_u8(out, ':')) == 0)
		rc = put_time(out, &spans.spans[0].until);
	tr_offset_spans_fini(&spans);
	if (rc != 0) {
		out->len = before;
		return tr_error_set(err, rc, "offsets '%s' are too long", text);
	}
	return 0;
}
