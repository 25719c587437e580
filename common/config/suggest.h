/*
 * "did you mean": of the names offered, the one closest to a misspelt one, if
 * any is close enough to be meant.
 *
 * Thread: plain values.
 */
#ifndef TR_COMMON_CONFIG_SUGGEST_H
#define TR_COMMON_CONFIG_SUGGEST_H

#include <stddef.h>

struct tr_suggest {
	const char *wrong;
	const char *best; /* NULL: none is close */
	size_t distance;  /* of best, in single-letter changes */
};

struct tr_suggest tr_suggest_for(const char *wrong);

/* `name` is borrowed for as long as `best` is read. */
void tr_suggest_offer(struct tr_suggest *s, const char *name);

#endif /* TR_COMMON_CONFIG_SUGGEST_H */
