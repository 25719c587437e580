#include "driver/plan/ranges.h"

#include <inttypes.h>

static int64_t limit(int64_t v, int64_t low, int64_t high)
{
	if (v < low)
		return low;
	return v > high ? high : v;
}

/* An offset as asked for; may lie outside the log. */
static int64_t offset_of(const struct tr_partition_span *s,
	const struct tr_point *p, int64_t at_time)
{
	int64_t v = 0;
	switch (p->kind) {
	case TR_POINT_START:
		return s->log_start;
	case TR_POINT_END:
		return s->log_end;
	case TR_POINT_AFTER_START:
		if (__builtin_add_overflow(s->log_start, p->v, &v))
			return s->log_end;
		return limit(v, s->log_start, s->log_end);
	case TR_POINT_BEFORE_END:
		if (__builtin_sub_overflow(s->log_end, p->v, &v))
			return s->log_start;
		return limit(v, s->log_start, s->log_end);
	case TR_POINT_TIME:
	case TR_POINT_AGO:
		return limit(at_time, s->log_start, s->log_end);
	case TR_POINT_OFFSET:
		return p->v;
	}
	return v;
}

int tr_ranges_resolve(
	struct tr_partition_span *s, bool clamp, struct tr_error *err)
{
	int64_t from = offset_of(s, &s->from, s->from_time);
	int64_t until = offset_of(s, &s->until, s->until_time);
	int64_t first = limit(from, s->log_start, s->log_end);
	int64_t last = limit(until, s->log_start, s->log_end);
	bool cut = first != from || last != until;
	/* An empty range needs nothing from the log, wherever it lies. */
	if (cut && from != until && !clamp)
		return tr_error_set(err, TR_EINVAL,
			"topic '%s' partition %d: wanted [%" PRId64 ", %" PRId64
			"), the log has [%" PRId64 ", %" PRId64
			"); --clamp takes what is there",
			s->topic, s->partition, from, until, s->log_start,
			s->log_end);
	s->first = first;
	s->last = last > first ? last : first;
	s->clamped = cut;
	return 0;
}

uint64_t tr_ranges_default_max(uint64_t records, uint32_t slots)
{
	uint64_t pieces = (uint64_t)(slots ? slots : 1) * TR_RANGES_PER_SLOT;
	uint64_t max = (records + pieces - 1) / pieces;
	if (max < TR_RANGE_RECORDS_MIN)
		return TR_RANGE_RECORDS_MIN;
	return max > TR_RANGE_RECORDS_MAX ? TR_RANGE_RECORDS_MAX : max;
}

uint64_t tr_ranges_count(int64_t first, int64_t last, uint64_t max)
{
	tr_assert(max > 0 && last >= first);
	uint64_t n = (uint64_t)(last - first);
	return n / max + (n % max != 0);
}

void tr_ranges_cut(int64_t first, int64_t last, uint64_t count, uint64_t i,
	int64_t *from, int64_t *until)
{
	uint64_t n = (uint64_t)(last - first);
	uint64_t size = n / count, rest = n % count;
	uint64_t begin = i * size + (i < rest ? i : rest);
	*from = first + (int64_t)begin;
	*until = *from + (int64_t)(size + (i < rest ? 1 : 0));
}
