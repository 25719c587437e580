/*
 * A range is read from a stream (rdkafka_stream.h) that outlives it, so that
 * the next range of the partition goes on with what was read ahead.
 *
 * A message that is no record (end of the log, error) ends a batch before it:
 * records come before the error that follows them.
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
#include "executor/reader/rdkafka_stream.h"
#include "executor/reader/rdkafka_view.h"

enum {
	HOLE_CHECK_MS = 500,
	REOPENS_MAX = 3, /* of one range, after a doubtful "out of range" */
};

struct rdkafka_reader {
	struct tr_reader base;
	rd_kafka_t *rk;
	struct tr_kafka_watch watch;
	uint32_t stall_ms;
	char library[32];

	struct tr_stream stream;
	struct tr_position position;
	int64_t end; /* newest end of the stream's log seen, or -1 */
	bool started;
	bool complete;
	uint64_t waited_ms; /* in vain, since the last record */
	uint64_t hole_asked_ms;
	unsigned reopened; /* times, in this range */
	int64_t log_start_before;
	int64_t log_start;
	uint64_t bytes;
	struct tr_digest digest;

	struct tr_record_view views[TR_READER_BATCH_RECORDS];
	struct tr_header_table headers;
};

static struct rdkafka_reader *self(struct tr_reader *r)
{
	return (struct rdkafka_reader *)r;
}

/* ---- asking the broker about the partition ---- */

static int ask_here(struct rdkafka_reader *r, enum tr_offset_spec spec,
	int64_t *offset, struct tr_error *err)
{
	struct tr_offset_query q = {
		.topic = tr_stream_topic(&r->stream),
		.partition = r->stream.partition,
		.spec = spec,
	};
	int rc = tr_kafka_offsets_find(
		r->rk, &r->watch, &q, 1, TR_KAFKA_ASK_MS, err);

	if (rc == 0)
		*offset = q.offset;
	return rc;
}

static int input_gone(struct rdkafka_reader *r, int64_t lost, int64_t log_start,
	struct tr_error *err)
{
	r->log_start = log_start;
	return tr_error_set(err, TR_EINPUT_GONE,
		"topic '%s' partition %" PRId32 ": wanted %" PRId64 ":%" PRId64
		", the log starts at %" PRId64 " now; lost from %" PRId64,
		tr_stream_topic(&r->stream), r->stream.partition,
		r->position.from, r->position.until, log_start, lost);
}

static int truncated(
	const struct rdkafka_reader *r, int64_t end, struct tr_error *err)
{
	return tr_error_set(err, TR_ETRUNCATED,
		"topic '%s' partition %" PRId32 ": wanted %" PRId64 ":%" PRId64
		", the log ends at %" PRId64
		" now: it was cut short or made anew",
		tr_stream_topic(&r->stream), r->stream.partition,
		r->position.from, r->position.until, end);
}

static int take_log_start(
	struct rdkafka_reader *r, int64_t log_start, struct tr_error *err)
{
	r->log_start = log_start;
	r->hole_asked_ms = tr_clock_mono_ms();
	if (tr_position_explain(&r->position, log_start))
		return 0;
	return input_gone(r, r->position.hole, log_start, err);
}

static int explain_holes(struct rdkafka_reader *r, struct tr_error *err)
{
	int64_t log_start;
	int rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);

	return rc != 0 ? rc : take_log_start(r, log_start, err);
}

/*
 * OFFSET_OUT_OF_RANGE: on which side? Right after records were deleted a broker
 * has been seen to say so of an offset that the log has, and to have it when
 * asked: then the range goes on where it was, in a fetch of its own.
 */
static int meet_out_of_range(struct rdkafka_reader *r, struct tr_error *err)
{
	int64_t log_start, end;
	int rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);

	if (rc == 0)
		rc = ask_here(r, TR_OFFSET_LATEST, &end, err);
	if (rc != 0)
		return rc;
	if (r->position.next < log_start)
		return input_gone(r, r->position.next, log_start, err);
	if (end < r->position.until || r->reopened == REOPENS_MAX)
		return truncated(r, end, err);
	r->reopened++;
	/* The name lives as long as the handle, not only the stream. */
	const char *topic = tr_stream_topic(&r->stream);
	int32_t partition = r->stream.partition;
	tr_stream_close(&r->stream);
	return tr_stream_open(
		&r->stream, topic, partition, r->position.next, err);
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
		tr_stream_topic(&r->stream), r->stream.partition,
		r->position.next, r->stall_ms, end);
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

/* One that a worker can hold; anything else is an event. */
static bool is_record(const rd_kafka_message_t *m)
{
	return m->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
	       m->key_len <= TR_KEY_MAX && m->len <= TR_VALUE_MAX;
}

/*
 * Fills views with waiting records, up to the first event, the end of the
 * range, or the last message. Records that came twice are passed over.
 */
static size_t scan_records(struct rdkafka_reader *r)
{
	const rd_kafka_message_t *m;
	size_t n = 0;

	tr_header_table_reset(&r->headers);
	while (!r->position.ended && (m = tr_stream_peek(&r->stream)) != NULL &&
		is_record(m)) {
		struct tr_record_view *view = &r->views[n];

		if (!tr_record_view_fill(view, &r->headers, m))
			break;
		enum tr_position_verdict verdict =
			tr_position_meet(&r->position, m->offset);
		if (verdict == TR_POSITION_BEYOND)
			break;
		tr_stream_pass(&r->stream);
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

	if (ours == TR_EAGAIN)
		return 0;
	return tr_error_set(err, ours,
		"topic '%s' partition %" PRId32 " after offset %" PRId64 ": %s",
		tr_stream_topic(&r->stream), r->stream.partition,
		r->position.next - 1, text);
}

static int too_large(struct rdkafka_reader *r, const rd_kafka_message_t *m,
	struct tr_error *err)
{
	bool key = m->key_len > TR_KEY_MAX;

	return tr_error_set(err, TR_ELIMIT,
		"topic '%s' partition %" PRId32 " offset %" PRId64
		": a %s of %zu bytes, the limit is %" PRIu64,
		tr_stream_topic(&r->stream), r->stream.partition, m->offset,
		key ? "key" : "value", key ? m->key_len : m->len,
		key ? TR_KEY_MAX : TR_VALUE_MAX);
}

/* The first waiting message is no record to hand out. */
static int meet_event(struct rdkafka_reader *r, struct tr_error *err)
{
	const rd_kafka_message_t *m = tr_stream_peek(&r->stream);
	int rc = 0;

	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		r->end = m->offset;
		tr_position_meet_end(&r->position, m->offset);
	} else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (tr_position_is_wanted(&r->position, m->offset))
			return too_large(r, m, err);
		if (tr_position_meet(&r->position, m->offset) ==
			TR_POSITION_BEYOND)
			return 0; /* it waits for its own range */
	} else if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
		return meet_out_of_range(r, err); /* m is gone */
	} else {
		rc = event_error(r, m, err);
	}
	tr_stream_pass(&r->stream);
	tr_stream_release(&r->stream);
	return rc;
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
	rd_kafka_poll(r->rk, 0);
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

/* New messages for the stream: TR_READ_BATCH, TR_READ_IDLE or an error. */
static int refill(
	struct rdkafka_reader *r, uint32_t timeout_ms, struct tr_error *err)
{
	int64_t log_start = -1;
	bool filled = tr_stream_fill(&r->stream, timeout_ms, &log_start);

	if (log_start >= 0) {
		int rc = take_log_start(r, log_start, err);
		if (rc != 0)
			return rc;
	}
	return filled ? TR_READ_BATCH : TR_READ_IDLE;
}

static int reader_next(struct tr_reader *base, uint32_t timeout_ms,
	struct tr_batch_view *batch, struct tr_error *err)
{
	struct rdkafka_reader *r = self(base);
	uint64_t begin = tr_clock_mono_ms();
	uint64_t left = timeout_ms;

	tr_assert(r->started && !tr_stream_is_out(&r->stream));
	int rc = check_holes(r, begin, err);
	while (rc >= 0 && !r->position.ended) {
		if (tr_stream_peek(&r->stream) == NULL)
			rc = refill(r, (uint32_t)left, err);
		if (rc < 0)
			return rc;
		if (tr_stream_peek(&r->stream) == NULL)
			return idle(r, begin, err);
		size_t n = scan_records(r);
		if (n > 0)
			return hand_out(r, n, batch);
		tr_stream_release(&r->stream);
		if (!r->position.ended && tr_stream_peek(&r->stream) != NULL)
			rc = meet_event(r, err);
		uint64_t passed = tr_clock_mono_ms() - begin;
		left = passed < timeout_ms ? timeout_ms - passed : 0;
	}
	return rc < 0 ? rc : end(r, err);
}

static void reader_release(struct tr_reader *base, struct tr_batch_view *batch)
{
	tr_stream_release(&self(base)->stream);
	*batch = (struct tr_batch_view){ .n = 0 };
}

/* ---- ranges ---- */

static void range_reset(struct rdkafka_reader *r, const struct tr_range *range)
{
	tr_position_init(&r->position, range->from, range->until);
	r->started = true;
	r->complete = false;
	r->reopened = 0;
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
	       strcmp(tr_stream_topic(&r->stream), range->topic) == 0;
}

static void start_warm(struct rdkafka_reader *r, const struct tr_range *range)
{
	range_reset(r, range);
	r->log_start_before = r->log_start;
	if (tr_stream_peek(&r->stream) == NULL && r->end >= 0)
		tr_position_meet_end(&r->position, r->end);
}

/* The first fetch is under way while the log start is asked for. */
static int start_cold(struct rdkafka_reader *r, const struct tr_range *range,
	struct tr_error *err)
{
	int64_t log_start = -1;

	tr_stream_close(&r->stream);
	range_reset(r, range);
	r->end = -1;
	int rc = tr_stream_open(
		&r->stream, range->topic, range->partition, range->from, err);
	if (rc == 0)
		rc = ask_here(r, TR_OFFSET_EARLIEST, &log_start, err);
	if (rc == 0 && range->from < log_start)
		rc = input_gone(r, range->from, log_start, err);
	r->log_start_before = r->log_start = log_start;
	r->started = rc == 0;
	if (rc != 0)
		tr_stream_close(&r->stream);
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
		tr_stream_close(&r->stream);
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

	tr_assert(!tr_stream_is_out(&r->stream));
	r->started = false;
	if (!r->complete)
		tr_stream_close(&r->stream);
}

static void reader_cool(struct tr_reader *base)
{
	struct rdkafka_reader *r = self(base);

	tr_assert(!r->started);
	tr_stream_close(&r->stream);
}

static void reader_close(struct tr_reader *base)
{
	struct rdkafka_reader *r = self(base);

	tr_stream_fini(&r->stream);
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
	r->stream.rk = r->rk;
	*out = &r->base;
	return 0;
}
