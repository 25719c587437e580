#include "common/config/suggest.h"

#include <string.h>

enum {
	NAME_LEN_MAX = 64 /* longer names get no suggestion */
};

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[NAME_LEN_MAX + 1];
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, change);
		}
	}
	return row[nb];
}

struct tr_suggest tr_suggest_for(const char *wrong)
{
	/* A third of the letters may be wrong, and two always. */
	size_t far = strlen(wrong) / 3;
	return (struct tr_suggest){
		.wrong = wrong,
		.distance = (far < 2 ? 2 : far) + 1,
	};
}

void tr_suggest_offer(struct tr_suggest *s, const char *name)
{
	size_t nw = strlen(s->wrong), nn = strlen(name);
	if (nw > NAME_LEN_MAX || nn > NAME_LEN_MAX)
		return;
	size_t d = distance(s->wrong, nw, name, nn);
	if (d < s->distance && d < nw) {
		s->distance = d;
		s->best = name;
	}
}
