#include "executor/worker/rate.h"

enum {
	SLICE_US = 100 * 1000,
	SLICES_PER_S = 10,
	SECOND_US = 1000 * 1000
};

void tr_rate_init(struct tr_rate *r, uint64_t per_s, uint64_t now_us)
{
	*r = (struct tr_rate){ .per_s = per_s, .due_us = now_us };
}

uint64_t tr_rate_piece(const struct tr_rate *r, uint64_t wanted)
{
	uint64_t slice = r->per_s / SLICES_PER_S;
	if (slice == 0)
		slice = 1;
	return r->per_s == 0 || wanted < slice ? wanted : slice;
}

uint64_t tr_rate_take(struct tr_rate *r, uint64_t done, uint64_t now_us)
{
	if (r->per_s == 0)
		return 0;
	if (now_us > SLICE_US && r->due_us < now_us - SLICE_US)
		r->due_us = now_us - SLICE_US;
	r->due_us += done * SECOND_US / r->per_s;
	return r->due_us > now_us ? r->due_us - now_us : 0;
}
