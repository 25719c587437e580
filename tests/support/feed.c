#include "tests/support/feed.h"

#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "tests/support/test.h"

enum {
	WAIT_MS = 60000,
	TOPICS_MAX = 64,
};

struct tr_feed {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topics[TOPICS_MAX];
	size_t n_topics;
	size_t n_failed;
	rd_kafka_resp_err_t failed;
};

static void on_delivery(
	rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct tr_feed *f = opaque;

	(void)rk;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	f->n_failed++;
	f->failed = m->err;
}

static void on_log(
	const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level, (void)fac, (void)text;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != 0)
		fail_msg("%s", text);
}

static void set_property(rd_kafka_conf_t *conf, const char *property)
{
	char name[128];
	const char *eq = strchr(property, '=');

	assert_non_null(eq);
	assert_true((size_t)(eq - property) < sizeof(name));
	memcpy(name, property, (size_t)(eq - property));
	name[eq - property] = '\0';
	set(conf, name, eq + 1);
}

static void check(rd_kafka_error_t *error, const char *what)
{
	if (error != NULL)
		fail_msg("%s: %s", what, rd_kafka_error_string(error));
}

struct tr_feed *tr_feed_open(const char *brokers, const char *const *props)
{
	struct tr_feed *f = tr_xcalloc(1, sizeof(*f));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	bool transactional = false;
	char text[256];

	set(conf, "bootstrap.servers", brokers);
	/* Only a flush sends. */
	set(conf, "linger.ms", "10000");
	set(conf, "batch.num.messages", "1000000");
	set(conf, "batch.size", "8000000");
	set(conf, "message.max.bytes", "20000000");
	set(conf, "queue.buffering.max.messages", "10000000");
	set(conf, "socket.nagle.disable", "true");
	for (; props != NULL && *props != NULL; props++) {
		set_property(conf, *props);
		transactional |= strncmp(*props, "transactional.id=", 17) == 0;
	}
	rd_kafka_conf_set_opaque(conf, f);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_log_cb(conf, on_log);
	f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (f->rk == NULL)
		fail_msg("%s", text);
	if (transactional)
		check(rd_kafka_init_transactions(f->rk, WAIT_MS),
			"init_transactions");
	return f;
}

void tr_feed_close(struct tr_feed *f)
{
	rd_kafka_purge(
		f->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	for (size_t i = 0; i < f->n_topics; i++)
		rd_kafka_topic_destroy(f->topics[i]);
	rd_kafka_destroy(f->rk);
	free(f);
}

/*
 * Known before the first record: librdkafka 2.0.2 waits a second when a record
 * is the first it hears of a topic.
 */
static rd_kafka_topic_t *topic_find(struct tr_feed *f, const char *name)
{
	const struct rd_kafka_metadata *md;

	for (size_t i = 0; i < f->n_topics; i++) {
		if (strcmp(rd_kafka_topic_name(f->topics[i]), name) == 0)
			return f->topics[i];
	}
	assert_true(f->n_topics < TOPICS_MAX);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(f->rk, name, NULL);
	assert_int_equal(rd_kafka_metadata(f->rk, 0, topic, &md, WAIT_MS), 0);
	rd_kafka_metadata_destroy(md);
	f->topics[f->n_topics++] = topic;
	return topic;
}

static rd_kafka_headers_t *headers_of(const struct tr_feed_record *record)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(record->n_headers);

	for (size_t i = 0; i < record->n_headers; i++) {
		const struct tr_header_view *h = &record->headers[i];
		rd_kafka_header_add(headers, (const char *)h->name.p,
			(ssize_t)h->name.n, h->value.p, (ssize_t)h->value.n);
	}
	return headers;
}

/* librdkafka takes what it copies without const. */
static void *mutable(struct tr_slice bytes)
{
	union {
		const uint8_t *in;
		void *out;
	} p = { .in = bytes.p };

	return p.out;
}

static rd_kafka_resp_err_t try_put(struct tr_feed *f, rd_kafka_topic_t *topic,
	int32_t partition, const struct tr_feed_record *record)
{
	rd_kafka_vu_t vus[] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition },
		{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS,
			.u.i = RD_KAFKA_MSG_F_COPY },
		{ .vtype = RD_KAFKA_VTYPE_KEY,
			.u.mem = { mutable(record->key), record->key.n } },
		{ .vtype = RD_KAFKA_VTYPE_VALUE,
			.u.mem = { mutable(record->value), record->value.n } },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP,
			.u.i64 = record->timestamp_ms },
		{ .vtype = RD_KAFKA_VTYPE_HEADERS,
			.u.headers = headers_of(record) },
	};
	rd_kafka_error_t *error =
		rd_kafka_produceva(f->rk, vus, TR_ARRAY_LEN(vus));
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (error != NULL) {
		code = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
		rd_kafka_headers_destroy(vus[6].u.headers);
	}
	return code;
}

void tr_feed_put(struct tr_feed *f, const char *topic, int32_t partition,
	const struct tr_feed_record *record)
{
	rd_kafka_topic_t *rkt = topic_find(f, topic);
	rd_kafka_resp_err_t code = try_put(f, rkt, partition, record);

	while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
		tr_feed_flush(f);
		code = try_put(f, rkt, partition, record);
	}
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		fail_msg("produce: %s", rd_kafka_err2str(code));
}

void tr_feed_put_text(struct tr_feed *f, const char *topic, int32_t partition,
	const char *value)
{
	tr_feed_put(f, topic, partition,
		&(struct tr_feed_record){ .value = tr_slice_of_text(value) });
}

void tr_feed_flush(struct tr_feed *f)
{
	assert_int_equal(rd_kafka_flush(f->rk, WAIT_MS), 0);
	if (f->n_failed > 0)
		fail_msg("%zu records were refused: %s", f->n_failed,
			rd_kafka_err2str(f->failed));
}

void tr_feed_begin(struct tr_feed *f)
{
	check(rd_kafka_begin_transaction(f->rk), "begin_transaction");
}

void tr_feed_commit(struct tr_feed *f)
{
	tr_feed_flush(f);
	check(rd_kafka_commit_transaction(f->rk, WAIT_MS),
		"commit_transaction");
}

void tr_feed_abort(struct tr_feed *f)
{
	tr_feed_flush(f);
	check(rd_kafka_abort_transaction(f->rk, WAIT_MS), "abort_transaction");
}
