/*
 * librdkafka's mock cluster, inside the test process: fast, with faults on
 * demand. It speaks the fetch and offset protocols but knows no transactions
 * (control batches, aborted records, a last stable offset), no DeleteRecords
 * and no topic settings, creates topics when asked about them, and keeps at
 * most 5 MiB of a partition.
 *
 * Thread: any; the cluster runs on one of its own.
 */
#ifndef TR_TESTS_SUPPORT_MOCK_CLUSTER_H
#define TR_TESTS_SUPPORT_MOCK_CLUSTER_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct tr_mock_cluster {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	const char *bootstrap;
};

void tr_mock_cluster_start(struct tr_mock_cluster *m, int brokers);
void tr_mock_cluster_stop(struct tr_mock_cluster *m);

#endif /* TR_TESTS_SUPPORT_MOCK_CLUSTER_H */
