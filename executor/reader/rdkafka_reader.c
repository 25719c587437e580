/*
 * A range is one consumption of one partition into a queue of its own, here
 * called the stream. It outlives a complete range, so that the next range of
 * the partition goes on with what was read ahead.
 *
 * Messages are taken from the queue up to TR_READER_BATCH_RECORDS at a time
 * into `msgs`. Of these, [lo, hi) are handed out, [hi, n) wait. An event that
 * is no record (end of log, error) ends a batch before it, so that records
 * come before the error that follows them.
 */
#include "executor/reader/rdkafka_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bounds.h"
#include "common/base/xalloc.h"
#include "common/clock/clock.h"
#include "common/kafka/offsets.h"
#include "common/kafka/translate.h"
#include "executor/reader/position.h"
#include "executor/reader/rdkafka_view.h"

enum {
	/* Nothing for so long after the queue ran dry: librdkafka 2.0.2 may be
	   asleep for a second because the queue was full a moment ago. */
	WAKE_AFTER_MS = 2,
	WAKE_CALL_MS = 1,
	HOLE_CHECK_MS = 500,
};

struct topic {
	char *name;
	rd_kafka_topic_t *rkt;
};

struct stream {
	rd_kafka_queue_t *queue; /* NULL: none is open */
	const struct topic *topic;
	int32_t partition;
	int64_t end;    /* newest end of the log seen, or -1 */
	bool may_sleep; /* see WAKE_AFTER_MS */
};

struct rdkafka_reader {
	struct tr_reader base;
	rd_kafka_t *rk;
	struct tr_kafka_watch watch;
	uint32_t stall_ms;
	char library[32];

	struct topic **topics;
	size_t n_topics;

	struct stream stream;
	struct tr_position position;
	bool started;
	bool complete;
	uint64_t waited_ms; /* in vain, since the last record */
	uint64_t hole_asked_ms;
	int64_t log_start_before;
	int64_t log_start;
	uint64_t bytes;
	struct tr_digest digest;

	rd_kafka_message_t *msgs[TR_READER_BATCH_RECORDS];
	size_t n, lo, hi;
	struct tr_record_view views[TR_READER_BATCH_RECORDS];
	struct tr_header_table headers;
};

static struct rdkafka_reader *self(struct tr_reader *r)
{
	return (struct rdkafka_reader *)r;
}

/* ---- topics and streams ---- */

static int topic_find(struct rdkafka_reader *r, const char *name,
	struct topic **out, struct tr_error *err)
{
	for (size_t i = 0; i < r->n_topics; i++) {
		if (strcmp(r->topics[i]->name, name) == 0) {
			*out = r->topics[i];
			return 0;
		}
	}
	if (r->n_topics == TR_READER_TOPICS_MAX)
		return tr_error_set(err, TR_ELIMIT,
			"a worker reads at most %u topics",
			TR_READER_TOPICS_MAX);

	rd_kafka_topic_t *rkt = rd_kafka_topic_new(r->rk, name, NULL);
	if (rkt == NULL)
		return tr_error_set(err, TR_EINVAL, "topic '%s': %s", name,
			rd_kafka_err2str(rd_kafka_last_error()));
	struct topic *topic = tr_xmalloc(sizeof(*topic));
	*topic = (struct topic){ .name = tr_xstrdup(name), .rkt = rkt };
	r->topics = tr_xrealloc(
		r->topics, (r->n_topics + 1) * sizeof(struct topic *));
	r->topics[r->n_topics++] = topic;
	*out = topic;
	return 0;
}

static int stream_open(struct stream *s, rd_kafka_t *rk,
	const struct topic *topic, const struct tr_range *range,
	struct tr_error *err)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);

	if (rd_kafka_consume_start_queue(
		    topic->rkt, range->partition, range->from, queue) != 0) {
		rd_kafka_queue_destroy(queue);
		return tr_error_set(err, TR_EKAFKA,
			"cannot read topic '%s' partition %" PRId32 ": %s",
			range->topic, range->partition,
			rd_kafka_err2str(rd_kafka_last_error()));
	}
	*s = (struct stream){
		.queue = queue,
		.topic = topic,
		.partition = range->partition,
		.end = -1,
	};
	return 0;
}

static void messages_destroy(struct rdkafka_reader *r, size_t lo, size_t hi)
{
	for (size_t i = lo; i < hi; i++)
		rd_kafka_message_destroy(r->msgs[i]);
}

static void stream_close(struct rdkafka_reader *r)
{
	struct stream *s = &r->stream;

	if (s->queue == NULL)
		return;
	messages_destroy(r, r->hi, r->n);
	r->n = r->lo = r->hi = 0;
	rd_kafka_consume_stop(s->topic->rkt, s->partition);
	rd_kafka_queue_destroy(s->queue);
	s->queue = NULL;
}

/* ---- asking the broker about the partition ---- */

static int ask_here(struct rdkafka_reader *r, enum tr_offset_spec spec,
	int64_t *offset, struct tr_error *err)
{
	struct tr_offset_query q = {
		.topic = r->stream.topic->name,
		.partition = r->stream.partition,
		.spec = spec,
	};
	int rc = tr_kafka_offsets_find(
		r->rk, &r->watch, &q, 1, TR_KAFKA_ASK_MS, err);

	if (rc == 0)
		*offset = q.offset;
	return rc;
}

static int input_gone(const char *topic, int32_t partition,
	const struct tr_position *p, int64_t lost, int64_t log_start,
	struct tr_error *err)
{
	return tr_error_set(err, TR_EINPUT_GONE,
		"topic '%s' partition %" PRId32 ": wanted %" PRId64 ":%" PRId64
		", the log starts at %" PRId64 " now; lost from %" PRId64,
		topic, partition, p->from, p->until, log_start, lost);
}

static int truncated(
	const struct rdkafka_reader *r, int64_t end, struct tr_error *err)
{
	return tr_error_set(err, TR_ETRUNCATED,
		"topic '%s' partition %" PRId32 ": wanted %" PRId64 ":%" PRId64
		", the log ends at %" PRId64
		" now: it was cut short or made anew",
		r->stream.topic->name, r->stream.partition, r->position.from,
		r->position.until, end);
}

static int take_log_start(
	struct rdkafka_reader *r, int64_t log_start, struct tr_error *err)
{
	r->log_start = log_start;
	r->hole_asked_ms = tr_clock_mono_ms();
	if (tr_position_explain(&r->position, log_start))
		return 0;
	return input_gone(r->stream.topic->name, r->stream.partition,
		&r->position, r->position.hole, log_start, err);
}

static int explain_holes(struct rdkafka_reader *r, struct tr_error *err)
{
	int64_t log_start;
	int rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);

	return rc != 0 ? rc : take_log_start(r, log_start, err);
}

/* OFFSET_OUT_OF_RANGE: on which side? */
static int explain_out_of_range(struct rdkafka_reader *r, struct tr_error *err)
{
	int64_t log_start, end;
	int rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);

	if (rc == 0)
		rc = ask_here(r, TR_OFFSET_LATEST, &end, err);
	if (rc != 0)
		return rc;
	if (r->position.next < log_start) {
		r->log_start = log_start;
		return input_gone(r->stream.topic->name, r->stream.partition,
			&r->position, r->position.next, log_start, err);
	}
	return truncated(r, end, err);
}

static int explain_stall(struct rdkafka_reader *r, struct tr_error *err)
{
	int64_t end;
	int rc = ask_here(r, TR_OFFSET_LATEST, &end, err);

	if (rc != 0)
		return rc;
	if (end < r->position.until)
		return truncated(r, end, err);
	return tr_error_set(err, TR_ESTALLED,
		"topic '%s' partition %" PRId32 ": no progress beyond %" PRId64
		" within %" PRIu32 " ms, the log reaches %" PRId64,
		r->stream.topic->name, r->stream.partition, r->position.next,
		r->stall_ms, end);
}

/* ---- records ---- */

static void account(struct rdkafka_reader *r, const struct tr_record_view *view)
{
	struct tr_record_content content = {
		.offset = view->offset,
		.timestamp_ms = view->timestamp_ms,
		.key = view->key,
		.value = view->value,
		.headers = view->headers,
		.n_headers = view->n_headers,
	};

	r->bytes += tr_record_view_bytes(view);
	tr_digest_add_record(&r->digest, &content);
}

/*
 * Fills views with waiting records, up to the first event, the end of the
 * range, or the last message. Records that came twice are passed over.
 */
static size_t scan_records(struct rdkafka_reader *r)
{
	size_t n = 0;

	tr_header_table_reset(&r->headers);
	r->lo = r->hi;
	while (r->hi < r->n && !r->position.ended) {
		const rd_kafka_message_t *m = r->msgs[r->hi];
		struct tr_record_view *view = &r->views[n];

		if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR ||
			!tr_record_view_fill(view, &r->headers, m))
			break;
		enum tr_position_verdict verdict =
			tr_position_meet(&r->position, m->offset);
		if (verdict == TR_POSITION_BEYOND)
			break;
		r->hi++;
		if (verdict == TR_POSITION_DROP) {
			r->headers.n -= view->n_headers;
			continue;
		}
		account(r, view);
		n++;
	}
	return n;
}

/* ---- events ---- */

static int event_error(struct rdkafka_reader *r, const rd_kafka_message_t *m,
	struct tr_error *err)
{
	int ours = tr_kafka_translate(m->err);
	const char *text = rd_kafka_message_errstr(m);

	if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
		return explain_out_of_range(r, err);
	if (ours == TR_EAGAIN)
		return 0;
	return tr_error_set(err, ours,
		"topic '%s' partition %" PRId32 " after offset %" PRId64 ": %s",
		r->stream.topic->name, r->stream.partition,
		r->position.next - 1, text);
}

/* The first waiting message is no record. Takes it. */
static int take_event(struct rdkafka_reader *r, struct tr_error *err)
{
	rd_kafka_message_t *m = r->msgs[r->hi++];
	int rc = 0;

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		r->stream.end = m->offset;
		tr_position_meet_end(&r->position, m->offset);
	} else {
		rc = event_error(r, m, err);
	}
	rd_kafka_message_destroy(m);
	r->lo = r->hi;
	return rc;
}

/* ---- filling ---- */

/*
 * A call that reaches the broker's thread wakes it. It need not be answered;
 * if it is, the log start is news.
 */
static int wake(struct rdkafka_reader *r, struct tr_error *err)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *part = rd_kafka_topic_partition_list_add(
		list, r->stream.topic->name, r->stream.partition);
	int rc = 0;

	part->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (rd_kafka_offsets_for_times(r->rk, list, WAKE_CALL_MS) == 0 &&
		part->err == 0 && part->offset >= 0)
		rc = take_log_start(r, part->offset, err);
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

static bool fill_now(struct rdkafka_reader *r)
{
	ssize_t n = rd_kafka_consume_batch_queue(
		r->stream.queue, 0, r->msgs, TR_READER_BATCH_RECORDS);

	r->lo = r->hi = 0;
	r->n = n > 0 ? (size_t)n : 0;
	return r->n > 0;
}

/* The batch call would wait for a full batch; this one waits for any. */
static bool fill_within(struct rdkafka_reader *r, uint32_t timeout_ms)
{
	rd_kafka_message_t *first =
		rd_kafka_consume_queue(r->stream.queue, (int)timeout_ms);

	if (first == NULL)
		return false;
	ssize_t n = rd_kafka_consume_batch_queue(
		r->stream.queue, 0, &r->msgs[1], TR_READER_BATCH_RECORDS - 1);
	r->msgs[0] = first;
	r->lo = r->hi = 0;
	r->n = 1 + (n > 0 ? (size_t)n : 0);
	return true;
}

/* False when nothing came within the time. */
static bool fill(struct rdkafka_reader *r, uint32_t timeout_ms, int *rc,
	struct tr_error *err)
{
	bool filled = fill_now(r);

	if (!filled && r->stream.may_sleep) {
		uint32_t first =
			timeout_ms < WAKE_AFTER_MS ? timeout_ms : WAKE_AFTER_MS;
		filled = fill_within(r, first);
		timeout_ms -= first;
		if (!filled) {
			r->stream.may_sleep = false;
			*rc = wake(r, err);
			if (*rc != 0)
				return false;
		}
	}
	if (!filled && timeout_ms > 0)
		filled = fill_within(r, timeout_ms);
	if (filled)
		r->stream.may_sleep = true;
	else
		rd_kafka_poll(r->rk, 0);
	return filled;
}

static int end(struct rdkafka_reader *r, struct tr_error *err)
{
	if (tr_position_has_hole(&r->position)) {
		int rc = explain_holes(r, err);
		if (rc != 0)
			return rc;
	}
	r->complete = true;
	return TR_READ_END;
}

static int hand_out(
	struct rdkafka_reader *r, size_t n, struct tr_batch_view *batch)
{
	r->waited_ms = 0;
	*batch = (struct tr_batch_view){
		.records = r->views,
		.n = n,
		.position = r->position.next,
	};
	return TR_READ_BATCH;
}

/* Only time spent waiting here counts: the caller may be slow. */
static int idle(
	struct rdkafka_reader *r, uint64_t since_ms, struct tr_error *err)
{
	r->waited_ms += tr_clock_mono_ms() - since_ms;
	if (r->waited_ms >= r->stall_ms)
		return explain_stall(r, err);
	return TR_READ_IDLE;
}

/* A range that goes on for long learns of lost input before its end. */
static int check_holes(
	struct rdkafka_reader *r, uint64_t now, struct tr_error *err)
{
	if (!tr_position_has_hole(&r->position) || r->position.ended ||
		now - r->hole_asked_ms < HOLE_CHECK_MS)
		return 0;
	return explain_holes(r, err);
}

static int reader_next(struct tr_reader *base, uint32_t timeout_ms,
	struct tr_batch_view *batch, struct tr_error *err)
{
	struct rdkafka_reader *r = self(base);
	uint64_t begin = tr_clock_mono_ms();
	uint64_t left = timeout_ms;

	tr_assert(r->started && r->lo == r->hi);
	int rc = check_holes(r, begin, err);
	while (rc == 0 && !r->position.ended) {
		if (r->hi == r->n && !fill(r, (uint32_t)left, &rc, err))
			return rc != 0 ? rc : idle(r, begin, err);
		size_t n = scan_records(r);
		if (n > 0)
			return hand_out(r, n, batch);
		messages_destroy(r, r->lo, r->hi);
		r->lo = r->hi;
		if (!r->position.ended && r->hi < r->n)
			rc = take_event(r, err);
		uint64_t passed = tr_clock_mono_ms() - begin;
		left = passed < timeout_ms ? timeout_ms - passed : 0;
	}
	return rc != 0 ? rc : end(r, err);
}

static void reader_release(struct tr_reader *base, struct tr_batch_view *batch)
{
	struct rdkafka_reader *r = self(base);

	messages_destroy(r, r->lo, r->hi);
	r->lo = r->hi;
	*batch = (struct tr_batch_view){ .n = 0 };
}

/* ---- ranges ---- */

static void range_reset(struct rdkafka_reader *r, const struct tr_range *range)
{
	tr_position_init(&r->position, range->from, range->until);
	r->started = true;
	r->complete = false;
	r->waited_ms = 0;
	r->hole_asked_ms = tr_clock_mono_ms();
	r->bytes = 0;
	r->digest = (struct tr_digest){ 0, 0 };
}

/* Whether the open stream stands exactly where the range begins. */
static bool continues(
	const struct rdkafka_reader *r, const struct tr_range *range)
{
	return r->stream.queue != NULL &&
	       r->stream.partition == range->partition &&
	       r->position.until == range->from &&
	       strcmp(r->stream.topic->name, range->topic) == 0;
}

static void start_warm(struct rdkafka_reader *r, const struct tr_range *range)
{
	range_reset(r, range);
	r->log_start_before = r->log_start;
	if (r->hi == r->n && r->stream.end >= 0)
		tr_position_meet_end(&r->position, r->stream.end);
}

/* The first fetch is under way while the log start is asked for. */
static int start_cold(struct rdkafka_reader *r, const struct tr_range *range,
	struct tr_error *err)
{
	struct topic *topic = NULL;
	int64_t log_start = -1;

	stream_close(r);
	range_reset(r, range);
	int rc = topic_find(r, range->topic, &topic, err);
	if (rc == 0)
		rc = stream_open(&r->stream, r->rk, topic, range, err);
	if (rc == 0)
		rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);
	if (rc == 0 && range->from < log_start)
		rc = input_gone(range->topic, range->partition, &r->position,
			range->from, log_start, err);
	r->log_start_before = r->log_start = log_start;
	r->started = rc == 0;
	if (rc != 0)
		stream_close(r);
	return rc;
}

static int reader_start(struct tr_reader *base, const struct tr_range *range,
	struct tr_error *err)
{
	struct rdkafka_reader *r = self(base);

	tr_assert(!r->started);
	if (range->from < 0 || range->until < range->from)
		return tr_error_set(err, TR_EINVAL,
			"topic '%s' partition %" PRId32 ": %" PRId64 ":%" PRId64
			" is no range",
			range->topic, range->partition, range->from,
			range->until);
	if (continues(r, range)) {
		start_warm(r, range);
		return 0;
	}
	if (range->from == range->until) {
		stream_close(r);
		range_reset(r, range);
		r->log_start_before = r->log_start = -1;
		return 0;
	}
	return start_cold(r, range, err);
}

static void reader_receipt(
	const struct tr_reader *base, struct tr_read_receipt *out)
{
	const struct rdkafka_reader *r = (const struct rdkafka_reader *)base;

	*out = (struct tr_read_receipt){
		.records = r->position.records,
		.bytes = r->bytes,
		.first_offset = r->position.first,
		.last_offset = r->position.last,
		.position = r->position.next,
		.complete = r->complete,
		.digest = r->digest,
		.log_start_before = r->log_start_before,
		.log_start_after = r->log_start,
		.duplicates = r->position.duplicates,
		.library = r->library,
	};
}

static void reader_stop(struct tr_reader *base)
{
	struct rdkafka_reader *r = self(base);

	tr_assert(r->lo == r->hi);
	r->started = false;
	if (!r->complete)
		stream_close(r);
}

static void reader_cool(struct tr_reader *base)
{
	struct rdkafka_reader *r = self(base);

	tr_assert(!r->started);
	stream_close(r);
}

static void reader_close(struct tr_reader *base)
{
	struct rdkafka_reader *r = self(base);

	messages_destroy(r, r->lo, r->hi);
	stream_close(r);
	for (size_t i = 0; i < r->n_topics; i++) {
		rd_kafka_topic_destroy(r->topics[i]->rkt);
		free(r->topics[i]->name);
		free(r->topics[i]);
	}
	free(r->topics);
	tr_header_table_fini(&r->headers);
	if (r->rk != NULL)
		rd_kafka_destroy_flags(
			r->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(r);
}

static const struct tr_reader_ops ops = {
	.start = reader_start,
	.next = reader_next,
	.release = reader_release,
	.receipt = reader_receipt,
	.stop = reader_stop,
	.cool = reader_cool,
	.close = reader_close,
};

int tr_rdkafka_reader_open(struct tr_reader **out,
	const struct tr_rdkafka_reader_opts *opts, struct tr_error *err)
{
	struct rdkafka_reader *r = tr_xcalloc(1, sizeof(*r));

	r->base.ops = &ops;
	r->stall_ms = opts->stall_ms != 0 ? opts->stall_ms : TR_READER_STALL_MS;
	snprintf(r->library, sizeof(r->library), "librdkafka %s",
		rd_kafka_version_str());
	tr_kafka_watch_init(&r->watch, opts->kafka.brokers);
	int rc = tr_kafka_consumer_open(
		&r->rk, TR_KAFKA_READER, &opts->kafka, &r->watch, err);
	if (rc != 0) {
		reader_close(&r->base);
		return rc;
	}
	*out = &r->base;
	return 0;
}
