/*
 * Loads a topic with generated lines (tests/support/gen.h) for the benches.
 *
 *   bench_load BROKERS TOPIC PARTITIONS LINES
 *
 * Makes the topic. Prints what was put in: `lines=N bytes=N words=N`.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "tests/support/gen.h"

static void set(rd_kafka_conf_t *c, const char *name, const char *value)
{
	char text[256];
	if (rd_kafka_conf_set(c, name, value, text, sizeof(text)) !=
		RD_KAFKA_CONF_OK) {
		fprintf(stderr, "bench_load: %s\n", text);
		exit(1);
	}
}

static uint64_t failures;

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
	(void)rk;
	(void)arg;
	failures += m->err != 0;
}

static void make_topic(rd_kafka_t *rk, const char *topic, int partitions)
{
	char text[256];
	rd_kafka_NewTopic_t *t =
		rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof(text));
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_CreateTopics(rk, &t, 1, NULL, q);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 10000);
	size_t n = 0;
	const rd_kafka_topic_result_t **results = NULL;
	if (ev)
		results = rd_kafka_CreateTopics_result_topics(
			rd_kafka_event_CreateTopics_result(ev), &n);
	if (n != 1 || rd_kafka_topic_result_error(results[0])) {
		fprintf(stderr, "bench_load: cannot make topic '%s'\n", topic);
		exit(1);
	}
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	rd_kafka_NewTopic_destroy(t);
}

int main(int argc, char **argv)
{
	char text[512], line[TR_GEN_LINE_MAX];
	struct tr_gen gen;
	if (argc != 5) {
		fprintf(stderr,
			"usage: bench_load BROKERS TOPIC PARTITIONS LINES\n");
		return 2;
	}
	int partitions = (int)strtol(argv[3], NULL, 10);
	uint64_t lines = strtoull(argv[4], NULL, 10);
	rd_kafka_conf_t *c = rd_kafka_conf_new();
	set(c, "bootstrap.servers", argv[1]);
	set(c, "linger.ms", "50");
	set(c, "batch.num.messages", "100000");
	set(c, "batch.size", "1000000");
	set(c, "queue.buffering.max.messages", "1000000");
	rd_kafka_conf_set_dr_msg_cb(c, delivered);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, c, text, sizeof(text));
	if (!rk) {
		fprintf(stderr, "bench_load: %s\n", text);
		return 1;
	}
	make_topic(rk, argv[2], partitions);
	rd_kafka_topic_t *t = rd_kafka_topic_new(rk, argv[2], NULL);
	tr_gen_init(&gen, 1);
	for (uint64_t i = 0; i < lines; i++) {
		size_t n = tr_gen_line(&gen, line);
		/* Runs of 1000 lines per partition make full batches. */
		int32_t p = (int32_t)(i / 1000 % (uint64_t)partitions);
		while (rd_kafka_produce(t, p, RD_KAFKA_MSG_F_COPY, line, n,
			       NULL, 0, NULL) != 0)
			rd_kafka_poll(rk, 10);
		if (i % 10000 == 0)
			rd_kafka_poll(rk, 0);
	}
	if (rd_kafka_flush(rk, 120000) != 0 || failures) {
		fprintf(stderr, "bench_load: %" PRIu64 " lines not delivered\n",
			failures);
		return 1;
	}
	printf("lines=%" PRIu64 " bytes=%" PRIu64 " words=%" PRIu64 "\n",
		gen.lines, gen.bytes, gen.words);
	return 0;
}
