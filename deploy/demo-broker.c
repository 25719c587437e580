/*
 * tranche-demo-broker: a Kafka broker for trying things out, in one process.
 *
 * It is librdkafka's mock cluster with a topic of text lines in it: loopback
 * only, nothing on disk, no transactions, at most 5 MiB (compressed) of each
 * partition. It says where it is and what it holds, and stays until its stdin
 * ends or a signal comes:
 *
 *     bootstrap=127.0.0.1:40123
 *     topic=lines partitions=4 records=100000 words=1561200
 *     ready
 *
 * Lines come from a file, or are generated; what was generated is counted on
 * the way, so that a result can be compared with something that no part of
 * Tranche has counted (--counts).
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "common/base/check.h"
#include "common/base/rng.h"

enum {
	EXIT_USAGE = 2,
	WAIT_MS = 30000,
	PARTITIONS_MAX = 10000,
	LINE_BYTES = 90,
	LINE_MAX = 160,
	/* The mock cluster answers a fetch with one message set. */
	SET_BYTES = 1000000,
};

static const char *const words[] = { "the", "of", "and", "a", "to", "in", "is",
	"river", "stone", "you", "that", "it", "he", "was", "for", "on", "are",
	"as", "with", "his", "they", "light", "at", "be", "this", "have",
	"from", "or", "one", "had", "by", "word", "but", "not", "what", "all",
	"were", "we", "when", "your", "can", "said", "there", "use", "an",
	"each", "which", "she", "do", "how", "their", "if", "will", "up",
	"other", "about", "out", "many", "then", "them", "these", "so", "some",
	"her", "would", "make", "like", "him", "into", "time", "has", "look",
	"two", "more", "write", "go", "see", "number", "no", "way", "could",
	"people", "my", "than", "first", "water", "been", "call", "who", "oil",
	"its", "now", "find", "long", "down", "day", "did", "get", "come",
	"made", "may", "part" };

struct options {
	const char *topic;
	int partitions;
	uint64_t generate;
	uint64_t seed;
	const char *file;
	const char *counts;
	int rtt_ms;
};

struct demo {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_topic_t *topic;
	struct options opts;
	uint64_t records;
	uint64_t n_words;
	uint64_t counts[TR_ARRAY_LEN(words)];
	uint64_t refused;
};

static const char usage[] =
	"usage: tranche-demo-broker [OPTIONS]\n"
	"a Kafka broker with a topic of lines, for trying things out\n"
	"\n"
	"  -t, --topic NAME       topic to create (lines)\n"
	"  -p, --partitions N     its partitions (4)\n"
	"  -n, --generate N       fill it with N generated lines (100000)\n"
	"  -s, --seed N           of the generated lines (1)\n"
	"      --counts FILE      write each word's true count there\n"
	"  -f, --file FILE        fill it with the lines of FILE instead\n"
	"      --rtt MS           answer every request that much later\n"
	"  -h, --help\n"
	"\n"
	"stays until its stdin ends or a signal comes\n";

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "tranche-demo-broker: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

/* ---- options ---- */

static bool parse_number(
	const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || *text == '-')
		return false;
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

enum {
	OPT_COUNTS = 256,
	OPT_RTT
};

static bool parse_option(struct options *o, int opt, const char *value)
{
	uint64_t n;

	switch (opt) {
	case 't':
		o->topic = value;
		return true;
	case 'p':
		if (!parse_number(value, 1, PARTITIONS_MAX, &n))
			return false;
		o->partitions = (int)n;
		return true;
	case 'n':
		return parse_number(value, 0, UINT32_MAX, &o->generate);
	case 's':
		return parse_number(value, 0, UINT64_MAX, &o->seed);
	case 'f':
		o->file = value;
		return true;
	case OPT_COUNTS:
		o->counts = value;
		return true;
	case OPT_RTT:
		if (!parse_number(value, 0, 60000, &n))
			return false;
		o->rtt_ms = (int)n;
		return true;
	default:
		return false;
	}
}

/* 0, or the exit status plus one. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "topic", required_argument, NULL, 't' },
		{ "partitions", required_argument, NULL, 'p' },
		{ "generate", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "file", required_argument, NULL, 'f' },
		{ "counts", required_argument, NULL, OPT_COUNTS },
		{ "rtt", required_argument, NULL, OPT_RTT },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	*o = (struct options){
		.topic = "lines", .partitions = 4, .generate = 100000, .seed = 1
	};
	while ((opt = getopt_long(argc, argv, "t:p:n:s:f:h", longs, NULL)) !=
		-1) {
		if (opt == 'h') {
			fputs(usage, stdout);
			return 1 + EXIT_SUCCESS;
		}
		if (parse_option(o, opt, optarg))
			continue;
		if (opt != '?')
			fprintf(stderr,
				"tranche-demo-broker: '%s' is no value for "
				"this option\n",
				optarg);
		fputs("try 'tranche-demo-broker --help'\n", stderr);
		return 1 + EXIT_USAGE;
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "tranche-demo-broker: unknown argument '%s'\n",
		argv[optind]);
	return 1 + EXIT_USAGE;
}

/* ---- the cluster ---- */

static void on_delivery(
	rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct demo *d = opaque;

	(void)rk;
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		d->refused++;
}

static void on_log(
	const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	(void)rk, (void)level, (void)fac, (void)text;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char text[256];

	if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) !=
		RD_KAFKA_CONF_OK)
		complain(name, text);
}

static int start(struct demo *d)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];

	set(conf, "test.mock.num.brokers", "1");
	set(conf, "compression.codec", "lz4");
	set(conf, "linger.ms", "200");
	set(conf, "batch.num.messages", "100000");
	snprintf(text, sizeof(text), "%d", SET_BYTES);
	set(conf, "batch.size", text);
	set(conf, "queue.buffering.max.messages", "1000000");
	rd_kafka_conf_set_opaque(conf, d);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_log_cb(conf, on_log);
	d->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (d->rk == NULL) {
		rd_kafka_conf_destroy(conf);
		return complain("cannot start", text);
	}
	d->cluster = rd_kafka_handle_mock_cluster(d->rk);
	if (rd_kafka_mock_topic_create(d->cluster, d->opts.topic,
		    d->opts.partitions, 1) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return complain(d->opts.topic, "no topic can have this name");
	d->topic = rd_kafka_topic_new(d->rk, d->opts.topic, NULL);
	return 0;
}

static void stop(struct demo *d)
{
	if (d->topic != NULL)
		rd_kafka_topic_destroy(d->topic);
	if (d->rk != NULL)
		rd_kafka_destroy(d->rk);
}

/* ---- its lines ---- */

static int put(struct demo *d, char *line, size_t n)
{
	int32_t partition =
		(int32_t)(d->records % (uint64_t)d->opts.partitions);

	while (rd_kafka_produce(d->topic, partition, RD_KAFKA_MSG_F_COPY, line,
		       n, NULL, 0, NULL) != 0) {
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return complain("cannot take a line",
				rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(d->rk, 100);
	}
	d->records++;
	if (d->records % 1024 == 0)
		rd_kafka_poll(d->rk, 0);
	return 0;
}

static size_t generate_line(
	struct demo *d, struct tr_rng *rng, char line[LINE_MAX])
{
	size_t n = 0;

	while (n < LINE_BYTES) {
		/* The first words come more often, as in any text. */
		uint64_t bound = tr_rng_below(rng, TR_ARRAY_LEN(words)) + 1;
		size_t i = (size_t)tr_rng_below(rng, bound);
		int wrote = snprintf(line + n, LINE_MAX - n, "%s%s",
			n > 0 ? " " : "", words[i]);
		n += (size_t)wrote;
		d->counts[i]++;
		d->n_words++;
	}
	return n;
}

static int load_generated(struct demo *d)
{
	struct tr_rng rng;
	char line[LINE_MAX];
	int rc = 0;

	tr_rng_init(&rng, d->opts.seed);
	for (uint64_t i = 0; rc == 0 && i < d->opts.generate; i++) {
		size_t n = generate_line(d, &rng, line);
		rc = put(d, line, n);
	}
	return rc;
}

static int load_file(struct demo *d)
{
	FILE *in = fopen(d->opts.file, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	if (in == NULL)
		return complain(d->opts.file, strerror(errno));
	while (rc == 0 && (n = getline(&line, &cap, in)) >= 0) {
		if (n > 0 && line[n - 1] == '\n')
			n--;
		rc = put(d, line, (size_t)n);
	}
	if (rc == 0 && ferror(in))
		rc = complain(d->opts.file, strerror(errno));
	free(line);
	fclose(in);
	return rc;
}

static int write_counts(const struct demo *d)
{
	FILE *out = fopen(d->opts.counts, "we");

	if (out == NULL)
		return complain(d->opts.counts, strerror(errno));
	for (size_t i = 0; i < TR_ARRAY_LEN(words); i++) {
		if (d->counts[i] > 0)
			fprintf(out, "%s\t%" PRIu64 "\n", words[i],
				d->counts[i]);
	}
	if (fclose(out) != 0)
		return complain(d->opts.counts, strerror(errno));
	return 0;
}

/* The mock cluster drops a partition's oldest sets without a word. */
static int check_all_kept(struct demo *d)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(d->opts.partitions);
	int rc = 0;

	for (int i = 0; i < d->opts.partitions; i++)
		rd_kafka_topic_partition_list_add(list, d->opts.topic, i)
			->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (rd_kafka_offsets_for_times(d->rk, list, WAIT_MS) != 0)
		rc = complain(d->opts.topic, "cannot be looked at");
	for (int i = 0; rc == 0 && i < list->cnt; i++) {
		if (list->elems[i].offset != 0)
			rc = complain(d->opts.topic,
				"more than 5 MiB for a partition: give fewer "
				"lines or more --partitions");
	}
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

static int load(struct demo *d)
{
	int rc = d->opts.file != NULL ? load_file(d) : load_generated(d);

	if (rc != 0)
		return rc;
	rd_kafka_flush(d->rk, WAIT_MS);
	if (d->refused > 0 || rd_kafka_outq_len(d->rk) > 0)
		return complain(d->opts.topic, "not all lines were taken");
	rc = check_all_kept(d);
	if (rc == 0 && d->opts.counts != NULL)
		rc = write_counts(d);
	if (rc == 0 && d->opts.rtt_ms > 0)
		rd_kafka_mock_broker_set_rtt(d->cluster, 1, d->opts.rtt_ms);
	return rc;
}

/* ---- */

static void announce(const struct demo *d)
{
	printf("bootstrap=%s\n", rd_kafka_mock_cluster_bootstraps(d->cluster));
	printf("topic=%s partitions=%d records=%" PRIu64, d->opts.topic,
		d->opts.partitions, d->records);
	if (d->opts.file == NULL)
		printf(" words=%" PRIu64, d->n_words);
	printf("\nready\n");
	fflush(stdout);
}

static void wait_for_end(int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	char rest[4096];

	for (;;) {
		if (poll(fds, TR_ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0)
			return;
		if (fds[1].revents != 0 &&
			read(STDIN_FILENO, rest, sizeof(rest)) <= 0)
			return;
	}
}

/* Before any thread exists, so that all of them leave the signals to poll. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
	struct demo demo = { .rk = NULL };
	int rc = parse_options(&demo.opts, argc, argv);

	if (rc != 0)
		return rc - 1;
	int signals = take_signals();
	rc = start(&demo);
	if (rc == 0)
		rc = load(&demo);
	if (rc == 0) {
		announce(&demo);
		wait_for_end(signals);
	}
	stop(&demo);
	return rc;
}
