#include "common/net/outq.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/err.h"

struct tr_outq_entry {
	struct tr_outq_entry *next;
	uint8_t *taken; /* the payload's memory, or NULL when it was copied */
	size_t taken_len;
	size_t head_len;
	uint8_t head[]; /* header, body, and the payload unless taken */
};

static uint8_t *append(uint8_t *at, struct tr_slice s)
{
	if (s.n > 0)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

/* Ownership comes in as a slice, which has no way to say so. */
static uint8_t *owned(struct tr_slice s)
{
	union {
		const uint8_t *in;
		uint8_t *out;
	} p = { .in = s.p };
	return p.out;
}

int tr_outq_entry_new(
	const struct tr_frame *f, bool take, struct tr_outq_entry **out)
{
	uint8_t header[TR_FRAME_HEADER_SIZE];
	int rc = tr_frame_header(f, header);
	if (rc != 0)
		return rc;
	size_t head_len = tr_frame_size(f) - (take ? f->payload.n : 0);
	struct tr_outq_entry *e = malloc(sizeof(*e) + head_len);
	if (!e)
		return TR_ENOMEM;
	*e = (struct tr_outq_entry){ .head_len = head_len };
	uint8_t *at = append(e->head, tr_slice_of(header, sizeof(header)));
	at = append(at, f->body);
	if (take) {
		e->taken = owned(f->payload);
		e->taken_len = f->payload.n;
	} else {
		append(at, f->payload);
	}
	*out = e;
	return 0;
}

void tr_outq_entry_free_untaken(struct tr_outq_entry *e)
{
	free(e);
}

static void entry_free(struct tr_outq_entry *e)
{
	free(e->taken);
	free(e);
}

size_t tr_outq_entry_size(const struct tr_outq_entry *e)
{
	return e->head_len + e->taken_len;
}

void tr_outq_put(struct tr_outq *q, struct tr_outq_entry *e)
{
	if (q->last)
		q->last->next = e;
	else
		q->first = e;
	q->last = e;
	q->bytes += tr_outq_entry_size(e);
}

unsigned tr_outq_iov(const struct tr_outq *q, nng_iov *iov, unsigned max)
{
	unsigned n = 0;
	size_t skip = q->sent;
	for (struct tr_outq_entry *e = q->first; e && n < max; e = e->next) {
		if (skip < e->head_len)
			iov[n++] = (nng_iov){ .iov_buf = e->head + skip,
				.iov_len = e->head_len - skip };
		size_t of_taken = skip > e->head_len ? skip - e->head_len : 0;
		if (of_taken < e->taken_len && n < max)
			iov[n++] = (nng_iov){ .iov_buf = e->taken + of_taken,
				.iov_len = e->taken_len - of_taken };
		skip = 0;
	}
	return n;
}

void tr_outq_sent(struct tr_outq *q, size_t n)
{
	q->sent += n;
	while (q->first && q->sent >= tr_outq_entry_size(q->first)) {
		struct tr_outq_entry *e = q->first;
		q->first = e->next;
		if (!q->first)
			q->last = NULL;
		q->sent -= tr_outq_entry_size(e);
		q->bytes -= tr_outq_entry_size(e);
		entry_free(e);
	}
	tr_assert(q->first || q->sent == 0);
}

void tr_outq_fini(struct tr_outq *q)
{
	struct tr_outq_entry *next;
	for (struct tr_outq_entry *e = q->first; e; e = next) {
		next = e->next;
		entry_free(e);
	}
	*q = (struct tr_outq){ 0 };
}
