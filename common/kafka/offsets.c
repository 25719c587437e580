#include "common/kafka/offsets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/kafka/patience.h"
#include "common/kafka/translate.h"

enum state {
	ASK,     /* as the query says */
	ASK_END, /* its time is beyond the last record */
	DONE,
};

struct item {
	struct tr_offset_query *query;
	enum state state;
};

/*
 * One call asks about each partition at most once (librdkafka merges by
 * partition) and about a thousand of them (it merges in quadratic time).
 */
struct asking {
	rd_kafka_t *rk;
	struct tr_kafka_watch *watch;
	struct item *items; /* by topic and partition */
	size_t n;
	size_t n_done;
	struct tr_kafka_patience patience;
	bool refreshed; /* metadata, since the last full answer */
};

static int compare_places(
	const struct tr_offset_query *a, const struct tr_offset_query *b)
{
	int c = strcmp(a->topic, b->topic);

	if (c != 0)
		return c;
	return (a->partition > b->partition) - (a->partition < b->partition);
}

static int compare_items(const void *a, const void *b)
{
	return compare_places(((const struct item *)a)->query,
		((const struct item *)b)->query);
}

static int64_t wire_offset(const struct item *item)
{
	if (item->state == ASK_END)
		return RD_KAFKA_OFFSET_END;
	switch (item->query->spec) {
	case TR_OFFSET_EARLIEST:
		return RD_KAFKA_OFFSET_BEGINNING;
	case TR_OFFSET_LATEST:
		return RD_KAFKA_OFFSET_END;
	case TR_OFFSET_AT_TIME:
		break;
	}
	return item->query->time_ms;
}

/* The items' index rides along: librdkafka keeps `opaque` untouched. */
static rd_kafka_topic_partition_list_t *list_next(struct asking *a)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(64);
	const struct item *last = NULL;

	for (size_t i = 0; i < a->n; i++) {
		struct item *item = &a->items[i];
		if (list->cnt == (int)TR_KAFKA_ASK_PARTITIONS_MAX)
			break;
		if (item->state == DONE)
			continue;
		if (last != NULL && compare_items(last, item) == 0)
			continue;
		rd_kafka_topic_partition_t *part =
			rd_kafka_topic_partition_list_add(list,
				item->query->topic, item->query->partition);
		part->offset = wire_offset(item);
		part->opaque = item;
		last = item;
	}
	return list;
}

static void item_answer(struct asking *a, struct item *item, int64_t offset)
{
	struct tr_offset_query *q = item->query;

	if (q->spec == TR_OFFSET_AT_TIME && item->state == ASK && offset < 0) {
		item->state = ASK_END;
		return;
	}
	q->offset = offset;
	q->beyond_last = item->state == ASK_END;
	item->state = DONE;
	a->n_done++;
}

static int partition_error(const struct tr_offset_query *q,
	rd_kafka_resp_err_t code, struct tr_error *err)
{
	int ours = tr_kafka_translate(code);

	if (code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		return tr_error_set(err, ours, "unknown topic '%s'", q->topic);
	if (ours == TR_ENOTFOUND)
		return tr_error_set(err, ours,
			"topic '%s' has no partition %" PRId32, q->topic,
			q->partition);
	if (ours == TR_EAUTH)
		return tr_error_set(
			err, ours, "no permission to read '%s'", q->topic);
	return tr_error_set(err, ours, "topic '%s' partition %" PRId32 ": %s",
		q->topic, q->partition, rd_kafka_err2str(code));
}

/*
 * Takes what one call brought. 1 when something is to be asked again after a
 * pause, for a reason that may pass.
 */
static int take_answers(struct asking *a,
	const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
	struct tr_error *err)
{
	bool again = false;

	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *part = &list->elems[i];
		struct item *item = part->opaque;
		rd_kafka_resp_err_t why = part->err != 0 ? part->err : code;
		int ours = tr_kafka_translate(why);

		if (ours == TR_OK) {
			item_answer(a, item, part->offset);
			continue;
		}
		/* A stale cache denies new topics and partitions. */
		if (ours != TR_EAGAIN && (ours != TR_ENOTFOUND || a->refreshed))
			return partition_error(item->query, why, err);
		again = true;
	}
	return again ? 1 : 0;
}

static rd_kafka_resp_err_t refresh(rd_kafka_t *rk, int timeout_ms)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t code =
		rd_kafka_metadata(rk, 1, NULL, &md, timeout_ms);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(md);
	return code;
}

static int ask_once(struct asking *a, struct tr_error *err)
{
	rd_kafka_topic_partition_list_t *list = list_next(a);
	rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(
		a->rk, list, tr_kafka_patience_turn(&a->patience));
	int rc = take_answers(a, list, code, err);

	rd_kafka_topic_partition_list_destroy(list);
	if (rc == 0) {
		a->patience.turns = 0;
		a->refreshed = false;
	}
	return rc;
}

static int ask_all(struct asking *a, struct tr_error *err)
{
	while (a->n_done < a->n) {
		int rc = ask_once(a, err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		rc = tr_kafka_patience_check(
			&a->patience, a->rk, a->watch, err);
		if (rc != 0)
			return rc;
		if (refresh(a->rk, tr_kafka_patience_turn(&a->patience)) == 0)
			a->refreshed = true;
	}
	tr_kafka_watch_reset(a->watch);
	return 0;
}

int tr_kafka_offsets_find(rd_kafka_t *rk, struct tr_kafka_watch *watch,
	struct tr_offset_query *queries, size_t n, uint32_t timeout_ms,
	struct tr_error *err)
{
	struct asking a = { .rk = rk, .watch = watch, .n = n };

	a.items = tr_xcalloc(n, sizeof(*a.items));
	for (size_t i = 0; i < n; i++)
		a.items[i].query = &queries[i];
	qsort(a.items, n, sizeof(*a.items), compare_items);
	tr_kafka_patience_init(&a.patience, timeout_ms);
	int rc = ask_all(&a, err);
	free(a.items);
	return rc;
}
