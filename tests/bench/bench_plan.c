/*
 * How long the driver takes from knowing all offsets to a plan that can be
 * stored, for a topic of very many partitions. No broker has as many, so the
 * four questions to Kafka (common/kafka/meta.h) are answered here, at once; the
 * rest is the planner's own code, with the real plan worker.
 *
 *	bench_plan WORKER [PARTITIONS [RECORDS_EACH [MAX_RANGE]]]
 *
 * Prints `ranges=N plan_s=T pack_s=T bytes=N`: T from the last answer to the
 * finished plan, and to the bytes that are stored.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/clock/clock.h"
#include "common/kafka/meta.h"
#include "driver/plan/planner.h"

enum {
	PACKED_MAX = 64 << 20,
	TIMEOUT_MS = 20000,
};

static struct {
	uint32_t partitions;
	int64_t records;
	uint64_t answered_us;
} topic;

/* ---- Kafka ---- */

int tr_kafka_meta_open(struct tr_kafka_meta **out,
	const struct tr_kafka_conf *conf, struct tr_error *err)
{
	(void)conf;
	(void)err;
	*out = NULL;
	return 0;
}

void tr_kafka_meta_close(struct tr_kafka_meta *m)
{
	(void)m;
}

int tr_kafka_topic_partitions(struct tr_kafka_meta *m, const char *name,
	uint32_t *n, struct tr_error *err)
{
	(void)m;
	(void)name;
	(void)err;
	*n = topic.partitions;
	return 0;
}

int tr_kafka_meta_offsets(struct tr_kafka_meta *m,
	struct tr_offset_query *queries, size_t n, struct tr_error *err)
{
	(void)m;
	(void)err;
	for (size_t i = 0; i < n; i++)
		queries[i].offset = queries[i].spec == TR_OFFSET_EARLIEST
					    ? 0
					    : topic.records;
	topic.answered_us = tr_clock_mono_us();
	return 0;
}

/* ---- the request ---- */

static char *unconst(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { s };
	return u.out;
}

static Tranche__V1__BatchPlan *plan(
	struct tr_planner *planner, uint64_t max_range)
{
	static const char script[] = "tranche.source { topic = 'lines' }\n"
				     "  :split():count_by_value()"
				     ":store('counts')\n";
	static uint8_t sha[32];
	Tranche__V1__SubmitRequest m = TRANCHE__V1__SUBMIT_REQUEST__INIT;
	Tranche__V1__KafkaConf kafka = TRANCHE__V1__KAFKA_CONF__INIT;
	Tranche__V1__BatchPlan *out;
	struct tr_error err;
	char *offsets[] = { unconst("start:end") };

	kafka.bootstrap = unconst("127.0.0.1:9092");
	m.artefact_name = unconst("job.lua");
	m.artefact = (ProtobufCBinaryData){ sizeof(sha), sha };
	m.kafka = &kafka;
	m.offsets = offsets;
	m.n_offsets = 1;
	m.max_range = max_range;
	struct tr_plan_request r = { .submit = &m,
		.artefact = { (const uint8_t *)script, sizeof(script) - 1 },
		.job_uuid = "0123456789abcdef0123456789abcdef",
		.job = { 1 },
		.term = { 1 },
		.batch = 1,
		.slots = 800,
		.now_ms = 1794924000000 };
	if (tr_planner_plan(planner, &r, &out, &err) != 0) {
		fprintf(stderr, "bench_plan: %s\n", err.text);
		exit(1);
	}
	return out;
}

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
	return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

static double seconds_since(uint64_t start_us)
{
	return (double)(tr_clock_mono_us() - start_us) / 1e6;
}

int main(int argc, char **argv)
{
	struct tr_buf packed;
	if (argc < 2) {
		fprintf(stderr, "usage: bench_plan WORKER [PARTITIONS "
				"[RECORDS_EACH [MAX_RANGE]]]\n");
		return 2;
	}
	topic.partitions = (uint32_t)argument(argc, argv, 2, 100000);
	topic.records = (int64_t)argument(argc, argv, 3, 1000);
	uint64_t max_range = argument(argc, argv, 4, 0);
	struct tr_planner_opts opts = { .worker_binary = argv[1],
		.plan_timeout_ms = TIMEOUT_MS };
	struct tr_planner *planner = tr_planner_new(&opts);
	tr_buf_init(&packed, PACKED_MAX);
	Tranche__V1__BatchPlan *p = plan(planner, max_range);
	double planned = seconds_since(topic.answered_us);
	tr_assert(tr_msg_pack(&packed, p) == 0);
	printf("ranges=%zu plan_s=%.4f pack_s=%.4f bytes=%zu\n", p->n_ranges,
		planned, seconds_since(topic.answered_us), packed.len);
	tr_msg_free(p);
	tr_buf_fini(&packed);
	tr_planner_free(planner);
	return 0;
}
