/*
 * Where a reader stands in its range: which records to take, when the range is
 * complete, and which holes are still unexplained.
 *
 * Offsets are positions, and missing ones are normal: compaction, aborted
 * records and transaction markers leave holes. But a hole may also be what
 * retention or DeleteRecords took away while the range was read, and a fetch
 * does not tell the two apart. The log start does: a hole that begins at or
 * above the log start, asked *after* the record beyond the hole was fetched, is
 * natural; one that begins below it means lost input.
 *
 * Calling sequence: init, then meet each record and each end-of-log event in
 * the order in which they come; while has_hole, ask for the log start now and
 * then, and once more when the range has ended, and show it the answer.
 *
 * Thread: plain values; pure.
 */
#ifndef TR_EXECUTOR_READER_POSITION_H
#define TR_EXECUTOR_READER_POSITION_H

#include <stdbool.h>
#include <stdint.h>

struct tr_position {
	int64_t from;
	int64_t until;
	int64_t next;  /* every visible record below it was met */
	int64_t first; /* -1 until a record was taken */
	int64_t last;
	int64_t hole; /* start of the lowest unexplained hole, or -1 */
	uint64_t records;
	uint64_t duplicates;
	bool ended; /* nothing of the range can come any more */
};

enum tr_position_verdict {
	TR_POSITION_TAKE,
	TR_POSITION_DROP,   /* before the position: delivered twice */
	TR_POSITION_BEYOND, /* at or after the end: the range has ended */
};

/* 0 <= from <= until. */
void tr_position_init(struct tr_position *p, int64_t from, int64_t until);

enum tr_position_verdict tr_position_meet_other(
	struct tr_position *p, int64_t offset);

static inline enum tr_position_verdict tr_position_meet(
	struct tr_position *p, int64_t offset)
{
	/* Nearly every record is the next one, and neither first nor last. */
	if (offset != p->next || p->records == 0 || offset + 1 >= p->until)
		return tr_position_meet_other(p, offset);
	p->next = offset + 1;
	p->last = offset;
	p->records++;
	return TR_POSITION_TAKE;
}

/* Whether a record there would be taken. */
static inline bool tr_position_is_wanted(
	const struct tr_position *p, int64_t offset)
{
	return offset >= p->next && offset < p->until;
}

/* The log ends at this offset for now. */
void tr_position_meet_end(struct tr_position *p, int64_t offset);

static inline bool tr_position_has_hole(const struct tr_position *p)
{
	return p->hole >= 0;
}

/*
 * False when records that belong to the range are gone. Otherwise all holes up
 * to here are natural.
 */
bool tr_position_explain(struct tr_position *p, int64_t log_start);

#endif /* TR_EXECUTOR_READER_POSITION_H */
