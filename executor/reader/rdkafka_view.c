#include "executor/reader/rdkafka_view.h"

#include <stdlib.h>

#include "common/base/xalloc.h"

enum {
	HEADERS_INITIAL = 256
};

void tr_header_table_fini(struct tr_header_table *t)
{
	free(t->views);
	*t = (struct tr_header_table){ .views = NULL };
}

void tr_header_table_reset(struct tr_header_table *t)
{
	t->n = 0;
}

static bool table_reserve(struct tr_header_table *t, size_t n)
{
	if (t->cap - t->n >= n)
		return true;
	if (t->n > 0)
		return false;
	t->cap = n < HEADERS_INITIAL ? HEADERS_INITIAL : n;
	t->views = tr_xrealloc(t->views, t->cap * sizeof(*t->views));
	return true;
}

static struct tr_slice slice_or_absent(const void *p, size_t n)
{
	return p != NULL ? tr_slice_of(p, n) : TR_SLICE_ABSENT;
}

static void table_add(
	struct tr_header_table *t, const rd_kafka_headers_t *headers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *name = "";
		const void *value = NULL;
		size_t size = 0;

		rd_kafka_header_get_all(headers, i, &name, &value, &size);
		t->views[t->n++] = (struct tr_header_view){
			.name = tr_slice_of_text(name),
			.value = slice_or_absent(value, size),
		};
	}
}

static enum tr_timestamp_type timestamp_type(rd_kafka_timestamp_type_t type)
{
	switch (type) {
	case RD_KAFKA_TIMESTAMP_CREATE_TIME:
		return TR_TIMESTAMP_CREATE;
	case RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME:
		return TR_TIMESTAMP_APPEND;
	case RD_KAFKA_TIMESTAMP_NOT_AVAILABLE:
		break;
	}
	return TR_TIMESTAMP_NONE;
}

bool tr_record_view_fill(struct tr_record_view *view, struct tr_header_table *t,
	const rd_kafka_message_t *m)
{
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *headers;
	size_t n_headers = 0;

	if (rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
		n_headers = rd_kafka_header_cnt(headers);
	if (n_headers > 0 && !table_reserve(t, n_headers))
		return false;
	view->offset = m->offset;
	view->timestamp_ms = rd_kafka_message_timestamp(m, &type);
	view->timestamp_type = timestamp_type(type);
	view->key = slice_or_absent(m->key, m->key_len);
	view->value = slice_or_absent(m->payload, m->len);
	view->headers = n_headers > 0 ? &t->views[t->n] : NULL;
	view->n_headers = (uint32_t)n_headers;
	if (n_headers > 0)
		table_add(t, headers, n_headers);
	return true;
}

size_t tr_record_view_bytes(const struct tr_record_view *view)
{
	size_t bytes = view->key.n + view->value.n;

	for (uint32_t i = 0; i < view->n_headers; i++)
		bytes += view->headers[i].name.n + view->headers[i].value.n;
	return bytes;
}
