#include "executor/reader/position.h"

#include "common/base/check.h"

void tr_position_init(struct tr_position *p, int64_t from, int64_t until)
{
	tr_assert(from >= 0 && from <= until);
	*p = (struct tr_position){
		.from = from,
		.until = until,
		.next = from,
		.first = -1,
		.last = -1,
		.hole = -1,
		.ended = from == until,
	};
}

static void advance(struct tr_position *p, int64_t offset)
{
	if (offset > p->next && p->hole < 0)
		p->hole = p->next;
	p->next = offset;
}

enum tr_position_verdict tr_position_meet_other(
	struct tr_position *p, int64_t offset)
{
	if (offset < p->next) {
		p->duplicates++;
		return TR_POSITION_DROP;
	}
	if (offset >= p->until) {
		tr_position_meet_end(p, offset);
		return TR_POSITION_BEYOND;
	}
	advance(p, offset);
	p->next = offset + 1;
	p->last = offset;
	if (p->records++ == 0)
		p->first = offset;
	p->ended = p->next == p->until;
	return TR_POSITION_TAKE;
}

void tr_position_meet_end(struct tr_position *p, int64_t offset)
{
	if (offset < p->until)
		return;
	if (!p->ended)
		advance(p, p->until);
	p->ended = true;
}

bool tr_position_explain(struct tr_position *p, int64_t log_start)
{
	if (p->hole >= 0 && p->hole < log_start)
		return false;
	p->hole = -1;
	return true;
}
