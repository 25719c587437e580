/*
 * What users write after --offsets, and in a source's `offsets`.
 *
 * The grammar is that of `rpk topic consume --offset` and a little more
 * (https://docs.redpanda.com/current/reference/rpk/rpk-topic/rpk-topic-consume):
 *
 *   text      = span | topic ":" partition ":" offset "-" offset | json
 *   span      = point | point ":" | ":" point | point ":" point
 *             | "@" time | "@" time ":" | "@" time ":" time
 *   point     = "start" | "end" | "+N" | "-N" | N
 *   time      = unix seconds (10 digits) | unix ms (13 digits) | date
 *             | RFC 3339 | "-" duration (before now) | "end" (behind ":" only)
 *   duration  = numbers with d h m s ms, e.g. 1d12h
 *   json      = { "topic": { "partition": [ from, until ], … }, … } with
 *               offsets as numbers or points as strings
 *
 * One point alone is where the range starts; it ends at the end. +N counts from
 * the log's start, -N back from its end. A range includes its first offset and
 * excludes its second. With times, the range starts at the first record that is
 * not older than t1 and ends before the first that is not older than t2.
 *
 * A date or an RFC 3339 time without zone is taken in the zone of the
 * environment variable TZ, UTC without one; so a process that must honour a
 * user's zone sets TZ before it parses.
 *
 * Thread: values only; reads TZ through the C library's mktime.
 */
#ifndef TR_COMMON_PLAN_OFFSETS_H
#define TR_COMMON_PLAN_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/bounds.h"
#include "common/base/buf.h"
#include "common/base/err.h"

enum tr_point_kind {
	TR_POINT_START,
	TR_POINT_END,
	TR_POINT_AFTER_START, /* v records' worth of offsets behind start */
	TR_POINT_BEFORE_END,  /* v offsets before the end */
	TR_POINT_OFFSET,      /* v */
	TR_POINT_TIME,        /* v ms since 1970 UTC */
	TR_POINT_AGO,         /* v ms before the time of planning */
};

struct tr_point {
	enum tr_point_kind kind;
	int64_t v;
};

/* A span for one partition, for all of one topic, or for all there are. */
struct tr_offset_span {
	char topic[TR_TOPIC_NAME_MAX + 1]; /* empty: every topic */
	int32_t partition;                 /* -1: every partition */
	struct tr_point from;
	struct tr_point until;
};

struct tr_offset_spans {
	struct tr_offset_span *spans;
	size_t n;
};

/*
 * Parses one text and appends its spans. TR_EINVAL or TR_ELIMIT with a line
 * that quotes the part at fault; `out` is unchanged then.
 */
int tr_offsets_parse(struct tr_offset_spans *out, const char *text,
	struct tr_error *err) TR_MUST_USE;
void tr_offset_spans_fini(struct tr_offset_spans *s);

/*
 * The span that applies to a partition: of those that match, the last one
 * given for it, else for its topic, else for all. NULL: none does.
 */
const struct tr_offset_span *tr_offsets_find(
	const struct tr_offset_spans *s, const char *topic, int32_t partition);

/*
 * Appends the text with civil times as unix milliseconds, so that another
 * process reads the same whatever its zone. Durations before now stay.
 */
int tr_offsets_normalise(
	struct tr_buf *out, const char *text, struct tr_error *err) TR_MUST_USE;

#endif /* TR_COMMON_PLAN_OFFSETS_H */
