/*
 * What Tranche is measured against: loops on bare librdkafka, with the same
 * properties that Tranche's reader uses (common/kafka/conf.h), written by hand
 * for the one thing they do.
 *
 *   bench_peer count  BROKERS TOPIC PARTITIONS   count records
 *   bench_peer digest BROKERS TOPIC PARTITIONS   and hash each as a receipt
 * does bench_peer words  BROKERS TOPIC PARTITIONS   and count words
 *
 * Prints one line: `records=N words=N distinct=N`. Time it from outside.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "common/base/check.h"
#include "common/data/digest.h"
#include "common/kafka/conf.h"

enum {
	BATCH = 10000,
	POLL_MS = 100,
	SLOTS = 1 << 20, /* of the word table; a power of two */
	/*
	 * 64 MB of read-ahead for each loop: below that a bare librdkafka 2.0.2
	 * waits in steps of a second, which Tranche's reader avoids.
	 */
	WINDOW = 288 << 20,
	WORD_INLINE = 24,
};

struct word {
	uint32_t len; /* 0: free */
	char text[WORD_INLINE];
	const char *longer; /* words beyond the inline bytes */
	uint64_t count;
};

struct bench {
	uint64_t records, words, distinct;
	struct tr_digest digest;
	struct word *table;
};

static uint64_t hash(const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
	return h ^ (h >> 29);
}

static void add_word(struct bench *b, const char *p, size_t n)
{
	b->words++;
	for (uint64_t i = hash(p, n);; i++) {
		struct word *w = &b->table[i & (SLOTS - 1)];
		const char *have = w->longer ? w->longer : w->text;
		if (w->len == n && memcmp(have, p, n) == 0) {
			w->count++;
			return;
		}
		if (w->len)
			continue;
		w->len = (uint32_t)n;
		w->count = 1;
		b->distinct++;
		if (n <= WORD_INLINE)
			memcpy(w->text, p, n);
		else
			w->longer = strndup(p, n);
		return;
	}
}

static void split(struct bench *b, const char *p, size_t n)
{
	size_t i = 0;
	while (i < n) {
		while (i < n && (p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r')))
			i++;
		size_t start = i;
		while (i < n &&
			!(p[i] == ' ' || (p[i] >= '\t' && p[i] <= '\r')))
			i++;
		if (i > start)
			add_word(b, p + start, i - start);
	}
}

static void take(struct bench *b, const rd_kafka_message_t *m, char mode)
{
	b->records++;
	if (mode == 'd') {
		/* The digest covers headers, so somebody must look. */
		rd_kafka_headers_t *headers;
		tr_assert(rd_kafka_message_headers(m, &headers) != 0);
		struct tr_record_content c = { .offset = m->offset,
			.timestamp_ms = rd_kafka_message_timestamp(m, NULL),
			.key = { m->key, m->key_len },
			.value = { m->payload, m->len } };
		tr_digest_add_record(&b->digest, &c);
	} else if (mode == 'w') {
		split(b, m->payload, m->len);
	}
}

/* Reads until the end of each partition has been seen once. */
static void read_all(
	struct bench *b, rd_kafka_queue_t *q, int partitions, char mode)
{
	static rd_kafka_message_t *batch[BATCH];
	while (partitions > 0) {
		ssize_t n = rd_kafka_consume_batch_queue(q, 0, batch, BATCH);
		if (n <= 0) {
			batch[0] = rd_kafka_consume_queue(q, POLL_MS);
			n = batch[0] ? 1 : 0;
		}
		for (ssize_t i = 0; i < n; i++) {
			if (batch[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
				partitions--;
			else if (batch[i]->err)
				exit(1);
			else
				take(b, batch[i], mode);
			rd_kafka_message_destroy(batch[i]);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr,
			"usage: bench_peer count|digest|words BROKERS TOPIC "
			"PARTITIONS\n");
		return 2;
	}
	struct bench b = { 0 };
	struct tr_kafka_conf conf = { .brokers = argv[2], .window = WINDOW };
	struct tr_kafka_watch watch;
	struct tr_error err;
	rd_kafka_conf_t *rc;
	char text[512];
	int partitions = (int)strtol(argv[4], NULL, 10);
	b.table = calloc(SLOTS, sizeof(*b.table));
	tr_assert(b.table != NULL);
	tr_kafka_watch_init(&watch, argv[2]);
	if (tr_kafka_conf_build(&rc, TR_KAFKA_READER, &conf, &watch, &err)) {
		fprintf(stderr, "bench_peer: %s\n", err.text);
		return 1;
	}
	rd_kafka_t *rk =
		rd_kafka_new(RD_KAFKA_CONSUMER, rc, text, sizeof(text));
	tr_assert(rk != NULL);
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, argv[3], NULL);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	for (int p = 0; p < partitions; p++)
		rd_kafka_consume_start_queue(
			rkt, p, RD_KAFKA_OFFSET_BEGINNING, q);
	read_all(&b, q, partitions, argv[1][0]);
	printf("records=%" PRIu64 " words=%" PRIu64 " distinct=%" PRIu64
	       " digest=%016" PRIx64 "\n",
		b.records, b.words, b.distinct, b.digest.lo);
	fflush(stdout);
	/* Tearing the handle down is no part of what is compared. */
	_Exit(0);
}
